//! docs/schema.md is true: its tables and columns are the store's, and its questions are answered.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::web::Web;
use common::{Host, data, done, failed_naming};
use serde_json::json;

/// Columns by table.
type Tables = BTreeMap<String, BTreeSet<String>>;

/// The default fields, which stand in a customer table beside the documented columns.
const FIELDS: [&str; 8] = ["name", "phone1", "phone2", "email", "company", "address", "city", "memo"];
/// Their display names, which stand so in the view of a campaign.
const DISPLAYS: [&str; 8] = ["Name", "Phone 1", "Phone 2", "Email", "Company", "Address", "City", "Memo"];

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.md")).expect("docs/schema.md")
}

/// The tables of the document's section of this title: `### name`, then a row for each column.
fn documented(section: &str) -> Tables {
    let document = document();
    let sections = document.split("\n## ").find(|text| text.starts_with(&format!("{section}\n")));
    let mut tables = Tables::new();
    for text in sections.expect("the section").split("\n### ").skip(1) {
        let (name, rest) = text.split_once('\n').expect("a title and text");
        let columns = rest.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        tables.insert(name.to_owned(), columns.map(str::to_owned).collect());
    }
    tables
}

/// A store with a table of its own, a main table, a job and a rejected row; gives its path too.
fn host() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::at(folder.path().join("calls.db"), &json!({}), &json!({"id": "1"}));
    done(&host.campaign_add("team", json!({"name": "Main", "main_table": true}).to_string()));
    let web = Web::csv("name,phone1,colour\nJoe,1380000,red\nNobody,none,\n");
    let imported = host.import(&[("source", "http"), ("context", &web.url()), ("phone_field", "phone1")]);
    assert_eq!(host.job_of(&imported)["rejected"], 1);
    (folder, host)
}

/// The tables and views of the file, read when the engine is closed.
fn real() -> Tables {
    let (folder, host) = host();
    drop(host);
    let connection = rusqlite::Connection::open(folder.path().join("calls.db")).expect("the database");
    let sql = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
               WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite^_%' ESCAPE '^'";
    let mut select = connection.prepare(sql).expect("SQL");
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let mut tables = Tables::new();
    for row in rows {
        let (table, column): (String, String) = row.expect("a row");
        tables.entry(table).or_default().insert(column);
    }
    tables
}

#[test]
fn the_documented_tables_and_columns_are_the_real_ones() {
    let real = real();
    for (name, mut columns) in documented("Promised") {
        match name.as_str() {
            "customers_<n>" => columns.extend(FIELDS.map(str::to_owned)),
            "campaign_<id>_customers" => columns.extend(DISPLAYS.map(str::to_owned)),
            _ => {}
        }
        for number in if name.contains('<') { 1..3 } else { 1..2 } {
            let name = numbered(&name, number);
            assert_eq!(real.get(&name), Some(&columns), "{name}");
        }
    }
    for (name, columns) in documented("Not promised") {
        assert!(real.get(&name).is_some_and(|real| real.is_superset(&columns)), "{name}");
    }
}

/// A list is read page by page, whatever its length.
#[test]
fn a_page_of_the_dial_list_is_one_range_of_its_table() {
    let (folder, host) = host();
    drop(host);
    let store = rusqlite::Connection::open(folder.path().join("calls.db")).expect("the database");
    let sql =
        "EXPLAIN QUERY PLAN SELECT id, phone FROM dial_entry WHERE campaign = ? AND place > ? ORDER BY place LIMIT 9";
    let mut plan = store.prepare(sql).expect("SQL");
    let plan: Vec<String> =
        plan.query_map([1, 0], |row| row.get(3)).expect("a plan").map(|step| step.expect("text")).collect();
    let range = "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    assert_eq!(plan, ["SEARCH c USING INTEGER PRIMARY KEY (rowid=?)", range]);
}

#[test]
fn every_promised_column_is_read_and_no_other_table() {
    let (_folder, host) = host();
    let promised: Tables =
        documented("Promised").into_iter().map(|(name, columns)| (numbered(&name, 1), columns)).collect();
    for (table, columns) in &promised {
        let answer = host.query(format!("SELECT {} FROM {table}", Vec::from_iter(columns.clone()).join(", ")), "");
        assert_eq!(data(&answer)["columns"], json!(columns), "{table}");
        assert!(!data(&answer)["rows"].as_array().expect("rows").is_empty(), "{table} holds something here");
    }
    let tables = host.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'customers%'", "");
    for row in data(&tables)["rows"].as_array().expect("rows") {
        let table = row[0].as_str().expect("a name");
        if !promised.contains_key(table) {
            // As many rows as the view of them has.
            if table != "dial_row" {
                failed_naming(&host.query(format!("SELECT count(*) FROM {table}"), ""), &["documented"]);
            }
            failed_naming(&host.query(format!("SELECT * FROM {table}"), ""), &["documented"]);
        }
    }
}

/// The name of one of a family of tables: `customers_1` for `customers_<n>`.
fn numbered(name: &str, number: u32) -> String {
    match (name.find('<'), name.find('>')) {
        (Some(from), Some(to)) => format!("{}{number}{}", &name[..from], &name[to + 1..]),
        _ => name.to_owned(),
    }
}

#[test]
fn the_questions_of_the_document_are_answered() {
    let (_folder, host) = host();
    let document = document();
    let questions: Vec<&str> =
        document.split("\n```sql\n").skip(1).filter_map(|rest| rest.split("\n```\n").next()).collect();
    assert!(questions.len() > 4);
    for question in questions {
        let answer = host.query(question, "[1]");
        assert!(!data(&answer)["rows"].as_array().expect("rows").is_empty(), "nothing was found by\n{question}");
    }
}
