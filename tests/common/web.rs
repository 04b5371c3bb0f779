//! A small HTTP server on the loopback, for tests that need one answer of it and no more.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Serves until the test program ends, each request by `answer`.
#[derive(Debug)]
pub struct Web {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// Answers each request, given as its lines, with what `answer` writes.
    pub fn new(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || {
                    let mut stream = stream;
                    let request = head(&stream);
                    if !request.is_empty() {
                        seen.lock().expect("requests").push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Web { port, requests }
    }

    /// Answers each request with this CSV file.
    pub fn csv(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::new(move |_, stream| respond(stream, "200 OK", "Content-Type: text/csv\r\n", &body))
    }

    /// Answers with this CSV file, but only to one that logs in so (basic authentication).
    pub fn guarded(user_and_password_base64: &str, body: &str) -> Self {
        let (wanted, body) = (format!("basic {user_and_password_base64}"), body.to_owned());
        Self::new(move |request, stream| {
            let login = request.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("authorization").then(|| value.trim().to_owned())
            });
            let kind =
                |login: &str| login.get(..6).unwrap_or_default().to_lowercase() + login.get(6..).unwrap_or_default();
            if login.is_some_and(|login| kind(&login) == wanted) {
                respond(stream, "200 OK", "", body.as_bytes());
            } else {
                respond(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"files\"\r\n", b"");
            }
        })
    }

    /// The URL of a file on this server.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/leads.csv", self.port)
    }

    /// The same URL with a login.
    pub fn url_with(&self, login: &str) -> String {
        format!("http://{login}@127.0.0.1:{}/leads.csv", self.port)
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("requests").clone()
    }
}

/// Writes a whole answer with its length.
pub fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    // A client that went away is no fault of the server.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
}

/// A URL on which nobody listens.
pub fn refusing_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://127.0.0.1:{}/leads.csv", listener.local_addr().expect("an address").port())
}

/// The lines of a request up to the empty one.
fn head(stream: &TcpStream) -> String {
    let mut lines = String::new();
    let mut reader = BufReader::new(stream);
    while reader.read_line(&mut lines).is_ok_and(|read| read > 2) {}
    lines
}
