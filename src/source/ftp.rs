//! FTP and FTPS, by `suppaftp`: which commands are given, and when their answers mean the whole file.

mod control;

use std::io::Read;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use suppaftp::types::{FileType, Response};
use suppaftp::{FtpError, FtpResult, ImplFtpStream, Mode, Status};
use zeroize::Zeroizing;

use self::control::{FtpTls, Held, PASSWORD, Securing, Spelling, USER, Way};
use super::Fetched;
use super::attempts::Attempt;
use super::connect::{Connection, Connections};
use super::course::Hold;
use super::intake::Intake;
use super::location::{Location, Security};
use super::tls::Trust;
use super::trouble::Trouble;

type Control = ImplFtpStream<FtpTls>;

/// One file over FTP.
pub(super) struct Download<'a> {
    location: &'a Location,
    connections: &'a Connections,
    trust: &'a Trust,
    intake: Intake<'a>,
    partial: Option<Version>,
}

/// What tells whether the file is still the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    size: Option<u64>,
    /// The whole answer: some servers tell fractions of a second.
    modified: Option<Vec<u8>>,
}

impl Version {
    /// True where they prove the file to be the same: both `SIZE` and `MDTM`.
    fn proves(&self) -> bool {
        self.size.is_some() && self.modified.is_some()
    }
}

/// A session with the server.
struct Session {
    control: Control,
    /// The data connection under the calling thread's hand.
    data: Arc<Mutex<Option<Hold>>>,
    tls_trouble: Arc<Mutex<Option<Trouble>>>,
    idle: Duration,
    _hold: Hold,
}

