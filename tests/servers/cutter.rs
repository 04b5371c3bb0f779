//! A bad line: stands before a real server and cuts what the server sends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::Acceptor;
use super::rogue_http::reset;

/// What happens to a connection after so many bytes from the server.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Close(u64),
    Reset(u64),
    Stall(u64),
}

type Plan = Arc<dyn Fn(usize) -> Option<Cut> + Send + Sync>;

/// A port that leads to another port.
pub struct Cutter {
    acceptor: Acceptor,
    connections: Arc<AtomicUsize>,
}

impl Cutter {
    /// Leads to `target`; `plan` gets the number of each connection, from 0.
    pub fn start(target: u16, plan: impl Fn(usize) -> Option<Cut> + Send + Sync + 'static) -> Self {
        Self::start_on(IpAddr::V4(Ipv4Addr::LOCALHOST), target, plan)
    }

    /// The same from another address of the loopback.
    pub fn start_on(ip: IpAddr, target: u16, plan: impl Fn(usize) -> Option<Cut> + Send + Sync + 'static) -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let acceptor = Acceptor::start_on(ip, move |number, client| {
            counted.fetch_add(1, Ordering::SeqCst);
            // Before the server hears anything: a plan may change the server's files.
            let cut = plan(number);
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
            let (up_from, up_to) = (client.try_clone()?, server.try_clone()?);
            thread::spawn(move || pump(up_from, &up_to, None));
            pump(server, &client, cut)
        });
        Self { acceptor, connections }
    }

    /// Leads to an FTP server without TLS, whose data connections alone are cut: `plan` gets their numbers.
    pub fn ftp(target: u16, plan: impl Fn(usize) -> Option<Cut> + Send + Sync + 'static) -> Self {
        Self::ftp_on(IpAddr::V4(Ipv4Addr::LOCALHOST), target, plan)
    }

    /// The same from another address of the loopback.
    pub fn ftp_on(ip: IpAddr, target: u16, plan: impl Fn(usize) -> Option<Cut> + Send + Sync + 'static) -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let plan: Plan = Arc::new(plan);
        let acceptor = Acceptor::start_on(ip, move |_, client| {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
            let (up_from, up_to) = (client.try_clone()?, server.try_clone()?);
            thread::spawn(move || pump(up_from, &up_to, None));
            let mut client = client;
            for line in BufReader::new(server).split(b'\n') {
                let mut line = line?;
                line.push(b'\n');
                let text = String::from_utf8_lossy(&line).into_owned();
                if let Some(port) =
                    text.strip_prefix("229 ").and_then(|rest| rest.split('|').nth(3)).and_then(|p| p.parse().ok())
                {
                    let own = lead_data(ip, port, plan(counted.fetch_add(1, Ordering::SeqCst)))?;
                    line = format!("229 Led elsewhere (|||{own}|)\r\n").into_bytes();
                }
                client.write_all(&line)?;
            }
            client.shutdown(Shutdown::Both)
        });
        Self { acceptor, connections }
    }

    pub fn port(&self) -> u16 {
        self.acceptor.port
    }

    /// How many connections it led.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn lead_data(ip: IpAddr, target: u16, cut: Option<Cut>) -> io::Result<u16> {
    let listener = TcpListener::bind((ip, 0))?;
    let port = listener.local_addr()?.port();
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    thread::spawn(move || {
        let (client, _) = listener.accept()?;
        pump(server, &client, cut)
    });
    Ok(port)
}

fn pump(mut from: TcpStream, mut to: &TcpStream, cut: Option<Cut>) -> io::Result<()> {
    let limit = match cut {
        None => u64::MAX,
        Some(Cut::Close(bytes) | Cut::Reset(bytes) | Cut::Stall(bytes)) => bytes,
    };
    let mut left = limit;
    let mut buffer = [0; 4096];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
        match from.read(&mut buffer[..most]) {
            Ok(0) | Err(_) => break,
            Ok(amount) => {
                to.write_all(&buffer[..amount])?;
                left -= amount as u64;
            }
        }
    }
    match cut {
        Some(Cut::Stall(_)) if left == 0 => thread::sleep(Duration::from_secs(20)),
        Some(Cut::Reset(_)) if left == 0 => reset(to)?,
        _ => {}
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
    Ok(())
}
