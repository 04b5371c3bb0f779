//! Leases: given out in dialling order, ended by their holder, given back when they run out.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::levels::{self, Run};
use super::{DialOutcome, Entry, place};
use crate::fault::{Fault, Key};
use crate::store::{Campaign, Store, lease_clock, storage};
use crate::time::{Moment, Zone};

/// The most run-out leases that one call gives back, so that no call takes seconds: as many as one call gives out at most.
/// Where more have run out at once, those that ran out first are back first, and the others with the next calls.
const MOST_BACK: i64 = 10_000;

impl Store {
    /// Leases the next due entries of a campaign, in dialling order. The clock is looked at when it is this call's turn to
    /// write: a lease that began before might have run out by then, and be given to two.
    pub fn dial_next(
        &self,
        campaign: i64,
        limit: usize,
        lease_ms: i64,
        zone: &Zone,
        clock: impl Fn() -> Moment + Send + 'static,
    ) -> Result<Value, Fault> {
        let due = self.write_in_group(move |t| {
            let at = clock();
            let now = lease_clock::keep(t, &at)?;
            give_back(t, campaign, now)?;
            let due = levels::take_due(t, campaign, limit, at.seconds())?;
            let sql = "INSERT INTO dial_lease (place, campaign, lease_end) VALUES (?1, ?2, ?3)";
            let mut lease = t.prepare_cached(sql).map_err(storage)?;
            for entry in &due {
                lease.execute([entry.place, campaign, now.saturating_add(lease_ms)]).map_err(storage)?;
            }
            Ok(due)
        })?;
        let entries: Vec<Value> = due.iter().map(|entry| entry.json("leased", zone)).collect();
        Ok(json!({ "entries": entries }))
    }

    /// Ends the lease of an entry, which held at `at`: who asks in time must not suffer for having to wait.
    pub fn dial_done(&self, campaign: &Campaign, entry: i64, outcome: &DialOutcome, at: &Moment) -> Result<(), Fault> {
        let (outcome, at) = (outcome.clone(), at.clone());
        let (campaign, place) = (campaign.id, place(campaign, entry));
        self.write_in_group(move |t| {
            let now = lease_clock::shows(t, &at)?;
            let sql =
                "SELECT l.lease_end > ?2 FROM dial_row e LEFT JOIN dial_lease l ON l.place = e.place WHERE e.place = ?1";
            let mut select = t.prepare_cached(sql).map_err(storage)?;
            let leased: Option<Option<bool>> =
                select.query_row(params![place, now], |row| row.get(0)).optional().map_err(storage)?;
            let wrong = |what: &str| Err(Fault::new(Key::RecordBad, format!("entry_id {entry}: {what}")));
            match leased {
                None => wrong("the campaign's dial list has no such entry (any more)"),
                Some(None) => wrong("it is not leased"),
                Some(Some(false)) => wrong("its lease has run out, so it may be another's by now"),
                Some(Some(true)) => end(t, campaign, place, &outcome),
            }
        })
    }
}

fn end(c: &Connection, campaign: i64, place: i64, outcome: &DialOutcome) -> Result<(), Fault> {
    forget(c, place)?;
    match outcome {
        DialOutcome::Done => {
            let sql = "DELETE FROM dial_row WHERE place = ?1";
            let mut delete = c.prepare_cached(sql).map_err(storage)?;
            delete.execute([place]).map(drop).map_err(storage)
        }
        DialOutcome::Retry { dial_time, priority } => {
            let sql = "UPDATE dial_row SET dial_time = ?2, priority = ifnull(?3, priority) WHERE place = ?1 RETURNING priority";
            let mut update = c.prepare_cached(sql).map_err(storage)?;
            let row = params![place, dial_time, priority];
            let priority = update.query_row(row, |row| row.get(0)).map_err(storage)?;
            levels::put(c, campaign, [Run::of(place, priority, *dial_time)])
        }
    }
}

/// Takes a lease away, if there is one.
pub fn forget(c: &Connection, place: i64) -> Result<(), Fault> {
    let sql = "DELETE FROM dial_lease WHERE place = ?1";
    c.prepare_cached(sql).and_then(|mut delete| delete.execute([place])).map(drop).map_err(storage)
}

/// Puts entries back whose lease has run out.
fn give_back(c: &Connection, campaign: i64, now: i64) -> Result<(), Fault> {
    let sql = "SELECT e.place, e.customer, e.phone, e.priority, e.dial_time
               FROM dial_lease l INDEXED BY dial_lease_end CROSS JOIN dial_row e ON e.place = l.place
               WHERE l.campaign = ?1 AND l.lease_end <= ?2 ORDER BY l.lease_end, l.place LIMIT ?3";
    let mut run_out = c.prepare_cached(sql).map_err(storage)?;
    let run_out = run_out.query_map([campaign, now, MOST_BACK], Entry::read).map_err(storage)?;
    let run_out: Vec<Entry> = run_out.collect::<Result<_, _>>().map_err(storage)?;
    run_out.iter().try_for_each(|entry| forget(c, entry.place))?;
    levels::put(c, campaign, run_out.iter().map(|entry| Run::of(entry.place, entry.priority, entry.dial_time)))
}
