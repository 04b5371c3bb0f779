//! The bulk door: a batch is looked up, decided outside, and applied, in one transaction.

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};

use super::bulk::{Bound, Bulk};
pub use super::index::Scouted;
use super::index::{self, Index, Kind};
use super::tables::table_name;
use super::{Campaign, Store, dial, quoted, storage};
use crate::fault::{Fault, Key};
use crate::field::{FieldType, Fields};
use crate::fingerprint::Fingerprints;
use crate::merge::{Decision, Groups, Outcome, Slot};
use crate::record::{Batch, Status, Stored, Texts};
use crate::time::{Moment, Seconds};

/// How far apart customers may lie in their table for one question to read both.
const NEIGHBOURS: i64 = 8;

/// One transaction of an import.
#[derive(Debug)]
pub struct Chunk<'t> {
    pub(super) c: &'t Connection,
    fingerprints: Fingerprints,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// New customers.
    pub inserted: u64,
    /// Duplicates that something was done to.
    pub updated: u64,
    /// Duplicates that nothing was done to.
    pub skipped: u64,
    /// New entries of the dial list.
    pub dial_listed: u64,
    /// The id of each slot's customer.
    pub customers: Vec<i64>,
}

impl Store {
    /// Runs one chunk of an import: all of it is done, or nothing. Tells too how long the write lock was held.
    pub fn chunk<T>(&self, work: impl FnOnce(&Chunk<'_>) -> Result<T, Fault>) -> Result<(T, Duration), Fault> {
        self.timed_write(|transaction| work(&Chunk { c: transaction, fingerprints: self.fingerprints }))
    }
}

impl Store {
    /// Runs a chunk of one record, with those of other threads that wait.
    pub fn record<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Chunk<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let fingerprints = self.fingerprints;
        self.write_in_group(move |c| work(&Chunk { c, fingerprints }))
    }
}

impl Store {
    /// Looks up ahead, without the write lock, who may have the unique keys of a batch. Where that fails, or could only
    /// wait for the writer (a store in memory), nothing was found ahead.
    pub fn scout(&self, campaign: &Campaign, groups: &Groups) -> Scouted {
        let look = |c: &Connection| match index::of(c, campaign)?.first() {
            Some(index) => index.scout(c, &groups.fingerprints),
            None => Ok(Scouted::default()),
        };
        self.path().and_then(|_| self.read(look).ok()).unwrap_or_default()
    }
}

impl<'t> Chunk<'t> {
    /// The customers that a campaign's imports go to.
    pub fn customers<'c>(&'c self, campaign: &'c Campaign) -> Result<Customers<'c, 't>, Fault> {
        Ok(Customers { chunk: self, campaign, indexes: index::of(self.c, campaign)? })
    }
}

/// A campaign's customers in a chunk: looked up and written batch by batch.
#[derive(Debug)]
pub struct Customers<'c, 't> {
    chunk: &'c Chunk<'t>,
    campaign: &'c Campaign,
    indexes: Vec<Index>,
}

