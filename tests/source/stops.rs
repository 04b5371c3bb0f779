//! A fetch ends when its caller wants, whatever the network does.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use import_cji::source::{FetchError, Network, NetworkOptions, Spool, Transfer};

use crate::servers::{Act, RogueFtp, RogueFtpPlay, RogueHttp, STALL};
use crate::{fetch_with, location, options};

/// Options with which nothing ends by itself within a test.
fn patient() -> NetworkOptions {
    let long = Duration::from_secs(60);
    NetworkOptions { connect_timeout: long, idle_timeout: long, total_timeout: long, first_pause: long, ..options() }
}

/// Fetches, breaks off after 300 ms, and tells how long the fetch took to hear it.
fn cancel(url: &str) -> Duration {
    let network = Network::new(patient()).expect("good options");
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::create(folder.path(), "spool").expect("a spool");
    let caller = thread::current().id();
    let begun = Instant::now();
    let mut last = Instant::now();
    let mut broken_off = None;
    let fetched = network.fetch(&location(url, "", ""), &mut spool, &mut |_| {
        assert_eq!(thread::current().id(), caller);
        // 200 ms is the promise; the rest is for a busy machine.
        assert!(last.elapsed() < Duration::from_millis(600), "no call for {:?}", last.elapsed());
        last = Instant::now();
        if begun.elapsed() < Duration::from_millis(300) {
            return ControlFlow::Continue(());
        }
        broken_off.get_or_insert_with(Instant::now);
        ControlFlow::Break(())
    });
    assert_eq!(fetched, Err(FetchError::Cancelled), "{url}");
    broken_off.expect("a call").elapsed()
}

fn hears_it(url: &str) {
    let took = cancel(url);
    assert!(took < Duration::from_secs(1), "{url}: {took:?}");
}

#[test]
fn a_stalled_http_server_holds_nobody() {
    for sent in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12", "HTTP/1.1 200 OK\r\n\r\n12"] {
        let server = RogueHttp::start(move |_| vec![Act::Send(sent.as_bytes().to_vec()), Act::Stall]);
        hears_it(&server.url("/"));
    }
}

#[test]
fn an_endless_http_body_holds_nobody() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let server = RogueHttp::start(move |_| vec![Act::Send(head.clone()), Act::Endless(vec![b'x'; 1000])]);
    hears_it(&server.url("/"));
}

#[test]
fn a_pause_between_attempts_holds_nobody() {
    let server = RogueHttp::start(|_| vec![Act::Send(Act::head("503 Busy", &[]))]);
    hears_it(&server.url("/"));
}

#[test]
fn a_tls_handshake_holds_nobody() {
    let server = RogueHttp::start(|_| vec![Act::Stall]);
    hears_it(&format!("https://127.0.0.1:{}/", server.port()));
    let server = RogueFtp::start(RogueFtpPlay {
        replies: Box::new(|verb, _| (verb == "AUTH").then(|| format!("234 Go on.{STALL}"))),
        ..RogueFtpPlay::default()
    });
    hears_it(&format!("ftps://127.0.0.1:{}/x", server.port()));
}

#[test]
fn a_stalled_ftp_server_holds_nobody() {
    for verb in ["CONNECT", "USER", "PASS", "TYPE", "SIZE", "EPSV", "150", "226"] {
        let play = RogueFtpPlay {
            replies: Box::new(move |v, _| (v == verb).then(|| STALL.to_string())),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        hears_it(&server.url("/list.csv"));
    }
    let server = RogueFtp::start(RogueFtpPlay { data_stalls: true, ..RogueFtpPlay::default() });
    hears_it(&server.url("/list.csv"));
}

/// A port that answers no connection: its queue is full.
struct DeadEnd {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl DeadEnd {
    fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        rustix::net::listen(&listener, 0).expect("a shorter queue");
        let address = listener.local_addr().expect("its address");
        let queued =
            (0..8).map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok()).collect();
        Self { listener, _queued: queued }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("its address")
    }
}

#[test]
fn a_connection_that_is_never_made_holds_nobody() {
    let dead_end = DeadEnd::open();
    hears_it(&format!("http://{}/", dead_end.address()));
    hears_it(&format!("ftp://{}/x", dead_end.address()));
}

#[test]
fn a_connection_that_is_never_made_times_out() {
    let dead_end = DeadEnd::open();
    let options = NetworkOptions { connect_timeout: Duration::from_millis(200), retries: 1, ..options() };
    let begun = Instant::now();
    let message = fetch_with(options, &format!("http://{}/", dead_end.address()), "", "").message();
    assert!(message.contains("did not answer within 0.2 s, as before"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_fetch_that_is_broken_off_at_once_asks_nobody() {
    let server = RogueHttp::start(|_| vec![Act::Send(Act::whole(b"x"))]);
    let network = Network::new(options()).expect("good options");
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::create(folder.path(), "spool").expect("a spool");
    let mut calls = 0;
    let fetched = network.fetch(&location(&server.url("/"), "", ""), &mut spool, &mut |_| {
        calls += 1;
        ControlFlow::Break(())
    });
    assert_eq!(fetched, Err(FetchError::Cancelled));
    assert!(calls >= 1);
}

#[test]
fn progress_is_told_from_the_start_to_the_end() {
    let body = vec![b'x'; 300];
    let server = RogueHttp::start(move |_| vec![Act::Drip(Act::whole(&body), Duration::from_millis(2))]);
    let network = Network::new(options()).expect("good options");
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::create(folder.path(), "spool").expect("a spool");
    let mut seen: Vec<Transfer> = Vec::new();
    let fetched = network.fetch(&location(&server.url("/"), "", ""), &mut spool, &mut |transfer| {
        seen.push(*transfer);
        ControlFlow::Continue(())
    });
    assert!(fetched.is_ok());
    assert_eq!(seen.first(), Some(&Transfer { bytes_total: None, bytes_read: 0 }));
    assert_eq!(seen.last(), Some(&Transfer { bytes_total: Some(300), bytes_read: 300 }));
    assert!(seen.iter().any(|t| t.bytes_total == Some(300) && t.bytes_read > 0 && t.bytes_read < 300), "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0].bytes_read <= pair[1].bytes_read));
}

#[test]
fn a_watch_that_panics_ends_the_fetch() {
    let server = RogueHttp::start(|_| vec![Act::Stall]);
    let url = server.url("/");
    let begun = Instant::now();
    let ended = std::panic::catch_unwind(move || {
        let network = Network::new(patient()).expect("good options");
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = Spool::create(folder.path(), "spool").expect("a spool");
        let mut calls = 0;
        network.fetch(&location(&url, "", ""), &mut spool, &mut |_| {
            calls += 1;
            assert!(calls < 3, "as a host's callback may");
            ControlFlow::Continue(())
        })
    });
    assert!(ended.is_err());
    assert!(begun.elapsed() < Duration::from_secs(2));
}
