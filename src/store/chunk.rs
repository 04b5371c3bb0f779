//! The bulk door: a batch is looked up, decided outside, and applied, in one transaction.

use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params, params_from_iter};

use super::tables::{key_term, table_name};
use super::{Campaign, Store, dial, quoted, storage};
use crate::fault::{Fault, Key};
use crate::field::{FieldType, Fields};
use crate::merge::{Decision, Outcome, Slot};
use crate::record::{Batch, Status, Stored};
use crate::time::{Moment, Seconds};

/// One transaction of an import.
#[derive(Debug)]
pub struct Chunk<'t> {
    pub(super) transaction: &'t Transaction<'t>,
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
        self.timed_write(|transaction| work(&Chunk { transaction }))
    }
}

impl Chunk<'_> {
    /// What the store has under the unique keys of these records. `values`: the customers' values are wanted too; else
    /// only the one of the batch's number.
    pub fn find(
        &self,
        campaign: &Campaign,
        batch: &Batch,
        records: &[usize],
        values: bool,
    ) -> Result<Vec<Option<Stored>>, Fault> {
        let fields = &campaign.fields;
        let columns = batch.columns.iter().enumerate().map(|(at, &field)| match fields.get(field) {
            Some(field) if values || batch.number == Some(at) => quoted(&field.name),
            _ => "NULL".to_owned(),
        });
        let key = fields.key().iter().filter_map(|&at| fields.get(at)).enumerate();
        let sql = format!(
            "SELECT id, package, status, agent IS NOT NULL, {} FROM {} WHERE {}",
            columns.collect::<Vec<_>>().join(", "),
            table_name(campaign.table),
            key.map(|(n, field)| format!("{} = ?{}", key_term(field), n + 1)).collect::<Vec<_>>().join(" AND ")
        );
        let mut select = self.transaction.prepare_cached(&sql).map_err(storage)?;
        let width = batch.columns.len();
        let find = |&record: &usize| {
            let key = batch
                .key
                .iter()
                .map(|&column| bound(fields, batch, column, batch.value(record, column), String::new()));
            select.query_row(params_from_iter(key), |row| stored(row, width)).optional().map_err(storage)
        };
        records.iter().map(find).collect()
    }

    /// Writes what was decided.
    pub fn apply(&self, campaign: &Campaign, batch: &Batch, outcome: &Outcome, now: Seconds) -> Result<Applied, Fault> {
        let mut applied = Applied { customers: vec![0; outcome.slots.len()], ..Applied::default() };
        let mut order: Vec<usize> = (0..outcome.slots.len()).collect();
        // New customers get their ids in the order of their records.
        order.sort_unstable_by_key(|&at| outcome.slots.get(at).map(|slot| slot.first));
        for at in order {
            let (Some(slot), Some(id)) = (outcome.slots.get(at), applied.customers.get_mut(at)) else { continue };
            *id = match &slot.stored {
                None => self.insert(campaign, batch, slot, now)?,
                Some(stored) => {
                    self.update(campaign, batch, slot, stored, now)?;
                    stored.id
                }
            };
        }
        self.dial(campaign, batch, outcome, &applied.customers)?;
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

    fn insert(&self, campaign: &Campaign, batch: &Batch, slot: &Slot, now: Seconds) -> Result<i64, Fault> {
        let fields = &campaign.fields;
        let names = batch.columns.iter().filter_map(|&f| fields.get(f)).map(|f| quoted(&f.name));
        let places = (0..batch.columns.len()).map(|n| format!("?{}", n + 3));
        let sql = format!(
            "INSERT INTO {} (package, status, created_at, updated_at, {}) VALUES (?1, 'open', ?2, ?2, {})",
            table_name(campaign.table),
            names.collect::<Vec<_>>().join(", "),
            places.collect::<Vec<_>>().join(", ")
        );
        let mut insert = self.transaction.prepare_cached(&sql).map_err(storage)?;
        let values = (0..batch.columns.len()).map(|column| {
            let value = slot.source(column).map_or("", |record| batch.value(record, column));
            bound(fields, batch, column, value, Value::Null)
        });
        let head = [Bound::Integer(campaign.package), Bound::Integer(now)];
        insert.insert(params_from_iter(head.into_iter().chain(values))).map_err(storage)
    }

    fn update(
        &self,
        campaign: &Campaign,
        batch: &Batch,
        slot: &Slot,
        stored: &Stored,
        now: Seconds,
    ) -> Result<(), Fault> {
        let change = slot.change;
        if let Some(package) = stored.package.filter(|_| change.leaves_lists) {
            dial::leave(self.transaction, stored.id, package, &Moment::now())?;
        }
        if !change.writes() {
            return Ok(());
        }
        let table = table_name(campaign.table);
        let sql = format!(
            "UPDATE {table} SET package = iif(?2, ?3, package), agent = iif(?4, NULL, agent),
                    status = iif(?5, 'open', status), updated_at = ?6 WHERE id = ?1"
        );
        let mut update = self.transaction.prepare_cached(&sql).map_err(storage)?;
        update
            .execute(params![stored.id, change.moved, campaign.package, change.agent_cleared, change.status_reset, now])
            .map_err(storage)?;
        if slot.replaces() {
            self.update_fields(campaign, batch, slot, stored)?;
        }
        Ok(())
    }

    /// Writes the fields outside the key: those of the key are equal, and naming them would rewrite the index.
    fn update_fields(&self, campaign: &Campaign, batch: &Batch, slot: &Slot, stored: &Stored) -> Result<(), Fault> {
        let fields = &campaign.fields;
        let columns: Vec<usize> = (0..batch.columns.len()).filter(|column| !batch.key.contains(column)).collect();
        let name = |column: usize| batch.columns.get(column).and_then(|&f| fields.get(f)).map(|f| quoted(&f.name));
        let sets = columns.iter().enumerate().filter_map(|(n, &c)| name(c).map(|name| format!("{name} = ?{}", n + 2)));
        let sets = sets.collect::<Vec<_>>().join(", ");
        if sets.is_empty() {
            return Ok(());
        }
        let sql = format!("UPDATE {} SET {sets} WHERE id = ?1", table_name(campaign.table));
        let mut update = self.transaction.prepare_cached(&sql).map_err(storage)?;
        let values = columns.iter().map(|&column| {
            let value = match slot.source(column) {
                Some(record) => batch.value(record, column),
                None => stored.values.get(column).map_or("", String::as_str),
            };
            bound(fields, batch, column, value, Value::Null)
        });
        update.execute(params_from_iter(std::iter::once(Bound::Integer(stored.id)).chain(values))).map_err(storage)?;
        Ok(())
    }

    fn dial(&self, campaign: &Campaign, batch: &Batch, outcome: &Outcome, customers: &[i64]) -> Result<(), Fault> {
        if outcome.entries.is_empty() {
            return Ok(());
        }
        let mut entries = Vec::with_capacity(outcome.entries.len());
        for entry in &outcome.entries {
            let customer = customers.get(entry.slot).copied();
            let customer = customer.ok_or_else(|| Fault::new(Key::Storage, "a dial list entry has no customer"))?;
            entries.push((customer, entry.phone.as_str(), batch.call(entry.record)));
        }
        dial::add(self.transaction, campaign.id, &entries)
    }
}

