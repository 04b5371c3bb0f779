//! A lock that serves in the order of asking: a bulk import that takes it again at once lets every waiting call in
//! between.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    serving: u64,
}

/// A value behind a first-come, first-served lock.
#[derive(Debug)]
pub struct Fair<T> {
    queue: Mutex<Queue>,
    turn: Condvar,
    value: Mutex<T>,
}

impl<T> Fair<T> {
    /// Puts the value behind the lock.
    pub fn new(value: T) -> Self {
        Self { queue: Mutex::default(), turn: Condvar::new(), value: Mutex::new(value) }
    }

    /// Waits for this caller's turn. A panic of an earlier holder does not stop later ones: SQLite undid its transaction.
    pub fn lock(&self) -> FairGuard<'_, T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = queue.next;
        queue.next += 1;
        while queue.serving != ticket {
            queue = self.turn.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        FairGuard { value: self.value.lock().unwrap_or_else(PoisonError::into_inner), _turn: Turn(self) }
    }
}

/// The held lock. Its value is let go before the next in the queue is called.
#[derive(Debug)]
pub struct FairGuard<'a, T> {
    value: MutexGuard<'a, T>,
    _turn: Turn<'a, T>,
}

#[derive(Debug)]
struct Turn<'a, T>(&'a Fair<T>);

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).serving += 1;
        self.0.turn.notify_all();
    }
}

impl<T> Deref for FairGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for FairGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
