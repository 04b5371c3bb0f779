//! Many processes, each with many threads, do everything at once on one database file; what they heard is compared with
//! what the store holds at the end.
//!
//! By default 20 seconds. `CJI_TEST_SOAK_SECONDS=600 CJI_TEST_SOAK_SEED=7 CJI_TEST_SOAK_DURABILITY=normal cargo test
//! --test soak -- --nocapture` runs longer, and otherwise.

mod account;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod host;
mod jobs;
mod ledger;
mod usage;
mod watch;
mod work;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use common::child::{Process, given, number, report, say};
use common::{Host, done};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

/// What a process of the soak is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Setting {
    path: PathBuf,
    /// Of the file server.
    url: String,
    process: u64,
    threads: u64,
    seconds: u64,
    seed: u64,
    durability: String,
    /// How long a call may take, in seconds.
    bound_s: u64,
    /// When the soak began, by [`ledger::now_us`].
    start_us: u64,
    /// The campaign that records and files go into, the one for files alone, and two of the main table.
    mixed: String,
    files: String,
    main: [String; 2],
}

#[test]
fn a_process_of_the_soak() {
    let Some(setting) = given("SOAK") else { return };
    host::run(&serde_json::from_str(&setting).expect("a setting"));
    say("over");
}

#[test]
fn many_processes_and_threads_do_everything_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({"name": "mixed"}));
    let files = host.campaign(&json!({"name": "files alone"}));
    let main = [1, 2].map(|n| host.campaign(&json!({"name": format!("main {n}"), "main_table": true})));
    let mixed = host.campaign.clone();
    let processes = number("SOAK_PROCESSES", 8);
    for process in 0..processes {
        done(&host.user_set("team", "agent", format!("of {process}"), "plaintext", "0"));
    }
    drop(host);
    let web = files::server();
    let setting = Setting {
        path,
        url: web.url(),
        process: 0,
        threads: number("SOAK_THREADS", 4),
        seconds: number("SOAK_SECONDS", 20),
        seed: number("SOAK_SEED", 1),
        durability: given("SOAK_DURABILITY").unwrap_or_else(|| "full".to_owned()),
        bound_s: number("SOAK_BOUND_S", 30),
        start_us: ledger::now_us(),
        mixed,
        files,
        main,
    };
    let since = Instant::now();
    let of = |process| {
        let setting = Setting { process, ..setting.clone() };
        Process::run("a_process_of_the_soak", &[("SOAK", &serde_json::to_string(&setting).unwrap())])
    };
    let mut running: Vec<Process> = (0..processes).map(of).collect();
    let over = running.iter_mut().filter_map(|process| process.wait_for("over")).count() as u64;
    drop(running);
    let faults = fs::read_to_string(watch::faults_of(&setting.path)).unwrap_or_default();
    assert!(faults.is_empty(), "{}", faults.get(..20_000).unwrap_or(&faults));
    assert_eq!(over, processes, "a process died");
    report(&format!(
        "{processes} processes x {} threads, {:.0} s, seed {}, durability {}",
        setting.threads,
        since.elapsed().as_secs_f64(),
        setting.seed,
        setting.durability
    ));
    account::settle(&setting, processes);
}