/// A value on its way into a statement, without a copy.
enum Bound<'v> {
    Text(&'v str),
    Integer(i64),
    Other(Value),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Bound::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Bound::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Bound::Other(value) => value.to_sql()?,
        })
    }
}

/// The value of a column as it is stored: a whole number as one, or `none` where there is none.
fn bound<'v>(fields: &Fields, batch: &Batch, column: usize, value: &'v str, none: impl Into<Value>) -> Bound<'v> {
    let kind = batch.columns.get(column).and_then(|&field| fields.get(field)).map(|f| f.kind);
    match kind {
        Some(FieldType::Integer) => match value.parse() {
            Ok(number) => Bound::Integer(number),
            Err(_) => Bound::Other(none.into()),
        },
        _ => Bound::Text(value),
    }
}

fn stored(row: &Row<'_>, width: usize) -> rusqlite::Result<Stored> {
    let status: String = row.get(2)?;
    let mut values = Vec::with_capacity(width);
    for column in 0..width {
        values.push(text(row.get_ref(column + 4)?));
    }
    let status = Status::named(&status).unwrap_or(Status::Open);
    Ok(Stored { id: row.get(0)?, package: row.get(1)?, status, has_agent: row.get(3)?, values })
}

/// A stored value as text; none: empty.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}
