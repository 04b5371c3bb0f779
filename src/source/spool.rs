//! `Spool`: the file in which a fetched file lies while it is imported.
//!
//! It holds customer data, so it is readable by its owner alone, and nobody else's file is ever opened in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::fault::{Fault, Key};

/// A new, empty file that belongs to one job.
///
/// Dropping it closes the file and leaves it there: a job that is taken up again may still need it. [`remove`] ends it.
#[derive(Debug)]
pub struct Spool {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Spool {
    /// Makes the file `name` in `dir`, with mode 0600.
    ///
    /// A regular file of our own user that a crashed process left under this name is replaced; anything else of this name,
    /// a symbolic link above all, is a fault.
    pub fn create(dir: &Path, name: &str) -> Result<Spool, Fault> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Fault::new(Key::Storage, "the spool: not a file name"));
        }
        let path = dir.join(name);
        let file = match open_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                replace_own(&path).and_then(|()| open_new(&path))
            }
            other => other,
        };
        match file {
            Ok(file) => Ok(Spool { file, path, length: 0 }),
            Err(error) => {
                let message = format!("the spool file can't be made in '{}': {error}", dir.display());
                Err(Fault::new(Key::of_disk(&error), message))
            }
        }
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it holds.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// True while it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Writes `bytes` at its end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Takes all its bytes away again.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.length = 0;
        Ok(())
    }

    /// The bytes that its disk still takes. `None`: it can't be asked, or tells no size at all, as disks in memory and over
    /// the network do; a full one is found by writing then.
    fn free_space(&self) -> Option<u64> {
        let disk = rustix::fs::fstatvfs(&self.file).ok().filter(|disk| disk.f_blocks > 0)?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Fails where its disk has no more room than for fewer bytes.
    pub fn needs(&self, bytes: u64) -> Result<(), Fault> {
        match self.free_space() {
            Some(free) if free < bytes => {
                let message = format!("the spool's disk has {free} bytes free, {bytes} are needed");
                Err(Fault::new(Key::StorageForNow, message))
            }
            _ => Ok(()),
        }
    }

    /// Returns when its bytes, and its name, survive a power cut.
    pub fn sync(&self) -> Result<(), Fault> {
        self.file
            .sync_all()
            .and_then(|()| sync_name(&self.path))
            .map_err(|error| Fault::new(Key::of_disk(&error), format!("the spool file can't be saved: {error}")))
    }
}

/// Returns when the name of a new file survives a power cut.
pub fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// `append` mode, because a spool is cleared and filled again when a fetch starts anew.
fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// Unlinks a regular file of our own user.
fn replace_own(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.file_type().is_file() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else has its name already"));
    }
    fs::remove_file(path)
}

/// Removes a spool file; one that is gone already is removed too.
pub fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Fault::new(Key::Storage, format!("the spool file '{}' can't be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Removes what crashed processes left in `dir`: the regular files of our own user whose names begin with `prefix` and for
/// whose rest of the name `is_live` is false. Tells how many they were.
///
/// What can't be read or removed is left; the next sweep meets it again.
pub fn sweep(dir: &Path, prefix: &str, is_live: &dyn Fn(&str) -> bool) -> usize {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let own = rustix::process::geteuid().as_raw();
    entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let left = name.to_str().and_then(|name| name.strip_prefix(prefix));
            left.is_some_and(|rest| !is_live(rest))
                && fs::symlink_metadata(entry.path())
                    .is_ok_and(|found| found.file_type().is_file() && found.uid() == own)
                && fs::remove_file(entry.path()).is_ok()
        })
        .count()
}
