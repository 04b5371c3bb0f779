//! The indexes of customer tables: who has this unique key, who has this phone.
//!
//! An index of SQLite's would be kept in the order of its values. The numbers of a file come in no order, so each chunk of
//! an import would touch nearly every page of it, and write them all: that alone took most of an import's time, the more the
//! larger the table was. Here a chunk appends a *segment*, sorted in itself, and segments of one size are merged, eight at a
//! time, into one of the next size (a log-structured merge tree). Each entry is written about once for each size, always
//! side by side with its neighbours, 405 to a page: a millionth part of a second each time. Entries that come one by one are
//! merged into a small segment at once, so that a key is not looked up in many.
//!
//! An entry is ten bytes: a *place*, which is the front part of the value's fingerprint, and the customer's id. So who is
//! found may have another value (or had this one once: entries are never removed), and the customer's row tells.
//!
//! Nothing here is ever in memory alone: entries, segments and half-done merges are rows, written with the customers in one
//! transaction.

mod entry;
mod segments;
#[cfg(test)]
mod tests;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tables::table_name;
use super::{Campaign, quoted, storage};
use crate::fault::{Fault, Key};
use crate::field::{FieldType, Fields};
use crate::memory;
pub use entry::Kind;
use entry::{Entry, Place};
use segments::Segments;

/// An index of a customer table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    number: i64,
    /// Unique: of the unique key.
    pub kind: Kind,
    /// Whose values it is of; positions of fields.
    pub fields: Vec<usize>,
}

impl Index {
    /// Who may have the values with these fingerprints, which are in order: pairs of a fingerprint's position and a customer.
    pub fn find(&self, c: &Connection, fingerprints: &[u64]) -> Result<Vec<(usize, i64)>, Fault> {
        self.find_since(c, fingerprints, &Scouted::default())
    }

    /// Finds the same ahead, for one who will ask again under the write lock. `known`: of these fingerprints too.
    pub fn scout(&self, c: &Connection, fingerprints: &[u64], known: Option<&Known>) -> Result<Scouted, Fault> {
        let stamp = Segments::of(c, self.number)?.stamp()?;
        let before = known.and_then(|known| known.of(self, fingerprints)).unwrap_or_default();
        Ok(Scouted { index: self.number, stamp, found: self.find_since(c, fingerprints, &before)? })
    }

    /// True where to look through the index for each batch is much of the batch's work.
    pub fn is_large(&self, c: &Connection) -> Result<bool, Fault> {
        const LARGE: usize = 1_000_000;
        Ok(Segments::of(c, self.number)?.entries()? >= LARGE)
    }

    /// Nothing known yet, from now on.
    pub fn known(&self, c: &Connection) -> Result<Known, Fault> {
        let stamp = Segments::of(c, self.number)?.stamp()?;
        Ok(Known { index: self.number, stamp, asked: Vec::new(), found: Vec::new() })
    }

    /// Looks for the customers of fingerprints that come, in order, after those that are known. False: they are too many to
    /// be kept.
    pub fn look(&self, c: &Connection, fingerprints: &[u64], known: &mut Known) -> Result<bool, Fault> {
        const MOST: usize = 1 << 19;
        const OF_ONE: usize = 64;
        memory::ask("what is looked up", fingerprints.len() * OF_ONE)?;
        let place = |fingerprint: &u64| *self.kind.places(*fingerprint).start();
        let found = self.find(c, fingerprints)?;
        let has_room = known.asked.try_reserve(fingerprints.len()).and_then(|()| known.found.try_reserve(found.len()));
        if has_room.is_err() || known.found.len() + found.len() > MOST {
            return Ok(false);
        }
        let before = known.found.len();
        known.asked.extend(fingerprints.iter().map(place));
        known
            .found
            .extend(found.into_iter().filter_map(|(at, customer)| Some((place(fingerprints.get(at)?), customer))));
        // Those before are of earlier places, but for one that both have.
        known.found.get_mut(before..).unwrap_or_default().sort_unstable();
        known.found.dedup();
        Ok(true)
    }

    /// Who was found ahead, and who may have come since: entries stay, so that only what is newer is looked through.
    pub fn find_since(
        &self,
        c: &Connection,
        fingerprints: &[u64],
        ahead: &Scouted,
    ) -> Result<Vec<(usize, i64)>, Fault> {
        let wanted: Vec<_> = fingerprints.iter().map(|&fingerprint| self.kind.places(fingerprint)).collect();
        let ahead = Some(ahead).filter(|ahead| ahead.index == self.number);
        let mut found = ahead.map_or_else(Vec::new, |ahead| ahead.found.clone());
        Segments::of(c, self.number)?.find(&wanted, ahead.map_or(0, |ahead| ahead.stamp), &mut found)?;
        Ok(found)
    }

    /// Takes up customers by the fingerprints of their values, in any order.
    pub fn add(&self, c: &Connection, customers: impl Iterator<Item = (u64, i64)>) -> Result<(), Fault> {
        let entries = customers.map(|(fingerprint, customer)| Entry::new(self.kind, fingerprint, customer));
        Segments::of(c, self.number)?.add(entries.collect::<Result<_, _>>()?)
    }
}

/// Who was found in a unique key's index for many fingerprints, in order.
#[derive(Debug)]
pub struct Known {
    index: i64,
    stamp: i64,
    /// The places that were looked at.
    asked: Vec<Place>,
    /// Who is there.
    found: Vec<(Place, i64)>,
}

impl Known {
    /// How many fingerprints are looked for at once.
    pub const AT_ONCE: usize = 1 << 17;

