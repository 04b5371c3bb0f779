//! The bulk door: a batch is looked up, decided outside, and applied, in one transaction.

mod alone;
mod apply;
mod staged;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::index::{self, Index};
pub use super::index::{Known, Scouted};
use super::tables::table_name;
use super::{Campaign, Credential, Store, catalog, execute, quoted, storage};
use crate::fault::Fault;
use crate::fingerprint::Fingerprints;
use crate::merge::Groups;
use crate::record::{AsStored, Batch, Status, Stored, Texts};
use crate::request::UserType;
use alone::Alone;
pub use alone::Memory;

/// How far apart customers may lie in their table for one question to read both.
const NEIGHBOURS: i64 = 8;

/// One transaction of an import.
#[derive(Debug)]
pub struct Chunk<'t> {
    hold: Hold<'t>,
    fingerprints: Fingerprints,
}

/// How a chunk has its connection.
#[derive(Debug)]
enum Hold<'t> {
    /// For itself.
    Alone(Alone<'t>),
    /// With others, in a transaction that is not its own.
    Shared(&'t Connection),
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
    pub fn chunk<T>(
        &self,
        memory: &mut Memory,
        work: impl FnOnce(&mut Chunk<'_>) -> Result<T, Fault>,
    ) -> Result<(T, Duration), Fault> {
        let mut connection = self.writer.lock();
        let turn = self.turn.take();
        let alone = Alone::begin(&mut connection, memory)?;
        drop(turn);
        let since = Instant::now();
        let mut chunk = Chunk { hold: Hold::Alone(alone), fingerprints: self.fingerprints };
        let result = work(&mut chunk)?;
        execute(chunk.c(), "COMMIT")?;
        Ok((result, since.elapsed()))
    }
}

impl Store {
    /// A chunk in a transaction of others.
    pub(super) fn shared<'t>(&self, connection: &'t Connection) -> Chunk<'t> {
        Chunk { hold: Hold::Shared(connection), fingerprints: self.fingerprints }
    }
}

impl Store {
    /// Looks up, once for many batches, who may have these unique keys; `None`: that would not be worth its while, or fails.
    pub fn known(
        &self,
        campaign: &Campaign,
        fingerprints: impl FnOnce() -> Option<Vec<u64>>,
        goes_on: impl Fn() -> bool,
    ) -> Option<Known> {
        let is_large = |c: &Connection| match index::of(c, campaign)?.first() {
            Some(index) if index.is_large(c)? => index.known(c).map(Some),
            _ => Ok(None),
        };
        let mut known = self.path().and_then(|_| self.read(is_large).ok()).flatten()?;
        let fingerprints = fingerprints()?;
        // Some at a time: others wait for the end of each reading.
        for some in fingerprints.chunks(Known::AT_ONCE) {
            let look = |c: &Connection| match index::of(c, campaign)?.first() {
                Some(index) => index.look(c, some, &mut known),
                None => Ok(false),
            };
            if !goes_on() || !self.read(look).unwrap_or(false) {
                return None;
            }
        }
        Some(known)
    }

    /// Looks up ahead, without the write lock, who may have the unique keys of a batch. Where that fails, or could only
    /// wait for the writer (a store in memory), nothing was found ahead.
    pub fn scout(&self, campaign: &Campaign, groups: &Groups, known: Option<&Known>) -> Scouted {
        let look = |c: &Connection| match index::of(c, campaign)?.first() {
            Some(index) => index.scout(c, &groups.fingerprints, known),
            None => Ok(Scouted::default()),
        };
        self.path().and_then(|_| self.read(look).ok()).unwrap_or_default()
    }
}

impl<'t> Chunk<'t> {
    pub(super) fn c(&self) -> &Connection {
        match &self.hold {
            Hold::Alone(alone) => alone.connection(),
            Hold::Shared(connection) => connection,
        }
    }

