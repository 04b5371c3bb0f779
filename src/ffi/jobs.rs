//! Jobs, the worker, and the host's functions.

use std::ffi::{c_char, c_void};

use super::callback::{self, cji_callback, cji_progress};
use super::guard;
use super::handle::cji_engine;
use super::text::utf8;

/// Reads a job: one import from http or ftp. What it says is true while the job runs.
///
/// `job_id`: decimal, the message of the import.
///
/// Returns a reply whose "data" is {"id", "campaign", "source", "url" (without login), "state",
/// "run_at", "started_at", "finished_at", "bytes_total" (null: unknown), "bytes_read", "read",
/// "inserted", "updated", "skipped", "rejected", "dial_listed", "message", "warnings": []}.
/// "state" is "scheduled", "running", "succeeded", "failed" or "cancelled". Every data row is counted
/// once: read = inserted + updated + skipped + rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_job_get(engine: *mut cji_engine, job_id: *const c_char) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.job_get(utf8(job_id, "job_id")?))) }
}

/// Lists jobs by id.
///
/// `filter`: "" or a JSON object with any of "campaign" (id), "state", "after" (a job id), "limit"
/// (default 100, at most 1000); an unknown key is a failure.
///
/// Returns a reply whose "data" is {"jobs": [...], "next"}; "next" is the "after" of the next page,
/// null at the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_job_list(engine: *mut cji_engine, filter: *const c_char) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.job_list(utf8(filter, "filter")?))) }
}

/// Cancels a job that is scheduled or running, whichever process runs it.
///
/// `job_id`: decimal. The job keeps its finished chunks. Its own reply is code 2, "job 7: cancelled",
/// given to its callback by whoever ran or cancelled it.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_job_cancel(engine: *mut cji_engine, job_id: *const c_char) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.job_cancel(utf8(job_id, "job_id")?))) }
}

/// Writes the rejected rows of a job as a CSV file: mend it, and import it again as it is.
///
/// `job_id`: decimal. `path`: of the file to write, relative to the working directory; its folder
/// must be there. The file is written beside its place, with mode 0600, and renamed when it is
/// whole. A file that is there already is replaced; a link stays, and the file that it leads to is
/// replaced. Refused are the store's own files, and what is there and is no regular file, such as a
/// folder or a device.
///
/// It is UTF-8: the title row as it was (the field names, if there was none), then each rejected
/// row's fields as they were, with the columns `reject_line` (the record's first line in the file,
/// from 1) and `reject_reason` added at the end, in place of such columns that the file had itself.
/// Of a job that runs it has the rows rejected so far: call it again when the job has ended. Where
/// none was rejected it has the title alone.
///
/// Returns a reply; its message is such as "3 rejected rows written to rejects.csv". It may be a
/// failure after the file is in its place, where the folder can't be brought to the disk.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_job_rejects(
    engine: *mut cji_engine,
    job_id: *const c_char,
    path: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.job_rejects(utf8(job_id, "job_id")?, utf8(path, "path")?))) }
}

/// Runs the jobs that are due, on this thread, and returns when none is left.
///
/// Meant for hosts that cannot take callbacks on a foreign thread (PHP, synchronous Node): they call
/// this instead of starting a worker. Inside a callback it is a failure.
///
/// Returns a reply; its message is how many jobs it ran. A job that met a trouble which may pass, such
/// as a full disk, has not ended and goes on when it is taken up again: then the others are run, and the
/// reply is a failure that says which and why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_jobs_run_due(engine: *mut cji_engine) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            callback::refuse_inside("cji_jobs_run_due")?;
            Ok(engine.jobs_run_due())
        })
    }
}

/// Starts the worker: one background thread of this process that runs due jobs, each within a second
/// of its time. A handle has one worker: a second start is a failure.
///
/// Callbacks of the jobs come on that thread. It ends with `cji_worker_stop` or `cji_engine_close`.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_worker_start(engine: *mut cji_engine) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.worker_start())) }
}

/// Stops the worker, and returns when it has stopped. A job that it is in the middle of stays as its
/// last finished chunk left it, and is taken up again later. With no worker nothing happens. Inside
/// a callback it is a failure.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_worker_stop(engine: *mut cji_engine) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            callback::refuse_inside("cji_worker_stop")?;
            Ok(engine.worker_stop())
        })
    }
}

/// Sets a callback under the name that imports give as `callbackFuc`.
///
/// `name`: not empty; white space around it does not count. `callback`: NULL takes the name away; a
/// name that is set already gets the new one. `user_data`: given back in each call; the library never
/// looks at it.
///
/// When an import that passed the parameter checks has ended, well or not, its callback gets the
/// reply, once: before the call returns if the import ran inside it, else on the thread that ran the
/// job, in the process that ran it. So with a worker it comes on a foreign thread, and may come on
/// several threads at once. A name that nobody set in that process is not an error; the job's
/// "warnings" say so.
///
/// The function and `user_data` must stay usable until the handle is closed, even after they are
/// replaced: a call may be under way on another thread. A callback may call any function of the
/// library except `cji_engine_close`, `cji_worker_stop` and `cji_jobs_run_due`. It must return: no
/// C++ exception and no longjmp() may leave it.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_callback_set(
    engine: *mut cji_engine,
    name: *const c_char,
    callback: cji_callback,
    user_data: *mut c_void,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            Ok(engine.callback_set(utf8(name, "name")?, callback::replies(callback, user_data)))
        })
    }
}

/// Sets the function that watches running jobs.
///
/// `progress`: called at most ten times a second and at the end of a job, on the thread that runs it;
/// any answer but 0 cancels the job. NULL: no more progress is told. `user_data`: given back in each
/// call. Lifetime and re-entrancy are as for `cji_callback_set`. The job waits for it: if it takes more
/// than four seconds, another process' worker may take the job over.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_progress_set(
    engine: *mut cji_engine,
    progress: cji_progress,
    user_data: *mut c_void,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.progress_set(callback::progress(progress, user_data)))) }
}
