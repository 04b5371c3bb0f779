//! Stores that earlier versions wrote: one of each release, and one of each version of the store that had no release. Each
//! was made by `tests/data/stores/make.py` with the library of that version.

mod common;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use common::{Library, data, done, failed_naming};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: [&str; 5] = ["team", "agent", "1001", "plaintext", "secret"];

const VERSION_1: &str = "stores/version-1.db.gz";

fn all() -> Vec<String> {
    let releases = common::releases().into_iter().map(|release| format!("releases/{release}/store.db.gz"));
    [VERSION_1.to_owned()].into_iter().chain(releases).collect()
}

/// The store that this file of tests/data holds, in a folder of its own.
fn store(packed: &str) -> (TempDir, PathBuf) {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(packed);
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(packed).unwrap()).read_to_end(&mut bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn open(path: &Path) -> Library {
    Library::open(path.to_str().unwrap(), r#"{"timezone":"UTC"}"#).unwrap()
}

fn record(library: &Library, campaign: &str, context: &str, phone_field: &str) -> Value {
    let mut parameters: [Vec<u8>; 22] = Default::default();
    let given = PASSWORD.into_iter().chain(["Campaign", campaign, "data", context]);
    for (parameter, text) in parameters.iter_mut().zip(given) {
        *parameter = text.into();
    }
    parameters[13] = phone_field.into();
    parameters[18] = "update".into();
    parameters[20] = "reassignToCurrent".into();
    library.import_cji(&parameters)
}

fn listed(library: &Library, campaign: &str, condition: &Value) -> Vec<i64> {
    let reply = library.customer_list(campaign, json!({"where": condition, "limit": 1000}).to_string());
    data(&reply)["customers"].as_array().unwrap().iter().map(|c| c["id"].as_i64().unwrap()).collect()
}

fn rows(library: &Library, sql: &str) -> Value {
    data(&library.query(sql, ""))["rows"].clone()
}

#[test]
fn customers_of_earlier_versions_are_found_by_key_and_by_phone() {
    for packed in all() {
        let (_folder, path) = store(&packed);
        let library = open(&path);
        for n in [0, 1, 599, 1199] {
            let phone = format!("138{n:08}");
            assert_eq!(listed(&library, "1", &json!({"phone1": phone})), [n + 1], "{phone}");
            let told = record(&library, "1", &format!("phone1={phone}||memo=met again"), "");
            assert_eq!(done(&told), format!("customer {} is a duplicate; updated", n + 1));
        }
        let wanted: Vec<i64> = (0..1200).filter(|n| n % 3 == 0 && n % 50 == 12).map(|n| n + 1).collect();
        assert_eq!(listed(&library, "1", &json!({"phone2": "02100012"})), wanted);
        assert!(done(&record(&library, "1", "phone1=13900000000", "")).contains("added"));
        assert_eq!(listed(&library, "4", &json!({"city": "Bonn", "number": 7})).len(), 1);
        assert!(done(&record(&library, "4", "city=Bonn||phone=1", "")).contains("updated"));
        let taken = library.customer_set("4", "2", r#"{"fields":{"number":7}}"#);
        failed_naming(&taken, &["another customer has this unique key"]);
    }
}

#[test]
fn a_customer_of_earlier_versions_that_moves_leaves_its_old_list() {
    for packed in all() {
        let (_folder, path) = store(&packed);
        let library = open(&path);
        let entries = |campaign: &str| data(&library.campaign_get(campaign))["dial_list"].clone();
        assert_eq!((entries("2"), entries("3")), (json!(1), json!(1)));
        assert!(done(&record(&library, "3", "tel=1391", "tel")).contains("moved"));
        assert_eq!((entries("2"), entries("3")), (json!(0), json!(1)));
    }
}

#[test]
fn jobs_logins_and_dial_lists_of_earlier_versions_go_on() {
    for packed in all() {
        let (_folder, path) = store(&packed);
        let library = open(&path);
        let jobs = library.job_list("");
        let states: Vec<&Value> = data(&jobs)["jobs"].as_array().unwrap().iter().map(|job| &job["state"]).collect();
        assert_eq!(states, ["succeeded", "scheduled"]);
        let counts = "SELECT state, count(*) FROM dial_list WHERE campaign = 1 GROUP BY state";
        let states = rows(&library, counts);
        let ids = rows(&library, "SELECT id, campaign FROM dial_entry ORDER BY id");
        let campaign = |id: i64| [1, 1201, 1202, 1203].iter().filter(|first| **first <= id).count();
        let wanted: Vec<_> = (1..=1204).map(|id| json!([id, campaign(id)])).collect();
        assert_eq!(ids, json!(wanted));
        assert_eq!(states.as_array().unwrap().iter().map(|row| row[1].as_i64().unwrap()).sum::<i64>(), 1200);
        let next = library.dial_next("1", 2, 60);
        let phones: Vec<&Value> = data(&next)["entries"].as_array().unwrap().iter().map(|e| &e["phone"]).collect();
        assert!(phones.iter().all(|phone| phone.as_str().unwrap().starts_with("138")) && phones.len() == 2);
        done(&library.job_cancel("2"));
    }
}

/// An engine of version 1 would go on writing customers that no index of version 2 has.
#[test]
fn a_store_of_version_1_that_is_open_elsewhere_is_left_as_it_is() {
    let (_folder, path) = store(VERSION_1);
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM job').fetchall()
print('open', flush=True); sys.stdin.read()";
    let mut other = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3: tests/run installs it");
    other.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    let refused = Library::open(path.to_str().unwrap(), "").expect_err("a refusal");
    failed_naming(&refused, &["location", "earlier version", "close it"]);
    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(listed(&open(&path), "1", &json!({"phone1": "13800000007"})), [8]);
}

#[test]
fn views_of_the_hosts_own_in_a_store_of_version_1_stay_as_they_are() {
    let (_folder, path) = store(VERSION_1);
    let sql = "CREATE VIEW broken AS SELECT missing FROM job;
               CREATE VIEW leased AS SELECT count(*) FROM dial_lease;
               DROP VIEW dial_list;
               INSERT INTO dial_waiting VALUES (99, 0, 0, 5, 6);";
    rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let library = open(&path);
    assert_eq!(listed(&library, "1", &json!({"phone1": "13800000007"})), [8]);
    assert_eq!(rows(&library, "SELECT count(*) FROM dial_list"), json!([[1204]]));
    drop(library);
    let store = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(store.query_row("SELECT * FROM leased", [], |row| row.get(0)), Ok(5));
}

#[test]
fn a_store_of_version_1_that_many_open_at_once_is_brought_up_to_date_once() {
    let (_folder, path) = store(VERSION_1);
    let found = thread::scope(|scope| {
        let one = || listed(&open(&path), "1", &json!({"phone1": "13800000007"}));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(found.iter().all(|found| found == &[8]), "{found:?}");
}

#[test]
fn a_store_of_an_earlier_version_has_the_tables_of_a_new_one_afterwards() {
    for packed in all() {
        let (_folder, path) = store(&packed);
        let columns = |library: &Library| {
            let own = "name NOT LIKE 'customers_%' AND name NOT LIKE 'campaign_%' AND name NOT LIKE 'sqlite_%'";
            let all =
                rows(library, &format!("SELECT name FROM sqlite_schema WHERE type <> 'view' AND {own} ORDER BY name"));
            all.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let old = open(&path);
        assert_eq!(columns(&old), columns(&Library::in_memory()));
        let left = rows(&old, "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name LIKE 'customers_%'");
        assert_eq!(left, json!([["customers_2_package"]]));
        drop(old);
        // The second opening finds it done.
        assert_eq!(listed(&open(&path), "1", &json!({"phone1": "13800000007"})), [8]);
    }
}