    /// The fingerprints that the store's indexes go by.
    pub fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// The team's id and the login's credential, as far as they exist.
    pub fn credential(
        &self,
        orgidentity: &str,
        usertype: UserType,
        user: &str,
    ) -> Result<Option<(i64, Option<Credential>)>, Fault> {
        catalog::credential(self.c(), orgidentity, usertype, user)
    }

    /// True where a campaign that was read before is still so.
    pub fn is_as_read(&self, campaign: &Campaign) -> Result<bool, Fault> {
        index::is_as_read(self.c(), campaign)
    }

    /// The customers that a campaign's imports go to.
    pub fn customers<'c>(&'c mut self, campaign: &'c Campaign) -> Result<Customers<'c, 't>, Fault> {
        let indexes = index::of(self.c(), campaign)?;
        Ok(Customers { chunk: self, campaign, indexes })
    }
}

/// A campaign's customers in a chunk: looked up and written batch by batch.
#[derive(Debug)]
pub struct Customers<'c, 't> {
    chunk: &'c mut Chunk<'t>,
    campaign: &'c Campaign,
    indexes: &'c [Index],
}

impl Customers<'_, '_> {
    /// What the store has under the unique keys of a batch. `values`: the customers' values are wanted too; else only the
    /// one of the batch's number. `scouted`: what was found ahead.
    pub fn find(&self, batch: &Batch, groups: &Groups, scouted: &Scouted, values: bool) -> Result<AsStored, Fault> {
        let mut found = AsStored { customers: vec![None; groups.firsts.len()], ..AsStored::default() };
        let Some(index) = self.indexes.first() else { return Ok(found) };
        let mut candidates = index.find_since(self.chunk.c(), &groups.fingerprints, scouted)?;
        if candidates.is_empty() {
            return Ok(found);
        }
        // About as much as the batch has: of very many that had a key once, one has it now.
        let most = candidates.len().min(groups.firsts.len());
        let bytes = if values { batch.bytes() / batch.len().max(1) * most } else { 0 };
        found.values = Texts::with_room(most * batch.columns.len(), bytes);
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
        let mut select = self.chunk.c().prepare_cached(&sql).map_err(storage)?;
        // Neighbours are read by one question: a file that comes again names whole stretches of the table.
        for stretch in candidates.chunk_by(|(_, before), (_, after)| after - before <= NEIGHBOURS) {
            let (Some((_, from)), Some((_, to))) = (stretch.first(), stretch.last()) else { continue };
            let mut rows = select.query([from, to]).map_err(storage)?;
            let mut stretch = stretch.iter().peekable();
            while let Some(row) = rows.next().map_err(storage)? {
                let id: i64 = row.get(0).map_err(storage)?;
                while stretch.next_if(|(_, customer)| *customer < id).is_some() {}
                while let Some((at, _)) = stretch.next_if(|(_, customer)| *customer == id) {
                    let Some((slot, &first)) = found.customers.get_mut(*at).zip(groups.firsts.get(*at)) else {
                        continue;
                    };
                    if has_key(row, batch, first).map_err(storage)? {
                        *slot = Some(stored(row, batch, &mut found.values).map_err(storage)?);
                    }
                }
            }
        }
        Ok(found)
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

fn stored(row: &Row<'_>, batch: &Batch, values: &mut Texts) -> rusqlite::Result<Stored> {
    let first_value = values.count();
    for column in 4..4 + batch.columns.len() {
        values.push(&text(row.get_ref(column)?));
    }
    let status = row.get_ref(2)?.as_str()?;
    let status = Status::ALL.into_iter().find(|known| known.name() == status).unwrap_or(Status::Open);
    Ok(Stored { id: row.get(0)?, package: row.get(1)?, status, has_agent: row.get(3)?, first_value })
}

/// A stored value as text; none: empty.
fn text(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Text(text) => str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed),
        ValueRef::Integer(number) => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(""),
    }
}
