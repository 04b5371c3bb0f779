//! Each step of a fetch failing once: a further attempt brings the whole file, and without one there is a failure that says
//! what went wrong. Never half a file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use import_cji::source::{FetchError, Location, Network, NetworkOptions, Protocol, Spool};

use super::wires::{self, Broken};
use crate::common::child::{number, report};
use crate::servers::{Cut, Cutter, Nginx, Vsftpd};

/// What a fetch brings: the whole file, or why there is none.
fn fetch(url: &str, ca_file: Option<PathBuf>, retries: u32) -> Result<Vec<u8>, String> {
    let options = NetworkOptions {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(30),
        first_pause: Duration::from_millis(1),
        retries,
        ca_file,
        ..NetworkOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::create(folder.path(), "spool").unwrap();
    let protocol = if url.starts_with("http") { Protocol::Http } else { Protocol::Ftp };
    let location = Location::parse(protocol, url, "", "").unwrap();
    let network = Network::new(options).unwrap();
    match network.fetch(&location, &mut spool, &mut |_| ControlFlow::Continue(())) {
        Ok(fetched) => {
            let bytes = std::fs::read(spool.path()).unwrap();
            assert_eq!(fetched.bytes, bytes.len() as u64);
            Ok(bytes)
        }
        Err(FetchError::Failed(fault)) => Err(fault.message),
        Err(FetchError::Cancelled) => panic!("nobody cancelled it"),
    }
}

fn list() -> Vec<u8> {
    (0..2_000).map(|row| format!("{row},1380000{row:05}\r\n")).collect::<String>().into_bytes()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), list()).unwrap();
    folder
}

/// Lets each `step`-th call of a fetch from this URL fail, once with a further attempt and once without.
fn each(url: &str, ca_file: Option<&Path>, step: u64) -> u64 {
    let (whole, mut count, began) = (list(), 0, Instant::now());
    for broken in [Broken::Reset, Broken::HungUp] {
        let mut k = 1 + getrandom::u64().unwrap() % step;
        loop {
            wires::fail_at(broken, k);
            let fetched = fetch(url, ca_file.map(Path::to_owned), 1);
            if !wires::failed() {
                break;
            }
            let fetched = fetched.unwrap_or_else(|why| panic!("{url}, {broken:?} at call {k}, tried again: {why}"));
            assert!(fetched == whole, "{url}, {broken:?} at call {k}: {} bytes", fetched.len());
            wires::fail_at(broken, k);
            let once = fetch(url, ca_file.map(Path::to_owned), 0);
            wires::failed();
            match once {
                Ok(fetched) => assert!(fetched == whole, "{url}, {broken:?} at call {k}: {} bytes", fetched.len()),
                Err(why) => assert!(why.contains("fetch from"), "{url}, {broken:?} at call {k}: {why}"),
            }
            count += 1;
            k += step;
        }
    }
    report(&format!("{url}: each of {count} calls failed twice, {:.0} s", began.elapsed().as_secs_f64()));
    count
}

#[test]
fn whichever_call_of_the_network_fails_the_file_comes_whole_or_not_at_all() {
    let _alone = super::alone();
    let folder = folder();
    let step = number("FETCH_STEP", 8);
    if let Some(nginx) = Nginx::start(folder.path()) {
        assert!(each(&format!("http://localhost:{}/list.csv", nginx.http), None, step) > 0);
        let ca_file = nginx.ca_file();
        assert!(each(&format!("https://localhost:{}/list.csv", nginx.https), Some(Path::new(&ca_file)), step) > 0);
    }
    if let Some(vsftpd) = Vsftpd::start(folder.path()) {
        assert!(each(&format!("ftp://localhost:{}/list.csv", vsftpd.port), None, step) > 0);
    }
    if let Some(vsftpd) = Vsftpd::start_tls(folder.path()) {
        let ca_file = vsftpd.ca_file();
        assert!(each(&format!("ftps://localhost:{}/list.csv", vsftpd.port), ca_file.as_deref(), step) > 0);
    }
}

/// Cuts what the server sends at each `step`-th byte: in the TLS handshake, in the answers, in the file.
fn cut_at_each(port: u16, url: impl Fn(u16) -> String, ca_file: &Path, (bytes, step): (u64, u64)) {
    let whole = list();
    let first = getrandom::u64().unwrap() % step;
    let mut count = 0;
    for at in (first..bytes).step_by(usize::try_from(step).unwrap()) {
        for cut in [Cut::Close(at), Cut::Reset(at)] {
            let cutter = Cutter::start(port, move |number| (number == 0).then_some(cut));
            let fetched = fetch(&url(cutter.port()), Some(ca_file.to_owned()), 1);
            let fetched = fetched.unwrap_or_else(|why| panic!("{cut:?}: {why}"));
            assert!(fetched == whole, "{cut:?}: {} bytes", fetched.len());
            count += 1;
        }
    }
    report(&format!("{}: cut {count} times in the first {bytes} bytes", url(port)));
}

#[test]
fn a_tls_handshake_cut_at_any_byte_ends_in_the_whole_file() {
    let _alone = super::alone();
    let folder = folder();
    let step = number("HANDSHAKE_STEP", 397);
    if let Some(nginx) = Nginx::start(folder.path()) {
        let url = |port| format!("https://127.0.0.1:{port}/list.csv");
        cut_at_each(nginx.https, url, Path::new(&nginx.ca_file()), (3_000, step));
    }
    if let Some(vsftpd) = Vsftpd::start_tls(folder.path()) {
        let url = |port| format!("ftps://127.0.0.1:{port}/list.csv");
        cut_at_each(vsftpd.port, url, &vsftpd.ca_file().unwrap(), (3_000, step));
    }
}
