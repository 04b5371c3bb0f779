//! The gate to the slow verification: each takes 19 MiB and a core, and however many threads a host has, few run at once.

use std::sync::{Condvar, Mutex, PoisonError};

/// The most that run at once in one engine.
const MOST: u64 = 4;

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    left: u64,
}

/// Lets callers in, in the order of asking.
#[derive(Debug, Default)]
pub(super) struct Gate {
    queue: Mutex<Queue>,
    turn: Condvar,
}

/// One of those inside.
#[derive(Debug)]
pub(super) struct Place<'g>(&'g Gate);

impl Gate {
    /// Waits for a place inside.
    pub fn enter(&self) -> Place<'_> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = queue.next;
        queue.next += 1;
        while ticket >= queue.left + MOST {
            queue = self.turn.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).left += 1;
        self.0.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn few_are_inside_at_once_and_all_get_in() {
        const ALL: u64 = 20;
        let (gate, inside, most) = (Gate::default(), AtomicU64::new(0), AtomicU64::new(0));
        let until = Instant::now() + Duration::from_secs(60);
        let crowded = || most.load(Ordering::SeqCst) >= MOST && gate.queue.lock().unwrap().next == ALL;
        thread::scope(|scope| {
            for _ in 0..ALL {
                scope.spawn(|| {
                    let _place = gate.enter();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // The first ones stay until there are as many as may be, and all others want to come in.
                    while !crowded() && Instant::now() < until {
                        thread::yield_now();
                    }
                    thread::sleep(Duration::from_millis(5));
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), MOST);
    }
}
