//! Slow guessing: each wrong password makes the next one for the same user wait longer, over all processes.
//!
//! The first ten cost nothing, the next 50 ms, and each further one twice as much, up to 2 s. What is counted halves every
//! minute, so that the right user waits no longer than that after an attack. Attempts queue for the time at which they are
//! looked at; where that is more than five seconds away they are refused. Where the store can't be written, each process
//! counts by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::gate::{Gate, Place};
use crate::store::{Guesses, Store};

/// So many wrong passwords cost nothing.
const FREE: f64 = 10.0;
/// No more are counted: with these the delay is the longest, and for less than a minute.
const MOST: f64 = 16.0;
/// In this time their number halves.
const HALF_MS: f64 = 60_000.0;
/// The first delay, and the longest.
const FIRST_MS: i64 = 50;
const LONGEST_MS: i64 = 2_000;
/// Nobody waits longer.
const PATIENCE_MS: i64 = 5_000;
/// So long one waits for room among those, looking this often.
const FOR_ROOM: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);
/// Nobody is told to come back later than after this.
const FULL_MS: i64 = PATIENCE_MS + LONGEST_MS;

/// When an attempt is looked at: after this time, or, as an error, not at all; then one after that time would be.
type Turn = Result<Duration, Duration>;

/// What an engine knows of wrong passwords.
#[derive(Debug, Default)]
pub struct Guessing {
    gate: Gate,
    /// Those that the store could not take, by bucket.
    here: Mutex<HashMap<i64, (Instant, Guesses)>>,
}

/// A verification that may take place now. Once it has, its end must be told.
#[derive(Debug)]
pub(super) struct Attempt<'g> {
    guessing: &'g Guessing,
    store: &'g Store,
    bucket: i64,
    /// It waited, and so was counted as wrong already.
    is_counted: bool,
    _place: Place<'g>,
}

impl Guessing {
    /// Waits until a password for this bucket may be looked at; an error: it may not be now, but after this time.
    pub(super) fn attempt<'g>(&'g self, store: &'g Store, bucket: i64) -> Result<Attempt<'g>, Duration> {
        let attempt = |place, is_counted| Attempt { guessing: self, store, bucket, is_counted, _place: place };
        let since = Instant::now();
        loop {
            let place = self.gate.enter();
            let (stored, here) =
                (store.guesses(bucket).unwrap_or_default(), self.guesses_here(bucket).unwrap_or_default());
            // A right user whom nobody attacks costs no write.
            if is_free(stored) && is_free(here) {
                return Ok(attempt(place, false));
            }
            drop(place);
            let busy_ms = settled(stored).busy_ms.max(settled(here).busy_ms);
            // Nor does one for whom there is no room. Those before it may be right, and give their turns back.
            let turns = match busy_ms > PATIENCE_MS {
                true => Err(millis(busy_ms)),
                false => self.count(store, bucket, turn).into_iter().flatten().collect::<Result<Vec<_>, _>>(),
            };
            match turns {
                Ok(turns) => {
                    thread::sleep(turns.into_iter().max().unwrap_or_default());
                    return Ok(attempt(self.gate.enter(), true));
                }
                Err(wait) if since.elapsed() >= FOR_ROOM => return Err(wait),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Counts in the store, or, where that can't be, here. What was counted here goes on to count.
    fn count<T: Send + 'static>(&self, store: &Store, bucket: i64, change: fn(&mut Guesses) -> T) -> [Option<T>; 2] {
        let stored = store.guesses_change(bucket, change).ok();
        let counts_here = stored.is_none() || self.guesses_here(bucket).is_some();
        [stored, counts_here.then(|| self.change_here(bucket, change))]
    }

    fn guesses_here(&self, bucket: i64) -> Option<Guesses> {
        let here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.get(&bucket).map(|(since, guesses)| later(*guesses, *since))
    }

    fn change_here<T>(&self, bucket: i64, change: fn(&mut Guesses) -> T) -> T {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guesses = here.get(&bucket).map(|(since, guesses)| later(*guesses, *since)).unwrap_or_default();
        let told = change(&mut guesses);
        match guesses.failures < 1.0 {
            true => drop(here.remove(&bucket)),
            false => drop(here.insert(bucket, (Instant::now(), guesses))),
        }
        told
    }
}

impl Attempt<'_> {
    /// Tells whether the password was right.
    pub fn end(self, is_right: bool) {
        let Self { guessing, store, bucket, is_counted, _place: place } = self;
        // Others need not wait for the disk.
        drop(place);
        match (is_right, is_counted) {
            (true, false) | (false, true) => {}
            (true, true) => drop(guessing.count(store, bucket, take_back)),
            (false, false) => drop(guessing.count(store, bucket, add)),
        }
    }
}

/// The same so much time later.
fn later(guesses: Guesses, since: Instant) -> Guesses {
    let passed_ms = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
    Guesses {
        failures: guesses.failures,
        age_ms: guesses.age_ms.saturating_add(passed_ms),
        busy_ms: guesses.busy_ms.saturating_sub(passed_ms),
    }
}

/// What still counts.
fn settled(guesses: Guesses) -> Guesses {
    let halvings = f64::from(u32::try_from(guesses.age_ms.max(0)).unwrap_or(u32::MAX)) / HALF_MS;
    let failures = guesses.failures.clamp(0.0, MOST) * 0.5_f64.powf(halvings);
    // A time that nobody was given is no time: a clock was lost.
    let busy_ms = if guesses.busy_ms > FULL_MS { 0 } else { guesses.busy_ms.max(0) };
    Guesses { failures: failures.max(0.0), age_ms: 0, busy_ms }
}

fn is_free(guesses: Guesses) -> bool {
    let guesses = settled(guesses);
    guesses.failures < FREE && guesses.busy_ms == 0
}

/// How long after a wrong password the next one waits, if there were so many before.
fn delay_ms(failures: f64) -> i64 {
    let (mut delay_ms, mut reached) = (if failures < FREE { 0 } else { FIRST_MS }, FREE + 0.5);
    while reached <= failures && delay_ms < LONGEST_MS {
        delay_ms = (delay_ms * 2).min(LONGEST_MS);
        reached += 1.0;
    }
    delay_ms
}

/// Counts one more.
fn add(guesses: &mut Guesses) {
    let now = settled(*guesses);
    // Those that are looked at when it becomes too many add to it whatever it is.
    let busy_ms = (now.busy_ms + delay_ms(now.failures)).min(FULL_MS);
    *guesses = Guesses { failures: (now.failures + 1.0).min(MOST), age_ms: 0, busy_ms };
}

/// Counts one more, and tells when it is looked at; one that would wait too long is not counted.
fn turn(guesses: &mut Guesses) -> Turn {
    let now = settled(*guesses);
    if now.busy_ms > PATIENCE_MS {
        *guesses = now;
        return Err(millis(now.busy_ms));
    }
    add(guesses);
    Ok(millis(now.busy_ms))
}

/// Counts one less: it was right. The next one waits for those before it alone.
fn take_back(guesses: &mut Guesses) {
    let now = settled(*guesses);
    let failures = (now.failures - 1.0).max(0.0);
    *guesses = Guesses { failures, age_ms: 0, busy_ms: (now.busy_ms - delay_ms(failures)).max(0) };
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

#[cfg(test)]
mod tests;
