//! The host's functions, as the engine's callbacks.

use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::text;
use crate::engine::{Callback, Progress};
use crate::reply::Reply;

/// Takes the reply of an import that has ended, in the JSON form of `import_cji`. `reply` is valid
/// during the call; `user_data` is what was given to `cji_callback_set`, which see.
pub type cji_callback = Option<unsafe extern "C" fn(reply: *const c_char, user_data: *mut c_void)>;

/// Takes a running job as the JSON that is the "data" of `cji_job_get`. `job` is valid during the
/// call. The answer 0 lets the job go on; any other cancels it. See `cji_progress_set`.
pub type cji_progress = Option<unsafe extern "C" fn(job: *const c_char, user_data: *mut c_void) -> i32>;

/// A function of the host with the pointer that it wants back.
struct Host<F> {
    function: F,
    user_data: *mut c_void,
}

// SAFETY: the header tells the host that a callback may come on another thread, and that `user_data` must bear it.
unsafe impl<F: Send> Send for Host<F> {}
// SAFETY: as above; and it may come on several threads at once.
unsafe impl<F: Sync> Sync for Host<F> {}

/// The engine's form of a callback; `None` for NULL.
///
/// # Safety
/// The function may be called with `user_data` from any thread until it is replaced or the engine is closed.
pub(super) unsafe fn replies(callback: cji_callback, user_data: *mut c_void) -> Option<Callback> {
    let host = Host { function: callback?, user_data };
    Some(Arc::new(move |reply| {
        // The whole of `host` moves into the closure, not its raw pointer alone, which is not Send.
        let Host { function, user_data } = &host;
        let reply = text::terminated(reply.to_owned());
        let _inside = Inside::enter();
        // SAFETY: the caller promised that the function may be called; `reply` lives until it returns.
        unsafe { function(reply.as_ptr(), *user_data) }
    }))
}

/// The engine's form of a progress function; `None` for NULL.
///
/// # Safety
/// The function may be called with `user_data` from any thread until it is replaced or the engine is closed.
pub(super) unsafe fn progress(progress: cji_progress, user_data: *mut c_void) -> Option<Progress> {
    let host = Host { function: progress?, user_data };
    Some(Arc::new(move |job| {
        let Host { function, user_data } = &host;
        let job = text::terminated(job.to_owned());
        let _inside = Inside::enter();
        // SAFETY: as in `replies`.
        unsafe { function(job.as_ptr(), *user_data) != 0 }
    }))
}

thread_local! {
    /// How many of the host's functions are running on this thread, one inside the other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// True on a thread that is inside a function of the host which the library called.
pub(super) fn is_running() -> bool {
    DEPTH.get() > 0
}

/// "A callback may call any function of the library except `cji_engine_close`, `cji_worker_stop` and `cji_jobs_run_due`,
/// which answer with a failure there."
pub(super) fn refuse_inside(function: &str) -> Result<(), Reply> {
    if is_running() {
        return Err(Reply::failed(format!("{function}: can't be called inside a callback")));
    }
    Ok(())
}

/// Marks the thread as being inside a function of the host, until it is dropped.
struct Inside;

impl Inside {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get().saturating_add(1));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}
