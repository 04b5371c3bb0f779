//! Where the database is, so that a copy is told from a file that was moved.
//!
//! The files in the spool folder bear their store's name, and a copy would have the same: what it sweeps away there may be
//! what the original's jobs wait for. So a copy, beside which the original is still where it was, gets a name of its own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::storage;
use crate::fault::Fault;

/// Looks whether the database is the file that it was, and keeps where it is. A copy gets a new name.
pub fn keep(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    let is_read_only = connection.is_readonly(rusqlite::MAIN_DB).map_err(storage)?;
    // A file that can't be looked at is met by whoever reads it next.
    let (Some(own), Ok(place), false) = (inode(path), fs::canonicalize(path), is_read_only) else { return Ok(()) };
    if known(connection)?.0 == own {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)?;
    let (before, home) = known(&transaction)?;
    if before == own {
        return Ok(());
    }
    if before != 0 && inode(Path::new(&home)) == Some(before) {
        transaction.execute("UPDATE store SET name = lower(hex(randomblob(8)))", []).map_err(storage)?;
    }
    let sql = "UPDATE store SET home_inode = ?1, home_path = ?2";
    transaction.execute(sql, params![own, place.to_string_lossy()]).map_err(storage)?;
    transaction.commit().map_err(storage)
}

fn known(c: &Connection) -> Result<(i64, String), Fault> {
    let sql = "SELECT home_inode, home_path FROM store";
    c.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(storage)
}

fn inode(path: &Path) -> Option<i64> {
    fs::metadata(path).ok().map(|found| found.ino().cast_signed())
}