impl Session {
    /// Lets `suppaftp` alone have the data connection: the server sees it closed when no handle of it is left, and may wait for
    /// that before it says that it sent all.
    fn release_data(&self) {
        *self.data.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a data connection was made since.
    fn has_data(&self) -> bool {
        self.data.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn hang_up(&self) {
        let _ = self.control.get_ref().shutdown(Shutdown::Both);
        self.release_data();
    }

    fn trouble(&self, error: &FtpError, doing: &str) -> Trouble {
        let tls = self.tls_trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        tls.unwrap_or_else(|| trouble(error, doing, self.idle))
    }
}

impl<'a> Download<'a> {
    pub fn new(location: &'a Location, connections: &'a Connections, trust: &'a Trust, intake: Intake<'a>) -> Self {
        Self { location, connections, trust, intake, partial: None }
    }

    /// Connects, turns to TLS where the URL wants it, and logs in.
    fn open(&self) -> Result<Session, Trouble> {
        let idle = self.connections.idle_timeout;
        let Connection { socket, peer, hold } = self.connections.open(self.location.host(), self.location.port())?;
        let tls_trouble = Arc::new(Mutex::new(None));
        let told = |error: &FtpError, doing: &str| {
            let tls: Option<Trouble> = tls_trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
            tls.unwrap_or_else(|| trouble(error, doing, idle))
        };
        let domain = self.location.host().to_string();
        let held = Held::default();
        let secure = |plain: Control, implicit| -> Result<Control, Trouble> {
            let securing = Securing {
                sessions: self.trust.sessions(self.location.host())?,
                idle,
                trouble: Arc::clone(&tls_trouble),
                implicit: Arc::new(Mutex::new(implicit)),
                held: Arc::clone(&held),
            };
            plain.into_secure(securing, &domain).map_err(|error| told(&error, "TLS"))
        };
        let greeted = |socket| Control::connect_with_stream(socket).map_err(|error| told(&error, "its greeting"));
        let control = match self.location.security() {
            Security::Plain => greeted(socket)?,
            Security::AuthTls => secure(greeted(socket)?, None)?,
            Security::Tls => {
                let (rehearsed, _far) = control::rehearsed().map_err(|error| Trouble::of_io(&error, idle))?;
                secure(greeted(rehearsed)?, Some(socket))?
            }
        };
        let data = Arc::new(Mutex::new(None));
        let builder = {
            let (connections, host, data) = (self.connections.clone(), self.location.host().clone(), Arc::clone(&data));
            // "The data connection goes to the control connection's address, whatever PASV says" (docs/behaviour.md).
            move |address: std::net::SocketAddr| -> FtpResult<std::net::TcpStream> {
                let Connection { socket, hold, .. } = connections
                    .open_beside(&host, peer, address.port())
                    .map_err(|trouble| FtpError::ConnectionError(trouble.into_io()))?;
                *data.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
                Ok(socket)
            }
        };
        let mut control = control.passive_stream_builder(builder);
        let (user, password) = self.location.login().unwrap_or(("anonymous", "import-cji@"));
        let way = match self.location.security() {
            Security::Plain => Way::Plain(control.get_ref().try_clone().map_err(|error| Trouble::of_io(&error, idle))?),
            Security::AuthTls | Security::Tls => Way::Tls(held),
        };
        control.set_encoding(Spelling {
            user: Zeroizing::new(user.to_string()),
            password: Zeroizing::new(password.to_string()),
            way,
        });
        control.login(USER, PASSWORD).map_err(|error| told(&error, "the login"))?;
        Ok(Session { control, data, tls_trouble, idle, _hold: hold })
    }

    /// Asks for the file's size and time. Old servers know neither.
    fn version(session: &mut Session, path: &str) -> Result<Version, Trouble> {
        let size = optional(session.control.size(path)).map_err(|e| session.trouble(&e, "SIZE"))?;
        let modified = optional(session.control.custom_command(format!("MDTM {path}"), &[Status::File]))
            .map_err(|e| session.trouble(&e, "MDTM"))?;
        Ok(Version {
            size: size.and_then(|size| u64::try_from(size).ok()),
            modified: modified.map(|answer| answer.body).filter(|body| tells_time(body)),
        })
    }

    /// Begins the transfer: EPSV before PASV, and from the start where the server can't resume.
    fn retrieve(&mut self, session: &mut Session, path: &str) -> Result<suppaftp::TransferStream<FtpTls>, Trouble> {
        let mut mode = Mode::ExtendedPassive;
        let mut offset = self.intake.len();
        loop {
            session.control.set_mode(mode);
            session.release_data();
            let from = usize::try_from(offset).map_err(|_| Trouble::lasting("the file is too large"))?;
            let error = match session.control.resume_transfer(from).and_then(|()| session.control.retr_as_stream(path))
            {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            if self.connections.course.ending().is_some() {
                return Err(session.trouble(&error, "the file"));
            }
            // After that come REST and RETR.
            let connected = session.has_data();
            // 229 here is an answer to EPSV that can't be read.
            let refused = !connected && code(&error).is_some_and(|code| code == 229 || code >= 500);
            let unreached = code(&error).is_none() && !is_broken(&error);
            if connected && offset > 0 && code(&error).is_some_and(|code| code >= 500) {
                offset = 0;
                self.intake.clear()?;
                self.intake.announce(self.partial.as_ref().and_then(|version| version.size))?;
            } else if mode == Mode::ExtendedPassive && (refused || unreached) {
                mode = Mode::Passive;
            } else {
                let asked = match mode {
                    _ if connected => "the file",
                    Mode::ExtendedPassive => "EPSV",
                    _ => "PASV",
                };
                return Err(session.trouble(&error, asked));
            }
        }
    }

    fn take(&mut self, session: &mut Session, path: &str) -> Result<(), Trouble> {
        let mut stream = self.retrieve(session, path)?;
        match self.read(&mut stream, session.idle) {
            Ok(()) => {
                session.release_data();
                let finished = stream.finish();
                finished.map_err(|error| session.trouble(&error, "the transfer").after(&self.intake.progress()))
            }
            Err(trouble) => {
                // Else `suppaftp` would wait for the server to say that it sent all.
                session.hang_up();
                Err(trouble)
            }
        }
    }

    fn read(&mut self, stream: &mut impl Read, idle: Duration) -> Result<(), Trouble> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(amount) => self.intake.append(buffer.get(..amount).unwrap_or_default())?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // Some servers end TLS without saying so; with all bytes here, nothing can have been cut off.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && self.intake.is_full() => {
                    return Ok(());
                }
                Err(error) => return Err(Trouble::of_io(&error, idle).after(&self.intake.progress())),
            }
        }
    }
}

