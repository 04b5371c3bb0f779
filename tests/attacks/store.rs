//! A database file that another made, or damaged.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::child::number;
use crate::common::{DEFAULTS, Host, Library, data, done, failed, failed_naming};

/// A store with some of everything, closed.
fn made(folder: &Path) -> PathBuf {
    let path = folder.join("calls.db");
    let host = Host::at(&path, &json!({"durability": "normal"}), &json!({"id": "1"}));
    for n in 0..300 {
        let record = format!("name=Customer {n}||phone1=138{n:05}||memo={}", "x".repeat(n));
        done(&host.import(&[("context", record.as_str()), ("phone_field", "phone1")]));
    }
    let later = [("source", "http"), ("context", "http://127.0.0.1:1/a"), ("exetime", "2090-01-01 00:00:00")];
    done(&host.import(&later));
    path
}

fn change(path: &Path, sql: &str) {
    Connection::open(path).and_then(|connection| connection.execute_batch(sql)).expect(sql);
}

fn host(path: &Path) -> Host {
    let library = Library::open(path.as_os_str().as_encoded_bytes(), "").expect("it opens");
    Host { library, campaign: "1".into() }
}

#[test]
fn triggers_and_views_of_another_are_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path());
    change(
        &path,
        "CREATE TRIGGER one AFTER INSERT ON customers_1 BEGIN DELETE FROM campaign; END;
         CREATE TRIGGER two BEFORE UPDATE ON job BEGIN DELETE FROM login; END;
         CREATE TRIGGER three AFTER INSERT ON dial_row BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TABLE stolen (a);
         DROP VIEW dial_list;
         CREATE VIEW dial_list AS SELECT 1 AS campaign, verifier AS id, user AS customer FROM login;
         DROP VIEW dial_entry;
         CREATE VIEW dial_entry AS SELECT 1 AS campaign, verifier AS id, fingerprint_key AS customer FROM login, store;
         DROP VIEW campaign_1_customers;
         CREATE VIEW campaign_1_customers AS SELECT load_extension('x'), verifier FROM login;",
    );
    let host = host(&path);
    done(&host.import(&[("context", "phone1=77"), ("phone_field", "phone1")]));
    done(&host.job_cancel("1"));
    for view in ["dial_list", "dial_entry", "campaign_1_customers", "stolen"] {
        let message = failed(&host.query(format!("SELECT * FROM {view}"), "")).to_owned();
        assert!(!message.contains("argon"), "{message}");
    }
    assert_eq!(data(&host.query("SELECT count(*) FROM campaign", ""))["rows"], json!([[1]]));
    assert_eq!(host.import(DEFAULTS)["code"], 1, "the login is there");
}

#[test]
fn a_database_does_not_choose_which_files_are_read_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim.csv");
    let store = made(folder.path());
    for state in ["scheduled", "running"] {
        for name in [victim.to_str().unwrap(), "../victim.csv", "victim.csv", "./victim.csv"] {
            let inside = tempfile::tempdir_in(folder.path()).unwrap();
            for file in [&victim, &inside.path().join("victim.csv")] {
                fs::write(file, "name,phone1\nVictim,4711\n").unwrap();
            }
            let (path, copy) = (inside.path().join("calls.db"), inside.path().join("copy.db"));
            fs::copy(&store, &path).unwrap();
            let taken = format!("state = '{state}', spool = '{name}', bytes_read = 24, run_at = 0");
            change(&path, &format!("UPDATE job SET {taken}"));
            fs::copy(&path, &copy).unwrap();
            done(&host(&path).jobs_run_due());
            let host = host(&copy);
            done(&host.job_cancel("1"));
            done(&host.jobs_run_due());
            for path in [&path, &copy] {
                let host = self::host(path);
                let found = host.customer_list("1", json!({"where": {"phone1": "4711"}}).to_string());
                assert_eq!(data(&found)["customers"], json!([]), "{state} {name}");
            }
            assert!(victim.exists() && inside.path().join("victim.csv").exists(), "{state} {name}");
        }
    }
}

