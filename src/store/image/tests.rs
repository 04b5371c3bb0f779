//! What SQLite finds in an image.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;

const SQL: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT NOT NULL, c TEXT) STRICT";
const BY_B: &str = "CREATE INDEX by_b ON t (b) WHERE a IS NOT NULL";

type Rows = Vec<(i64, Option<i64>, String, Option<String>)>;

fn image(rows: &Rows) -> Result<Vec<u8>, TooLarge> {
    let text = |text: &'_ Option<String>| text.is_some();
    let mut image = Image::new(Vec::new(), 0)?;
    image.table(
        "empty",
        "CREATE TABLE empty (id INTEGER PRIMARY KEY)",
        std::iter::empty::<(i64, std::iter::Empty<Bound<'_>>)>(),
    )?;
    image.table(
        "t",
        SQL,
        rows.iter().map(|(id, a, b, c)| {
            let last = if text(c) { Bound::Text(c.as_deref().unwrap_or_default()) } else { Bound::None };
            (*id, [Bound::from(*a), Bound::Text(b), last].into_iter())
        }),
    )?;
    let mut keys: Vec<(&str, i64)> =
        rows.iter().filter(|(_, a, ..)| a.is_some()).map(|(id, _, b, _)| (&**b, *id)).collect();
    keys.sort_unstable();
    let keys = keys.into_iter().map(|(b, id)| [Bound::Text(b), Bound::Integer(id)].into_iter());
    image.index("by_b", "t", BY_B, keys)?;
    image.finish()
}

/// SQLite must find nothing wrong.
fn is_sound(image: &[u8]) -> Connection {
    let mut c = Connection::open_in_memory().unwrap();
    c.deserialize_read_exact("main", image, image.len(), true).unwrap();
    let check: String = c.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    c
}

/// What SQLite reads in it.
fn read(image: &[u8]) -> Rows {
    let c = is_sound(image);
    assert_eq!(c.query_row("SELECT count(*) FROM empty", [], |row| row.get(0)), Ok(0));
    let mut select = c.prepare("SELECT id, a, b, c FROM t").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn sqlite_reads_back_every_integer_and_text() {
    let near = |at: i64| [at.wrapping_sub(1), at, at.wrapping_add(1)];
    let edges: Vec<i64> = (0..64).flat_map(|bit| near(1_i64.wrapping_shl(bit))).chain(near(0)).collect();
    let mut ids: Vec<i64> = edges.clone();
    ids.sort_unstable();
    ids.dedup();
    let rows: Rows = ids
        .iter()
        .enumerate()
        .map(|(n, &id)| (id, Some(id.wrapping_neg()), "ü".repeat(n), (n % 3 > 0).then(|| "x".repeat(n * 40))))
        .collect();
    assert_eq!(read(&image(&rows).unwrap()), rows);
    assert_eq!(read(&image(&Rows::new()).unwrap()), []);
}

#[test]
fn many_rows_take_two_levels() {
    let rows: Rows = (1..=30_000).map(|n| (n * 3, Some(n), format!("name {n}"), Some("é".repeat(40)))).collect();
    let image = image(&rows).unwrap();
    assert!(image.len() > 40 * PAGE);
    assert_eq!(read(&image), rows);
}

#[test]
fn of_an_index_no_page_is_empty() {
    // So many that the last is alone on its page, and more.
    for keys in (4_500..5_200).chain([15_999, 16_000]) {
        let mut image = Image::new(Vec::new(), 0).unwrap();
        let ids = || (0..keys).map(|n| n * 1_000_003);
        image
            .table(
                "t",
                "CREATE TABLE t (id INTEGER PRIMARY KEY)",
                ids().map(|id| (id, std::iter::empty::<Bound<'_>>())),
            )
            .unwrap();
        let sql = "CREATE INDEX i ON t (id)";
        image.index("i", "t", sql, ids().map(|id| [id, id].map(Bound::Integer).into_iter())).unwrap();
        is_sound(&image.finish().unwrap());
    }
}

#[test]
fn a_record_that_needs_another_page_is_too_large() {
    let with = |length: usize| image(&vec![(1, None, "x".repeat(length), None)]);
    // Its header: its own length and four types, one of them of three bytes.
    let longest = MOST_OF_A_RECORD - 7;
    assert_eq!(read(&with(longest).unwrap())[0].2.len(), longest);
    assert_eq!(with(longest + 1), Err(TooLarge));
    // Of a key: its own length and two types, one of three bytes, and an id of none.
    let longest = MOST_OF_A_KEY - 5;
    let with = |length: usize| image(&vec![(1, Some(1), "x".repeat(length), None)]);
    assert_eq!(read(&with(longest).unwrap())[0].2.len(), longest);
    assert_eq!(with(longest + 1), Err(TooLarge));
}

#[test]
fn a_table_of_a_thousand_columns_is_read() {
    let columns: Vec<String> = (0..1_000).map(|n| format!("c{n} TEXT")).collect();
    let sql = format!("CREATE TABLE wide (id INTEGER PRIMARY KEY, {}) STRICT", columns.join(", "));
    let texts: Vec<String> = (0..1_000).map(|n| "y".repeat(n % 60)).collect();
    let mut image = Image::new(Vec::new(), 0).unwrap();
    let row = |id| (id, texts.iter().map(|text| Bound::Text(text)));
    image.table("wide", &sql, [1, 2, 9].into_iter().map(row)).unwrap();
    let image = image.finish().unwrap();
    let c = is_sound(&image);
    let last: Value = c.query_row("SELECT c999 FROM wide WHERE id = 9", [], |row| row.get(0)).unwrap();
    assert_eq!(last, Value::Text("y".repeat(999 % 60)));
}

proptest! {
    #[test]
    fn sqlite_reads_what_was_written(
        rows in prop::collection::btree_map(any::<i64>(), (any::<Option<i64>>(), ".{0,300}", any::<Option<String>>()), 0..400)
    ) {
        let rows: Rows = rows.into_iter().map(|(id, (a, b, c))| (id, a, b, c)).collect();
        prop_assert_eq!(read(&image(&rows).unwrap()), rows);
    }
}
