//! Who runs a job, said so that others of the same machine see at once when it was killed: without that, they would wait
//! until its lease has run out.

use std::fs;
use std::io::ErrorKind;

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
        Ok(process) => process.started != started || matches!(process.state.as_str(), "Z" | "X"),
        Err(kind) => kind == ErrorKind::NotFound,
    }
}

/// What the system says of a process.
struct Process {
    /// One letter; `Z`: it has ended, and its parent has not asked yet.
    state: String,
    /// When it began: with its number it names one process of a boot.
    started: String,
}

impl Process {
    fn read(pid: &str) -> Result<Self, ErrorKind> {
        let text = fs::read(format!("/proc/{pid}/stat")).map_err(|error| error.kind())?;
        let text = String::from_utf8_lossy(&text);
        // The second word is the program's name in parentheses, which may hold anything.
        let (_, rest) = text.rsplit_once(") ").ok_or(ErrorKind::InvalidData)?;
        let mut words = rest.split(' ').map(str::to_owned);
        let state = words.next().ok_or(ErrorKind::InvalidData)?;
        let started = words.nth(18).ok_or(ErrorKind::InvalidData)?;
        Ok(Self { state, started })
    }
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