#[test]
fn a_database_does_not_choose_the_names_of_spool_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = made(folder.path());
    for name in ["", "../../x", "0123456789abcde/", "0123456789abcdef0"] {
        let inside = tempfile::tempdir_in(folder.path()).unwrap();
        let path = inside.path().join("calls.db");
        fs::copy(&store, &path).unwrap();
        change(&path, &format!("UPDATE store SET name = '{name}'"));
        let refused = Library::open(path.as_os_str().as_encoded_bytes(), "").expect_err(name);
        failed_naming(&refused, &["location", "damaged"]);
    }
}

/// All that a host may do with it answers, well or not.
fn used(path: &Path) -> bool {
    let code = |reply: &Value| {
        let code = reply["code"].as_i64();
        assert!(matches!(code, Some(1 | 2)), "{reply}");
        code == Some(1)
    };
    let library = match Library::open(path.as_os_str().as_encoded_bytes(), r#"{"durability":"normal"}"#) {
        Ok(library) => library,
        Err(refused) => return code(&refused),
    };
    let host = Host { library, campaign: "1".into() };
    let replies = [
        host.import(&[("context", "name=New||phone1=99"), ("phone_field", "phone1")]),
        host.import(&[("context", "name=Known||phone1=13800007"), ("dupway", "update"), ("dupdiallist", "all")]),
        host.campaign_get("1"),
        host.customer_list("1", r#"{"limit":1000}"#),
        host.customer_list("1", r#"{"where":{"phone1":"13800009"}}"#),
        host.customer_set("1", "5", r#"{"fields":{"phone1":"555"}}"#),
        host.dial_next("1", 100, 60),
        host.dial_done("1", "1", r#"{"outcome":"done"}"#),
        host.dial_list("1", ""),
        host.job_list(""),
        host.job_cancel("1"),
        host.jobs_run_due(),
        host.job_rejects("1", path.with_extension("csv").to_str().unwrap()),
        host.query("SELECT * FROM campaign_1_customers UNION ALL SELECT * FROM campaign_1_customers ORDER BY 5", ""),
        host.query("SELECT * FROM dial_list", ""),
        host.user_set("team", "agent", "2", "plaintext", "x"),
        host.campaign_add("team", r#"{"name":"another"}"#),
    ];
    replies.iter().map(code).filter(|good| !good).count() == 0
}

/// Bytes are changed, pages are zeroed, repeated and cut off. Whatever comes, the process lives.
#[test]
fn a_damaged_database_is_answered_with_failures() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(made(folder.path())).unwrap();
    let path = folder.path().join("damaged.db");
    let mut state = number("SEED", 88_172_645_463_325_252);
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let (mut good, times) = (0, number("DAMAGES", 60));
    for _ in 0..times {
        let mut bytes = whole.clone();
        let pages = bytes.len() / 4096;
        match random(6) {
            0 => (0..1 + random(8)).for_each(|_| bytes[random(whole.len())] = u8::try_from(random(256)).unwrap()),
            // The first bytes of a page say what is on it.
            1 => (0..1 + random(20)).for_each(|_| {
                bytes[random(pages) * 4096 + random(16)] = u8::try_from(random(256)).unwrap();
            }),
            2 => bytes[random(pages) * 4096..][..4096].fill(0),
            3 => {
                let (from, to) = (random(pages) * 4096, random(pages) * 4096);
                bytes.copy_within(from..from + 4096, to);
            }
            4 => bytes.truncate(100 + random(whole.len() - 100)),
            // In the header, past what says that it is a database of ours.
            _ => (0..1 + random(4)).for_each(|_| bytes[16 + random(84)] = u8::try_from(random(256)).unwrap()),
        }
        fs::write(&path, &bytes).unwrap();
        for end in ["-wal", "-shm"] {
            let beside = format!("{}{end}", path.display());
            let _ = fs::remove_file(&beside);
            if random(3) == 0 {
                fs::write(&beside, &whole[random(whole.len() / 2)..][..random(whole.len() / 2)]).unwrap();
            }
        }
        good += u64::from(used(&path));
    }
    crate::common::child::report(&format!("{times} damaged databases, of which {good} were as good as whole"));
    assert!(good < times);
}