    /// What is known of these fingerprints, which are in order. `None`: not all of them were asked for.
    fn of(&self, index: &Index, fingerprints: &[u64]) -> Option<Scouted> {
        let (mut asked, mut rest) = (&self.asked[..], &self.found[..]);
        let mut found = Vec::new();
        for (at, fingerprint) in fingerprints.iter().enumerate() {
            let wanted = *index.kind.places(*fingerprint).start();
            asked = asked.get(asked.partition_point(|place| *place < wanted)..)?;
            asked.first().filter(|place| **place == wanted)?;
            rest = rest.get(rest.partition_point(|(place, _)| *place < wanted)..)?;
            let here = rest.iter().take_while(|(place, _)| *place == wanted);
            found.extend(here.map(|&(_, customer)| (at, customer)));
        }
        Some(Scouted { index: self.index, stamp: self.stamp, found })
    }
}

/// What was found in an index at some moment.
#[derive(Clone, Debug, Default)]
pub struct Scouted {
    /// The index's number; 0: of none.
    index: i64,
    stamp: i64,
    found: Vec<(usize, i64)>,
}

/// The indexes of a campaign's customer table; the first is the one of the unique key. To be asked for in the transaction
/// that uses them: a main table may have been defined anew since the campaign was read.
pub fn of<'c>(c: &Connection, campaign: &'c Campaign) -> Result<&'c [Index], Fault> {
    match is_as_read(c, campaign)? {
        true => Ok(&campaign.indexes),
        false => Err(Fault::new(Key::StorageForNow, "the main table was defined anew meanwhile: try again")),
    }
}

/// True where the campaign's main table, if it has one, was not defined anew since it was read.
pub fn is_as_read(c: &Connection, campaign: &Campaign) -> Result<bool, Fault> {
    if !campaign.main_table {
        return Ok(true);
    }
    let sql = "SELECT definitions FROM customer_table WHERE id = ?1";
    let mut definitions = c.prepare_cached(sql).map_err(storage)?;
    let definitions: i64 = definitions.query_row([campaign.table], |row| row.get(0)).map_err(storage)?;
    Ok(definitions == campaign.definitions)
}

/// The indexes of a customer table that has these fields.
pub fn of_table(c: &Connection, table: i64, known: &Fields) -> Result<Vec<Index>, Fault> {
    let sql = "SELECT id, is_key, fields FROM customer_index WHERE customer_table = ?1 ORDER BY is_key DESC, id";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let rows = select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(i64, bool, String)> = rows.and_then(Iterator::collect).map_err(storage)?;
    let mut indexes = Vec::with_capacity(rows.len());
    for (number, is_key, names) in rows {
        let fields: Option<Vec<usize>> = names.split(',').map(|name| known.named(name)).collect();
        let kind = if is_key { Kind::Unique } else { Kind::Shared };
        indexes.extend(fields.map(|fields| Index { number, kind, fields }));
    }
    Ok(indexes)
}

/// A customer's values of these fields, as texts; `None`: there is no such customer.
pub fn values(
    c: &Connection,
    campaign: &Campaign,
    fields: &[usize],
    customer: i64,
) -> Result<Option<Vec<String>>, Fault> {
    let columns = texts(&campaign.fields, fields);
    let sql = format!("SELECT {columns} FROM {} WHERE id = ?1", table_name(campaign.table));
    let mut select = c.prepare_cached(&sql).map_err(storage)?;
    let read = |row: &Row<'_>| (0..fields.len()).map(|at| row.get(at)).collect();
    select.query_row([customer], read).optional().map_err(storage)
}

/// The columns of some of these fields as SQL, whose values come as the texts that they are known by here.
pub fn texts(fields: &Fields, some: &[usize]) -> String {
    let names = some.iter().filter_map(|&at| fields.get(at)).map(|field| quoted(&field.name));
    names.map(|name| format!("CAST(ifnull({name}, '') AS TEXT)")).collect::<Vec<_>>().join(", ")
}

/// Gives a new customer table its indexes.
pub fn create_all(c: &Connection, table: i64, fields: &Fields) -> Result<(), Fault> {
    create(c, table, &fields.key_names(), Kind::Unique)?;
    (0..fields.all().len()).try_for_each(|at| create_of_field(c, table, fields, at))
}

/// Gives a phone an index of its own, unless it is the unique key.
pub fn create_of_field(c: &Connection, table: i64, fields: &Fields, at: usize) -> Result<(), Fault> {
    match fields.get(at).filter(|field| field.kind == FieldType::Phone && fields.key() != [at]) {
        Some(field) => create(c, table, &[&field.name], Kind::Shared),
        None => Ok(()),
    }
}

fn create(c: &Connection, table: i64, names: &[&str], kind: Kind) -> Result<(), Fault> {
    let sql = "INSERT INTO customer_index (customer_table, is_key, fields) VALUES (?1, ?2, ?3)";
    c.execute(sql, params![table, kind == Kind::Unique, names.join(",")]).map(drop).map_err(storage)
}

/// Takes away the index of a field that is lost, if it has one.
pub fn drop_of_field(c: &Connection, table: i64, name: &str) -> Result<(), Fault> {
    drop_where(c, "customer_table = ?1 AND NOT is_key AND fields = ?2 COLLATE NOCASE", params![table, name])
}

/// Takes all indexes of a customer table away.
pub fn drop_all(c: &Connection, table: i64) -> Result<(), Fault> {
    drop_where(c, "customer_table = ?1", params![table])
}

/// The values that are to go are nobody's, but there may have been some: the entries go too.
fn drop_where(c: &Connection, which: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), Fault> {
    let mut gone = c.prepare(&format!("DELETE FROM customer_index WHERE {which} RETURNING id")).map_err(storage)?;
    let gone: Vec<i64> = gone.query_map(values, |row| row.get(0)).and_then(Iterator::collect).map_err(storage)?;
    gone.into_iter().try_for_each(|number| Segments::of(c, number)?.delete_all())
}
