//! Fetching, against real servers and against ones that misbehave.

#[path = "../servers/mod.rs"]
mod servers;

mod ftp_servers;
mod network;
mod nginx;
mod redirects;
mod resume;
mod rogue_ftp;
mod rogue_http;
mod secrets;
mod spool;
mod stops;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use import_cji::source::{FetchError, Fetched, Location, Network, NetworkOptions, Protocol, Spool};

/// Options for servers of which nothing takes long.
fn options() -> NetworkOptions {
    NetworkOptions {
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(30),
        first_pause: Duration::from_millis(1),
        ..NetworkOptions::default()
    }
}

fn location(url: &str, user: &str, password: &str) -> Location {
    let protocol = if url.starts_with("http") { Protocol::Http } else { Protocol::Ftp };
    Location::parse(protocol, url, user, password).expect("a good URL")
}

/// What a fetch left behind.
#[derive(Debug)]
struct Outcome {
    fetched: Result<Fetched, FetchError>,
    bytes: Vec<u8>,
}

impl Outcome {
    /// The bytes of a whole file.
    fn whole(self) -> Vec<u8> {
        let fetched = self.fetched.expect("a whole file");
        assert_eq!(fetched.bytes, self.bytes.len() as u64);
        self.bytes
    }

    /// Why there is none.
    fn message(self) -> String {
        match self.fetched {
            Err(FetchError::Failed(fault)) => fault.message,
            other => panic!("not a failure: {other:?}"),
        }
    }
}

fn fetch_with(options: NetworkOptions, url: &str, user: &str, password: &str) -> Outcome {
    let network = Network::new(options).expect("good options");
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::create(folder.path(), "spool").expect("a spool");
    let fetched = network.fetch(&location(url, user, password), &mut spool, &mut |_| ControlFlow::Continue(()));
    assert_eq!(spool.len(), std::fs::metadata(spool.path()).expect("a spool").len());
    Outcome { fetched, bytes: std::fs::read(spool.path()).expect("a spool") }
}

fn fetch(url: &str) -> Outcome {
    fetch_with(options(), url, "", "")
}

/// A folder with the file `list.csv` in it.
fn folder_with(list: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(Path::join(folder.path(), "list.csv"), list).expect("a file");
    folder
}

/// A list of about a megabyte.
fn long_list() -> Vec<u8> {
    let rows: String = (0..40_000).map(|row| format!("{row},1380000{row:05}\r\n")).collect();
    format!("name,phone1\r\n{rows}").into_bytes()
}
