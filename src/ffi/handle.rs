//! The opaque handle, and the process that it belongs to.

use super::{callback, guard};
use crate::engine::Engine;
use crate::reply::Reply;

/// One open store. `cji_engine_open` gives it, `cji_engine_close` ends it. All threads of a process
/// share one handle; another process opens its own.
#[derive(Debug)]
pub struct cji_engine {
    engine: Engine,
    /// The process that opened it; after `fork()` the child's number is another.
    opener: u32,
}

/// The host shares one handle between its threads.
const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<cji_engine>();
};

/// Puts `engine` behind a handle of this process.
pub(super) fn give(engine: Engine) -> *mut cji_engine {
    Box::into_raw(Box::new(cji_engine { engine, opener: std::process::id() }))
}

/// The engine behind a handle, or why this call can't have it.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not taken back while the loan lasts.
pub(super) unsafe fn lend<'call>(handle: *const cji_engine) -> Result<&'call Engine, Reply> {
    // SAFETY: the caller promises that it is NULL or live.
    let handle = unsafe { handle.as_ref() }.ok_or_else(|| Reply::failed("engine: is NULL"))?;
    if handle.is_inherited() {
        // Locks that a thread of the parent held at the fork are held here for ever, and SQLite forbids the use of its
        // connections here: so nothing behind the handle is touched.
        return Err(Reply::failed(
            "engine: was opened by the process that forked this one; open engines after fork(), not before",
        ));
    }
    Ok(&handle.engine)
}

/// Closes a handle; in a child of the opener only forgets it, and inside a callback leaves it open.
///
/// # Safety
/// `handle` is NULL or came from [`give`], no other call uses it, and it is used no more.
pub(super) unsafe fn take_back(handle: *mut cji_engine) {
    // SAFETY: the caller promises that it is NULL or live.
    let Some(open) = (unsafe { handle.as_ref() }) else {
        return;
    };
    if open.is_inherited() || callback::is_running() {
        return;
    }
    // The worker's callbacks may use the handle until it has stopped. Nobody is left to tell of a panic, here and below:
    // `cji_engine_close` answers nothing.
    let _ = guard::caught(|| {
        open.engine.stop_worker();
        Ok(())
    });
    // SAFETY: it came from `Box::into_raw`, and nobody else uses it.
    let closed = unsafe { Box::from_raw(handle) };
    let _ = guard::caught(|| {
        closed.engine.close();
        Ok(())
    });
}

impl cji_engine {
    fn is_inherited(&self) -> bool {
        self.opener != std::process::id()
    }
}
