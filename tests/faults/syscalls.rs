//! The system calls of this test program on one folder, recorded or made to fail.
//!
//! The functions here stand in the place of libc's, for the whole program: SQLite's, the library's and the standard library's
//! own calls all come by. Those on files of the watched folder, the stage, are written to a tape or fail when it is their
//! turn; all others go on to the kernel.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::stage::{Call, Kind, Place, Stage, WATCHES, stage};
use super::tape::Op;

fn refused(error: c_int) -> c_int {
    // SAFETY: this thread's own.
    unsafe { *libc::__errno_location() = error };
    -1
}

/// Runs `own` on the stage if `of` finds that the call is about it, and `other` else.
fn staged<P, R>(
    of: impl FnOnce(&Stage) -> Option<P>,
    own: impl FnOnce(&mut Stage, P) -> R,
    other: impl FnOnce() -> R,
) -> R {
    thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });
    if !WATCHES.load(Ordering::SeqCst) || INSIDE.get() {
        return other();
    }
    INSIDE.set(true);
    let mut stage = stage();
    let found = stage.as_ref().and_then(of);
    let result = match (stage.as_mut(), found) {
        (Some(stage), Some(found)) => own(stage, found),
        _ => {
            drop(stage);
            other()
        }
    };
    INSIDE.set(false);
    result
}

fn file_of(stage: &Stage, fd: c_int) -> Option<u64> {
    match stage.open.get(&fd) {
        Some(Place::File(file)) => Some(*file),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "descriptors and results of calls are small")]
fn small(result: c_long) -> c_int {
    result as c_int
}

unsafe fn opened(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's arguments go on as they are.
    let call = || small(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) });
    let of = |stage: &Stage| match stage.name(path) {
        Some(name) => Some(Some(name)),
        None => stage.is_folder(path).then_some(None),
    };
    let own = |stage: &mut Stage, name: Option<String>| {
        let makes = flags & libc::O_CREAT != 0 && name.as_ref().is_some_and(|name| !stage.files.contains_key(name));
        if let Some(error) = stage.fails(Call::Open { makes }) {
            return refused(error);
        }
        let fd = call();
        if fd < 0 {
            return fd;
        }
        let Some(name) = name else {
            stage.open.insert(fd, Place::Folder);
            return fd;
        };
        if makes {
            stage.last += 1;
            stage.files.insert(name.clone(), stage.last);
            stage.record(Op::Make { name: name.clone(), file: stage.last });
        }
        if let Some(&file) = stage.files.get(&name) {
            stage.open.insert(fd, Place::File(file));
            if flags & libc::O_TRUNC != 0 {
                stage.record(Op::Cut { file, length: 0 });
            }
        }
        fd
    };
    staged(of, own, call)
}

/// `place`: where it goes, if not on from where the descriptor is.
fn put(fd: c_int, from: *const c_void, count: usize, place: Option<i64>, call: impl Fn(usize) -> c_long) -> isize {
    let own = |stage: &mut Stage, file| {
        let was_short = stage.plan.is_some_and(|(kind, _)| kind == Kind::Short);
        let count = match stage.fails(Call::Write) {
            // Half of it, and the rest finds the disk full.
            Some(_) if was_short && count > 1 => count / 2,
            Some(error) => return refused(error) as isize,
            None => count,
        };
        let written = call(count);
        if let Ok(length) = usize::try_from(written) {
            // SAFETY: the caller's buffer has `count` bytes; the descriptor is open.
            let (data, end) = unsafe {
                let data = std::slice::from_raw_parts(from.cast::<u8>(), length).to_vec();
                (data, libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR))
            };
            // Also where it was appended.
            let at = place.unwrap_or(end - written);
            let at = u64::try_from(at).expect("a place");
            stage.record(Op::Write { file, at, data });
        }
        written as isize
    };
    staged(|stage| file_of(stage, fd), own, || call(count) as isize)
}

fn take(fd: c_int, call: impl Fn() -> c_long) -> isize {
    let own = |stage: &mut Stage, _| match stage.fails(Call::Read) {
        Some(error) => refused(error) as isize,
        None => call() as isize,
    };
    staged(|stage| file_of(stage, fd), own, || call() as isize)
}

