//! A progress bar, for an import that is long.

use std::ffi::{CStr, c_char, c_void};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// A shorter import has no bar.
const LONG: Duration = Duration::from_millis(500);

/// Follows one import. The bar is drawn on standard error, and only where that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// Of a file of so many lines. A cell may hold line breaks, so its rows are fewer.
    pub fn of(lines: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(lines as u64), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {human_pos} of about {human_len} rows, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar, started: Instant::now() }
    }

    /// What `cji_progress_set` gives back in each call.
    pub fn user_data(&self) -> *mut c_void {
        ptr_of(self)
    }

    /// The function for `cji_progress_set`. It comes on the thread that runs the import: here the one that called.
    ///
    /// # Safety
    /// `job` is a live text, and `user_data` that of a live `Progress`.
    pub unsafe extern "C" fn tell(job: *const c_char, user_data: *mut c_void) -> i32 {
        // SAFETY: promised by the caller.
        let (job, progress) = unsafe { (CStr::from_ptr(job), &*user_data.cast::<Progress>()) };
        let job: Value = serde_json::from_slice(job.to_bytes()).unwrap_or_default();
        progress.show(job["read"].as_u64().unwrap_or(0));
        0 // go on
    }

    fn show(&self, rows: u64) {
        if self.bar.is_hidden() && self.started.elapsed() > LONG {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(rows);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn ptr_of(progress: &Progress) -> *mut c_void {
    std::ptr::from_ref(progress).cast_mut().cast()
}
