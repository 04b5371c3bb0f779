//! The corpus under `tests/data/` at the level of the file stage: what only this stage shows (encoding, delimiter, defects).
//! tests/corpus.rs runs the same table through the whole import.

use std::path::{Path, PathBuf};

use import_cji::catalog::main_table;
use import_cji::field::Fields;
use import_cji::file::{Limits, Opening, Row, Table, Titles};
use serde_json::{Value, json};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn json_of(name: &str) -> Value {
    let text = std::fs::read_to_string(data(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

const LIMITS: Limits = Limits { max_file_bytes: 4 << 30, max_row_bytes: 1 << 20 };

/// The fields of a case's campaign.
fn fields(case: &Value) -> Fields {
    let mut definition = json!({});
    for key in ["fields", "unique_key"] {
        if !case[key].is_null() {
            definition[key] = case[key].clone();
        }
    }
    main_table(&definition.to_string()).unwrap().fields(None).unwrap()
}

/// How many rows there are; those that the file stage itself finds fault with are told with the expected reason.
fn rows(table: &mut Table<'_>, rejected: &[(u64, &str)]) -> u64 {
    let (mut row, mut count) = (Row::new(), 0);
    while table.next(&mut row).unwrap() {
        count += 1;
        if let Some(defect) = row.defect() {
            let expected = rejected.iter().find(|(line, _)| *line == row.line());
            let (_, reason) = expected.unwrap_or_else(|| panic!("line {}: {defect}", row.line()));
            assert!(defect.contains(reason), "{defect}");
        }
    }
    count
}

fn check(case: &Value) {
    let name = case["file"].as_str().unwrap();
    let expect = &case["expect"];
    let fields = fields(case);
    let path = data("files").join(name);
    let opening = Opening {
        path: &path,
        charset: case["charset"].as_str(),
        delrow: case["delrow"].as_u64().unwrap_or(0),
        titles: &fields,
        limits: LIMITS,
    };
    let opened = Table::open(opening, &|| true);
    if let (Some(message), Some("file")) = (expect["fails"].as_str(), expect["stage"].as_str()) {
        let fault = opened.err().expect("it should be refused");
        assert!(fault.message.contains(message), "{fault}");
        return;
    }
    let mut table = opened.unwrap_or_else(|fault| panic!("{fault}"));
    if let Some(encoding) = case["encoding"].as_str() {
        assert_eq!(table.encoding(), encoding);
    }
    if let Some(delimiter) = case["delimiter"].as_str() {
        assert_eq!(char::from(table.delimiter()).to_string(), delimiter);
    }
    if expect.get("fails").is_some() {
        assert_eq!(expect["stage"], "mapping");
        return;
    }
    let rejects = expect["rejects"].as_array().unwrap().iter();
    let rejects: Vec<_> = rejects.map(|r| (r["line"].as_u64().unwrap(), r["reason"].as_str().unwrap())).collect();
    assert_eq!(json!(rows(&mut table, &rejects)), expect["read"]);
    assert_eq!(json!(rejects.len()), expect["rejected"]);
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused_as_its_line_says() {
    let cases = json_of("files/cases.json");
    let cases = cases.as_array().unwrap();
    let mut failed = Vec::new();
    for case in cases {
        if std::panic::catch_unwind(|| check(case)).is_err() {
            failed.push(format!("{} ({})", case["file"], case["why"]));
        }
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
    assert!(cases.len() >= 60);
}

#[test]
fn every_file_of_the_corpus_has_a_line_in_its_table() {
    let cases = json_of("files/cases.json");
    let named = |name: &str| cases.as_array().unwrap().iter().filter(|case| case["file"] == name).count();
    for entry in std::fs::read_dir(data("files")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let expected = usize::from(name != "cases.json" && name != "README.md");
        assert_eq!(named(&name), expected, "{name}");
    }
}

/// Any title names a field: the spectrum's files are nobody's campaign.
struct AnyTitle;

impl Titles for AnyTitle {
    fn field(&self, title: &str) -> Option<usize> {
        title.bytes().next().map(usize::from)
    }

    fn count(&self) -> usize {
        256
    }
}

#[test]
fn the_csv_spectrum_is_read_cell_for_cell() {
    let mut count = 0;
    for entry in std::fs::read_dir(data("csv-spectrum/csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let opening = Opening { path: &path, charset: None, delrow: 0, titles: &AnyTitle, limits: LIMITS };
        let mut table = Table::open(opening, &|| true).unwrap();
        let titles = table.title().unwrap().cells.clone();
        let mut rows = Vec::new();
        let mut row = Row::new();
        while table.next(&mut row).unwrap() {
            assert_eq!(row.defect(), None, "{name}");
            assert_eq!(row.len(), titles.len(), "{name}");
            let cells = titles.iter().cloned().zip(row.cells().map(Value::from));
            rows.push(Value::Object(cells.collect()));
        }
        assert_eq!(Value::from(rows), json_of(&format!("csv-spectrum/json/{name}.json")), "{name}");
        count += 1;
    }
    assert_eq!(count, 12);
}

/// Every line leaves a quote open that never ends, or that only the last line shows to be stray: far more text than a
/// row may have lies between.
#[test]
fn open_quotes_cost_no_more_time_than_other_text() {
    for last in ["", "\"x\"y\n"] {
        let lines = 300_000;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("name,phone1\n{}{last}", "\",x\",\"\n".repeat(lines))).unwrap();
        let limits = Limits { max_row_bytes: 100_000, ..LIMITS };
        let fields = fields(&Value::Null);
        let begun = std::time::Instant::now();
        let opening = Opening { path: file.path(), charset: None, delrow: 0, titles: &fields, limits };
        let mut table = Table::open(opening, &|| true).unwrap();
        let (mut row, mut stray) = (Row::new(), 0);
        while table.next(&mut row).unwrap() {
            stray += usize::from(row.defect().is_some_and(|defect| defect.contains("quote never ends")));
        }
        assert_eq!(stray, lines);
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}
