//! The way of a file from an earlier version's schema to today's, one process after the other.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use super::migrate::{APPLICATION_ID, VERSION, migrate};
use super::storage;
use crate::fault::{Fault, Key};

/// The turn at bringing the stores of a folder up to date. It is a courtesy: any local user who can read the folder can hold
/// it, so after a while one goes on without it.
pub fn first_come(folder: &Path, patience: Duration) -> Option<File> {
    const PAUSE: Duration = Duration::from_millis(20);
    let (file, since) = (File::open(folder).ok()?, Instant::now());
    while since.elapsed() < patience {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Leads the schema to today's version. Where two processes do so with the same file, the second finds it done. An earlier
/// version's file is this connection's alone afterwards, in no WAL: only its end lets others in.
pub fn upgrade(connection: &mut Connection, version: i64) -> Result<(), Fault> {
    if version > 0 {
        alone(connection)?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(storage)?;
    migrate(&transaction, version)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(storage)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(storage)?;
    transaction.commit().map_err(storage)
}

/// Takes the file for this connection alone. An engine of an earlier version that has it open would go on writing in the
/// old way, which what is new would not see.
fn alone(connection: &Connection) -> Result<(), Fault> {
    const PATIENCE: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_millis(20);
    let since = Instant::now();
    connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(storage)?;
    // Whoever has just opened it to look at its version closes it again at once.
    while since.elapsed() < PATIENCE {
        let mode = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
        if matches!(mode.as_deref(), Ok("delete")) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    let message = "is of an earlier version of import-cji, and open in another program: close it there, so that it can be \
                   brought up to date";
    Err(Fault::new(Key::StorageForNow, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_turn_holds_nobody_up_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let held = first_come(folder.path(), Duration::from_secs(60)).expect("it is free");
        let since = Instant::now();
        assert!(first_come(folder.path(), Duration::from_millis(50)).is_none());
        assert!(since.elapsed() < Duration::from_secs(30));
        drop(held);
        assert!(first_come(folder.path(), Duration::from_secs(60)).is_some());
    }
}
