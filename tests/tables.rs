//! Any table of text, written as CSV by an independent writer in any dialect and encoding, comes back cell for cell.

use std::path::Path;
use std::process::Command;

use import_cji::file::{Limits, Opening, Row, Table, Titles};
use serde_json::{Value, json};

const COUNT: usize = 300;
const SEEDS: std::ops::Range<u64> = 0..3;

struct Names;

impl Titles for Names {
    fn field(&self, title: &str) -> Option<usize> {
        let names = ["name", "phone1", "phone2", "email", "company", "address", "city", "memo"];
        names.iter().position(|name| *name == title)
    }

    fn count(&self) -> usize {
        8
    }
}

/// Whether Python is there; where it is not, this says so, and is a failure on a build server.
fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "python3 is needed for this test");
    if !found {
        println!("SKIPPED: python3 is not here, so no table was written by an independent writer");
    }
    found
}

fn read(path: &Path, charset: Option<&str>) -> Value {
    let limits = Limits { max_file_bytes: 1 << 30, max_row_bytes: 1 << 20 };
    let mut table = Table::open(Opening { path, charset, delrow: 0, titles: &Names, limits }, &|| true).unwrap();
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    let mut row = Row::new();
    while table.next(&mut row).unwrap() {
        assert_eq!(row.defect(), None);
        lines.push(row.line());
        rows.push(row.cells().map(Value::from).collect::<Vec<_>>());
    }
    json!({"title": table.title().unwrap().cells, "lines": lines, "rows": rows})
}

#[test]
fn a_table_written_by_python_comes_back_cell_for_cell() {
    if !python() {
        return;
    }
    for seed in SEEDS {
        tables(seed);
    }
}

fn tables(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables.py");
    let mut writer = Command::new("python3");
    writer.arg(script).arg(folder.path()).args([COUNT.to_string(), seed.to_string()]);
    assert!(writer.status().unwrap().success());
    for number in 0..COUNT {
        let told = std::fs::read_to_string(folder.path().join(format!("{number}.json"))).unwrap();
        let mut told: Value = serde_json::from_str(&told).unwrap();
        let charset = told["charset"].as_str().map(str::to_owned);
        let found = read(&folder.path().join(format!("{number}.csv")), charset.as_deref());
        let encoding = told["encoding"].take();
        for key in ["title", "lines", "rows"] {
            assert_eq!(found[key], told[key], "{key} of table {number} in {encoding}, seed {seed}");
        }
    }
}
