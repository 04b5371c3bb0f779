//! Group commit: the small writes of many threads in one transaction.
//!
//! To begin and to commit costs more than what one call writes, and with `durability` "full" each commit waits for the disk.
//! So whoever finds nobody at it leads: it runs, in one transaction, whatever the others have asked for by then, each in a
//! savepoint of its own, commits once, and tells them. None hears of an end, good or bad, before the commit: even what failed
//! may have failed for what another of the group wrote.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Store, execute};
use crate::fault::{Fault, Key};

/// The most writes of one transaction.
const MOST: usize = 64;

/// How long a transaction goes on taking further writes.
const LONGEST: Duration = Duration::from_millis(10);

/// How long a thread leads, whose own write is done first, before another of those that wait takes over.
const TERM: Duration = Duration::from_millis(2);

/// The writes that wait.
#[derive(Debug, Default)]
pub struct Group {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: VecDeque<Box<dyn Task>>,
    is_led: bool,
}

impl Group {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a task; true: its thread leads.
    fn join(&self, task: Box<dyn Task>) -> bool {
        let mut queue = self.queue();
        queue.tasks.push_back(task);
        !std::mem::replace(&mut queue.is_led, true)
    }

    fn take(&self) -> Vec<Box<dyn Task>> {
        let mut queue = self.queue();
        let count = queue.tasks.len().min(MOST);
        queue.tasks.drain(..count).collect()
    }

    /// Puts tasks back that were not run.
    fn put_back(&self, tasks: Vec<Box<dyn Task>>) {
        let mut queue = self.queue();
        for task in tasks.into_iter().rev() {
            queue.tasks.push_front(task);
        }
    }

    /// True where nobody waits: nobody leads any more.
    fn is_done(&self) -> bool {
        let mut queue = self.queue();
        queue.is_led = !queue.tasks.is_empty();
        !queue.is_led
    }
}

/// A thread that leads. However it ends, another takes over where somebody waits.
struct Lead<'g>(&'g Group);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        match queue.tasks.front() {
            Some(next) => next.appoint(),
            None => queue.is_led = false,
        }
    }
}

/// A write of some thread.
trait Task: Send {
    /// Writes.
    fn run(&mut self, c: &Connection) -> Result<(), Fault>;
    /// Tells its thread how it ended; where it was not committed, why.
    fn end(&mut self, committed: Result<(), Fault>);
    /// Tells its thread to lead.
    fn appoint(&self);
}

impl fmt::Debug for dyn Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

/// How a write ended: a panic belongs to the thread that asked for it.
type End<T> = thread::Result<Result<T, Fault>>;

struct Write<T, W> {
    work: Option<W>,
    outcome: Option<End<T>>,
    seat: Arc<Seat<T>>,
}

impl<T: Send, W: FnOnce(&Connection) -> Result<T, Fault> + Send> Task for Write<T, W> {
    fn run(&mut self, c: &Connection) -> Result<(), Fault> {
        let Some(work) = self.work.take() else { return Err(not_written()) };
        // What it leaves half done is undone with its savepoint.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(c)));
        let result = match &outcome {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(fault)) => Err(fault.clone()),
            Err(_) => Err(not_written()),
        };
        self.outcome = Some(outcome);
        result
    }

    fn end(&mut self, committed: Result<(), Fault>) {
        let outcome = match (self.outcome.take(), committed) {
            (Some(outcome), Ok(())) => outcome,
            (Some(Err(panic)), Err(_)) => Err(panic),
            (_, Err(fault)) => Ok(Err(fault)),
            (None, Ok(())) => Ok(Err(not_written())),
        };
        self.seat.tell(State::Ended(outcome));
    }

    fn appoint(&self) {
        self.seat.tell(State::Leads);
    }
}

impl<T, W> Drop for Write<T, W> {
    /// No thread waits for ever, whatever became of its leader.
    fn drop(&mut self) {
        if matches!(*self.seat.state(), State::Waits) {
            self.seat.tell(State::Ended(Ok(Err(not_written()))));
        }
    }
}

fn not_written() -> Fault {
    Fault::new(Key::Storage, "the store gave the call up: a bug in import-cji")
}

