//! The one panic guard: whatever happens inside a call, C gets an answer in the form that it expects.

use std::any::Any;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::handle::{self, cji_engine};
use super::text;
use crate::engine::Engine;
use crate::reply::Reply;

/// Answers with the reply of `call` as JSON; a refusal is a reply too.
///
/// # Safety
/// `engine` is NULL or a handle that is not closed while the call runs.
pub(super) unsafe fn json(
    engine: *const cji_engine,
    call: impl FnOnce(&Engine) -> Result<Reply, Reply>,
) -> *mut c_char {
    // SAFETY: the same promise.
    unsafe { answer(engine, Reply::to_json, |engine| Ok(call(engine)?.to_json())) }
}

/// Answers with the text of `call`; a refusal or a panic takes the given form.
///
/// # Safety
/// `engine` is NULL or a handle that is not closed while the call runs.
pub(super) unsafe fn answer(
    engine: *const cji_engine,
    form: impl Fn(&Reply) -> String,
    call: impl FnOnce(&Engine) -> Result<String, Reply>,
) -> *mut c_char {
    text::owned(
        caught(|| {
            // SAFETY: the same promise.
            unsafe { handle::lend(engine) }.and_then(call)
        })
        .unwrap_or_else(|refusal| form(&refusal)),
    )
}

/// Runs `body`; a panic becomes a failure that says so, never a success and never an unwind into C.
pub(super) fn caught<T>(body: impl FnOnce() -> Result<T, Reply>) -> Result<T, Reply> {
    // What a panic leaves half changed is behind the engine's own locks, which are poisoned then, or in a transaction,
    // which is rolled back: so a broken invariant is not observed.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(internal_error(payload)))
}

fn internal_error(payload: Box<dyn Any + Send>) -> Reply {
    // Only a literal is repeated: a formatted message could hold a customer's data.
    let cause = payload.downcast_ref::<&'static str>().copied().unwrap_or("no further cause");
    let reply = Reply::failed(format!("internal error, a bug in import-cji: {cause}; the call was given up"));
    // A payload's own drop may panic again, outside the guard.
    std::mem::forget(payload);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure_that_repeats_only_a_literal() {
        let literal = caught::<()>(|| std::panic::resume_unwind(Box::new("the cause")));
        let formatted = caught::<()>(|| std::panic::resume_unwind(Box::new("138 1234".to_owned())));
        let told = literal.unwrap_err();
        assert!(!told.done);
        assert!(told.message.starts_with("internal error") && told.message.contains("the cause"), "{told:?}");
        assert!(!formatted.unwrap_err().message.contains("138"));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_does_not_get_out() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new("dropped"));
            }
        }
        let told = caught::<()>(|| std::panic::resume_unwind(Box::new(Bomb)));
        assert!(told.is_err());
    }
}
