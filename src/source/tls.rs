//! TLS for https and ftps: the roots, loaded at the first use, and the stream.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificates::Verifier;
use super::trouble::Trouble;
use crate::fault::{Fault, Key};

/// The public roots and those of `ca_file`. Certificates are always checked against them.
#[derive(Debug)]
pub(super) struct Trust {
    further: Vec<CertificateDer<'static>>,
    config: Mutex<Option<Arc<ClientConfig>>>,
}

impl Trust {
    /// Reads `ca_file`; the public roots wait for their first use.
    pub fn new(ca_file: Option<&PathBuf>) -> Result<Self, Fault> {
        let further = match ca_file {
            None => Vec::new(),
            Some(path) => read_roots(path)?,
        };
        Ok(Self { further, config: Mutex::new(None) })
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Trouble> {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = &*config {
            return Ok(Arc::clone(config));
        }
        let failed = |error: &dyn Display| Trouble::lasting(format!("TLS failed: {error}"));
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new(&self.further, Arc::clone(&provider)).map_err(|error| failed(&error))?;
        let made = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::clone(config.insert(Arc::new(made))))
    }

    /// TLS sessions with `host` that share their keys with each other, and with no others: an FTP server that asks a data
    /// connection for the session of its control connection must get just that.
    pub fn sessions(&self, host: &url::Host<String>) -> Result<Sessions, Trouble> {
        let mut config = ClientConfig::clone(&*self.config()?);
        config.resumption = Resumption::in_memory_sessions(16);
        let name = match host {
            url::Host::Domain(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_string())
                .map_err(|_| Trouble::lasting(format!("host '{name}' can't have a certificate")))?,
            url::Host::Ipv4(v4) => ServerName::from(std::net::IpAddr::V4(*v4)),
            url::Host::Ipv6(v6) => ServerName::from(std::net::IpAddr::V6(*v6)),
        };
        Ok(Sessions { config: Arc::new(config), name })
    }
}

fn read_roots(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bad = |why: String| Fault::new(Key::ParameterBad, format!("ca_file: '{}' {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| bad(format!("can't be read: {error}")))?;
    let roots: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| bad("is not a PEM file".into()))?;
    // A bundle may well hold one that no longer can be a root; all others count.
    let (good, _) = RootCertStore::empty().add_parsable_certificates(roots.iter().cloned());
    if good == 0 {
        return Err(bad("holds no certificate that can be a root".into()));
    }
    Ok(roots)
}

/// The TLS sessions of one fetch with one host.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Sessions {
    /// Shakes hands over `socket`. `idle` is how long the socket waits.
    pub fn open(&self, socket: TcpStream, idle: Duration) -> Result<TlsSocket, Trouble> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|error| Trouble::lasting(format!("TLS failed: {error}")))?;
        let mut stream = StreamOwned::new(connection, Steady(socket));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| Trouble::of_io(&error, idle))?;
        }
        Ok(TlsSocket(stream))
    }
}

/// A TLS connection whose handshake is done.
#[derive(Debug)]
pub(super) struct TlsSocket(StreamOwned<ClientConnection, Steady>);

impl TlsSocket {
    /// The socket under it.
    pub fn socket(&self) -> &TcpStream {
        &self.0.sock.0
    }
}

impl Read for TlsSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for TlsSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for TlsSocket {
    /// Says goodbye, as far as that goes without waiting for the other side.
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        let _ = self.0.conn.write_tls(&mut self.0.sock);
    }
}

/// A socket whose calls outlast signals: the host's timers interrupt every socket that has a timeout.
#[derive(Debug)]
pub(super) struct Steady(pub TcpStream);

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