enum State<T> {
    Waits,
    Leads,
    Ended(End<T>),
}

/// Where a thread waits.
struct Seat<T> {
    state: Mutex<State<T>>,
    told: Condvar,
}

impl<T> Seat<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: State<T>) {
        *self.state() = news;
        self.told.notify_one();
    }

    fn wait(&self) -> State<T> {
        let mut state = self.state();
        while matches!(*state, State::Waits) {
            state = self.told.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::replace(&mut *state, State::Waits)
    }
}

impl Store {
    /// Runs a small write, which is undone where it fails; in one transaction with those of other threads that wait too.
    pub(super) fn write_in_group<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let seat = Arc::new(Seat { state: Mutex::new(State::Waits), told: Condvar::new() });
        let mut leads = self.group.join(Box::new(Write { work: Some(work), outcome: None, seat: Arc::clone(&seat) }));
        loop {
            if leads {
                self.lead();
            }
            match seat.wait() {
                State::Ended(Ok(outcome)) => return outcome,
                State::Ended(Err(panic)) => resume_unwind(panic),
                State::Leads | State::Waits => leads = true,
            }
        }
    }

    fn lead(&self) {
        let lead = Lead(&self.group);
        let since = Instant::now();
        while since.elapsed() < TERM {
            self.write_group();
            if self.group.is_done() {
                std::mem::forget(lead);
                return;
            }
        }
    }

    /// Writes what waits, in one transaction.
    fn write_group(&self) {
        let connection = self.writer.lock();
        let turn = self.turn.take();
        let begun = execute(&connection, "BEGIN IMMEDIATE");
        drop(turn);
        let mut group = self.group.take();
        let written = begun.and_then(|()| run(&connection, &mut group));
        let committed = match written {
            Ok(count) => {
                self.group.put_back(group.split_off(count));
                if connection.is_autocommit() { Ok(()) } else { execute(&connection, "COMMIT") }
            }
            Err(fault) => Err(fault),
        };
        if !connection.is_autocommit() {
            // It fails only where there is nothing to be undone.
            let _ = execute(&connection, "ROLLBACK");
        }
        drop(connection);
        for task in &mut group {
            task.end(committed.clone());
        }
    }
}

