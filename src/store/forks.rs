//! Files that a forked child opens as stores although its parent had them open.
//!
//! SQLite keeps, for the whole process, which POSIX locks it holds on which file. A child inherits that list, but not the
//! locks: it would work without the two that say "somebody has this open", and the parent's close would take the WAL away
//! under it. So the child takes these two itself, as locks of an open file, which SQLite's own closing can't drop. (A child
//! that was forked while its parent wrote inherits "locked" too, and its writes fail. The header says: open engines after
//! `fork()`, not before.)

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};

use crate::fault::{Fault, Key, shown};

/// One opening of a file: device, inode, and the process that did it.
type Opening = (u64, u64, u32);

/// Where SQLite locks a database file that is in use, and how many bytes of it (`SHARED_FIRST`, `SHARED_SIZE` in its
/// os.h).
const IN_USE: (i64, i64) = (0x4000_0002, 510);
/// Where it locks a `-shm` file that is in use (`UNIX_SHM_DMS` in its `os_unix.c`).
const SHM_IN_USE: (i64, i64) = (128, 1);

#[derive(Debug)]
struct Process {
    openings: Vec<Opening>,
    /// Files that a child keeps locked until it ends: closing one would drop its other locks on the same file.
    held: Vec<(Opening, [File; 2])>,
}

static PROCESS: Mutex<Process> = Mutex::new(Process { openings: Vec::new(), held: Vec::new() });

/// A file is open in this process as long as this lives.
#[derive(Debug)]
pub struct Opened(Opening);

/// Notes that this process has opened the file as a store, and makes up for what a forked child lacks.
pub fn note(path: &Path) -> Result<Opened, Fault> {
    let failed =
        |why: String| Fault::new(Key::Storage, format!("location {} {why}", shown(&path.display().to_string())));
    let found = fs::metadata(path).map_err(|error| failed(format!("can't be opened: {error}")))?;
    let own = std::process::id();
    let opening = (found.dev(), found.ino(), own);
    let mut process = process()
        .ok_or_else(|| failed("can't be opened: the process was forked while it opened a store".to_owned()))?;
    let same = |other: &Opening| (other.0, other.1) == (opening.0, opening.1);
    let inherited = process.openings.iter().any(|other| same(other) && other.2 != own);
    if inherited && !process.held.iter().any(|(held, _)| *held == opening) {
        let files =
            lock(path).map_err(|error| failed(format!("was inherited by fork() and can't be locked: {error}")))?;
        process.held.push((opening, files));
    }
    process.openings.push(opening);
    Ok(Opened(opening))
}

fn lock(path: &Path) -> std::io::Result<[File; 2]> {
    let shm = format!("{}-shm", fs::canonicalize(path)?.display());
    let files = [File::open(path)?, File::open(shm)?];
    for (file, (start, length)) in files.iter().zip([IN_USE, SHM_IN_USE]) {
        let lock = libc::flock {
            l_type: i16::try_from(libc::F_RDLCK).unwrap_or_default(),
            l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
            l_start: start,
            l_len: length,
            l_pid: 0,
        };
        fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&lock))?;
    }
    Ok(files)
}

impl Drop for Opened {
    fn drop(&mut self) {
        let Some(mut process) = process() else { return };
        if let Some(at) = process.openings.iter().position(|opening| *opening == self.0) {
            process.openings.swap_remove(at);
        }
    }
}

/// Waits for the list, but not for ever: a child that was forked while another thread held it finds it held for good.
fn process() -> Option<MutexGuard<'static, Process>> {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(1) {
        match PROCESS.try_lock() {
            Ok(process) => return Some(process),
            Err(TryLockError::Poisoned(process)) => return Some(process.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
    None
}
