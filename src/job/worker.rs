//! The one background thread that a host may ask for: it sleeps until a job is due, and runs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long it sleeps at most: how soon a job is seen that another process made, or that a clock change made due. One look
/// at the store is one read of an index.
const GLANCE: Duration = Duration::from_millis(400);

/// A started worker.
#[derive(Debug)]
pub struct Worker {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
}

/// Wakes the worker.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
    /// True: the worker is to end, a running job at its next chunk.
    pub stop: AtomicBool,
}

impl Bell {
    /// There is something to do: now.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_all();
    }

    fn wait(&self, longest: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rung =
            self.heard.wait_timeout_while(rung, longest, |rung| !*rung).unwrap_or_else(PoisonError::into_inner).0;
        *rung = false;
    }
}

impl Worker {
    /// Starts the thread; `work` runs what is due.
    pub fn start(mut work: impl FnMut(&Bell) + Send + 'static) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let heard = Arc::clone(&bell);
        let thread = thread::Builder::new().name("cji-worker".into()).spawn(move || {
            while !heard.stop.load(Ordering::Relaxed) {
                work(&heard);
                heard.wait(GLANCE);
            }
        })?;
        Ok(Self { bell, thread })
    }

    /// False where a panic ended it.
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Tells it that there is something to do.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// Ends it; returns when it has ended.
    pub fn stop(self) {
        self.bell.stop.store(true, Ordering::Relaxed);
        self.bell.ring();
        // A panic of the worker ends here: its job is taken up by another.
        let _ = self.thread.join();
    }
}
