//! `Trouble`: why one attempt of a fetch failed, and whether another attempt may go better.

use std::fmt;
use std::io;
use std::time::Duration;

use super::certificates::why_not;
use crate::fault::Key;

/// Why an attempt failed.
///
/// It travels through the libraries of the protocols inside an `io::Error`, so that what the connection knew is not lost.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// The vendor's key of the failure, should this be the last attempt.
    pub key: Key,
    /// A clause without a login and without any text of the server's own: a server may well repeat the login.
    pub text: String,
    /// True where a later attempt may succeed.
    pub passing: bool,
    /// How long the server asks to be left alone.
    pub pause: Option<Duration>,
}

impl Trouble {
    /// A trouble that may pass.
    pub fn passing(text: impl Into<String>) -> Self {
        Self { key: Key::FetchFailed, text: text.into(), passing: true, pause: None }
    }

    /// A trouble that every further attempt would meet again.
    pub fn lasting(text: impl Into<String>) -> Self {
        Self { passing: false, ..Self::passing(text) }
    }

    /// The server says that there is no such file.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self { key: Key::FileNotFound, ..Self::lasting(text) }
    }

    /// The spool can't be written.
    pub fn storage(key: Key, text: impl Into<String>) -> Self {
        Self { key, ..Self::lasting(text) }
    }

    /// The same trouble, with how far the file had come.
    #[must_use]
    pub fn after(self, progress: &str) -> Self {
        if self.passing { Self { text: format!("{} after {progress}", self.text), ..self } } else { self }
    }

    /// What an error of a connection means. `idle` is how long a socket waits.
    pub fn of_io(error: &io::Error, idle: Duration) -> Self {
        if let Some(inner) = error.get_ref() {
            if let Some(trouble) = inner.downcast_ref::<Trouble>() {
                return trouble.clone();
            }
            if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                return Self::of_tls(tls);
            }
        }
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::passing(format!("timed out: nothing came for {}", seconds(idle)))
            }
            io::ErrorKind::ConnectionRefused => Self::passing("connection refused"),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
                Self::passing("the connection was reset")
            }
            io::ErrorKind::UnexpectedEof => Self::passing("the connection ended too early"),
            io::ErrorKind::InvalidInput => Self::lasting("the server can't be asked for this file"),
            kind => Self::passing(format!("the connection failed: {kind}")),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(why) => {
                Self::lasting(format!("the server's certificate is not accepted: {}", why_not(why)))
            }
            rustls::Error::InvalidMessage(_) => Self::lasting("the server does not speak TLS here"),
            other => Self::lasting(format!("TLS failed: {other}")),
        }
    }

    /// The trouble as an error that the libraries of the protocols hand on unread.
    pub fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Trouble {}

/// A time as it stands in messages: `60 s`, `0.3 s`.
pub(super) fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{:.1} s", time.as_secs_f64()) }
}
