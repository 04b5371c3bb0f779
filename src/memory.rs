//! Memory that is asked for ahead. Where Rust gets none it ends the process, which is the host's: for the size of a text or
//! of an answer that must not be.

use std::hint::black_box;
use std::io::{self, ErrorKind, Write};

use crate::fault::{Fault, Key};

/// Less is not asked for: a process that can't have that is at its end anyway.
const WORTH_ASKING: usize = 1 << 20;

/// Fails where so many bytes can't be had now. It is no promise, since other threads want memory too.
pub fn ask(what: &str, bytes: usize) -> Result<(), Fault> {
    if bytes < WORTH_ASKING {
        return Ok(());
    }
    let mut room: Vec<u8> = Vec::new();
    let had = room.try_reserve_exact(bytes);
    // Else the compiler, who sees that nothing is put there, asks for nothing.
    black_box(&mut room);
    had.map_err(|_| none(what))
}

/// Fails where a text of this length can't be taken apart and kept: it is copied a few times on its way.
pub fn ask_for_text(what: &str, length: usize) -> Result<(), Fault> {
    const COPIES: usize = 8;
    ask(what, length.saturating_mul(COPIES))
}

/// Fails where this JSON can't be read: a value takes far more room than its one digit.
pub fn ask_for_json(what: &str, text: &str) -> Result<(), Fault> {
    const OF_A_VALUE: usize = 192;
    if text.len() < WORTH_ASKING / OF_A_VALUE {
        return Ok(());
    }
    let values = text.bytes().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
    ask(what, values.saturating_mul(OF_A_VALUE).saturating_add(text.len().saturating_mul(2)))
}

/// What is said where there is none.
pub fn none(what: &str) -> Fault {
    Fault::new(Key::Storage, format!("there is not enough memory for {what}"))
}

/// A copy, if there is memory for it.
pub fn copy(text: &str) -> Option<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).ok()?;
    copy.push_str(text);
    Some(copy)
}

/// Takes what is written, as long as there is memory, with room for C's NUL.
#[derive(Debug, Default)]
pub struct Page(pub Vec<u8>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_reserve(bytes.len() + 1).map_err(|_| ErrorKind::OutOfMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_any_machine_has_is_refused() {
        assert!(ask("it", 1 << 20).is_ok());
        let fault = ask("the text", usize::MAX >> 1).unwrap_err();
        assert_eq!(fault.message, "there is not enough memory for the text");
        assert!(ask_for_text("it", usize::MAX / 2).is_err());
        assert!(ask_for_json("it", &"[1,".repeat(1_000_000)).is_ok());
    }
}
