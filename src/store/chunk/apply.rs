//! What was decided becomes rows.

use rusqlite::params_from_iter;

use super::super::bulk::{Bound, Bulk};
use super::super::index::Kind;
use super::super::tables::table_name;
use super::super::{dial, quoted, storage};
use super::{Applied, Customers};
use crate::fault::{Fault, Key};
use crate::field::{FieldType, Fields};
use crate::merge::{Decision, Entry, Groups, Outcome, Slot};
use crate::record::{Batch, Call, Status};
use crate::time::{Moment, Seconds};

impl Customers<'_, '_> {
    /// Writes what was decided.
    pub fn apply(
        &mut self,
        batch: &Batch,
        groups: &Groups,
        outcome: &Outcome<'_>,
        now: Seconds,
    ) -> Result<Applied, Fault> {
        let known = |at: usize| outcome.slots.get(at).and_then(|slot| slot.stored.as_ref()).map(|stored| stored.id);
        // Each in the table's order: new customers get their ids in the order of their records.
        let mut old: Vec<usize> = (0..outcome.slots.len()).filter(|&at| known(at).is_some()).collect();
        old.sort_unstable_by_key(|&at| known(at));
        let is_first = |&(record, at): &(usize, usize)| groups.firsts.get(at) == Some(&record) && known(at).is_none();
        let new: Vec<usize> = groups.slots.iter().copied().enumerate().filter(is_first).map(|(_, at)| at).collect();
        let mut ids = vec![0; outcome.slots.len()];
        let given = if new.is_empty() { 0 } else { self.last_id()? };
        let old_ids = old.iter().filter_map(|&at| Some((at, known(at)?)));
        for (at, id) in old_ids.chain(new.iter().copied().zip(given + 1..)) {
            ids.get_mut(at).into_iter().for_each(|given| *given = id);
        }
        let customers = NewCustomers { batch, outcome, fields: &self.campaign.fields, slots: &new, ids: &ids, now };
        let entries = dial::NewEntries::reserve(self.chunk.c(), self.campaign, entries(batch, outcome, &ids)?)?;
        let copied = self.copy(&customers, &entries)?;
        if !copied {
            self.insert(&customers)?;
        }
        self.update(batch, outcome, &old, now)?;
        self.keep_indexes(batch, groups, outcome, &ids)?;
        if !copied {
            entries.insert(self.chunk.c(), self.campaign)?;
        }
        entries.wait(self.chunk.c(), self.campaign)?;
        let mut applied = Applied { customers: ids, dial_listed: outcome.entries.len() as u64, ..Applied::default() };
        for decision in &outcome.decisions {
            match decision {
                Decision::Insert { .. } => applied.inserted += 1,
                Decision::Duplicate(change) if change.any() => applied.updated += 1,
                Decision::Duplicate(_) | Decision::Leave => applied.skipped += 1,
            }
        }
        Ok(applied)
    }

    /// The greatest id of the table's customers.
    fn last_id(&self) -> Result<i64, Fault> {
        let sql = ["SELECT ifnull(max(id), 0) FROM ", &table_name(self.campaign.table)].concat();
        let mut last = self.chunk.c().prepare_cached(&sql).map_err(storage)?;
        last.query_row([], |row| row.get(0)).map_err(storage)
    }

    fn insert(&self, new: &NewCustomers<'_>) -> Result<(), Fault> {
        if new.len() == 0 {
            return Ok(());
        }
        let batch = new.batch;
        let mut columns = "package, status, created_at, updated_at, id".to_owned();
        for field in batch.columns.iter().filter_map(|&field| new.fields.get(field)) {
            columns.push_str(", ");
            columns.push_str(&quoted(&field.name));
        }
        let package = Bound::Integer(self.campaign.package);
        let shared = [package, Bound::Text(Status::Open.name()), Bound::Integer(new.now), Bound::Integer(new.now)];
        let table = table_name(self.campaign.table);
        let bulk = Bulk { table: &table, columns: &columns, shared: &shared, own: 1 + batch.columns.len() };
        bulk.insert(self.chunk.c(), new.len(), |row| {
            let (id, slot) = new.row(row);
            let values = (0..batch.columns.len()).map(move |column| new.value(slot, column));
            std::iter::once(Bound::Integer(id)).chain(values)
        })
    }

