//! Checkpoints: what is committed goes from the write-ahead log into the database file, and the log begins anew.
//!
//! Whoever commits does that, once the log has grown long. For a file's import that is a tenth of its work, so its reading
//! thread, which has time, does most of it ahead, while the other goes on writing; what is left at the end of the log, the
//! writer does in a moment, between two transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rusqlite::Connection;

use super::{Store, open, storage};
use crate::fault::Fault;

/// The pages of the log at which who commits makes a checkpoint: 16 MiB.
const LONG: i32 = 4_000;
/// The same where somebody works ahead.
const LONG_WITH_HELP: i32 = 8_000;
/// The pages for which it is worth while to work ahead.
const WORTH: i32 = 1_000;

/// What is known of the log.
#[derive(Debug, Default)]
pub struct Log {
    /// Its pages after the last commit of this engine.
    pages: AtomicI32,
    /// How many work ahead.
    helpers: AtomicU32,
}

impl Log {
    /// Lets the writing connection make the checkpoints, in the place of SQLite's own.
    pub fn watch(connection: &mut Connection) -> Result<Arc<Self>, Fault> {
        let log = Arc::new(Self::default());
        let watched = Arc::clone(&log);
        let hook = move |wal: &mut rusqlite::hooks::Wal, pages| {
            watched.pages.store(pages, Ordering::Relaxed);
            let helped = watched.helpers.load(Ordering::Relaxed) > 0;
            if pages >= if helped { LONG_WITH_HELP } else { LONG } {
                // As with SQLite's own, one that does not come off is for the next commit.
                let _ = wal.checkpoint();
            }
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(storage)?;
        Ok(log)
    }
}

/// One who makes checkpoints while others write.
#[derive(Debug)]
pub struct Ahead<'s> {
    store: &'s Store,
    /// Made when there is something to be done.
    connection: Option<Connection>,
    done: i32,
}

impl Store {
    /// One who works ahead.
    pub fn ahead(&self) -> Ahead<'_> {
        self.log.helpers.fetch_add(1, Ordering::Relaxed);
        Ahead { store: self, connection: None, done: 0 }
    }
}

impl Ahead<'_> {
    /// Makes a checkpoint of what was committed meanwhile, if it is worth while.
    pub fn go_on(&mut self) {
        let pages = self.store.log.pages.load(Ordering::Relaxed);
        // A log that began anew is shorter than what was done of it.
        let grown = if pages < self.done { pages } else { pages - self.done };
        if grown < WORTH {
            return;
        }
        if self.connection.is_none() {
            self.connection = open::writer(&self.store.place, self.store.durability).ok();
        }
        // What is not done here the writer does.
        let _ = self.connection.as_ref().map(|connection| connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
        self.done = pages;
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        self.store.log.helpers.fetch_sub(1, Ordering::Relaxed);
    }
}
