//! A transaction that has the writing connection for itself, and a database that is lent to it.

use rusqlite::Connection;

use super::super::execute;
use crate::fault::{Fault, Key};

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

    /// Lends the transaction a database, once; false where SQLite does not take it (one that is compiled to attach none).
    /// Attached only now: to begin takes every attached database in, and one that a transaction is in can't be exchanged.
    /// Not for reading alone, although it is only read: left behind, it would keep every later transaction from beginning.
    pub fn lend(&mut self, image: &[u8]) -> Result<bool, Fault> {
        if self.has_loan || self.connection.execute_batch("ATTACH ':memory:' AS lent").is_err() {
            return self.goes_on();
        }
        self.has_loan = true;
        match self.connection.deserialize_read_exact("lent", image, image.len(), false) {
            Ok(()) => Ok(true),
            Err(_) => self.goes_on(),
        }
    }

    /// Without a loan, as long as there is a transaction.
    fn goes_on(&self) -> Result<bool, Fault> {
        match self.connection.is_autocommit() {
            true => Err(Fault::new(Key::StorageForNow, "the store failed: there is not enough memory")),
            false => Ok(false),
        }
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
