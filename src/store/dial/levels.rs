//! The order of dialling: priority by priority downwards, and which of them have something due.
//!
//! A priority whose entries all lie in the future sleeps until the first of them is due, so that a call looks at
//! priorities with something to give, and puts each other one to sleep once.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::Entry;
use crate::fault::Fault;
use crate::store::storage;

/// When an entry without a dial time is due: before every time that a calendar has.
const AT_ONCE: i64 = -100_000_000_000;

/// The `due` of a dial time.
fn due_at(dial_time: Option<i64>) -> i64 {
    dial_time.unwrap_or(AT_ONCE)
}

/// Entries that follow each other, with the same priority and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub priority: i64,
    pub due: i64,
    pub first: i64,
    pub last: i64,
}

impl Run {
    /// Of one entry.
    pub fn of(place: i64, priority: i64, dial_time: Option<i64>) -> Self {
        Self { priority, due: due_at(dial_time), first: place, last: place }
    }

    /// True where the entry after this run is a part of it, as it is then.
    pub fn takes(&mut self, next: Self) -> bool {
        let goes_on = (self.priority, self.due, self.last + 1) == (next.priority, next.due, next.first);
        if goes_on {
            self.last = next.last;
        }
        goes_on
    }
}

/// Lets entries wait that were a dialer's.
pub fn put(c: &Connection, campaign: i64, runs: impl IntoIterator<Item = Run>) -> Result<(), Fault> {
    let mut levels: BTreeMap<i64, i64> = BTreeMap::new();
    for run in runs {
        insert(c, campaign, run)?;
        levels.entry(run.priority).and_modify(|earliest| *earliest = run.due.min(*earliest)).or_insert(run.due);
    }
    levels.into_iter().try_for_each(|(priority, due)| wake(c, campaign, priority, due))
}

/// Lets entries wait that come behind all others of their list, of which `end` is the last place. Their last run stays
/// open: it reaches to the list's end, so that entries like those, as records that come one by one mostly are, need nothing
/// more to be written here.
pub fn append(c: &Connection, campaign: i64, end: i64, mut runs: Vec<Run>) -> Result<(), Fault> {
    let Some(&first) = runs.first() else { return Ok(()) };
    let sql = "SELECT o.priority, o.due, w.first, w.last FROM dial_open o LEFT JOIN dial_waiting w
                   ON w.campaign = o.campaign AND w.priority = o.priority AND w.due = o.due
               WHERE o.campaign = ?1 ORDER BY w.first DESC LIMIT 1";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let before = select.query_row([campaign], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
        // It may have been taken by dialers since; no other run of its level and time lies behind it.
        let open = first.filter(|_| last == Some(end));
        Ok(((row.get(0)?, row.get(1)?), open))
    });
    let (level, open) = before.optional().map_err(storage)?.unzip();
    if let (Some((priority, due)), Some(Some(from))) = (level, open) {
        let goes_on = (priority, due) == (first.priority, first.due);
        if goes_on && runs.len() == 1 {
            return Ok(());
        }
        let last = if goes_on { first.last } else { first.first - 1 };
        close(c, campaign, Run { priority, due, first: from, last })?;
        runs.drain(..usize::from(goes_on));
    }
    if let Some(last) = runs.last_mut() {
        last.last = end;
        if level != Some((last.priority, last.due)) {
            let sql = "INSERT OR REPLACE INTO dial_open (campaign, priority, due) VALUES (?1, ?2, ?3)";
            let mut remember = c.prepare_cached(sql).map_err(storage)?;
            remember.execute([campaign, last.priority, last.due]).map_err(storage)?;
        }
    }
    put(c, campaign, runs)
}

/// Ends an open run where `run` ends; one without places goes.
fn close(c: &Connection, campaign: i64, run: Run) -> Result<(), Fault> {
    let sql = match run.first <= run.last {
        true => "UPDATE dial_waiting SET last = ?5 WHERE (campaign, priority, due, first) = (?1, ?2, ?3, ?4)",
        false => "DELETE FROM dial_waiting WHERE (campaign, priority, due, first) = (?1, ?2, ?3, ?4) AND last > ?5",
    };
    let mut close = c.prepare_cached(sql).map_err(storage)?;
    close.execute([campaign, run.priority, run.due, run.first, run.last]).map(drop).map_err(storage)
}

fn insert(c: &Connection, campaign: i64, run: Run) -> Result<(), Fault> {
    let sql = "INSERT INTO dial_waiting (campaign, priority, due, first, last) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = c.prepare_cached(sql).map_err(storage)?;
    insert.execute([campaign, run.priority, run.due, run.first, run.last]).map(drop).map_err(storage)
}

