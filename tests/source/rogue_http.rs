//! What an HTTP server can do wrong.

use std::time::{Duration, Instant};

use import_cji::fault::Key;
use import_cji::source::{FetchError, NetworkOptions};

use crate::servers::{Act, RogueHttp};
use crate::{fetch, fetch_with, options};

const FILE: &[u8] = b"phone1\r\n13800000001\r\n";

/// A server whose first answer is cut after `cut` bytes, and whose further answers are whole.
fn cut_once(answer: Vec<u8>, cut: usize) -> RogueHttp {
    RogueHttp::start(move |request| {
        let end = if request.number == 0 { cut } else { answer.len() };
        vec![Act::Send(answer[..end].to_vec())]
    })
}

#[test]
fn a_cut_at_any_byte_ends_in_the_whole_file() {
    for answer in [Act::whole(FILE), Act::chunked(&[&FILE[..5], &FILE[5..]])] {
        for cut in 0..answer.len() {
            let server = cut_once(answer.clone(), cut);
            let outcome = fetch(&server.url("/list.csv"));
            assert_eq!(outcome.fetched.as_ref().map(|f| f.warnings.len()), Ok(0), "cut after {cut}: {outcome:?}");
            assert_eq!(outcome.whole(), FILE, "cut after {cut}");
        }
    }
}

#[test]
fn a_cut_at_any_byte_of_every_answer_ends_in_a_failure() {
    for answer in [Act::whole(FILE), Act::chunked(&[&FILE[..5], &FILE[5..]])] {
        // The last CRLF of a chunked answer says nothing that its last chunk has not said.
        let chunked = answer.ends_with(b"\r\n0\r\n\r\n");
        let enough = if chunked { answer.len() - 2 } else { answer.len() };
        for cut in 0..enough {
            let answer = answer.clone();
            let server = RogueHttp::start(move |_| vec![Act::Send(answer[..cut].to_vec())]);
            let options = NetworkOptions { retries: 1, ..options() };
            let outcome = fetch_with(options, &server.url("/list.csv"), "", "");
            assert_eq!(server.requests().len(), 2, "cut after {cut}: {outcome:?}");
            let message = outcome.message();
            assert!(message.contains("attempt 2 of 2: "), "cut after {cut}: {message}");
        }
    }
}

#[test]
fn a_reset_at_any_byte_is_no_end() {
    let mut close_delimited = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    close_delimited.extend_from_slice(FILE);
    for cut in (0..close_delimited.len()).step_by(7) {
        let first = close_delimited[..cut].to_vec();
        let server = RogueHttp::start(move |request| match request.number {
            0 => vec![Act::Send(first.clone()), Act::Reset],
            _ => vec![Act::Send(Act::whole(FILE))],
        });
        assert_eq!(fetch(&server.url("/")).whole(), FILE, "reset after {cut}");
    }
}

#[test]
fn a_body_that_ends_with_the_connection_is_taken_with_a_warning() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Type: text/csv; charset=\"GBK\"\r\n\r\n"] {
        let mut answer = head.as_bytes().to_vec();
        answer.extend_from_slice(FILE);
        let server = RogueHttp::start(move |_| vec![Act::Send(answer.clone())]);
        let outcome = fetch(&server.url("/"));
        let fetched = outcome.fetched.clone().expect("taken");
        assert_eq!(fetched.warnings.len(), 1);
        assert!(fetched.warnings[0].contains("how long the file is"), "{:?}", fetched.warnings);
        assert_eq!(fetched.charset.as_deref(), head.contains("GBK").then_some("GBK"));
        assert_eq!(outcome.whole(), FILE);
    }
}

#[test]
fn an_empty_file_is_delivered_empty() {
    let server = RogueHttp::start(|_| vec![Act::Send(Act::whole(b""))]);
    assert_eq!(fetch(&server.url("/")).whole(), b"");
}

