//! Group commit: the small writes of many threads in one transaction.
//!
//! To begin and to commit costs more than what one call writes, and with `durability` "full" each commit waits for the disk.
//! So whoever finds nobody at it leads: it runs, in one transaction, whatever the others have asked for by then, commits once,
//! and tells them. Writes that go together, as records into one campaign do, are run as one. Each other is in a savepoint of
//! its own, and so is each of those where together they fail. None hears of an end, good or bad, before the commit: even what
//! failed may have failed for what another of the group wrote.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Chunk, Store, execute};
use crate::fault::{Fault, Key};

/// The most writes of one transaction.
const MOST: usize = 64;

/// How long a transaction goes on taking further writes.
const LONGEST: Duration = Duration::from_millis(10);

/// How long a thread leads, whose own write is done first, before another of those that wait takes over.
const TERM: Duration = Duration::from_millis(2);

/// A small write, which may be run more than once: what it left is undone before.
pub trait Work: Send + 'static {
    /// What its thread is told.
    type Told: Send + 'static;

    /// True where this one and the other can be one write.
    fn goes_with(&self, other: &Self) -> bool;

    /// Writes all of these, as if one after the other; tells of each, in their order.
    fn write(all: &[&Self], chunk: &mut Chunk<'_>) -> Result<Vec<Self::Told>, Fault>;
}

/// One that goes with no other.
struct Lone<T, W>(W, PhantomData<fn() -> T>);

impl<T: Send + 'static, W: Fn(&Connection) -> Result<T, Fault> + Send + 'static> Work for Lone<T, W> {
    type Told = T;

    fn goes_with(&self, _: &Self) -> bool {
        false
    }

