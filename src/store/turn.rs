//! The turnstile before the write lock: a bulk import can't overtake another process' call that waits already.
//!
//! SQLite has no queue for its write lock: who waits asks again every millisecond, and an import that takes the lock again
//! right after each chunk is nearly always quicker. So whoever wants the lock first takes the turn, keeps it until the lock
//! is held, and lets it go then: at any moment one process waits for the lock, and the import waits behind it.
//!
//! The turn is an advisory lock (`flock`) on the database's WAL file. On that file SQLite itself takes no lock, so that to
//! open and close it here drops none of SQLite's (which on the database file it would); it is there while a connection is
//! open, the same for all processes, and the kernel lets go of a lock whose holder is killed.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The turn is a courtesy: after so long, longer than any chunk holds the lock, one goes on without it. So a holder that
/// was stopped, or a forked child that inherited the descriptor, only makes others slower.
const LONGEST: Duration = Duration::from_millis(500);

/// How often one asks for it.
const PAUSE: Duration = Duration::from_millis(1);

/// The turnstile of one store; without a file everyone may pass.
#[derive(Debug)]
pub struct Turn(Option<File>);

/// The turn is held until this is dropped.
#[derive(Debug)]
pub struct Taken<'t>(&'t File);

impl Turn {
    /// The turnstile on this file. Where it can't be opened (a store in memory has none) there is none.
    pub fn on(file: Option<&Path>) -> Self {
        Self(file.and_then(|path| File::open(path).ok()))
    }

    /// Waits for the turn. `None`: one goes on without it.
    pub fn take(&self) -> Option<Taken<'_>> {
        let file = self.0.as_ref()?;
        let since = Instant::now();
        while since.elapsed() < LONGEST {
            match file.try_lock() {
                Ok(()) => return Some(Taken(file)),
                Err(std::fs::TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(std::fs::TryLockError::Error(_)) => return None,
            }
        }
        None
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // What can't be unlocked is unlocked when the file is closed.
        let _ = self.0.unlock();
    }
}
