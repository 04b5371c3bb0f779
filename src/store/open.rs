//! Opening: whose file it is, and what SQLite is told.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::migrate::{APPLICATION_ID, VERSION, fingerprints};
use super::upgrade::{first_come, upgrade};
use super::{Durability, checkpoint, forks, home, storage};
use crate::fault::{Fault, Key, shown};
use crate::fingerprint::Fingerprints;

/// The bytes of the shortest database: one page of SQLite's smallest size.
const SHORTEST: u64 = 512;

/// What is a store's own.
#[derive(Debug)]
pub struct Own {
    /// 16 hex digits, for the names of its spool files.
    pub name: String,
    /// What its indexes go by.
    pub fingerprints: Fingerprints,
}

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// Memory that the connections of one engine share, as a URI.
    Memory(String),
}

impl Place {
    pub fn of(location: &str) -> Result<Self, Fault> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        match location {
            "" => Err(Fault::new(Key::Storage, "location is empty: give the path of the database, or :memory:")),
            ":memory:" => {
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                Ok(Place::Memory(format!("file:/import-cji-{count}?vfs=memdb")))
            }
            // A host may change its working directory: later connections must not open another file.
            path => match std::path::absolute(path) {
                Ok(path) => Ok(Place::File(path)),
                Err(error) => Err(Fault::new(Key::Storage, format!("location {} has no folder: {error}", shown(path)))),
            },
        }
    }

    pub fn path(&self) -> Option<&Path> {
        match self {
            Place::File(path) => Some(path),
            Place::Memory(_) => None,
        }
    }

    fn connect(&self, write: bool) -> Result<Connection, Fault> {
        let access = match (self, write) {
            (Place::Memory(_), _) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            (Place::File(_), true) => OpenFlags::SQLITE_OPEN_READ_WRITE,
            (Place::File(_), false) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        // Each connection serves one thread at a time: SQLite's own mutexes would only be taken in vain.
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self {
            Place::File(path) => Connection::open_with_flags(path, flags),
            Place::Memory(uri) => Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI),
        }
        .map_err(storage)
    }
}

/// The writing connection, what is the store's own, and the note that this process has the file open.
pub fn first(place: &Place, durability: Durability) -> Result<(Connection, Own, Option<forks::Opened>), Fault> {
    if let Place::File(path) = place {
        create_private(path)?;
    }
    let settled = settled(place, durability).map_err(|fault| match place.path() {
        Some(path) if !fault.message.starts_with("location") => {
            fault.within(&format!("location {}", shown(&path.display().to_string())))
        }
        _ => fault,
    });
    let (connection, own) = settled?;
    let opened = place.path().map(forks::note).transpose()?;
    Ok((connection, own, opened))
}

fn settled(place: &Place, durability: Durability) -> Result<(Connection, Own), Fault> {
    let (mut connection, mut version) = known(place)?;
    // Who brings a store up to date must be alone with it; others who want to wait here, and have it closed meanwhile.
    let mut turn = None;
    if let Some(folder) = place.path().and_then(Path::parent).filter(|_| (1..VERSION).contains(&version)) {
        drop(connection);
        turn = first_come(folder, Duration::from_secs(60));
        (connection, version) = known(place)?;
    }
    settle(&connection, durability, true)?;
    if version < VERSION {
        upgrade(&mut connection, version)?;
    }
    if (1..VERSION).contains(&version) {
        // It has the file for itself.
        drop(connection);
        (connection, _) = known(place)?;
        settle(&connection, durability, true)?;
    }
    drop(turn);
    is_in_wal(&connection, place)?;
    is_for_writing(&mut connection, place)?;
    // A damaged name is not made good by a copy's new one.
    name_of(&connection)?;
    if let Some(path) = place.path() {
        home::keep(&mut connection, path)?;
    }
    let name = name_of(&connection)?;
    let fingerprints = fingerprints(&connection)?;
    Ok((connection, Own { name, fingerprints }))
}