/// SQLite's own calls are `fdatasync`, also of folders; the standard library's are `fsync`.
unsafe fn synced(fd: c_int, number: c_long) -> c_int {
    // SAFETY: the caller's descriptor goes on as it is.
    let call = || small(unsafe { libc::syscall(number, fd) });
    let own = |stage: &mut Stage, place| {
        let failed = stage.fails(if matches!(place, Place::Folder) { Call::SyncFolder } else { Call::Sync });
        stage.record(match (place, failed) {
            (Place::Folder, None) => Op::SyncFolder,
            (Place::File(file), None) => Op::Sync { file },
            (Place::Folder, Some(_)) => Op::SyncFolderFailed,
            (Place::File(file), Some(_)) => Op::SyncFailed { file },
        });
        // What is on the disk the tape knows. It takes its time, so that writes of many threads wait together.
        std::thread::sleep(Duration::from_micros(if stage.tape.is_some() { 300 } else { 0 }));
        failed.map_or(0, refused)
    };
    staged(|stage| stage.open.get(&fd).copied(), own, call)
}

/// Exports functions under libc's names.
macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty $body:block)*) => {
        $(
            /// # Safety
            /// As libc's.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $kind),*) -> $result {
                // SAFETY: the caller promises what libc's wants.
                #[allow(unused_unsafe, reason = "some need none")]
                unsafe { $body }
            }
        )*
    };
}

calls! {
    open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int { opened(path, flags, mode) }
    open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int { opened(path, flags, mode) }
    close(fd: c_int) -> c_int {
        let call = || small(libc::syscall(libc::SYS_close, fd));
        let own = |stage: &mut Stage, ()| {
            stage.open.remove(&fd);
            call()
        };
        staged(|stage| stage.open.contains_key(&fd).then_some(()), own, call)
    }
    read(fd: c_int, to: *mut c_void, count: usize) -> isize {
        take(fd, || libc::syscall(libc::SYS_read, fd, to, count))
    }
    write(fd: c_int, from: *const c_void, count: usize) -> isize {
        put(fd, from, count, None, |count| libc::syscall(libc::SYS_write, fd, from, count))
    }
    pread64(fd: c_int, to: *mut c_void, count: usize, at: i64) -> isize {
        take(fd, || libc::syscall(libc::SYS_pread64, fd, to, count, at))
    }
    pwrite64(fd: c_int, from: *const c_void, count: usize, at: i64) -> isize {
        put(fd, from, count, Some(at), |count| libc::syscall(libc::SYS_pwrite64, fd, from, count, at))
    }
    ftruncate64(fd: c_int, length: i64) -> c_int {
        let call = || small(libc::syscall(libc::SYS_ftruncate, fd, length));
        let own = |stage: &mut Stage, file| {
            if let Some(error) = stage.fails(Call::Truncate) {
                return refused(error);
            }
            stage.record(Op::Cut { file, length: u64::try_from(length).expect("a length") });
            call()
        };
        staged(|stage| file_of(stage, fd), own, call)
    }
    fsync(fd: c_int) -> c_int { synced(fd, libc::SYS_fsync) }
    fdatasync(fd: c_int) -> c_int { synced(fd, libc::SYS_fdatasync) }
    unlink(path: *const c_char) -> c_int {
        let call = || small(libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0));
        let own = |stage: &mut Stage, name: String| {
            if let Some(error) = stage.fails(Call::Remove) {
                return refused(error);
            }
            let result = call();
            if result == 0 {
                stage.files.remove(&name);
                stage.record(Op::Remove { name });
            }
            result
        };
        staged(|stage| stage.name(path), own, call)
    }
    rename(from: *const c_char, to: *const c_char) -> c_int {
        let call = || small(libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0));
        let own = |stage: &mut Stage, (from, to): (String, String)| {
            if let Some(error) = stage.fails(Call::Rename) {
                return refused(error);
            }
            let result = call();
            if result == 0 {
                let file = stage.files.remove(&from).expect("a file");
                stage.files.insert(to.clone(), file);
                stage.record(Op::Rename { from, to });
            }
            result
        };
        staged(|stage| stage.name(from).zip(stage.name(to)), own, call)
    }
    fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int { controlled(fd, command, argument) }
    fcntl(fd: c_int, command: c_int, argument: usize) -> c_int { controlled(fd, command, argument) }
}

/// Only locks are looked at.
unsafe fn controlled(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: the caller's arguments go on as they are.
    let call = || small(unsafe { libc::syscall(libc::SYS_fcntl, fd, command, argument) });
    if command != libc::F_SETLK {
        return call();
    }
    // SAFETY: this command's argument is a lock.
    let unlocks = unsafe { (*(argument as *const libc::flock)).l_type } == libc::F_UNLCK as i16;
    let own = |stage: &mut Stage, ()| match stage.fails(Call::Lock) {
        Some(error) => refused(error),
        None => call(),
    };
    staged(|stage| (!unlocks && stage.open.contains_key(&fd)).then_some(()), own, call)
}