#[test]
fn a_server_that_stalls_times_out_and_is_asked_again() {
    for sent in [0, 10, 40, 45] {
        let answer = Act::whole(FILE);
        let server = RogueHttp::start(move |request| match request.number {
            0 => vec![Act::Send(answer[..sent].to_vec()), Act::Stall],
            _ => vec![Act::Send(answer.clone())],
        });
        let options = NetworkOptions { idle_timeout: Duration::from_millis(200), ..options() };
        assert_eq!(fetch_with(options, &server.url("/"), "", "").whole(), FILE, "stalled after {sent}");
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn a_drip_is_no_stall_but_meets_the_total_timeout() {
    let server = RogueHttp::start(|_| vec![Act::Drip(Act::whole(FILE), Duration::from_millis(10))]);
    let patient = NetworkOptions { idle_timeout: Duration::from_millis(400), ..options() };
    assert_eq!(fetch_with(patient, &server.url("/"), "", "").whole(), FILE);
    let hasty = NetworkOptions { total_timeout: Duration::from_millis(300), ..options() };
    let begun = Instant::now();
    let message = fetch_with(hasty, &server.url("/"), "", "").message();
    assert!(message.contains("total_timeout_s (0.3 s) ran out"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_total_timeout_holds_over_all_attempts_and_pauses() {
    let server = RogueHttp::start(|_| vec![Act::Send(Act::head("503 Busy", &[]))]);
    let options =
        NetworkOptions { total_timeout: Duration::from_millis(400), first_pause: Duration::from_secs(20), ..options() };
    let begun = Instant::now();
    let message = fetch_with(options, &server.url("/"), "", "").message();
    assert!(
        message.contains("total_timeout_s") && message.contains("earlier: 1: the server answered 503"),
        "{message}"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn what_may_pass_is_tried_again_and_told() {
    let statuses = ["500 Oops", "503 Busy", "429 Slow down", "408 Timeout"];
    let server = RogueHttp::start(move |request| vec![Act::Send(Act::head(statuses[request.number], &[]))]);
    let message = fetch(&server.url("/")).message();
    assert_eq!(
        message,
        format!(
            "fetch from 127.0.0.1:{} failed: attempt 4 of 4: the server answered 408 Request Timeout; earlier: \
             1: the server answered 500 Internal Server Error; 2: the server answered 503 Service Unavailable; \
             3: the server answered 429 Too Many Requests",
            server.port()
        )
    );
}

#[test]
fn the_same_trouble_is_told_once() {
    let port = crate::servers::free_port();
    let message = fetch(&format!("http://127.0.0.1:{port}/")).message();
    assert!(
        message.ends_with("attempt 4 of 4: 127.0.0.1:".to_string().as_str())
            || message.ends_with("refused the connection, as before"),
        "{message}"
    );
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (status, key) in [
        ("401 Who", Key::FetchFailed),
        ("403 No", Key::FetchFailed),
        ("404 Where", Key::FileNotFound),
        ("410 Gone", Key::FileNotFound),
        ("400 What", Key::FetchFailed),
        ("204 Nothing", Key::FetchFailed),
        ("206 Unasked", Key::FetchFailed),
        ("304 Same", Key::FetchFailed),
        ("302 Nowhere", Key::FetchFailed),
    ] {
        let server = RogueHttp::start(move |_| vec![Act::Send(Act::head(status, &[]))]);
        match fetch(&server.url("/")).fetched {
            Err(FetchError::Failed(fault)) => assert_eq!(fault.key, key, "{status}: {}", fault.message),
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn what_is_not_http_is_refused() {
    for answer in
        ["220 FTP here\r\n\r\n", "HTTP/1.1 two hundred\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"]
    {
        let server = RogueHttp::start(move |_| vec![Act::Send(answer.as_bytes().to_vec())]);
        let message = fetch(&server.url("/")).message();
        assert!(message.contains("is not HTTP"), "{answer:?}: {message}");
    }
    let server = RogueHttp::start(|_| {
        vec![Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Act::Endless(b"X-A: aaaaaaaaaa\r\n".to_vec())]
    });
    let message = fetch(&server.url("/")).message();
    assert!(message.contains("has no end") || message.contains("is not HTTP"), "{message}");
}

#[test]
fn a_length_that_lies_is_found_out() {
    let long = RogueHttp::start(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nphone1".to_vec())]);
    let message = fetch(&long.url("/")).message();
    assert!(message.contains("the connection ended too early after 6 of 100 bytes"), "{message}");
    // What comes after the length was never part of the file.
    let short =
        RogueHttp::start(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nphone1XXXX".to_vec())]);
    assert_eq!(fetch(&short.url("/")).whole(), b"phone1");
}

#[test]
fn a_body_without_end_meets_max_file_bytes() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let endless = RogueHttp::start(move |_| vec![Act::Send(head.clone()), Act::Endless(vec![b'1'; 8192])]);
    let chunk = b"8\r\n12345678\r\n".repeat(500);
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunked = RogueHttp::start(move |_| vec![Act::Send(head.clone()), Act::Endless(chunk.clone())]);
    for server in [&endless, &chunked] {
        let options = NetworkOptions { max_file_bytes: 1_000_000, ..options() };
        let outcome = fetch_with(options, &server.url("/"), "", "");
        assert!(outcome.bytes.len() <= 1_000_000);
        let message = outcome.message();
        assert!(message.contains("max_file_bytes"), "{message}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_file_too_large_is_refused_before_it_comes() {
    let server = RogueHttp::start(|_| {
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n".to_vec()), Act::Stall]
    });
    let options = NetworkOptions { max_file_bytes: 1_000_000, ..options() };
    let message = fetch_with(options, &server.url("/"), "", "").message();
    assert!(message.ends_with("the file has 1000001 bytes, max_file_bytes allows 1000000"), "{message}");
}

#[test]
fn a_file_larger_than_the_disk_is_refused_before_it_comes() {
    let server = RogueHttp::start(|_| {
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n".to_vec()), Act::Stall]
    });
    let options = NetworkOptions { max_file_bytes: u64::MAX, ..options() };
    match fetch_with(options, &server.url("/"), "", "").fetched {
        Err(FetchError::Failed(fault)) => {
            assert_eq!(fault.key, Key::StorageForNow);
            assert!(fault.message.contains("bytes free"), "{}", fault.message);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn retry_after_is_heard() {
    let server = RogueHttp::start(|request| match request.number {
        0 => vec![Act::Send(Act::head("503 Busy", &["Retry-After: 1"]))],
        _ => vec![Act::Send(Act::whole(FILE))],
    });
    let begun = Instant::now();
    assert_eq!(fetch(&server.url("/")).whole(), FILE);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_request_says_who_asks_and_wants_the_bytes_as_they_are() {
    let server = RogueHttp::start(|_| vec![Act::Send(Act::whole(FILE))]);
    fetch(&server.url("/a%20b/%E5%90%8D.csv?x=1#top")).whole();
    let request = &server.requests()[0];
    assert_eq!(request.lines[0], "GET /a%20b/%E5%90%8D.csv?x=1 HTTP/1.1");
    assert_eq!(request.header("User-Agent"), Some(concat!("import-cji/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("Accept-Encoding"), Some("identity"));
    assert_eq!(request.header("Host"), Some(format!("127.0.0.1:{}", server.port()).as_str()));
    assert_eq!(request.header("Authorization"), None);
}

#[test]
fn an_encoding_other_than_gzip_is_refused_by_name() {
    for (encoding, taken) in
        [("gzip", true), ("x-gzip", true), ("identity", true), ("br", false), ("deflate", false), ("gzip, gzip", false)]
    {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 4\r\n\r\n\x1f..4").into_bytes();
        let server = RogueHttp::start(move |_| vec![Act::Send(head.clone())]);
        let outcome = fetch(&server.url("/"));
        if taken {
            assert_eq!(outcome.whole(), b"\x1f..4", "{encoding}");
        } else {
            assert!(outcome.message().contains(&format!("Content-Encoding '{}'", encoding.replace(' ', ""))));
        }
    }
    let server = RogueHttp::start(|_| {
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".to_vec())]
    });
    assert!(fetch(&server.url("/")).message().contains("Transfer-Encoding"));
}