    fn write(all: &[&Self], chunk: &mut Chunk<'_>) -> Result<Vec<T>, Fault> {
        all.iter().map(|work| (work.0)(chunk.c())).collect()
    }
}

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

    /// Takes tasks out; those that go together, together.
    fn take(&self) -> Vec<Unit> {
        let mut queue = self.queue();
        let count = queue.tasks.len().min(MOST);
        let mut units: Vec<Unit> = Vec::new();
        for task in queue.tasks.drain(..count) {
            match units.iter_mut().find(|unit| unit.first().is_some_and(|first| first.goes_with(&*task))) {
                Some(unit) => unit.push(task),
                None => units.push(vec![task]),
            }
        }
        units
    }

    /// Puts tasks back of which nothing is written.
    fn put_back(&self, tasks: Unit) {
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

/// Tasks that go together.
type Unit = Vec<Box<dyn Task>>;

/// A write of some thread.
trait Task: Any + Send {
    /// True where the two are to be run together.
    fn goes_with(&self, other: &dyn Task) -> bool;
    /// Writes, and the others too, which go with it. Where several fail, none has an outcome.
    fn run(&mut self, others: &mut [Box<dyn Task>], chunk: &mut Chunk<'_>) -> Result<(), Fault>;
    /// From now on it goes with no other.
    fn part(&mut self);
    /// Has ended; where it was not committed, why.
    fn end(&mut self, committed: Result<(), Fault>);
    /// Tells its thread, which tells those of the others.
    fn tell(self: Box<Self>, others: Unit);
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

struct Write<W: Work> {
    work: W,
    is_parted: bool,
    outcome: Option<End<W::Told>>,
    seat: Arc<Seat<W::Told>>,
}

impl<W: Work> Task for Write<W> {
    fn goes_with(&self, other: &dyn Task) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| !self.is_parted && !other.is_parted && self.work.goes_with(&other.work))
    }

    fn run(&mut self, others: &mut [Box<dyn Task>], chunk: &mut Chunk<'_>) -> Result<(), Fault> {
        let others = others.iter_mut().filter_map(|task| (&mut **task as &mut dyn Any).downcast_mut());
        let mut all: Vec<&mut Self> = std::iter::once(self).chain(others).collect();
        let works: Vec<&W> = all.iter().map(|write| &write.work).collect();
        // What it leaves half done is undone.
        let outcome = catch_unwind(AssertUnwindSafe(|| W::write(&works, chunk)));
        let (result, outcome) = match outcome {
            Ok(Ok(told)) if told.len() == all.len() => {
                all.iter_mut().zip(told).for_each(|(write, told)| write.outcome = Some(Ok(Ok(told))));
                return Ok(());
            }
            Ok(Ok(_)) => (Err(not_written()), Ok(Err(not_written()))),
            Ok(Err(fault)) => (Err(fault.clone()), Ok(Err(fault))),
            Err(panic) => (Err(not_written()), Err(panic)),
        };
        if let [alone] = &mut all[..] {
            alone.outcome = Some(outcome);
        }
        result
    }

    fn part(&mut self) {
        self.is_parted = true;
    }

    fn end(&mut self, committed: Result<(), Fault>) {
        let outcome = match (self.outcome.take(), committed) {
            (Some(outcome), Ok(())) => outcome,
            (Some(Err(panic)), Err(_)) => Err(panic),
            (_, Err(fault)) => Ok(Err(fault)),
            (None, Ok(())) => Ok(Err(not_written())),
        };
        self.outcome = Some(outcome);
    }

    fn tell(mut self: Box<Self>, others: Unit) {
        let outcome = self.outcome.take().unwrap_or_else(|| Ok(Err(not_written())));
        self.seat.tell(State::Ended(outcome, others));
    }

    fn appoint(&self) {
        self.seat.tell(State::Leads);
    }
}

impl<W: Work> Drop for Write<W> {
    /// No thread waits for ever, whatever became of its leader.
    fn drop(&mut self) {
        if matches!(*self.seat.state(), State::Waits) {
            self.seat.tell(State::Ended(Ok(Err(not_written())), Unit::new()));
        }
    }
}

fn not_written() -> Fault {
    Fault::new(Key::Storage, "the store gave the call up: a bug in import-cji")
}

enum State<T> {
    Waits,
    Leads,
    Ended(End<T>, Unit),
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
        work: impl Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.write_together(Lone(work, PhantomData))
    }

    /// The same for one that may go together with those of other threads.
    pub fn write_together<W: Work>(&self, work: W) -> Result<W::Told, Fault> {
        let seat = Arc::new(Seat { state: Mutex::new(State::Waits), told: Condvar::new() });
        let write = Write { work, is_parted: false, outcome: None, seat: Arc::clone(&seat) };
        let mut leads = self.group.join(Box::new(write));
        loop {
            if std::mem::take(&mut leads) {
                self.lead();
            }
            match seat.wait() {
                State::Ended(outcome, others) => {
                    for other in others {
                        other.tell(Unit::new());
                    }
                    return outcome.unwrap_or_else(|panic| resume_unwind(panic));
                }
                State::Leads => leads = true,
                State::Waits => {}
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
        let mut units = self.group.take();
        let mut left = Vec::new();
        let written = begun.and_then(|()| self.run(&connection, &mut units, &mut left));
        self.group.put_back(left);
        let committed = match written {
            Ok(()) if connection.is_autocommit() => Ok(()),
            Ok(()) => execute(&connection, "COMMIT"),
            Err(fault) => Err(fault),
        };
        if !connection.is_autocommit() {
            // It fails only where there is nothing to be undone.
            let _ = execute(&connection, "ROLLBACK");
        }
        drop(connection);
        let mut ended: Unit = units.into_iter().flatten().collect();
        for task in &mut ended {
            task.end(committed.clone());
        }
        // To wake a thread takes as long as to write a record: one of them wakes the others, while this one goes on. It is
        // another, if there is one: who leads is the first of those who wait.
        if let Some(first) = ended.pop() {
            first.tell(ended);
        }
    }

    /// Runs the tasks, as far as there is time: others are `left`, and so are those that failed together, to be run each by
    /// itself. Fails where what was written is lost.
    fn run(&self, c: &Connection, units: &mut [Unit], left: &mut Unit) -> Result<(), Fault> {
        let since = Instant::now();
        let is_one_of_many = units.len() > 1;
        for (at, unit) in units.iter_mut().enumerate() {
            if at > 0 && since.elapsed() > LONGEST {
                left.append(unit);
                continue;
            }
            if is_one_of_many {
                execute(c, "SAVEPOINT task")?;
            }
            let [first, others @ ..] = &mut unit[..] else { continue };
            let failed = first.run(others, &mut self.shared(c)).err();
            if failed.is_some() && !others.is_empty() {
                for task in &mut *unit {
                    task.part();
                }
                left.append(unit);
            }
            // A full disk, say: SQLite has undone the whole transaction. What failed alone tells of that itself.
            if c.is_autocommit() {
                return match failed {
                    Some(_) if !is_one_of_many => Ok(()),
                    lost => Err(lost.unwrap_or_else(not_written)),
                };
            }
            if failed.is_some() {
                execute(c, if is_one_of_many { "ROLLBACK TO task" } else { "ROLLBACK" })?;
            }
            if is_one_of_many {
                execute(c, "RELEASE task")?;
            }
        }
        Ok(())
    }
}
