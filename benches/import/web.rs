//! A file server on the loopback.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write, copy};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use crate::given::Given;

/// Serves the file from threads of this process, as long as it runs; gives its URL.
pub fn serve(path: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/rows.csv", listener.local_addr().expect("an address"));
    let path: PathBuf = path.into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let path = path.clone();
            // A client that went away is no fault of the server.
            thread::spawn(move || answer(stream, &path).ok());
        }
    });
    url
}

fn answer(mut stream: TcpStream, path: &Path) -> std::io::Result<()> {
    let mut head = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while head.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    // From file to socket inside the kernel, so that serving costs the measured program no core.
    copy(&mut file, &mut stream).map(drop)
}

/// `serve FILE`
pub fn serve_until_told(given: &Given) {
    println!("{}", serve(Path::new(given.place(0, "FILE"))));
    // Who started this has ended, too, when the input ends.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