impl Attempt for Download<'_> {
    fn run(&mut self) -> Result<Fetched, Trouble> {
        let bytes = self.location.ftp_path();
        let path = Spelling::spell(&bytes);
        let mut session = self.open()?;
        if !bytes.is_ascii() && std::str::from_utf8(&bytes).is_ok() {
            // Some servers take names for UTF-8 only when told so; those that don't know the command do so anyway.
            let _ = session.control.custom_command("OPTS UTF8 ON", &[Status::CommandOk]);
        }
        session.control.transfer_type(FileType::Binary).map_err(|error| session.trouble(&error, "TYPE I"))?;
        let version = Self::version(&mut session, &path)?;
        if !version.proves() || self.partial.as_ref() != Some(&version) {
            self.intake.clear()?;
        }
        self.partial = Some(version.clone());
        self.intake.announce(version.size)?;
        self.take(&mut session, &path)?;
        if let Some(size) = version.size
            && size != self.intake.len()
        {
            let sent = self.intake.len();
            // What is too much is no beginning of the file: the server may have forgotten where to go on.
            if sent > size {
                self.partial = None;
            }
            return Err(Trouble::passing(format!("the server said that the file has {size} bytes, but sent {sent}")));
        }
        Ok(Fetched { bytes: self.intake.len(), charset: None, warnings: Vec::new() })
    }
}

/// The answer to a command that a server need not know. An answer that can't be read tells nothing either: if it was cut off, the
/// next command fails.
fn optional<T>(answer: FtpResult<T>) -> FtpResult<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(FtpError::UnexpectedResponse(response)) if number(&response).is_some_and(|code| code >= 500) => Ok(None),
        Err(FtpError::BadResponse) => Ok(None),
        Err(error) => Err(error),
    }
}

/// True for the answer to `MDTM`: `213 20260102030405`, perhaps with a fraction.
fn tells_time(answer: &[u8]) -> bool {
    let words = answer.split(u8::is_ascii_whitespace).skip(1);
    words.filter_map(|word| word.get(..14)).any(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// The server's reply code. `suppaftp` knows no code that is not in RFC 959.
fn number(response: &Response) -> Option<u32> {
    let digits = response.body.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
    match response.status.code() {
        0 => digits.and_then(|digits| digits.parse().ok()),
        code => Some(code),
    }
}

fn code(error: &FtpError) -> Option<u32> {
    match error {
        FtpError::UnexpectedResponse(response) => number(response),
        _ => None,
    }
}

/// True where the control connection itself is lost.
fn is_broken(error: &FtpError) -> bool {
    match error {
        FtpError::ConnectionError(error) => {
            error.get_ref().is_none_or(|inner| inner.downcast_ref::<Trouble>().is_none())
        }
        _ => true,
    }
}

/// What an error means, without the server's own text, which may repeat the login.
fn trouble(error: &FtpError, doing: &str, idle: Duration) -> Trouble {
    match error {
        FtpError::ConnectionError(error) => Trouble::of_io(error, idle),
        FtpError::UnexpectedResponse(response) => match number(response) {
            Some(550) if !matches!(doing, "EPSV" | "PASV") => {
                Trouble::not_found("the server answered 550 (no such file, or no right to read it)")
            }
            // 430 is passing by its number, but a wrong password stays wrong, and asked again it may lock the user out.
            Some(code @ (430 | 530)) => Trouble::lasting(format!("the server answered {code} (login refused)")),
            Some(code @ 400..=499) => Trouble::passing(format!("the server answered {code} to {doing}")),
            Some(code) => Trouble::lasting(format!("the server answered {code} to {doing}")),
            None => Trouble::passing("the server's answer is not FTP"),
        },
        FtpError::BadResponse => Trouble::passing("the connection ended too early, or the server's answer is not FTP"),
        _ => Trouble::lasting("the server can't be spoken to"),
    }
}
