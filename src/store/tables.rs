//! Customer tables: real columns, one table for each package of its own and for each team's main table.

use rusqlite::{Connection, Row, params};

use super::{index, quoted, storage, views};
use crate::fault::{Fault, Key};
use crate::field::{Field, FieldType, Fields};
use crate::record::Status;

/// The name of a customer table.
pub fn table_name(table: i64) -> String {
    ["customers_", &table.to_string()].concat()
}

/// The fields of a customer table.
pub fn table_fields(c: &Connection, table: i64) -> Result<Fields, Fault> {
    let sql = "SELECT name, display, type, required, key_position FROM field
               WHERE customer_table = ?1 ORDER BY position";
    let mut statement = c.prepare_cached(sql).map_err(storage)?;
    let read = |row: &Row<'_>| {
        let kind: String = row.get(2)?;
        let kind = FieldType::named(&kind).unwrap_or_default();
        let field = Field { name: row.get(0)?, display: row.get(1)?, kind, required: row.get(3)? };
        Ok((field, row.get::<_, Option<i64>>(4)?))
    };
    let rows: Vec<(Field, Option<i64>)> =
        statement.query_map([table], read).and_then(Iterator::collect).map_err(storage)?;
    let mut key: Vec<(i64, String)> = rows.iter().filter_map(|(f, at)| at.map(|at| (at, f.name.clone()))).collect();
    key.sort();
    let key: Vec<String> = key.into_iter().map(|(_, name)| name).collect();
    Fields::new(rows.into_iter().map(|(field, _)| field).collect(), &key).map_err(|e| Fault::new(Key::Storage, e))
}

/// Makes a customer table; `main`: its customers have packages.
pub fn create_table(c: &Connection, team: i64, fields: &Fields, main: bool) -> Result<i64, Fault> {
    let sql = "INSERT INTO customer_table (team) VALUES (?1) RETURNING id";
    let table: i64 = c.query_row(sql, [team], |row| row.get(0)).map_err(storage)?;
    build_table(c, table, fields, main)?;
    write_fields(c, table, fields)?;
    Ok(table)
}

fn build_table(c: &Connection, table: i64, fields: &Fields, main: bool) -> Result<(), Fault> {
    let name = table_name(table);
    let columns: Vec<String> = fields.all().iter().map(column).collect();
    let mut sql = format!(
        "CREATE TABLE {name} (
            id INTEGER PRIMARY KEY,
            package INTEGER,
            status TEXT NOT NULL CHECK ({}),
            agent TEXT,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            {}
        ) STRICT;",
        // Not `IN`, for which SQLite makes a table of the list for each row: it trebles what the row costs.
        Status::ALL.map(|status| format!("status = '{}'", status.name())).join(" OR "),
        columns.join(",\n            "),
    );
    if main {
        sql.push_str(&format!("CREATE INDEX {name}_package ON {name} (package);"));
    }
    c.execute_batch(&sql).map_err(storage)?;
    index::create_all(c, table, fields)
}

fn column(field: &Field) -> String {
    match field.kind {
        FieldType::Integer => format!("{} INTEGER", quoted(&field.name)),
        FieldType::Text | FieldType::Phone | FieldType::Datetime => {
            format!("{} TEXT NOT NULL DEFAULT ''", quoted(&field.name))
        }
    }
}

fn write_fields(c: &Connection, table: i64, fields: &Fields) -> Result<(), Fault> {
    c.execute("DELETE FROM field WHERE customer_table = ?1", [table]).map_err(storage)?;
    let sql = "INSERT INTO field (customer_table, position, name, display, type, required, key_position)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = c.prepare(sql).map_err(storage)?;
    for ((position, at), field) in (0_i64..).zip(0_usize..).zip(fields.all()) {
        let key = (0_i64..).zip(fields.key()).find(|(_, k)| **k == at).map(|(place, _)| place);
        let (name, display, kind) = (&field.name, &field.display, field.kind.name());
        insert.execute(params![table, position, name, display, kind, field.required, key]).map_err(storage)?;
    }
    Ok(())
}

/// Gives a main table other fields: those that hold data must stay as they are.
pub fn redefine(c: &Connection, table: i64, old: &Fields, new: &Fields) -> Result<(), Fault> {
    let name = table_name(table);
    views::drop_all(c, table)?;
    if holds(c, &format!("SELECT 1 FROM {name}"))? {
        change_columns(c, table, old, new)?;
    } else {
        c.execute_batch(&format!("DROP TABLE {name}")).map_err(storage)?;
        index::drop_all(c, table)?;
        build_table(c, table, new, true)?;
    }
    write_fields(c, table, new)?;
    views::create_all(c, table, new)
}

fn change_columns(c: &Connection, table: i64, old: &Fields, new: &Fields) -> Result<(), Fault> {
    let name = table_name(table);
    let key = |fields: &Fields| fields.key_names().iter().map(|n| n.to_ascii_lowercase()).collect::<Vec<_>>();
    if key(old) != key(new) {
        let old = old.key_names().join(", ");
        return Err(held(format!("unique_key: the key ({old}) holds data, so it can't be changed")));
    }
    let same = |a: &Field, b: &Field| a.name.eq_ignore_ascii_case(&b.name) && a.kind == b.kind;
    for field in old.all().iter().filter(|f| !new.all().iter().any(|n| same(f, n))) {
        let column = quoted(&field.name);
        if holds(c, &format!("SELECT 1 FROM {name} WHERE ifnull({column}, '') <> ''"))? {
            let field = &field.name;
            return Err(held(format!("the field {field} holds data, so it can't be lost or change its type")));
        }
        index::drop_of_field(c, table, &field.name)?;
        c.execute_batch(&format!("ALTER TABLE {name} DROP COLUMN {column}")).map_err(storage)?;
    }
    for (at, field) in new.all().iter().enumerate().filter(|(_, f)| !old.all().iter().any(|o| same(f, o))) {
        c.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {}", column(field))).map_err(storage)?;
        index::create_of_field(c, table, new, at)?;
    }
    Ok(())
}

fn holds(c: &Connection, rows: &str) -> Result<bool, Fault> {
    c.query_row(&format!("SELECT EXISTS ({rows})"), [], |row| row.get(0)).map_err(storage)
}

/// What a new definition must leave alone.
fn held(what: impl AsRef<str>) -> Fault {
    Fault::new(Key::ParameterBad, format!("definition: {}", what.as_ref()))
}