/// The store's name. Whoever gave the file does not choose which files of the spool folder are removed.
fn name_of(connection: &Connection) -> Result<String, Fault> {
    let name: String = connection.query_row("SELECT name FROM store", [], |row| row.get(0)).map_err(storage)?;
    match name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(name),
        false => Err(Fault::new(Key::Storage, "the database file is damaged: its store has no name")),
    }
}

/// A connection to a store of ours, or to a file that is to become one, and the store's version; 0: there is none yet.
fn known(place: &Place) -> Result<(Connection, i64), Fault> {
    let mut connection = place.connect(true)?;
    patient(&mut connection)?;
    let foreign = |what: &str| {
        let path = place.path().map_or_else(String::new, |p| p.display().to_string());
        Fault::new(Key::Storage, format!("location {} {what}; nothing was changed", shown(&path)))
    };
    // A file of one byte SQLite takes for an empty one.
    if place.path().and_then(|path| path.metadata().ok()).is_some_and(|file| (1..SHORTEST).contains(&file.len())) {
        return Err(foreign("is no SQLite database"));
    }
    match whose(&connection) {
        Ok(Owner::Ours(version)) if version > VERSION => {
            Err(foreign("was made by a newer version of import-cji: use that one"))
        }
        Ok(Owner::Ours(version)) => Ok((connection, version)),
        Ok(Owner::Nobody) => Ok((connection, 0)),
        Ok(Owner::Another) => Err(foreign("is another program's SQLite database")),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(foreign("is no SQLite database"))
        }
        Err(error) => Err(storage(error)),
    }
}

/// The WAL file of this connection, which SQLite has made by now; in memory there is none.
pub fn wal(place: &Place, connection: &Connection) -> Option<PathBuf> {
    place.path()?;
    // SQLite has made the path absolute and followed its links.
    Some(PathBuf::from(format!("{}-wal", connection.path()?)))
}

/// One more connection, for reading.
pub fn reader(place: &Place, durability: Durability) -> Result<Connection, Fault> {
    another(place, durability, false)
}

/// One more connection that can write.
pub fn writer(place: &Place, durability: Durability) -> Result<Connection, Fault> {
    another(place, durability, true)
}

fn another(place: &Place, durability: Durability, write: bool) -> Result<Connection, Fault> {
    let mut connection = place.connect(write)?;
    patient(&mut connection)?;
    settle(&connection, durability, false)?;
    Ok(connection)
}

enum Owner {
    Ours(i64),
    Nobody,
    Another,
}

fn whose(connection: &Connection) -> rusqlite::Result<Owner> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if number("PRAGMA application_id")? == i64::from(APPLICATION_ID) {
        return Ok(Owner::Ours(number("PRAGMA user_version")?));
    }
    let empty = number("SELECT count(*) FROM sqlite_schema")? == 0
        && number("PRAGMA user_version")? == 0
        && number("PRAGMA application_id")? == 0;
    Ok(if empty { Owner::Nobody } else { Owner::Another })
}

/// Waits for other connections' locks: at first often, since most are short, and for a minute at most.
fn patient(connection: &mut Connection) -> Result<(), Fault> {
    fn wait(tries: i32) -> bool {
        const QUICK: i32 = 200;
        if checkpoint::gives_up(tries) {
            return false;
        }
        let pause_ms = if tries < QUICK { 1 } else { 5 };
        std::thread::sleep(Duration::from_millis(pause_ms));
        tries < QUICK + 12_000
    }
    connection.busy_handler(Some(wait)).map_err(storage)
}

