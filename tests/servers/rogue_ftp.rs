//! An FTP server that does what the test tells it, however wrong.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::Acceptor;

type PerConnection<T> = Box<dyn Fn(usize) -> Option<T> + Send + Sync>;
type PerCommand = Box<dyn Fn(&str, usize) -> Option<String> + Send + Sync>;

/// The end of an answer after which the server says nothing more, with its connections open.
pub const STALL: &str = "…";

/// How it behaves. The default behaves well.
pub struct RogueFtpPlay {
    pub file: Vec<u8>,
    /// The answer to `MDTM`, by connection.
    pub modified: Box<dyn Fn(usize) -> String + Send + Sync>,
    /// The answer to `SIZE`.
    pub size: Option<u64>,
    /// Answers in the place of its own, by command and connection. After [`STALL`] at an answer's end nothing more is said.
    pub replies: PerCommand,
    /// After so many bytes of replies the control connection (and the data connection) ends.
    pub control_cut: PerConnection<usize>,
    /// After so many bytes the data connection ends, and is told to have ended well.
    pub data_cut: PerConnection<usize>,
    /// The data connection stays open after the last byte.
    pub data_stalls: bool,
    /// The data never ends.
    pub endless: bool,
    /// `REST` is agreed to and forgotten.
    pub forgets_rest: bool,
    /// Pause before each byte of data.
    pub drip: Option<Duration>,
    /// What `PASV` tells as address.
    pub pasv_address: [u8; 4],
    /// Multi-line replies wherever that is allowed.
    pub talkative: bool,
}

impl Default for RogueFtpPlay {
    fn default() -> Self {
        Self {
            file: b"phone1\r\n13800000001\r\n".to_vec(),
            modified: Box::new(|_| "20260102030405".into()),
            size: None,
            replies: Box::new(|_, _| None),
            control_cut: Box::new(|_| None),
            data_cut: Box::new(|_| None),
            data_stalls: false,
            endless: false,
            forgets_rest: false,
            drip: None,
            pasv_address: [127, 0, 0, 1],
            talkative: false,
        }
    }
}

/// The server.
pub struct RogueFtp {
    acceptor: Acceptor,
    commands: Arc<Mutex<Vec<String>>>,
}

impl RogueFtp {
    pub fn start(play: RogueFtpPlay) -> Self {
        let commands = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&commands);
        let acceptor = Acceptor::start(move |number, socket| {
            let mut session = Session {
                play: &play,
                number,
                left: (play.control_cut)(number).unwrap_or(usize::MAX),
                control: socket.try_clone()?,
                data: None,
                rest: 0,
            };
            let ended = session.run(BufReader::new(socket.try_clone()?), &seen);
            let _ = socket.shutdown(Shutdown::Both);
            ended
        });
        Self { acceptor, commands }
    }

    pub fn port(&self) -> u16 {
        self.acceptor.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("ftp://127.0.0.1:{}{path}", self.port())
    }

    /// All commands that came, in order.
    pub fn commands(&self) -> Vec<String> {
        self.commands.lock().expect("commands").clone()
    }
}

struct Session<'a> {
    play: &'a RogueFtpPlay,
    number: usize,
    left: usize,
    control: TcpStream,
    data: Option<TcpListener>,
    rest: usize,
}

impl Session<'_> {
    fn run(&mut self, commands: BufReader<TcpStream>, seen: &Mutex<Vec<String>>) -> io::Result<()> {
        self.answer("CONNECT", "220 Rogue.")?;
        for line in commands.split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end().to_string();
            seen.lock().expect("commands").push(line.clone());
            let (verb, argument) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            self.obey(verb, argument)?;
        }
        Ok(())
    }

    fn obey(&mut self, verb: &str, argument: &str) -> io::Result<()> {
        let size = self.play.size.unwrap_or(self.play.file.len() as u64);
        let fixed = HashMap::from([("USER", "331 Password."), ("PASS", "230 Welcome."), ("TYPE", "200 Type set.")]);
        match verb {
            "SIZE" => self.answer(verb, &format!("213 {size}")),
            "MDTM" => self.answer(verb, &format!("213 {}", (self.play.modified)(self.number))),
            "REST" => {
                self.answer(verb, "350 Restarting.")?;
                let refused = (self.play.replies)(verb, self.number).is_some();
                self.rest = if refused { 0 } else { argument.parse().unwrap_or(0) };
                Ok(())
            }
            "EPSV" | "PASV" => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                let port = listener.local_addr()?.port();
                self.data = Some(listener);
                let [high, low] = port.to_be_bytes();
                let [a, b, c, d] = self.play.pasv_address;
                match verb {
                    "EPSV" => self.answer(verb, &format!("229 Extended (|||{port}|)")),
                    _ => self.answer(verb, &format!("227 Passive ({a},{b},{c},{d},{high},{low}).")),
                }
            }
            "RETR" => self.retrieve(),
            _ => self.answer(verb, fixed.get(verb).copied().unwrap_or("502 What?")),
        }
    }

    fn retrieve(&mut self) -> io::Result<()> {
        if let Some(reply) = (self.play.replies)("RETR", self.number) {
            return self.say(&reply);
        }
        let listener = self.data.take().ok_or(io::ErrorKind::NotConnected)?;
        let (mut data, _) = listener.accept()?;
        let sent = self.answer("150", "150 Here it comes.").and_then(|()| self.send(&mut data));
        let closed = data.shutdown(Shutdown::Both);
        sent.and(closed)?;
        drop(data);
        self.answer("226", "226 Done.")
    }

    fn send(&mut self, data: &mut TcpStream) -> io::Result<()> {
        let from = if self.play.forgets_rest { 0 } else { std::mem::take(&mut self.rest) };
        let rest = self.play.file.get(from..).unwrap_or_default();
        let cut = (self.play.data_cut)(self.number).unwrap_or(rest.len()).min(rest.len());
        match self.play.drip {
            None => data.write_all(&rest[..cut])?,
            Some(pause) => rest[..cut].iter().try_for_each(|byte| {
                thread::sleep(pause);
                data.write_all(&[*byte])
            })?,
        }
        if self.play.endless {
            loop {
                data.write_all(&[b'x'; 4096])?;
            }
        }
        if self.play.data_stalls {
            let _ = io::Read::read(data, &mut [0]);
        }
        Ok(())
    }

    fn answer(&mut self, verb: &str, own: &str) -> io::Result<()> {
        let reply = (self.play.replies)(verb, self.number).unwrap_or_else(|| own.to_string());
        if let Some(last) = reply.strip_suffix(STALL) {
            if !last.is_empty() {
                self.say(last)?;
            }
            // Ends when the other side hangs up.
            io::copy(&mut &self.control, &mut io::sink())?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let many = self.play.talkative && !matches!(verb, "EPSV" | "PASV" | "SIZE" | "MDTM");
        match reply.split_at_checked(3) {
            Some((code, text)) if many => self.say(&format!("{code}-First\r\n 200 not the last\r\n{code}{text}")),
            _ => self.say(&reply),
        }
    }

    /// Sends a reply, or as much of it as the connection may carry.
    fn say(&mut self, reply: &str) -> io::Result<()> {
        let line = format!("{reply}\r\n");
        let amount = line.len().min(self.left);
        self.left -= amount;
        self.control.write_all(&line.as_bytes()[..amount])?;
        if self.left == 0 { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}
