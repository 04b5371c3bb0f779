//! What `suppaftp` needs from us: TLS on our sockets, and commands whose bytes it does not see.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SendFlags;
use suppaftp::{Encoding, FtpError, FtpResult, TlsConnector, TlsStream};
use zeroize::Zeroizing;

use super::super::tls::{Sessions, TlsSocket};
use super::super::trouble::Trouble;

/// Stand for the login in commands, since `suppaftp` writes commands to the log.
pub(super) const USER: &str = "\u{E000}";
pub(super) const PASSWORD: &str = "\u{E001}";

/// Commands as the bytes that a URL spells: each character up to U+00FF is that byte, whatever encoding the server's file names
/// are in.
pub(super) struct Spelling {
    pub user: Zeroizing<String>,
    pub password: Zeroizing<String>,
    pub way: Way,
}

/// The password's way to the server: `suppaftp` would keep copies of it. It gets the end of that line alone.
pub(super) enum Way {
    /// The beginning is sent here, in one packet with the end.
    Plain(TcpStream),
    /// The beginning is put in by the stream that encrypts.
    Tls(Held),
}

/// The beginning of a line whose end comes next.
pub(super) type Held = Arc<Mutex<Option<Zeroizing<Vec<u8>>>>>;

/// The end of a line, as it is held for.
const LINE_END: &[u8] = b"\r\n";

impl Way {
    fn begin(&self, line: Zeroizing<Vec<u8>>) -> io::Result<()> {
        match self {
            Way::Tls(held) => *held.lock().unwrap_or_else(PoisonError::into_inner) = Some(line),
            Way::Plain(socket) => {
                let mut left = line.as_slice();
                while !left.is_empty() {
                    match rustix::net::send(socket, left, SendFlags::MORE | SendFlags::NOSIGNAL) {
                        Ok(sent) => left = left.get(sent..).unwrap_or_default(),
                        Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Ok(())
    }
}

impl Spelling {
    /// A path as characters of this spelling.
    pub fn spell(path: &[u8]) -> String {
        path.iter().copied().map(char::from).collect()
    }
}

impl std::fmt::Debug for Spelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spelling")
    }
}

impl Encoding for Spelling {
    fn decode(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn encode(&self, text: &str) -> io::Result<Vec<u8>> {
        if let Some((command, rest)) = text.split_once(PASSWORD) {
            let line = [command.as_bytes(), self.password.as_bytes()].concat();
            self.way.begin(Zeroizing::new(line))?;
            return Ok(rest.as_bytes().to_vec());
        }
        let mut bytes = Vec::with_capacity(text.len());
        for part in text.chars() {
            match u8::try_from(part) {
                Ok(byte) => bytes.push(byte),
                Err(_) if USER.contains(part) => bytes.extend_from_slice(self.user.as_bytes()),
                Err(_) => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        Ok(bytes)
    }
}

/// Turns sockets to TLS, all of them in the same TLS session.
#[derive(Clone, Debug)]
pub(super) struct Securing {
    pub sessions: Sessions,
    pub idle: Duration,
    /// What went wrong last: `suppaftp` keeps but its text.
    pub trouble: Arc<Mutex<Option<Trouble>>>,
    /// The control connection of implicit FTPS, which takes the place of the one that `suppaftp` thinks it has.
    pub implicit: Arc<Mutex<Option<TcpStream>>>,
    pub held: Held,
}

impl TlsConnector for Securing {
    type Stream = FtpTls;

    fn connect(&self, _: &str, socket: TcpStream) -> FtpResult<FtpTls> {
        let implicit = self.implicit.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_implicit = implicit.is_some();
        let opened = self.sessions.open(implicit.unwrap_or(socket), self.idle);
        let mut secured = opened.map_err(|trouble| {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble.clone());
            FtpError::ConnectionError(trouble.into_io())
        })?;
        if is_implicit {
            read_greeting(&mut secured).map_err(FtpError::ConnectionError)?;
        }
        Ok(FtpTls { socket: secured, held: Arc::clone(&self.held) })
    }
}

/// A TLS connection as `suppaftp` wants it.
#[derive(Debug)]
pub(super) struct FtpTls {
    socket: TlsSocket,
    held: Held,
}

impl Read for FtpTls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for FtpTls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        match held {
            Some(line) if bytes == LINE_END => {
                self.socket.write_all(&Zeroizing::new([line.as_slice(), bytes].concat()))?;
                Ok(bytes.len())
            }
            _ => self.socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl TlsStream for FtpTls {
    type InnerStream = FtpTls;

    fn tcp_stream(self) -> FtpResult<TcpStream> {
        self.socket.socket().try_clone().map_err(FtpError::ConnectionError)
    }

    fn get_ref(&self) -> &TcpStream {
        self.socket.socket()
    }

    fn mut_ref(&mut self) -> &mut FtpTls {
        self
    }
}

/// A connection that has said what `suppaftp` waits for before it turns to TLS.
///
/// It knows the explicit way alone, so the implicit way is led through it: the greeting and the answer to `AUTH` come from this
/// socket, which leads nowhere, and then [`Securing`] puts the real connection in its place.
pub(super) fn rehearsed() -> io::Result<(TcpStream, UnixStream)> {
    let (near, mut far) = UnixStream::pair()?;
    far.write_all(b"220 here\r\n234 go on\r\n")?;
    Ok((TcpStream::from(OwnedFd::from(near)), far))
}

/// Reads the greeting, which comes after the handshake of implicit FTPS. The server says nothing more before it is asked, so the
/// buffer takes nothing away.
fn read_greeting(secured: &mut TlsSocket) -> io::Result<()> {
    const LONGEST: usize = 64 * 1024;
    let mut lines = BufReader::new(Read::take(secured, LONGEST as u64));
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.get(..4) {
            Some(b"220 ") => return Ok(()),
            Some([b'1'..=b'4', _, _, b' ']) => {
                return Err(Trouble::passing("the server is not ready").into_io());
            }
            Some([b'5', _, _, b' ']) => {
                return Err(Trouble::lasting("the server refuses connections").into_io());
            }
            _ => {}
        }
    }
}
