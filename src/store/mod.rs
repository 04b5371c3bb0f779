//! The store: the one place that knows SQL. One connection writes, others read (one more makes
//! checkpoints); a write is one transaction.

mod bulk;
mod catalog;
mod checkpoint;
mod chunk;
mod customers;
mod dial;
mod fair;
mod filter;
mod forks;
mod group;
mod guesses;
mod home;
mod image;
mod index;
mod jobs;
mod lease_clock;
mod migrate;
mod open;
mod query;
mod runs;
mod tables;
mod turn;
mod upgrade;
mod views;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::fault::{Fault, Key};
use crate::fingerprint::Fingerprints;
use fair::{Fair, FairGuard};
use group::Group;
use turn::Turn;

use catalog::Campaigns;
pub use catalog::{Campaign, Credential};
pub use checkpoint::Ahead;
pub use chunk::{Applied, Chunk, Known, Memory, Scouted};
pub use customers::CustomerChanges;
pub use dial::DialOutcome;
pub use filter::{Filter, Scope};
pub use group::Work;
pub use guesses::Guesses;
pub use jobs::{Job, JobState, NewJob, Order, Progress, Reject};
pub use runs::{Cancel, Lease, OpenJob, cancelled};

/// The most reading connections kept for later.
const MOST_IDLE_READERS: usize = 8;

/// What survives what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// What is reported as done survives a power cut.
    #[default]
    Full,
    /// It survives a crash of the process.
    Normal,
}

/// An open store. Any thread may use it.
#[derive(Debug)]
pub struct Store {
    place: open::Place,
    durability: Durability,
    name: String,
    fingerprints: Fingerprints,
    // Dropped before the writer: a connection that only reads can't take the WAL away when it is the last to close.
    readers: Mutex<Vec<Connection>>,
    writer: Fair<Connection>,
    group: Group,
    log: Arc<checkpoint::Log>,
    campaigns: Campaigns,
    turn: Turn,
    // Dropped last: the file is open as long as any connection.
    _opened: Option<forks::Opened>,
}

impl Store {
    /// Opens the store at `location`, a path or `:memory:`; makes it where there is none.
    pub fn open(location: &str, durability: Durability) -> Result<Self, Fault> {
        let place = open::Place::of(location)?;
        let (mut connection, own, opened) = open::first(&place, durability)?;
        let log = checkpoint::Log::watch(&mut connection)?;
        let turn = Turn::on(open::wal(&place, &connection).as_deref());
        Ok(Self {
            place,
            durability,
            name: own.name,
            fingerprints: own.fingerprints,
            writer: Fair::new(connection),
            group: Group::default(),
            log,
            campaigns: Campaigns::default(),
            turn,
            readers: Mutex::default(),
            _opened: opened,
        })
    }

    /// The database file; `None`: the store is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.place.path()
    }

    /// True for the database file itself, and for its WAL.
    pub fn is_own_file(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let of = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let beside = |end: &str| self.path().map(|own| PathBuf::from(format!("{}{end}", own.display())));
        let own = ["", "-wal", "-shm"].map(|end| beside(end).and_then(|path| of(&path)));
        of(path).is_some_and(|found| own.contains(&Some(found)))
    }

    /// 16 hex digits of this store's own, for the names of its spool files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fingerprints that this store's indexes go by.
    pub fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// Runs `read` on a reading connection, in one transaction: what it sees is of one moment.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let _alone = self.alone();
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.place, self.durability)?,
        };
        execute(&connection, "BEGIN")?;
        // Where it does not come to the end, the connection is closed, and its transaction with it.
        let result = read(&connection);
        // A disk that fails ends a transaction, too.
        if !connection.is_autocommit() {
            execute(&connection, "ROLLBACK")?;
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < MOST_IDLE_READERS {
            readers.push(connection);
        }
        result
    }

    /// In memory there is no WAL: readers and the writer exclude each other, and would have to ask again and again. There
    /// a reader queues with the writers.
    fn alone(&self) -> Option<FairGuard<'_, Connection>> {
        self.path().is_none().then(|| self.writer.lock())
    }

    /// Runs `write` in one transaction, which is undone where it fails.
    fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.transact(&mut self.writer.lock(), write)
    }

    /// The same; it survives a power cut, whatever `durability` says. For what makes files needless that can't be had again.
    fn write_for_good<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut connection = self.writer.lock();
        if self.durability == Durability::Full {
            return self.transact(&mut connection, write);
        }
        execute(&connection, "PRAGMA synchronous = FULL")?;
        let result = self.transact(&mut connection, write);
        // Where it fails, later commits are slower than they need be.
        let _ = execute(&connection, "PRAGMA synchronous = NORMAL");
        result
    }

    fn transact<T>(
        &self,
        connection: &mut Connection,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let turn = self.turn.take();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)?;
        drop(turn);
        let result = write(&transaction)?;
        transaction.commit().map_err(storage)?;
        Ok(result)
    }

    /// A folder beside the database; for a store in memory the system's temporary one.
    pub fn folder(&self) -> PathBuf {
        match self.place.path().and_then(Path::parent) {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) => folder.to_owned(),
            // `TMPDIR` is not asked: the library reads no environment.
            None => PathBuf::from("/tmp"),
        }
    }
}

/// Runs a statement that is run often.
fn execute(c: &Connection, sql: &str) -> Result<(), Fault> {
    c.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map(drop).map_err(storage)
}

/// What SQLite says of a failure, as a fault.
#[expect(clippy::needless_pass_by_value, reason = "stands as it is in map_err")]
fn storage(error: rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode as Code;
    let (key, hint) = match error.sqlite_error_code() {
        Some(Code::DiskFull) => (Key::StorageForNow, ": make room on the disk"),
        Some(Code::ReadOnly) => (Key::StorageForNow, ": the database file or its folder can't be written"),
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            (Key::StorageForNow, ": another program holds the database for too long")
        }
        Some(Code::CannotOpen) => (Key::StorageForNow, ": the database file or its folder can't be opened"),
        Some(Code::SystemIoFailure) => (Key::StorageForNow, ": the disk failed"),
        Some(Code::OutOfMemory) => (Key::StorageForNow, ""),
        // SQLite says so too where the disk can't read for a moment.
        Some(Code::DatabaseCorrupt) => (Key::StorageForNow, ": the disk failed, or the database file is damaged"),
        Some(Code::NotADatabase) => (Key::Storage, ": the database file is damaged or is none"),
        _ => (Key::Storage, ""),
    };
    Fault::new(key, format!("the store failed: {error}{hint}"))
}

/// An SQL name in its quotes.
fn quoted(name: &str) -> String {
    match name.contains('"') {
        true => ["\"", &name.replace('"', "\"\""), "\""].concat(),
        false => ["\"", name, "\""].concat(),
    }
}