/// Tells a level of the earliest waiting entry that it has got.
fn wake(c: &Connection, campaign: i64, priority: i64, due: i64) -> Result<(), Fault> {
    let sql = "INSERT INTO dial_level (campaign, priority, asleep_until) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET asleep_until = excluded.asleep_until
               WHERE excluded.asleep_until < asleep_until";
    let mut insert = c.prepare_cached(sql).map_err(storage)?;
    insert.execute([campaign, priority, due]).map(drop).map_err(storage)
}

/// Takes the next waiting entries that are due at `now`, in dialling order. Each step is the start of a range of an index,
/// so neither the size of the list nor the number of priorities matters.
pub fn take_due(c: &Connection, campaign: i64, limit: usize, now: i64) -> Result<Vec<Entry>, Fault> {
    let rise = "UPDATE dial_level SET asleep_until = NULL WHERE campaign = ?1 AND asleep_until <= ?2";
    c.prepare_cached(rise).and_then(|mut rise| rise.execute([campaign, now])).map_err(storage)?;
    let next = "SELECT priority FROM dial_level INDEXED BY dial_level_awake
                WHERE campaign = ?1 AND priority < ?2 AND asleep_until IS NULL ORDER BY priority DESC LIMIT 1";
    let mut next = c.prepare_cached(next).map_err(storage)?;
    let mut entries = Vec::new();
    let mut above = i64::MAX;
    while entries.len() < limit {
        let priority = next.query_row([campaign, above], |row| row.get(0)).optional().map_err(storage)?;
        let Some(priority) = priority else { break };
        let last = take_of_level(c, [campaign, priority, now], limit - entries.len(), &mut entries)?;
        if entries.len() < limit {
            lie_down(c, campaign, priority, now)?;
        } else if let Some((place, run)) = last {
            shorten(c, campaign, place, run)?;
        }
        above = priority;
    }
    Ok(entries)
}

/// Finds a level's due entries; tells the last one's place, and its run.
fn take_of_level(
    c: &Connection,
    level: [i64; 3],
    room: usize,
    entries: &mut Vec<Entry>,
) -> Result<Option<(i64, Run)>, Fault> {
    let [campaign, priority, now] = level;
    let sql = "SELECT e.place, e.customer, e.phone, w.priority, e.dial_time, w.due, w.first, w.last
               FROM dial_waiting w CROSS JOIN dial_row e ON e.place BETWEEN w.first AND w.last
               WHERE w.campaign = ?1 AND w.priority = ?2 AND w.due <= ?3 ORDER BY w.due, w.first, e.place LIMIT ?4";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    let mut rows = select.query([campaign, priority, now, room]).map_err(storage)?;
    let mut last = None;
    while let Some(row) = rows.next().map_err(storage)? {
        let read = || -> rusqlite::Result<_> {
            let run = Run { priority, due: row.get(5)?, first: row.get(6)?, last: row.get(7)? };
            Ok((Entry::read(row)?, run))
        };
        let (entry, run) = read().map_err(storage)?;
        last = Some((entry.place, run));
        entries.push(entry);
    }
    Ok(last)
}

/// Removes a level's runs up to this entry, all of whose entries were taken, and keeps the rest of its own.
fn shorten(c: &Connection, campaign: i64, place: i64, run: Run) -> Result<(), Fault> {
    let sql = "DELETE FROM dial_waiting WHERE campaign = ?1 AND priority = ?2 AND (due, first) <= (?3, ?4)";
    let mut delete = c.prepare_cached(sql).map_err(storage)?;
    delete.execute([campaign, run.priority, run.due, run.first]).map_err(storage)?;
    match place < run.last {
        true => insert(c, campaign, Run { first: place + 1, ..run }),
        false => Ok(()),
    }
}

/// Puts a level to sleep all of whose due entries were taken.
fn lie_down(c: &Connection, campaign: i64, priority: i64, now: i64) -> Result<(), Fault> {
    let sql = "DELETE FROM dial_waiting WHERE campaign = ?1 AND priority = ?2 AND due <= ?3";
    c.prepare_cached(sql).and_then(|mut delete| delete.execute([campaign, priority, now])).map_err(storage)?;
    let first = "SELECT min(due) FROM dial_waiting WHERE campaign = ?1 AND priority = ?2";
    let mut first = c.prepare_cached(first).map_err(storage)?;
    let until: Option<i64> = first.query_row([campaign, priority], |row| row.get(0)).map_err(storage)?;
    let sql = match until {
        Some(_) => "UPDATE dial_level SET asleep_until = ?3 WHERE campaign = ?1 AND priority = ?2",
        None => "DELETE FROM dial_level WHERE campaign = ?1 AND priority = ?2 AND ?3 IS NULL",
    };
    let mut sleep = c.prepare_cached(sql).map_err(storage)?;
    sleep.execute(params![campaign, priority, until]).map(drop).map_err(storage)
}
