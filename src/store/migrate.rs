//! From the schema of an earlier version to today's.

use rusqlite::{Connection, Row};

use super::index::{self, Kind};
use super::tables::{table_fields, table_name};
use super::{quoted, storage};
use crate::fault::{Fault, Key};
use crate::field::Fields;
use crate::fingerprint::Fingerprints;

/// "CJI1": marks a database as ours.
pub const APPLICATION_ID: i32 = 0x434A_4931;

/// Today's `user_version`.
pub const VERSION: i64 = 2;

/// How many customers are taken up at a time.
const AT_ONCE: usize = 100_000;

/// Leads the tables from this version to today's, within a transaction; 0: there are none yet.
pub fn migrate(c: &Connection, version: i64) -> Result<(), Fault> {
    match version {
        0 => {
            c.execute_batch(concat!(include_str!("schema.sql"), include_str!("views.sql"))).map_err(storage)?;
            let sql = "INSERT INTO store (one, name, fingerprint_key, last_dial_entry)
                       VALUES (1, lower(hex(randomblob(8))), randomblob(16), 0)";
            c.execute(sql, []).map(drop).map_err(storage)
        }
        1 => from_1(c),
        _ => Ok(()),
    }
}

/// Version 1 had SQLite's indexes in the place of ours.
fn from_1(c: &Connection) -> Result<(), Fault> {
    c.execute_batch(concat!(include_str!("migrations/1_to_2.sql"), include_str!("views.sql"))).map_err(storage)?;
    let fingerprints = fingerprints(c)?;
    let mut tables = c.prepare("SELECT id FROM customer_table ORDER BY id").map_err(storage)?;
    let tables: Vec<i64> = tables.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(storage)?;
    for table in tables {
        let fields = table_fields(c, table)?;
        let name = table_name(table);
        let mut old = c
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND name <> ?1 || '_package'",
            )
            .map_err(storage)?;
        let old: Vec<String> = old.query_map([&name], |row| row.get(0)).and_then(Iterator::collect).map_err(storage)?;
        for index in old {
            c.execute_batch(&format!("DROP INDEX {}", quoted(&index))).map_err(storage)?;
        }
        index::create_all(c, table, &fields)?;
        take_up(c, table, &fields, fingerprints)?;
    }
    Ok(())
}

/// Takes all customers of a table up in its indexes.
fn take_up(c: &Connection, table: i64, fields: &Fields, fingerprints: Fingerprints) -> Result<(), Fault> {
    for index in index::of_table(c, table, fields)? {
        let columns = index::texts(fields, &index.fields);
        let sql = format!("SELECT id, {columns} FROM {} ORDER BY id", table_name(table));
        let mut select = c.prepare(&sql).map_err(storage)?;
        let mut rows = select.query([]).map_err(storage)?;
        let read = |row: &Row<'_>| -> rusqlite::Result<(i64, Vec<String>)> {
            Ok((row.get(0)?, (1..=index.fields.len()).map(|at| row.get(at)).collect::<Result<_, _>>()?))
        };
        let mut found = Vec::new();
        loop {
            let row = rows.next().map_err(storage)?.map(read).transpose().map_err(storage)?;
            let is_end = row.is_none();
            if let Some((customer, values)) = row
                && (index.kind == Kind::Unique || values.iter().any(|value| !value.is_empty()))
            {
                found.push((fingerprints.of(values.iter().map(String::as_str)), customer));
            }
            if is_end || found.len() == AT_ONCE {
                index.add(c, found.drain(..))?;
            }
            if is_end {
                break;
            }
        }
    }
    Ok(())
}

/// The fingerprints of this store.
pub fn fingerprints(c: &Connection) -> Result<Fingerprints, Fault> {
    let key: Vec<u8> = c.query_row("SELECT fingerprint_key FROM store", [], |row| row.get(0)).map_err(storage)?;
    let key = key.try_into().map_err(|_| Fault::new(Key::Storage, "the store has no key of fingerprints"))?;
    Ok(Fingerprints::new(key))
}
