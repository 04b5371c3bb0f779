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

/// A file of this machine.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Id {
    device: u64,
    inode: u64,
}

impl Id {
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self { device: found.dev(), inode: found.ino() })
    }
}

/// What a database file is to the one that was opened last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kin {
    Same,
    /// The other one is still where it was.
    Copy,
    Moved,
}

/// Looks whether the database is the file that it was, and keeps where it is. A copy gets a new name.
pub fn keep(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    let is_read_only = connection.is_readonly(rusqlite::MAIN_DB).map_err(storage)?;
    // A file that can't be looked at is met by whoever reads it next.
    let (Some(own), Ok(place), false) = (Id::of(path), fs::canonicalize(path), is_read_only) else { return Ok(()) };
    if kin(connection, own, &place)? == Kin::Same {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)?;
    match kin(&transaction, own, &place)? {
        Kin::Same => return Ok(()),
        Kin::Copy => {
            transaction.execute("UPDATE store SET name = lower(hex(randomblob(8)))", []).map_err(storage)?;
        }
        Kin::Moved => {}
    }
    let sql = "UPDATE store SET home_inode = ?1, home_path = ?2";
    transaction.execute(sql, params![own.inode.cast_signed(), place.to_string_lossy()]).map_err(storage)?;
    transaction.commit().map_err(storage)
}

fn kin(c: &Connection, own: Id, place: &Path) -> Result<Kin, Fault> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, String>(1)?));
    let (inode, home) = c.query_row("SELECT home_inode, home_path FROM store", [], read).map_err(storage)?;
    if inode == own.inode && home == place.to_string_lossy() {
        return Ok(Kin::Same);
    }
    Ok(match Id::of(Path::new(&home)).filter(|there| there.inode == inode) {
        // By another of its names.
        Some(there) if there == own => Kin::Same,
        Some(_) => Kin::Copy,
        None => Kin::Moved,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Barrier;
    use std::thread;

    use super::super::{Durability, Store};

    fn name(path: &Path) -> String {
        Store::open(path.to_str().unwrap(), Durability::Normal).unwrap().name().to_owned()
    }

    #[test]
    fn a_copy_has_a_name_of_its_own_and_a_file_that_was_moved_or_has_two_names_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c, d, link] = ["a", "b", "c", "d", "link"].map(|name| folder.path().join(name));
        let first = name(&a);
        std::fs::rename(&a, &b).unwrap();
        assert_eq!(name(&b), first, "renamed");
        std::fs::copy(&b, &c).unwrap();
        let copy = name(&c);
        assert_ne!(copy, first);
        std::fs::hard_link(&b, &link).unwrap();
        for path in [&b, &link, &b, &c, &c] {
            assert_eq!(name(path), if path == &c { copy.clone() } else { first.clone() });
        }
        std::fs::copy(&b, &d).unwrap();
        std::fs::remove_file(&b).unwrap();
        assert_eq!(name(&d), first, "as to another disk");
    }

    #[test]
    fn whoever_opens_a_copy_gets_the_same_new_name() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let [original, copy] = ["original", "copy"].map(|name| folder.path().join(name));
            let first = name(&original);
            std::fs::copy(&original, &copy).unwrap();
            let barrier = Barrier::new(4);
            let open = || {
                barrier.wait();
                name(&copy)
            };
            let names: Vec<String> = thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(names.iter().all(|name| *name == names[0] && *name != first), "{first} {names:?}");
        }
    }
}
