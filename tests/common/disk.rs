//! A disk that fails when a test wants it to: a layer between SQLite and its file system, for this test program alone.
//!
//! It is SQLite's default VFS once [`install`] was called, so that the library's stores lie on it without knowing.

use std::ffi::{c_char, c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use rusqlite::ffi::{
    SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_IOERR_ACCESS, SQLITE_IOERR_DELETE, SQLITE_IOERR_FSTAT, SQLITE_IOERR_FSYNC,
    SQLITE_IOERR_LOCK, SQLITE_IOERR_READ, SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_TRUNCATE,
    SQLITE_IOERR_WRITE, SQLITE_OK, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

/// The operations until the one that fails; 0 and below: none fails.
static UNTIL: AtomicI64 = AtomicI64::new(0);
/// How many operations there were since the disk was told to fail.
static COUNT: AtomicI64 = AtomicI64::new(0);
/// 1: nothing more can be written.
static FULL: AtomicI64 = AtomicI64::new(0);
static REAL: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());

/// The `k`-th operation from now fails, once.
pub fn fail_at(k: i64) {
    COUNT.store(0, Ordering::SeqCst);
    UNTIL.store(k, Ordering::SeqCst);
}

/// Ends what `fail_at` began; tells whether the operation came.
pub fn failed() -> bool {
    UNTIL.swap(0, Ordering::SeqCst) <= 0
}

/// While true, no file grows and nothing is written.
pub fn full(on: bool) {
    FULL.store(on.into(), Ordering::SeqCst);
}

fn fails() -> bool {
    COUNT.fetch_add(1, Ordering::SeqCst);
    UNTIL.load(Ordering::SeqCst) > 0 && UNTIL.fetch_sub(1, Ordering::SeqCst) == 1
}

/// A file of ours, with the real one behind it in memory.
#[repr(C)]
struct File {
    base: sqlite3_file,
    real: *mut sqlite3_file,
}

/// Puts the layer under all stores that are opened from now on.
pub fn install() {
    static ONCE: Once = Once::new();
    // SAFETY: the default VFS is there; the copy lives for ever.
    ONCE.call_once(|| unsafe {
        let real = sqlite3_vfs_find(ptr::null());
        REAL.store(real, Ordering::SeqCst);
        let mut ours: sqlite3_vfs = *real;
        ours.szOsFile += c_int::try_from(mem::size_of::<File>()).expect("small");
        ours.zName = c"failing".as_ptr();
        ours.pNext = ptr::null_mut();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        ours.xAccess = Some(access);
        assert_eq!(sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1), SQLITE_OK);
    });
}

fn real_vfs() -> *mut sqlite3_vfs {
    REAL.load(Ordering::SeqCst)
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives `szOsFile` bytes, ours first, then the real file's.
    unsafe {
        (*file).pMethods = ptr::null();
        if fails() {
            return SQLITE_CANTOPEN;
        }
        let ours = file.cast::<File>();
        (*ours).real = ours.add(1).cast();
        let vfs = real_vfs();
        let result = (*vfs).xOpen.expect("xOpen")(vfs, name, (*ours).real, flags, out);
        if result == SQLITE_OK {
            (*file).pMethods = &raw const METHODS;
        }
        result
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    if fails() {
        return SQLITE_IOERR_DELETE;
    }
    // SAFETY: as SQLite called.
    unsafe { (*real_vfs()).xDelete.expect("xDelete")(real_vfs(), name, sync) }
}

unsafe extern "C" fn access(_: *mut sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    if fails() {
        return SQLITE_IOERR_ACCESS;
    }
    // SAFETY: as SQLite called.
    unsafe { (*real_vfs()).xAccess.expect("xAccess")(real_vfs(), name, flags, out) }
}

/// Methods that pass on to the real file, after having failed with the code, if any, when it is their turn.
macro_rules! methods {
    ($($function:ident, $method:ident($($argument:ident: $kind:ty),*) -> $result:ty, $fault:expr;)*) => {
        $(unsafe extern "C" fn $function(file: *mut sqlite3_file, $($argument: $kind),*) -> $result {
            let fault: Option<$result> = $fault;
            if let Some(fault) = fault {
                if fails() {
                    return fault;
                }
            }
            // SAFETY: `file` is ours, and was opened; the arguments are SQLite's own.
            unsafe {
                let real = (*file.cast::<File>()).real;
                (*(*real).pMethods).$method.expect("a method")(real, $($argument),*)
            }
        })*

        static METHODS: sqlite3_io_methods = sqlite3_io_methods {
            iVersion: 3,
            xWrite: Some(write),
            $($method: Some($function),)*
        };
    };
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: sqlite3_int64) -> c_int {
    if FULL.load(Ordering::SeqCst) == 1 {
        return SQLITE_FULL;
    }
    if fails() {
        return SQLITE_IOERR_WRITE;
    }
    // SAFETY: `file` is ours, and was opened; the arguments are SQLite's own.
    unsafe {
        let real = (*file.cast::<File>()).real;
        (*(*real).pMethods).xWrite.expect("xWrite")(real, from, count, at)
    }
}

methods! {
    close, xClose() -> c_int, None;
    read, xRead(to: *mut c_void, count: c_int, at: sqlite3_int64) -> c_int, Some(SQLITE_IOERR_READ);
    truncate, xTruncate(size: sqlite3_int64) -> c_int, Some(SQLITE_IOERR_TRUNCATE);
    sync, xSync(flags: c_int) -> c_int, Some(SQLITE_IOERR_FSYNC);
    file_size, xFileSize(out: *mut sqlite3_int64) -> c_int, Some(SQLITE_IOERR_FSTAT);
    lock, xLock(level: c_int) -> c_int, Some(SQLITE_IOERR_LOCK);
    unlock, xUnlock(level: c_int) -> c_int, None;
    check_lock, xCheckReservedLock(out: *mut c_int) -> c_int, None;
    control, xFileControl(op: c_int, argument: *mut c_void) -> c_int, None;
    sector_size, xSectorSize() -> c_int, None;
    device, xDeviceCharacteristics() -> c_int, None;
    shm_map, xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int, Some(SQLITE_IOERR_SHMMAP);
    shm_lock, xShmLock(at: c_int, count: c_int, flags: c_int) -> c_int, (flags & 1 == 0).then_some(SQLITE_IOERR_SHMLOCK);
    shm_barrier, xShmBarrier() -> (), None;
    shm_unmap, xShmUnmap(delete: c_int) -> c_int, None;
    fetch, xFetch(at: sqlite3_int64, count: c_int, out: *mut *mut c_void) -> c_int, None;
    unfetch, xUnfetch(at: sqlite3_int64, page: *mut c_void) -> c_int, None;
}
