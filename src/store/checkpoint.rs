//! Checkpoints: what is committed goes from the write-ahead log into the database file, and the log begins anew.
//!
//! Whoever commits does that, once the log has grown long. For a file's import that is a tenth of its work, so its reading
//! thread, which has time, does most of it ahead, while the other goes on writing; what is left at the end of the log, the
//! writer does in a moment, between two transactions.
//!
//! A log can begin anew only at a moment when nobody reads from it. Where many read, such a moment may never come by
//! itself: so a log that is very long makes who commits hold the other writers up until those who read now have ended.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use super::{Store, open, storage};
use crate::fault::Fault;

/// The pages of the log at which who commits makes a checkpoint: 16 MiB.
const LONG: i32 = 4_000;
/// The same where somebody works ahead.
const LONG_WITH_HELP: i32 = 8_000;
/// The pages for which it is worth while to work ahead.
const WORTH: i32 = 1_000;
/// The pages at which it waits for the readers: 64 MiB. A reader of many seconds is not waited for, so that it tries again
/// each time that the log has grown by so many more.
const VERY_LONG: i32 = 16_000;
const AGAIN: i32 = 2_000;
/// How often it looks, each millisecond at first, whether the readers have ended.
const LOOKS: i32 = 80;

thread_local! {
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// True where this thread has waited long enough for the readers of the log; in any other wait it is false.
pub fn gives_up(looks: i32) -> bool {
    looks >= LOOKS && WAITS.get()
}

/// What is known of the log.
#[derive(Debug, Default)]
pub struct Log {
    /// Its pages after the last commit of this engine.
    pages: AtomicI32,
    /// How many work ahead.
    helpers: AtomicU32,
    /// The pages at which it was waited for the readers last, in vain.
    waited: AtomicI32,
}

impl Log {
    /// Lets the writing connection make the checkpoints, in the place of SQLite's own.
    pub fn watch(connection: &mut Connection) -> Result<Arc<Self>, Fault> {
        let log = Arc::new(Self::default());
        let watched = Arc::clone(&log);
        let hook = move |wal: &mut rusqlite::hooks::Wal, pages| {
            watched.pages.store(pages, Ordering::Relaxed);
            let helped = watched.helpers.load(Ordering::Relaxed) > 0;
            if watched.is_too_long(pages) {
                WAITS.set(true);
                // It does not come off where a reader goes on for long.
                let _ = wal.checkpoint_v2(CheckpointMode::RESTART);
                WAITS.set(false);
            } else if pages >= if helped { LONG_WITH_HELP } else { LONG } {
                // As with SQLite's own, one that does not come off is for the next commit.
                let _ = wal.checkpoint();
            }
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(storage)?;
        Ok(log)
    }

    /// True where the readers must be waited for now.
    fn is_too_long(&self, pages: i32) -> bool {
        let waited = self.waited.load(Ordering::Relaxed);
        let too_long = pages >= VERY_LONG && (pages < waited || pages - waited >= AGAIN);
        if too_long {
            self.waited.store(pages, Ordering::Relaxed);
        }
        too_long
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::super::Durability;
    use super::*;

    #[test]
    fn the_log_is_bounded_where_there_is_always_a_reader() {
        const MOST: u64 = 100 << 20;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.db");
        let store = Store::open(path.to_str().unwrap(), Durability::Normal).unwrap();
        store.write(|t| t.execute_batch("CREATE TABLE filler (bytes BLOB)").map_err(storage)).unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (first, second) = (channel(), channel());
            for (begun, other) in [(first.0, second.1), (second.0, first.1)] {
                let (store, over) = (&store, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let read = |c: &Connection| {
                            let seen: i64 =
                                c.query_row("SELECT count(*) FROM team", [], |row| row.get(0)).map_err(storage)?;
                            let _ = begun.send(());
                            // None ends before the other has begun.
                            let _ = other.recv_timeout(Duration::from_secs(5));
                            thread::sleep(Duration::from_millis(5));
                            Ok(seen)
                        };
                        store.read(read).unwrap();
                    }
                });
            }
            let sql = "INSERT INTO filler SELECT zeroblob(1 << 20)";
            let longest = (0..300).map(|_| {
                store.write(|t| t.execute(sql, []).map_err(storage)).unwrap();
                fs::metadata(folder.path().join("calls.db-wal")).unwrap().len()
            });
            let longest = longest.max().unwrap();
            over.store(true, Ordering::Relaxed);
            assert!(longest < MOST, "{longest}");
        });
    }
}
