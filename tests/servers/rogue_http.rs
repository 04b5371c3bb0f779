//! An HTTP server that does what the test tells it, however wrong.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::Acceptor;

/// One thing that it does on a connection. After the last one it closes the connection.
#[derive(Clone, Debug)]
pub enum Act {
    Send(Vec<u8>),
    /// One byte at a time.
    Drip(Vec<u8>, Duration),
    /// The same again and again, as long as anybody reads.
    Endless(Vec<u8>),
    /// Nothing, with the connection open.
    Stall,
    /// A reset instead of an end.
    Reset,
}

impl Act {
    /// An answer 200 with a length.
    pub fn whole(body: &[u8]) -> Vec<u8> {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        answer
    }

    /// The same in chunks.
    pub fn chunked(chunks: &[&[u8]]) -> Vec<u8> {
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in chunks {
            answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        answer
    }

    /// A status line with header lines and no body.
    pub fn head(status: &str, headers: &[&str]) -> Vec<u8> {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        format!("HTTP/1.1 {status}\r\n{lines}Content-Length: 0\r\n\r\n").into_bytes()
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// From 0.
    pub number: usize,
    pub path: String,
    pub lines: Vec<String>,
}

impl HttpRequest {
    /// The value of a header line.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// The server.
pub struct RogueHttp {
    acceptor: Acceptor,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl RogueHttp {
    /// `play` says what to do about each request.
    pub fn start(play: impl Fn(&HttpRequest) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let acceptor = Acceptor::start(move |number, socket| {
            let mut lines = Vec::new();
            for line in BufReader::new(socket.try_clone()?).lines() {
                match line? {
                    line if line.is_empty() => break,
                    line => lines.push(line),
                }
            }
            let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_string();
            let request = HttpRequest { number, path, lines };
            seen.lock().expect("requests").push(request.clone());
            play(&request).into_iter().try_for_each(|act| perform(&socket, act))
        });
        Self { acceptor, requests }
    }

    pub fn port(&self) -> u16 {
        self.acceptor.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.lock().expect("requests").clone()
    }
}

fn perform(mut socket: &TcpStream, act: Act) -> io::Result<()> {
    match act {
        Act::Send(bytes) => socket.write_all(&bytes),
        Act::Drip(bytes, pause) => bytes.iter().try_for_each(|byte| {
            thread::sleep(pause);
            socket.write_all(&[*byte])
        }),
        Act::Endless(bytes) => loop {
            socket.write_all(&bytes)?;
        },
        Act::Stall => {
            // Ends when the other side hangs up.
            let _ = io::Read::read(&mut socket, &mut [0]);
            Ok(())
        }
        Act::Reset => reset(socket),
    }
}

/// Makes the closing of a connection a reset.
pub fn reset(socket: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
    Ok(())
}
