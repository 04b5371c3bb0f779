//! A transaction that has the writing connection for itself, and a database that is lent to it.

use rusqlite::Connection;

use super::super::{execute, storage};
use crate::fault::Fault;

/// The name of what is lent.
pub const LENT: &str = "lent";

/// An open transaction, undone where nobody commits it.
#[derive(Debug)]
pub struct Alone<'c> {
    connection: &'c mut Connection,
    has_loan: bool,
}

impl<'c> Alone<'c> {
    pub fn begin(connection: &'c mut Connection) -> Result<Self, Fault> {
        execute(connection, "BEGIN IMMEDIATE")?;
        Ok(Self { connection, has_loan: false })
    }

    pub fn connection(&self) -> &Connection {
        self.connection
    }

    /// Lends the transaction a database, once. Attached only now: to begin takes every attached database in, and one that a
    /// transaction is in can't be exchanged.
    pub fn lend(&mut self, image: &[u8]) -> Result<(), Fault> {
        self.connection.execute_batch("ATTACH ':memory:' AS lent").map_err(storage)?;
        self.has_loan = true;
        self.connection.deserialize_read_exact(LENT, image, image.len(), true).map_err(storage)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // Both fail only where there is nothing to be undone or given back.
        if !self.connection.is_autocommit() {
            let _ = execute(self.connection, "ROLLBACK");
        }
        if self.has_loan {
            let _ = self.connection.execute_batch("DETACH lent");
        }
    }
}