/// Runs the tasks, as far as there is time, and tells how many; fails where what the earlier ones wrote is lost.
fn run(c: &Connection, group: &mut [Box<dyn Task>]) -> Result<usize, Fault> {
    if let [task] = group {
        return match task.run(c) {
            Err(_) if !c.is_autocommit() => execute(c, "ROLLBACK").map(|()| 1),
            // It did not hear that SQLite has undone the transaction.
            Ok(()) if c.is_autocommit() => Err(not_written()),
            _ => Ok(1),
        };
    }
    let since = Instant::now();
    let mut count = 0;
    for task in group {
        if count > 0 && since.elapsed() > LONGEST {
            break;
        }
        count += 1;
        execute(c, "SAVEPOINT task")?;
        match task.run(c) {
            // A full disk, say: SQLite has undone the whole transaction.
            Err(fault) if c.is_autocommit() => return Err(fault),
            Err(_) => execute(c, "ROLLBACK TO task")?,
            Ok(()) => {}
        }
        execute(c, "RELEASE task")?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::{Durability, storage};
    use super::*;

    fn store() -> Store {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        let make = |c: &rusqlite::Transaction<'_>| c.execute_batch("CREATE TABLE seen (n INTEGER)").map_err(storage);
        store.write(make).unwrap();
        store
    }

    /// Each of `count` threads writes its number and then does what `end` says, when all of them wait already.
    fn together(
        store: &Store,
        count: i64,
        end: impl Fn(i64) -> Result<i64, Fault> + Copy + Send + 'static,
    ) -> Vec<End<i64>> {
        thread::scope(|scope| {
            let held = store.writer.lock();
            let one = |n| {
                move || {
                    store.write_in_group(move |c| {
                        c.execute("INSERT INTO seen VALUES (?1)", [n]).map_err(storage)?;
                        end(n)
                    })
                }
            };
            let threads: Vec<_> = (0..count).map(|n| scope.spawn(one(n))).collect();
            while store.group.queue().tasks.len() < usize::try_from(count).unwrap() {
                thread::sleep(Duration::from_millis(1));
            }
            drop(held);
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
        })
    }

    fn seen(store: &Store) -> Vec<i64> {
        let read = |c: &Connection| {
            let mut select = c.prepare("SELECT n FROM seen ORDER BY n").map_err(storage)?;
            let rows = select.query_map([], |row| row.get(0)).and_then(Iterator::collect);
            rows.map_err(storage)
        };
        store.read(read).unwrap()
    }

    #[test]
    fn those_who_wait_together_are_committed_together() {
        let store = store();
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        store.writer.lock().commit_hook(Some(count)).unwrap();
        let ends = together(&store, 8, Ok);
        assert!(ends.iter().enumerate().all(|(n, end)| matches!(end, Ok(Ok(told)) if usize::try_from(*told) == Ok(n))));
        assert_eq!(seen(&store), (0..8).collect::<Vec<_>>());
        assert_eq!(commits.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn long_writes_are_not_all_in_one_transaction() {
        let store = store();
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        store.writer.lock().commit_hook(Some(count)).unwrap();
        let slow = |n| {
            thread::sleep(LONGEST * 2);
            Ok(n)
        };
        assert!(together(&store, 5, slow).iter().all(|end| matches!(end, Ok(Ok(_)))));
        assert_eq!(seen(&store), (0..5).collect::<Vec<_>>());
        assert_eq!(commits.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn what_one_fails_for_is_its_own() {
        let store = store();
        let ends = together(&store, 8, |n| match n % 3 {
            0 => Ok(n),
            1 => Err(Fault::new(Key::RecordBad, format!("{n} failed"))),
            _ => panic!("{n} panicked"),
        });
        for (n, end) in ends.iter().enumerate() {
            match (n % 3, end) {
                (0, Ok(Ok(told))) => assert_eq!(usize::try_from(*told), Ok(n)),
                (1, Ok(Err(fault))) => assert_eq!(fault.message, format!("{n} failed")),
                (2, Err(panic)) => assert_eq!(panic.downcast_ref(), Some(&format!("{n} panicked"))),
                _ => panic!("{n}: {end:?}"),
            }
        }
        assert_eq!(seen(&store), [0, 3, 6]);
    }

    #[test]
    fn none_is_told_of_success_where_the_commit_fails() {
        let store = store();
        store.writer.lock().commit_hook(Some(|| true)).unwrap();
        let ends = together(&store, 3, Ok);
        assert!(ends.iter().all(|end| matches!(end, Ok(Err(fault)) if fault.message.contains("the store failed"))));
        store.writer.lock().commit_hook(None::<fn() -> bool>).unwrap();
        assert!(seen(&store).is_empty());
        assert!(together(&store, 3, Ok).iter().all(|end| matches!(end, Ok(Ok(_)))));
        assert_eq!(seen(&store), [0, 1, 2]);
    }

    #[test]
    fn one_alone_that_fails_leaves_nothing() {
        let store = store();
        let ends = together(&store, 1, |_| Err(Fault::new(Key::RecordBad, "no")));
        assert!(matches!(&ends[..], [Ok(Err(fault))] if fault.message == "no"));
        assert!(matches!(&together(&store, 1, |_| panic!("oh"))[..], [Err(_)]));
        assert!(seen(&store).is_empty());
    }

    #[test]
    fn many_threads_write_all_the_time_and_others_in_between() {
        let store = store();
        let one = |store: &Store, n: i64| {
            store.write_in_group(move |c| c.execute("INSERT INTO seen VALUES (?1)", [n]).map_err(storage)).unwrap();
        };
        thread::scope(|scope| {
            for thread in 0..8 {
                let store = &store;
                scope.spawn(move || (0..300).for_each(|n| one(store, thread * 1_000 + n)));
            }
            for n in 0..50 {
                store.write(|c| c.execute("INSERT INTO seen VALUES (?1)", [-n]).map_err(storage)).unwrap();
            }
        });
        assert_eq!(seen(&store).len(), 8 * 300 + 50);
        assert!(!store.group.queue().is_led);
    }
}
