//! The connection under `ureq`: ours from the first byte to the last, so that what goes wrong on it keeps its meaning.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use zeroize::Zeroizing;

use super::super::course::Hold;
use super::super::tls::{Steady, TlsSocket};
use super::super::trouble::Trouble;

const INPUT: usize = 64 * 1024;
const OUTPUT: usize = 64 * 1024;

/// An open connection for one request.
#[derive(Debug)]
pub(super) struct Wire {
    pub stream: Stream,
    /// Ends the connection when the fetch is broken off; kept while the wire lives.
    #[expect(dead_code, reason = "held, not asked")]
    pub hold: Hold,
    pub idle: Duration,
    /// Header lines that `ureq` never sees, because it writes requests to the log.
    pub secret: Option<Secret>,
}

/// Header lines with a login in them.
pub(super) struct Secret(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[derive(Debug)]
pub(super) enum Stream {
    Plain(Steady),
    Tls(Box<TlsSocket>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(socket) => socket.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(socket) => socket.flush(),
        }
    }
}

/// Hands one ready connection to `ureq`.
#[derive(Debug)]
pub(super) struct Ready(Mutex<Option<Wire>>);

impl Ready {
    pub fn new(wire: Wire) -> Self {
        Self(Mutex::new(Some(wire)))
    }
}

impl Connector for Ready {
    type Out = WireTransport;

    fn connect(&self, _: &ConnectionDetails, _: Option<()>) -> Result<Option<WireTransport>, Error> {
        let wire = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(wire.map(|wire| WireTransport { wire, buffers: LazyBuffers::new(INPUT, OUTPUT) }))
    }
}

/// Looks nothing up: the connection is there already.
#[derive(Debug)]
pub(super) struct NoLookup;

impl Resolver for NoLookup {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(addresses)
    }
}

/// The sockets' own timeouts are `idle_timeout_s`; those of `ureq` are not set.
#[derive(Debug)]
pub(super) struct WireTransport {
    wire: Wire,
    buffers: LazyBuffers,
}

impl WireTransport {
    /// `ureq` takes some errors of a connection for the end of the body; as a `Trouble` it can't.
    fn trouble(&self, error: &io::Error) -> Error {
        Error::Io(Trouble::of_io(error, self.wire.idle).into_io())
    }
}

impl Transport for WireTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let output = self.buffers.output();
        let output = output.get(..amount).unwrap_or(output);
        let sent = match self.wire.secret.take() {
            None => self.wire.stream.write_all(output),
            Some(secret) => self.wire.stream.write_all(&with_secret(output, &secret)),
        };
        sent.and_then(|()| self.wire.stream.flush()).map_err(|error| self.trouble(&error))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let came = self.wire.stream.read(self.buffers.input_append_buf());
        match came {
            Ok(amount) => {
                self.buffers.input_appended(amount);
                Ok(amount > 0)
            }
            Err(error) => Err(self.trouble(&error)),
        }
    }

    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        matches!(self.wire.stream, Stream::Tls(_))
    }
}

/// The request with the secret lines after its first line.
fn with_secret(request: &[u8], secret: &Secret) -> Zeroizing<Vec<u8>> {
    let line = memchr::memmem::find(request, b"\r\n").map_or(0, |at| at.saturating_add(2));
    let (first, rest) = request.split_at(line);
    Zeroizing::new([first, secret.0.as_slice(), rest].concat())
}
