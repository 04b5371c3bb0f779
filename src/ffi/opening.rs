//! Version, ownership of texts, and the life of a handle.

use std::ffi::c_char;

use super::handle::{self, cji_engine};
use super::{guard, text};
use crate::engine::Engine;

/// The version of this header's contract: it grows when a function changes its type or its meaning.
/// Compare it with `cji_abi_version()` of the library that was loaded.
pub const CJI_ABI_VERSION: u32 = 1;

/// The version of the library, such as "0.1.0". The text is static: it is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn cji_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The `CJI_ABI_VERSION` that the loaded library was built with. A host that was compiled with
/// another one must not go on.
#[unsafe(no_mangle)]
pub extern "C" fn cji_abi_version() -> u32 {
    CJI_ABI_VERSION
}

/// Frees a text that a function of this library returned as `char *`, or that `cji_engine_open`
/// left in `*error`.
///
/// With NULL nothing happens. Each text is freed once, and only here: `free()` of the C library is
/// not its match. May be called after the engine is closed, and in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_text_free(text: *mut c_char) {
    // SAFETY: the caller gives a text of this library, once.
    unsafe { text::free(text) }
}

/// Opens a store, and makes it where there is none.
///
/// `location`: the path of a SQLite database file, relative to the working directory of this call, as
/// paths in `options` are, or ":memory:" for a store that ends with the handle. A file that is not there is created with mode
/// 0600; its folder must be there. A file that is not SQLite, or a SQLite file of another program,
/// is refused and left as it is. Any number of processes and handles may have the same file open.
///
/// `options`: "" or a JSON object. An unknown key or a value of a wrong type is a failure.
///
///   "timezone"           IANA name, such as "Europe/Berlin"; default: the system's. The zone of
///                        `exetime`, `dialtime_field` and of all times in replies.
///   "background"         default false: an immediate http or ftp import runs inside the call.
///                        true: it is queued, and the worker or `cji_jobs_run_due` runs it.
///   "messages"           "text" (default), or "backmsg": the message of an import is the vendor's
///                        key, such as "BackMsg_83", instead of English text.
///   "durability"         "full" (default): what a reply reports as done survives a power cut.
///                        "normal": it survives a crash of the process.
///   "connect_timeout_s"  how long the lookup of a server's name may take, and then once more how
///                        long connecting to its addresses, all together; for each connection
///                        anew, also after a redirect and in each try. Default 10.
///   "idle_timeout_s"     the longest silence of the server on an open connection. Default 60.
///   "total_timeout_s"    a whole fetch, with its redirects, further tries and the pauses between
///                        them, but without the import of the file. Default 3600. All three are
///                        in seconds, above 0; 0.5 is half a second.
///   "retries"            further tries of a fetch that failed in a way that may pass; default 3.
///   "max_file_bytes"     a larger file fails, before or after gzip is undone; default 4 GiB.
///   "max_row_bytes"      a larger row is rejected; default 1 MiB.
///   "allow_hosts"        list of host names, addresses and CIDR blocks that a fetch may reach;
///                        default: all but link-local addresses.
///   "ca_file"            PEM file of further roots for https and ftps, or of servers' own
///                        certificates.
///   "spool_dir"          folder where fetched files lie while they are imported; default: beside
///                        the database, for ":memory:" the system's temporary folder.
///
/// `error`: NULL, or where to leave the failure as `{"code":2,"message":"..."}`, a text that the
/// caller frees with `cji_text_free`. On success `*error` becomes NULL.
///
/// Returns the handle, or NULL on failure. Opening starts no thread. Close the handle with
/// `cji_engine_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_engine_open(
    location: *const c_char,
    options: *const c_char,
    error: *mut *mut c_char,
) -> *mut cji_engine {
    let opened = guard::caught(|| {
        // SAFETY: the caller keeps the promises of the header's first page.
        let (location, options) = unsafe { (text::utf8(location, "location")?, text::utf8(options, "options")?) };
        Engine::open(location, options)
    });
    let (handle, failure) = match opened {
        Ok(engine) => (handle::give(engine), std::ptr::null_mut()),
        Err(refusal) => (std::ptr::null_mut(), text::owned(refusal.to_json())),
    };
    // SAFETY: `error` is NULL or a place for one pointer.
    unsafe { text::leave(failure, error) };
    handle
}

/// Closes a handle: waits for the running worker, if there is one, and lets go of the store.
///
/// With NULL nothing happens. No other call on the handle may be running or follow; closing it
/// twice is undefined, as with `free()`. When this returns no callback of the handle runs or will
/// run. A job that the worker was in the middle of stays as its last finished chunk left it, and is
/// taken up again by the next worker or `cji_jobs_run_due` of any process.
///
/// In a child of the process that opened the handle it only forgets the handle: the store is not
/// touched, and the handle's memory stays until the child ends. Inside a callback it does nothing,
/// and the handle stays open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_engine_close(engine: *mut cji_engine) {
    // SAFETY: the caller gives a handle of this library, once, that no other call uses.
    unsafe { handle::take_back(engine) }
}
