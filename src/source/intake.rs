//! `Intake`: what comes over the network on its way into the spool, counted and limited.

use std::io;

use super::course::Course;
use super::spool::Spool;
use super::trouble::Trouble;
use crate::fault::Key;

/// The spool of one running fetch, with its limits.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    spool: &'a mut Spool,
    course: &'a Course,
    max_file_bytes: u64,
    expected: Option<u64>,
}

impl<'a> Intake<'a> {
    /// Fills `spool` and tells `course`.
    pub fn new(spool: &'a mut Spool, course: &'a Course, max_file_bytes: u64) -> Self {
        Self { spool, course, max_file_bytes, expected: None }
    }

    /// How many bytes are here.
    pub fn len(&self) -> u64 {
        self.spool.len()
    }

    /// True when as many bytes are here as were expected.
    pub fn is_full(&self) -> bool {
        self.expected == Some(self.len())
    }

    /// Begins anew.
    pub fn clear(&mut self) -> Result<(), Trouble> {
        self.expected = None;
        if !self.spool.is_empty() {
            self.spool.clear().map_err(|error| of_disk(&error))?;
        }
        self.count();
        Ok(())
    }

    /// Takes note of the whole file's size, and refuses a file that is too large for `max_file_bytes` or for the disk.
    pub fn announce(&mut self, total: Option<u64>) -> Result<(), Trouble> {
        self.expected = total;
        self.count();
        let Some(total) = total else { return Ok(()) };
        if total > self.max_file_bytes {
            return Err(Trouble::lasting(format!(
                "the file has {total} bytes, max_file_bytes allows {}",
                self.max_file_bytes
            )));
        }
        let missing = total.saturating_sub(self.len());
        self.spool.needs(missing).map_err(|fault| Trouble::storage(fault.key, fault.message))
    }

    /// Takes what has come.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if self.len().saturating_add(bytes.len() as u64) > self.max_file_bytes {
            return Err(Trouble::lasting(format!(
                "the file has more bytes than the {} that max_file_bytes allows",
                self.max_file_bytes
            )));
        }
        self.spool.append(bytes).map_err(|error| of_disk(&error))?;
        self.count();
        Ok(())
    }

    /// Where the last attempt stopped, for messages: `12 of 100 bytes`.
    pub fn progress(&self) -> String {
        match self.expected {
            Some(total) => format!("{} of {total} bytes", self.len()),
            None => format!("{} bytes", self.len()),
        }
    }

    fn count(&self) {
        self.course.count(self.expected, self.len());
    }
}

fn of_disk(error: &io::Error) -> Trouble {
    Trouble::storage(Key::of_disk(error), format!("the spool can't be written: {error}"))
}
