//! Servers for tests: real ones on free ports of the loopback, and ones that misbehave on purpose.
//!
//! Each stops when it is dropped and takes its files with it. `tests/setup-servers` installs the real ones. A test that misses
//! one prints `SKIPPED: …` and passes, but fails where `CI` or `IMPORT_CJI_REQUIRE_SERVERS` is set.
//!
//! ```ignore
//! mod servers;
//! let Some(nginx) = servers::Nginx::start(folder.path()) else { return };
//! ```
#![allow(dead_code, unused_imports, reason = "no test needs all of it")]

mod certificates;
mod cutter;
pub mod nginx;
mod proftpd;
pub mod pyftpd;
mod rogue_ftp;
mod rogue_http;
mod vsftpd;

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use certificates::Certificates;
pub use cutter::{Cut, Cutter};
pub use nginx::Nginx;
pub use proftpd::Proftpd;
pub use pyftpd::{PyFtpd, PyFtpdSettings};
pub use rogue_ftp::{RogueFtp, RogueFtpPlay, STALL};
pub use rogue_http::{Act, HttpRequest, RogueHttp};
pub use vsftpd::Vsftpd;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Makes a folder readable by servers that run as another user. The folders above it must be so already; those of `/tmp` are.
pub fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("a folder of our own");
}

/// Says that a test can't run without `what`, unless it must.
pub fn skip(what: &str) {
    let must =
        ["CI", "IMPORT_CJI_REQUIRE_SERVERS"].iter().any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    assert!(!must, "{what} is not installed; tests/setup-servers installs it");
    println!("SKIPPED: {what} is not installed; tests/setup-servers installs it");
}

/// Where `tests/setup-servers` puts what it does not install.
fn servers_home() -> PathBuf {
    std::env::var_os("IMPORT_CJI_SERVERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers"), PathBuf::from)
}

/// The path of a program, also of those that only root has in its `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.iter().map(|folder| folder.join(name)).find(|found| found.is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A folder for a server's own files.
fn work_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("cji-server-").tempdir().expect("a folder");
    open_to_all(folder.path());
    folder
}

/// A running server program. Its output goes to the file `output` of its folder.
struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    /// Starts `command` and waits until `port` answers.
    fn start(command: &mut Command, folder: &Path, port: u16) -> Self {
        Self::start_at(command, folder, (Ipv4Addr::LOCALHOST, port))
    }

    fn start_at(command: &mut Command, folder: &Path, address: (Ipv4Addr, u16)) -> Self {
        let output = folder.join("output");
        let file = File::create(&output).expect("an output file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut running = Self { child, output };
        let until = Instant::now() + Duration::from_secs(15);
        while TcpStream::connect(address).is_err() {
            let ended = running.child.try_wait().expect("its state");
            assert!(ended.is_none() && Instant::now() < until, "{command:?} did not start: {}", running.said());
            thread::sleep(Duration::from_millis(20));
        }
        running
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Running {
    /// Asks the server to end, so that it ends its own processes too, and makes it end when it does not.
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Accepts connections on a free port, each on a thread of its own, until it is dropped.
struct Acceptor {
    ip: IpAddr,
    port: u16,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Acceptor {
    /// `serve` gets each connection with its number, from 0.
    fn start(serve: impl Fn(usize, TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::start_on(IpAddr::V4(Ipv4Addr::LOCALHOST), serve)
    }

    fn start_on(ip: IpAddr, serve: impl Fn(usize, TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let serve = Arc::new(serve);
        let thread = thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(socket) = socket else { continue };
                // A server that stalls for ever would keep its thread for ever.
                let _ = socket.set_read_timeout(Some(Duration::from_secs(20)));
                let _ = socket.set_write_timeout(Some(Duration::from_secs(20)));
                let serve = Arc::clone(&serve);
                thread::spawn(move || {
                    let _ = serve(number, socket);
                });
            }
        });
        Self { ip, port, stop, thread: Some(thread) }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let _ = TcpStream::connect((self.ip, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
