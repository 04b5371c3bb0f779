//! `Course`: what the calling thread and the fetching thread of one fetch know in common.
//!
//! The calling thread may end the fetch at any moment: the fetching thread then finds its sockets shut down and its pauses over.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a fetch ends before its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The caller wants no more of it.
    Cancelled,
    /// `total_timeout_s` ran out.
    Overtime,
}

/// Stands for "not known" among the counts.
const UNKNOWN: u64 = u64::MAX;

/// The common state of one running fetch.
#[derive(Debug)]
pub(super) struct Course {
    state: Mutex<State>,
    ended: Condvar,
    bytes_total: AtomicU64,
    bytes_read: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    ending: Option<Ending>,
    /// Second handles of the open sockets, by number.
    sockets: Vec<(u64, TcpStream)>,
    next: u64,
}

/// A socket that the calling thread can shut down, for as long as this is kept.
///
/// Drop it before waiting for the other side to see the socket closed: it holds a handle of its own.
#[derive(Debug)]
pub(super) struct Hold {
    course: Arc<Course>,
    number: u64,
}

impl Course {
    /// A fetch that has not begun.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            ended: Condvar::new(),
            bytes_total: AtomicU64::new(UNKNOWN),
            bytes_read: AtomicU64::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the fetch, from the calling thread. The first reason stays.
    pub fn end(&self, ending: Ending) {
        let mut state = self.state();
        state.ending.get_or_insert(ending);
        for (_, socket) in &state.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.ended.notify_all();
    }

    /// Why the fetch was ended, if it was.
    pub fn ending(&self) -> Option<Ending> {
        self.state().ending
    }

    /// Waits, or returns at once when the fetch is ended.
    pub fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.state();
        while state.ending.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Puts `socket` under the calling thread's hand. Fails where no second handle can be had.
    pub fn hold(self: &Arc<Self>, socket: &TcpStream) -> std::io::Result<Hold> {
        let second = socket.try_clone()?;
        let mut state = self.state();
        if state.ending.is_some() {
            let _ = second.shutdown(Shutdown::Both);
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.sockets.push((number, second));
        Ok(Hold { course: Arc::clone(self), number })
    }

    /// Says how much there is, and how much of it has come.
    pub fn count(&self, bytes_total: Option<u64>, bytes_read: u64) {
        self.bytes_total.store(bytes_total.unwrap_or(UNKNOWN), Ordering::Relaxed);
        self.bytes_read.store(bytes_read, Ordering::Relaxed);
    }

    /// What `count` said last.
    pub fn counted(&self) -> (Option<u64>, u64) {
        let total = self.bytes_total.load(Ordering::Relaxed);
        let read = self.bytes_read.load(Ordering::Relaxed);
        ((total != UNKNOWN).then_some(total), read)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let number = self.number;
        self.course.state().sockets.retain(|(held, _)| *held != number);
    }
}
