//! What a store holds, past the library: for comparing two stores that must be equal.

use std::fmt::Write;
use std::path::Path;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags};

/// All that an import leaves but the times: customers, dial lists in their order, jobs, rejected rows. The file must be
/// sound. It is opened with the library's own copy of SQLite, so that no lock is lost.
#[track_caller]
pub fn content(path: &Path) -> String {
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the store");
    store.busy_timeout(std::time::Duration::from_secs(60)).expect("patience");
    let sound: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(sound, "ok", "{}", path.display());
    let broken: i64 =
        store.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(broken, 0, "{}", path.display());
    let mut names = store
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'customers_[0-9]*' ORDER BY name")
        .expect("a statement");
    let tables = names.query_map([], |row| row.get::<_, String>(0)).expect("tables");
    let mut text = String::new();
    for table in tables {
        let table = table.expect("a table");
        list(&store, &format!("SELECT * FROM {table} ORDER BY id"), &["created_at", "updated_at"], &mut text);
    }
    list(&store, "SELECT * FROM dial_entry ORDER BY campaign, id", &[], &mut text);
    let job = "SELECT id, state, bytes_total, bytes_read, read, inserted, updated, skipped, rejected, dial_listed,
                      title, message, warnings FROM job ORDER BY id";
    list(&store, job, &[], &mut text);
    list(&store, "SELECT * FROM job_reject ORDER BY job, line", &[], &mut text);
    text
}

fn list(store: &Connection, sql: &str, without: &[&str], text: &mut String) {
    let mut statement = store.prepare(sql).expect("a statement");
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| !without.contains(&column.as_str())) {
            let cell: Sql = row.get(at).expect("a cell");
            write!(text, "{column}={cell:?} ").expect("text");
        }
        text.push('\n');
    }
}