fn settle(connection: &Connection, durability: Durability, first: bool) -> Result<(), Fault> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    if first {
        into_wal(connection)?;
    }
    // Those that only read look a few pages up, or sweep through more than any cache holds.
    let cache_kib = if first { 16_384 } else { 2_048 };
    connection.set_prepared_statement_cache_capacity(128);
    // Else SQLite, where it may go by what it knows of the values, plans a statement anew for each set of them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(storage)?;
    // A file may come from anyone. The library has no triggers: those in a file are another's, and are not run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(storage)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(storage)?;
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = {synchronous};
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -{cache_kib};
             PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA trusted_schema = OFF;"
        ))
        .map_err(storage)
}

/// A WAL stays one once set, but for a process that was killed while it brought the file up to date, and a copy that
/// `VACUUM INTO` made. Others who open such a file at the same moment are in the way of that, and SQLite does not wait for them.
fn into_wal(connection: &Connection) -> Result<(), Fault> {
    const PATIENCE: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_millis(5);
    let since = Instant::now();
    loop {
        let busy = match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Ok(()) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => error,
            Err(error) => return Err(storage(error)),
        };
        if since.elapsed() > PATIENCE {
            return Err(storage(busy));
        }
        std::thread::sleep(PAUSE);
    }
}

/// A disk that fails for a moment leaves the file in another mode, without a word, and locked for all other connections.
fn is_in_wal(connection: &Connection, place: &Place) -> Result<(), Fault> {
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(storage)?;
    match place.path() {
        Some(_) if mode != "wal" => {
            Err(Fault::new(Key::StorageForNow, "can't be brought into its journal mode at the moment: try again"))
        }
        _ => Ok(()),
    }
}

/// Where a file can't be opened for writing, be it only for a moment, SQLite opens it for reading, and leaves it at that.
/// That is right for a disk that is read-only; else nothing could be written as long as the store is open.
fn is_for_writing(connection: &mut Connection, place: &Place) -> Result<(), Fault> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    // SQLite has followed the links of the path.
    let Some(path) = place.path().and(connection.path()).map(PathBuf::from) else { return Ok(()) };
    // Who writes now is not waited for: to meet a lock is as good as to get it.
    connection.busy_handler(None::<fn(i32) -> bool>).map_err(storage)?;
    let begun = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
    patient(connection)?;
    // Of a database file that it opened for reading SQLite says nothing then, of the log's files it does.
    let is_refused = connection.is_readonly(rusqlite::MAIN_DB).map_err(storage)?
        || begun.is_err_and(|error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly));
    let files = ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display())));
    let mut there = files.iter().filter(|file| file.exists()).map(PathBuf::as_path).chain(path.parent());
    if is_refused && there.all(|file| accessat(CWD, file, Access::WRITE_OK, AtFlags::EACCESS).is_ok()) {
        return Err(Fault::new(Key::StorageForNow, "can't be opened for writing at the moment: try again"));
    }
    Ok(())
}

/// Makes the file with mode 0600 where it is not there; SQLite gives its WAL the same mode.
fn create_private(path: &Path) -> Result<(), Fault> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(file) => drop::<File>(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !path.is_file() => {
            let message = format!("location {} is no file", shown(&path.display().to_string()));
            return Err(Fault::new(Key::Storage, message));
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        // A database on a read-only disk can still be read.
        Err(_) if path.is_file() => {}
        Err(error) => {
            let message = format!("location {} can't be made: {error}", shown(&path.display().to_string()));
            return Err(Fault::new(Key::Storage, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_no_wal_yet_is_opened_by_many_at_once() {
        for _ in 0..40 {
            let folder = tempfile::tempdir().unwrap();
            let [original, copy] = ["original", "copy"].map(|name| folder.path().join(name));
            let open = |path: &Path| super::super::Store::open(path.to_str().unwrap(), Durability::Normal);
            drop(open(&original).unwrap());
            let connection = Connection::open(&original).unwrap();
            connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
            let barrier = std::sync::Barrier::new(8);
            let one = || {
                barrier.wait();
                open(&copy).map(drop)
            };
            let opened: Vec<Result<(), Fault>> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(opened.iter().all(Result::is_ok), "{opened:?}");
        }
    }
}
