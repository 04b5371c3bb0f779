//! A transaction that has the writing connection for itself, and a database that is lent to it.

use rusqlite::Connection;

use super::super::execute;
use crate::fault::{Fault, Key};

/// Memory for loans, which one chunk after the other uses: to have it anew each time costs much of what a loan saves.
#[derive(Debug, Default)]
pub struct Memory(Vec<u8>);

/// An open transaction, undone where nobody commits it.
#[derive(Debug)]
pub struct Alone<'c> {
    connection: &'c mut Connection,
    /// What the last loan took.
    memory: &'c mut Memory,
    has_loan: bool,
}

impl<'c> Alone<'c> {
    pub fn begin(connection: &'c mut Connection, memory: &'c mut Memory) -> Result<Self, Fault> {
        execute(connection, "BEGIN IMMEDIATE")?;
        Ok(Self { connection, memory, has_loan: false })
    }

    /// Memory for what is to be lent.
    pub fn memory(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.memory.0)
    }

    pub fn connection(&self) -> &Connection {
        self.connection
    }

    /// Lends the transaction a database, once; false where SQLite does not take it (one that is compiled to attach none).
    /// Attached only now: to begin takes every attached database in, and one that a transaction is in can't be exchanged.
    /// Not for reading alone, although it is only read: left behind, it would keep every later transaction from beginning.
    pub fn lend(&mut self, image: Vec<u8>) -> Result<bool, Fault> {
        if self.has_loan || self.connection.execute_batch("ATTACH ':memory:' AS lent").is_err() {
            return self.goes_on();
        }
        self.has_loan = true;
        // SQLite takes a copy of its own.
        let lent = self.connection.deserialize_read_exact("lent", &image[..], image.len(), false);
        self.memory.0 = image;
        match lent {
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
