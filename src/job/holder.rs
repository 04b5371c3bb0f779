//! Who runs a job, said so that others of the same machine see at once when it was killed: without that, they would wait
//! until its lease has run out.

use std::fs;
use std::io::ErrorKind;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::fault::{Fault, Key};

/// A new holder's name: this process, and what makes the run unique.
pub fn new() -> Result<String, Fault> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Fault::new(Key::JobNotMade, format!("no random numbers: {error}")))?;
    let random = u64::from_be_bytes(random);
    Ok(match (namespace(), Process::read("self")) {
        (Some(namespace), Ok(process)) => {
            format!("{namespace}-{}-{}-{random:016x}", std::process::id(), process.started)
        }
        // Where the system does not tell, only the lease counts.
        _ => format!("{random:016x}"),
    })
}

/// True where the holder's process is surely gone: one of this machine, which has ended or is another by now.
pub fn is_gone(holder: &str) -> bool {
    let parts: Vec<&str> = holder.split('-').collect();
    let &[of, pid, started, _] = parts.as_slice() else { return false };
    if namespace().as_deref() != Some(of) || !pid.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    match Process::read(pid) {
        Ok(process) => process.started != started || process.has_ended(),
        // Nor does the system tell of another user's process, where it hides those.
        Err(kind) => kind == ErrorKind::NotFound && has_no_process(pid),
    }
}

/// What the system says of a process.
struct Process {
    /// One letter; `Z`: its first thread has ended, and the parent has not asked yet.
    state: String,
    /// How many threads it has.
    threads: String,
    /// When it began: with its number it names one process of a boot.
    started: String,
}

impl Process {
    fn read(pid: &str) -> Result<Self, ErrorKind> {
        let text = fs::read(format!("/proc/{pid}/stat")).map_err(|error| error.kind())?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Result<Self, ErrorKind> {
        // The second word is the program's name in parentheses, which may hold anything.
        let (_, rest) = text.rsplit_once(") ").ok_or(ErrorKind::InvalidData)?;
        let mut words = rest.split(' ').map(str::to_owned);
        let state = words.next().ok_or(ErrorKind::InvalidData)?;
        let threads = words.nth(16).ok_or(ErrorKind::InvalidData)?;
        let started = words.nth(1).ok_or(ErrorKind::InvalidData)?;
        Ok(Self { state, threads, started })
    }

    /// Other threads go on where the first one alone has ended.
    fn has_ended(&self) -> bool {
        match self.state.as_str() {
            "Z" => matches!(self.threads.as_str(), "0" | "1"),
            state => state == "X",
        }
    }
}

fn has_no_process(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// The numbers of processes belong to this: containers that share a database have different ones.
fn namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    let digits: String = link.to_str()?.chars().filter(char::is_ascii_digit).collect();
    Some(digits).filter(|d| !d.is_empty())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_gone_when_it_was_killed_even_before_its_parent_asks() {
        assert!(!is_gone(&new().unwrap()));
        let mut child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id().to_string();
        let started = Process::read(&pid).ok().unwrap().started;
        let holder = format!("{}-{pid}-{started}-0", namespace().unwrap());
        assert!(!is_gone(&holder));
        child.kill().unwrap();
        while Process::read(&pid).is_ok_and(|process| process.state != "Z") {
            std::thread::yield_now();
        }
        assert!(is_gone(&holder), "it waits for its parent");
        child.wait().unwrap();
        assert!(is_gone(&holder), "its number is free");
    }

    #[test]
    fn a_process_whose_first_thread_alone_has_ended_is_not_gone() {
        let stat = |state: &str, threads: u32| {
            let fields = format!("{state} 1 2 2 0 -1 4194304 9 0 0 0 1 2 3 4 20 0 {threads} 0 8855 123 0");
            Process::parse(&format!("77 (a) Z (b) {fields}\n")).ok().unwrap()
        };
        assert!(stat("Z", 1).has_ended() && stat("Z", 0).has_ended() && stat("X", 1).has_ended());
        assert!(!stat("Z", 2).has_ended() && !stat("S", 1).has_ended());
        assert_eq!(stat("S", 1).started, "8855");
        let threads = std::thread::spawn(|| Process::read("self").ok().unwrap().threads).join().unwrap();
        assert!(threads.parse::<u32>().unwrap() > 1, "{threads}");
    }

    #[test]
    fn a_process_that_is_hidden_is_not_gone() {
        assert!(!has_no_process(&std::process::id().to_string()) && !has_no_process("1"));
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(has_no_process(&child.id().to_string()));
        assert!(!has_no_process("0") && !has_no_process("99999999999"));
    }

    #[test]
    fn who_can_not_be_judged_is_not_gone() {
        let own = new().unwrap();
        let mut parts: Vec<&str> = own.split('-').collect();
        for holder in ["", "0123456789abcdef", "a-b-c-d", "1-1-1-1-1"] {
            assert!(!is_gone(holder), "{holder}");
        }
        parts[0] = "1";
        assert!(!is_gone(&parts.join("-")), "a process of another container");
    }

    #[test]
    fn another_process_with_the_same_number_is_not_the_holder() {
        let own = new().unwrap();
        let mut parts: Vec<&str> = own.split('-').collect();
        parts[2] = "1";
        assert!(is_gone(&parts.join("-")));
    }
}
