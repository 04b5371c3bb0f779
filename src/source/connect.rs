//! `Connections`: TCP connections of one fetch, to permitted addresses only, each of them to be ended by the calling thread.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::course::{Course, Hold};
use super::reach::Reach;
use super::trouble::{Trouble, seconds};

/// How long a waiting fetch can be deaf to its ending.
const SLICE: Duration = Duration::from_millis(50);

/// After this much silence the system asks whether the other side is still there, so that no router on the way forgets a
/// control connection during a long transfer.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// Makes the connections of one fetch.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub course: Arc<Course>,
    pub reach: Arc<Reach>,
    pub connect_timeout: Duration,
    pub idle_timeout: Duration,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub socket: TcpStream,
    pub peer: IpAddr,
    pub hold: Hold,
}

impl Connections {
    /// Connects to the first address of `host` that is permitted and answers.
    ///
    /// `connect_timeout_s` is the time for the lookup, and once more for all the addresses together.
    pub fn open(&self, host: &url::Host<String>, port: u16) -> Result<Connection, Trouble> {
        let name = host.to_string();
        let addresses = match host {
            url::Host::Ipv4(v4) => vec![SocketAddr::from((*v4, port))],
            url::Host::Ipv6(v6) => vec![SocketAddr::from((*v6, port))],
            url::Host::Domain(domain) => self.look_up(domain, port)?,
        };
        let mut permitted = Vec::new();
        let mut last = Trouble::passing(format!("no address is known for host '{name}'"));
        for address in addresses {
            match self.reach.refusal(&name, address.ip()) {
                None => permitted.push(address),
                Some(refusal) => last = Trouble::lasting(refusal),
            }
        }
        let until = Instant::now() + self.connect_timeout;
        for (tried, address) in permitted.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let share = u32::try_from(permitted.len().saturating_sub(tried)).unwrap_or(u32::MAX);
            match self.open_at(*address, left / share.max(1)) {
                Ok(connection) => return Ok(connection),
                Err(trouble) => last = trouble,
            }
            if self.course.ending().is_some() {
                break;
            }
        }
        Err(last)
    }

    /// Connects once more to the host at the other end of a connection: FTP's data connection.
    pub fn open_beside(&self, host: &url::Host<String>, peer: IpAddr, port: u16) -> Result<Connection, Trouble> {
        if let Some(refusal) = self.reach.refusal(&host.to_string(), peer) {
            return Err(Trouble::lasting(refusal));
        }
        self.open_at(SocketAddr::new(peer, port), self.connect_timeout)
    }

    /// Looks the name up on a thread of its own, because nothing can end a lookup: one that is given up runs to its end unseen.
    fn look_up(&self, domain: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
        let (tell, told) = mpsc::sync_channel(1);
        let asked = (domain.to_string(), port);
        let lookup = move || {
            let found = (asked.0.as_str(), asked.1).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            let _ = tell.send(found);
        };
        thread::Builder::new()
            .name("cji-lookup".into())
            .spawn(lookup)
            .map_err(|error| Trouble::passing(format!("no thread for a lookup: {error}")))?;
        let until = Instant::now() + self.connect_timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match told.recv_timeout(left.min(SLICE)) {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::passing(format!("host '{domain}' can't be looked up")));
                }
                Err(mpsc::RecvTimeoutError::Timeout) if left.is_zero() => {
                    return Err(Trouble::passing(format!(
                        "timed out: host '{domain}' was not looked up within {}",
                        seconds(self.connect_timeout)
                    )));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.go_on()?,
            }
        }
    }

    fn open_at(&self, address: SocketAddr, time: Duration) -> Result<Connection, Trouble> {
        let of = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::passing(format!("{address} refused the connection")),
            _ => Trouble::passing(format!("{address} can't be reached: {error}")),
        };
        let socket = self.connect(address, time).map_err(|error| match error {
            Failure::System(error) => of(error.into()),
            Failure::Late => Trouble::passing(format!("timed out: {address} did not answer within {}", seconds(time))),
            Failure::Trouble(trouble) => trouble,
        })?;
        let ready = || {
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(self.idle_timeout))?;
            socket.set_write_timeout(Some(self.idle_timeout))?;
            sockopt::set_socket_keepalive(&socket, true)?;
            sockopt::set_tcp_keepidle(&socket, KEEPALIVE)?;
            let peer = socket.peer_addr()?.ip();
            let hold = self.course.hold(&socket)?;
            Ok((peer, hold))
        };
        let (peer, hold) = ready().map_err(of)?;
        Ok(Connection { socket, peer, hold })
    }

    /// Connects without blocking, so that an ending is heard.
    fn connect(&self, address: SocketAddr, time: Duration) -> Result<TcpStream, Failure> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket: OwnedFd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(TcpStream::from(socket)),
            Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now()).min(SLICE);
            let wait = Timespec::try_from(left).unwrap_or_default();
            let mut polled = [PollFd::new(&socket, PollFlags::OUT)];
            match poll(&mut polled, Some(&wait)) {
                Ok(0) if left.is_zero() => return Err(Failure::Late),
                Ok(0) | Err(Errno::INTR) => self.go_on()?,
                Ok(_) => {
                    sockopt::socket_error(&socket)??;
                    return Ok(TcpStream::from(socket));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn go_on(&self) -> Result<(), Trouble> {
        match self.course.ending() {
            Some(_) => Err(Trouble::lasting("ended")),
            None => Ok(()),
        }
    }
}

enum Failure {
    System(Errno),
    Late,
    Trouble(Trouble),
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Failure::System(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::Trouble(trouble)
    }
}