impl Customers<'_, '_> {
    /// What the store has under the unique keys of a batch. `values`: the customers' values are wanted too; else only the
    /// one of the batch's number. `scouted`: what was found ahead.
    pub fn find(
        &self,
        batch: &Batch,
        groups: &Groups,
        scouted: &Scouted,
        values: bool,
    ) -> Result<Vec<Option<Stored>>, Fault> {
        let mut found = Vec::new();
        found.resize_with(groups.firsts.len(), || None);
        let Some(index) = self.indexes.first() else { return Ok(found) };
        let mut candidates = index.find_since(self.chunk.c, &groups.fingerprints, scouted)?;
        if candidates.is_empty() {
            return Ok(found);
        }
        // In the table's order, one page after the other.
        candidates.sort_unstable_by_key(|&(_, customer)| customer);
        let fields = &self.campaign.fields;
        let columns = batch.columns.iter().enumerate().map(|(at, &field)| match fields.get(field) {
            Some(field) if values || batch.number == Some(at) || batch.key.contains(&at) => quoted(&field.name),
            _ => "NULL".to_owned(),
        });
        let sql = format!(
            "SELECT id, package, status, agent IS NOT NULL, {} FROM {} WHERE id BETWEEN ?1 AND ?2",
            columns.collect::<Vec<_>>().join(", "),
            table_name(self.campaign.table),
        );
        let mut select = self.chunk.c.prepare_cached(&sql).map_err(storage)?;
        // Neighbours are read by one question: a file that comes again names whole stretches of the table.
        for stretch in candidates.chunk_by(|(_, before), (_, after)| after - before <= NEIGHBOURS) {
            let (Some((_, from)), Some((_, to))) = (stretch.first(), stretch.last()) else { continue };
            let mut rows = select.query([from, to]).map_err(storage)?;
            let mut stretch = stretch.iter().peekable();
            while let Some(row) = rows.next().map_err(storage)? {
                let id: i64 = row.get(0).map_err(storage)?;
                while stretch.next_if(|(_, customer)| *customer < id).is_some() {}
                while let Some((at, _)) = stretch.next_if(|(_, customer)| *customer == id) {
                    let Some((slot, &first)) = found.get_mut(*at).zip(groups.firsts.get(*at)) else { continue };
                    if has_key(row, batch, first).map_err(storage)? {
                        *slot = Some(stored(row, batch).map_err(storage)?);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Writes what was decided.
    pub fn apply(&self, batch: &Batch, groups: &Groups, outcome: &Outcome, now: Seconds) -> Result<Applied, Fault> {
        let mut applied = Applied { customers: vec![0; outcome.slots.len()], ..Applied::default() };
        let (mut new, mut old): (Vec<usize>, Vec<usize>) = Default::default();
        for (at, slot) in outcome.slots.iter().enumerate() {
            if slot.stored.is_some() { old.push(at) } else { new.push(at) }
        }
        // Each in the table's order: new customers get their ids in the order of their records.
        old.sort_unstable_by_key(|&at| {
            outcome.slots.get(at).and_then(|slot| slot.stored.as_ref()).map(|stored| stored.id)
        });
        new.sort_unstable_by_key(|&at| outcome.slots.get(at).map(|slot| slot.first));
        self.insert(batch, outcome, &new, now, &mut applied.customers)?;
        self.update(batch, outcome, &old, now, &mut applied.customers)?;
        self.keep_indexes(batch, groups, outcome, &applied.customers)?;
        self.dial(batch, outcome, &applied.customers)?;
        applied.dial_listed = outcome.entries.len() as u64;
        for decision in &outcome.decisions {
            match decision {
                Decision::Insert { .. } => applied.inserted += 1,
                Decision::Duplicate(change) if change.any() => applied.updated += 1,
                Decision::Duplicate(_) | Decision::Leave => applied.skipped += 1,
            }
        }
        Ok(applied)
    }

    fn insert(
        &self,
        batch: &Batch,
        outcome: &Outcome,
        new: &[usize],
        now: Seconds,
        ids: &mut [i64],
    ) -> Result<(), Fault> {
        if new.is_empty() {
            return Ok(());
        }
        let (fields, table) = (&self.campaign.fields, table_name(self.campaign.table));
        let sql = format!("SELECT ifnull(max(id), 0) FROM {table}");
        let mut last = self.chunk.c.prepare_cached(&sql).map_err(storage)?;
        let last: i64 = last.query_row([], |row| row.get(0)).map_err(storage)?;
        for (id, &at) in (last + 1..).zip(new) {
            ids.get_mut(at).into_iter().for_each(|given| *given = id);
        }
        let names = batch.columns.iter().filter_map(|&field| fields.get(field)).map(|field| quoted(&field.name));
        let columns: Vec<String> = ["package", "status", "created_at", "updated_at", "id"]
            .map(str::to_owned)
            .into_iter()
            .chain(names)
            .collect();
        let package = Bound::Integer(self.campaign.package);
        let shared = [package, Bound::Text(Status::Open.name()), Bound::Integer(now), Bound::Integer(now)];
        Bulk { table: &table, columns: &columns, shared: &shared }.insert(self.chunk.c, new.len(), |row| {
            let at = new.get(row).copied().unwrap_or_default();
            let (slot, id) = (outcome.slots.get(at), ids.get(at).copied());
            let values = (0..batch.columns.len()).map(move |column| {
                let record = slot.and_then(|slot| slot.source(column));
                bound(fields, batch, column, record.map_or("", |record| batch.value(record, column)))
            });
            std::iter::once(Bound::from(id)).chain(values)
        })
    }

    fn update(
        &self,
        batch: &Batch,
        outcome: &Outcome,
        old: &[usize],
        now: Seconds,
        ids: &mut [i64],
    ) -> Result<(), Fault> {
        if old.is_empty() {
            return Ok(());
        }
        let (c, table, fields) = (self.chunk.c, table_name(self.campaign.table), &self.campaign.fields);
        // Those of the key are equal.
        let columns: Vec<usize> = (0..batch.columns.len()).filter(|column| !batch.key.contains(column)).collect();
        let names = columns.iter().filter_map(|&column| batch.columns.get(column).and_then(|&field| fields.get(field)));
        let sets: Vec<String> = names.zip(7..).map(|(field, n)| format!(", {} = ?{n}", quoted(&field.name))).collect();
        let row = "package = iif(?2, ?3, package), agent = iif(?4, NULL, agent), status = iif(?5, 'open', status)";
        let sql = |sets: &str| format!("UPDATE {table} SET updated_at = ?6, {row}{sets} WHERE id = ?1");
        let mut without = c.prepare_cached(&sql("")).map_err(storage)?;
        let mut with = c.prepare_cached(&sql(&sets.concat())).map_err(storage)?;
        for &at in old {
            let Some((slot, stored)) = outcome.slots.get(at).and_then(|s| s.stored.as_ref().map(|stored| (s, stored)))
            else {
                continue;
            };
            if let Some(id) = ids.get_mut(at) {
                *id = stored.id;
            }
            let change = slot.change;
            if let Some(package) = stored.package.filter(|_| change.leaves_lists) {
                dial::leave(c, stored.id, package, &Moment::now())?;
            }
            if !change.writes() {
                continue;
            }
            let flags =
                [change.moved, change.agent_cleared, change.status_reset].map(|flag| Bound::Integer(flag.into()));
            let [moved, cleared, reset] = flags;
            let (id, package) = (Bound::Integer(stored.id), Bound::Integer(self.campaign.package));
            let head = [id, moved, package, cleared, reset, Bound::Integer(now)];
            if slot.replaces() {
                let values = columns.iter().map(|&column| {
                    let record = slot.source(column);
                    let value = record.map_or(stored.values.get(column), |record| batch.value(record, column));
                    bound(fields, batch, column, value)
                });
                with.execute(params_from_iter(head.into_iter().chain(values))).map_err(storage)?;
            } else {
                without.execute(params_from_iter(head)).map_err(storage)?;
            }
        }
        Ok(())
    }

    /// Takes the new customers, and the changed values of others, up in the indexes.
    fn keep_indexes(&self, batch: &Batch, groups: &Groups, outcome: &Outcome, ids: &[i64]) -> Result<(), Fault> {
        let (transaction, fingerprints) = (self.chunk.c, self.chunk.fingerprints);
        for index in &self.indexes {
            let slots = outcome.slots.iter().zip(ids);
            if index.kind == Kind::Unique {
                let new = slots.zip(&groups.fingerprints).filter(|((slot, _), _)| slot.stored.is_none());
                index.add(transaction, new.map(|((_, &id), &fingerprint)| (fingerprint, id)))?;
                continue;
            }
            let column = index.fields.first().and_then(|field| batch.columns.iter().position(|c| c == field));
            let Some(column) = column else { continue };
            let value = |slot: &Slot| slot.source(column).map_or("", |record| batch.value(record, column));
            let is_new = |slot: &Slot| slot.stored.as_ref().is_none_or(|known| known.values.get(column) != value(slot));
            let written = slots.filter(|(slot, _)| is_new(slot)).map(|(slot, &id)| (value(slot), id));
            let written = written.filter(|(value, _)| !value.is_empty());
            index.add(transaction, written.map(|(value, id)| (fingerprints.of([value]), id)))?;
        }
        Ok(())
    }

    fn dial(&self, batch: &Batch, outcome: &Outcome, customers: &[i64]) -> Result<(), Fault> {
        if outcome.entries.is_empty() {
            return Ok(());
        }
        let mut entries = Vec::with_capacity(outcome.entries.len());
        for entry in &outcome.entries {
            let customer = customers.get(entry.slot).copied();
            let customer = customer.ok_or_else(|| Fault::new(Key::Storage, "a dial list entry has no customer"))?;
            entries.push((customer, entry.phone.as_str(), batch.call(entry.record)));
        }
        dial::add(self.chunk.c, self.campaign, &entries)
    }
}

/// The value of a column as it is stored: a whole number as one, or NULL where there is none.
fn bound<'v>(fields: &Fields, batch: &Batch, column: usize, value: &'v str) -> Bound<'v> {
    let kind = batch.columns.get(column).and_then(|&field| fields.get(field)).map(|f| f.kind);
    match kind {
        Some(FieldType::Integer) => value.parse().map_or(Bound::None, Bound::Integer),
        _ => Bound::Text(value),
    }
}

/// True where the row's customer has the unique key of this record.
fn has_key(row: &Row<'_>, batch: &Batch, record: usize) -> rusqlite::Result<bool> {
    for (&column, wanted) in batch.key.iter().zip(batch.key_of(record)) {
        let same = match row.get_ref(column + 4)? {
            ValueRef::Text(text) => text == wanted.as_bytes(),
            other => text(other) == wanted,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn stored(row: &Row<'_>, batch: &Batch) -> rusqlite::Result<Stored> {
    let values = (0..batch.columns.len()).map(|column| row.get_ref(column + 4).map(text));
    let status = row.get_ref(2)?.as_str()?;
    let status = Status::ALL.into_iter().find(|known| known.name() == status).unwrap_or(Status::Open);
    let values = values.collect::<rusqlite::Result<Texts>>()?;
    Ok(Stored { id: row.get(0)?, package: row.get(1)?, status, has_agent: row.get(3)?, values })
}

/// A stored value as text; none: empty.
fn text(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text),
        ValueRef::Integer(number) => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(""),
    }
}
