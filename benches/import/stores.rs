//! Stores that take long to make, kept in `target/bench`.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use crate::bulk::measured;
use crate::given::Given;
use crate::host::{Host, Import};
use crate::machine::seconds;
use crate::{rows, web};

pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// `large CUSTOMERS`: where the store is.
pub fn tell_large(given: &Given) -> Value {
    let customers = given.place(0, "CUSTOMERS").parse().expect("a number");
    json!({"database": large(customers), "customers": customers})
}

/// A store of so many customers, all on the dial list; made by importing them where it is not there.
pub fn large(customers: u64) -> PathBuf {
    let folder = folder();
    // Another schema needs another store.
    let schema = [include_str!("../../src/store/schema.sql"), include_str!("../../src/store/tables.rs")].concat();
    let mark = schema.bytes().fold(0_u32, |mark, byte| mark.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let path = folder.join(format!("large-{customers}-{mark:08x}.db"));
    if path.exists() {
        return path;
    }
    let (building, file) = (folder.join("large-building.db"), folder.join("large.csv"));
    remove(&building);
    let count = customers.div_ceil(9) * 10;
    let out = File::create(&file).expect("a file");
    rows::csv(0, count, &mut BufWriter::with_capacity(1 << 20, out)).expect("a written file");
    let begun = Instant::now();
    let host = Host::at(building.to_str().expect("UTF-8"), "normal");
    let figures = measured(&host, &Import::file(&web::serve(&file)));
    drop(host);
    assert_eq!(figures["inserted"], rows::keys(count), "{figures}");
    eprintln!("made {} in {:.0} s: {figures}", path.display(), seconds(begun));
    fs::remove_file(file).expect("the file is there");
    fs::rename(building, &path).expect("the store is there");
    path
}

/// Copies a closed store, to the disk and not only to memory.
pub fn copy(from: &Path, to: &Path) {
    remove(to);
    fs::copy(from, to).expect("a copy");
    File::open(to).and_then(|file| file.sync_all()).expect("a copy on the disk");
}

/// Removes a store, or a file.
pub fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        // It may not be there.
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
}