    fn update(&self, batch: &Batch, outcome: &Outcome<'_>, old: &[usize], now: Seconds) -> Result<(), Fault> {
        if old.is_empty() {
            return Ok(());
        }
        let (c, table, fields) = (self.chunk.c(), table_name(self.campaign.table), &self.campaign.fields);
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
                let values = columns
                    .iter()
                    .map(|&column| bound(fields, batch, column, slot.value(batch, &outcome.stored, column)));
                with.execute(params_from_iter(head.into_iter().chain(values))).map_err(storage)?;
            } else {
                without.execute(params_from_iter(head)).map_err(storage)?;
            }
        }
        Ok(())
    }

    /// Takes the new customers, and the changed values of others, up in the indexes.
    fn keep_indexes(&self, batch: &Batch, groups: &Groups, outcome: &Outcome<'_>, ids: &[i64]) -> Result<(), Fault> {
        let (transaction, fingerprints) = (self.chunk.c(), self.chunk.fingerprints);
        for index in self.indexes {
            let slots = outcome.slots.iter().zip(ids);
            if index.kind == Kind::Unique {
                let new = slots.zip(&groups.fingerprints).filter(|((slot, _), _)| slot.stored.is_none());
                index.add(transaction, new.map(|((_, &id), &fingerprint)| (fingerprint, id)))?;
                continue;
            }
            let column = index.fields.first().and_then(|field| batch.columns.iter().position(|c| c == field));
            let Some(column) = column else { continue };
            let value = |slot: &Slot| slot.source(column).map_or("", |record| batch.value(record, column));
            let is_new = |slot: &Slot| {
                slot.stored.as_ref().is_none_or(|known| outcome.stored.get(known.first_value + column) != value(slot))
            };
            let written = slots.filter(|(slot, _)| is_new(slot)).map(|(slot, &id)| (value(slot), id));
            let written = written.filter(|(value, _)| !value.is_empty());
            index.add(transaction, written.map(|(value, id)| (fingerprints.of([value]), id)))?;
        }
        Ok(())
    }
}

/// The customers of a batch that are new.
#[derive(Debug)]
pub(super) struct NewCustomers<'v> {
    pub batch: &'v Batch,
    pub outcome: &'v Outcome<'v>,
    pub fields: &'v Fields,
    /// Their slots, in the order of their ids.
    pub slots: &'v [usize],
    /// The ids of all slots.
    pub ids: &'v [i64],
    pub now: Seconds,
}

impl<'v> NewCustomers<'v> {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// A customer's id and slot.
    pub fn row(&self, row: usize) -> (i64, Option<&'v Slot>) {
        let at = self.slots.get(row).copied().unwrap_or_default();
        (self.ids.get(at).copied().unwrap_or_default(), self.outcome.slots.get(at))
    }

    pub fn rows(&self) -> impl Iterator<Item = (i64, Option<&'v Slot>)> {
        (0..self.len()).map(|row| self.row(row))
    }

    /// The value of a column of the batch.
    pub fn value(&self, slot: Option<&Slot>, column: usize) -> Bound<'v> {
        let record = slot.and_then(|slot| slot.source(column));
        bound(self.fields, self.batch, column, record.map_or("", |record| self.batch.value(record, column)))
    }
}

/// What comes on the dial list: customers, numbers and calls.
fn entries<'v>(batch: &Batch, outcome: &'v Outcome<'_>, ids: &[i64]) -> Result<Vec<(i64, &'v str, Call)>, Fault> {
    let one = |entry: &'v Entry<'_>| {
        let customer = ids.get(entry.slot).copied();
        let customer = customer.ok_or_else(|| Fault::new(Key::Storage, "a dial list entry has no customer"))?;
        Ok((customer, &*entry.phone, batch.call(entry.record)))
    };
    outcome.entries.iter().map(one).collect()
}

/// The value of a column as it is stored: a whole number as one, or NULL where there is none.
fn bound<'v>(fields: &Fields, batch: &Batch, column: usize, value: &'v str) -> Bound<'v> {
    let kind = batch.columns.get(column).and_then(|&field| fields.get(field)).map(|f| f.kind);
    match kind {
        Some(FieldType::Integer) => value.parse().map_or(Bound::None, Bound::Integer),
        _ => Bound::Text(value),
    }
}
