//! The dial list at work. Leases, their order, their end; many threads and processes.

mod common;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{Host, JOE, Library, data, done, failed, failed_naming};
use serde_json::{Value, json};

/// Puts numbers on the list: phone, priority, dial time.
fn listed(host: &Host, calls: &[(&str, &str, &str)]) {
    for (phone, priority, time) in calls {
        let context = format!("phone1={phone}||p={priority}||t={time}");
        let list = [("phone_field", "phone1"), ("priority_field", "p"), ("dialtime_field", "t")];
        done(&host.import(&[&[("context", context.as_str()), ("dupdiallist", "all")][..], &list[..]].concat()));
    }
}

/// A campaign whose list has the phones 1 to `count`.
fn filled(count: usize) -> Host {
    let host = Host::new();
    let phones: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
    let calls: Vec<_> = phones.iter().map(|phone| (phone.as_str(), "", "")).collect();
    listed(&host, &calls);
    host
}

/// The phones that a call leases.
#[track_caller]
fn next(host: &Host, limit: i32) -> String {
    let reply = host.dial_next(&host.campaign, limit, 60);
    let entries = data(&reply)["entries"].as_array().unwrap();
    entries.iter().map(|e| e["phone"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// The ids that a call leases.
#[track_caller]
fn lease(library: &Library, campaign: &str, limit: i32, seconds: i32) -> Vec<i64> {
    let reply = library.dial_next(campaign, limit, seconds);
    data(&reply)["entries"].as_array().unwrap().iter().map(|e| e["id"].as_i64().unwrap()).collect()
}

fn end(library: &Library, campaign: &str, entry: i64, outcome: &str) -> Value {
    library.dial_done(campaign, entry.to_string(), outcome)
}

const DONE: &str = r#"{"outcome":"done"}"#;
const RETRY: &str = r#"{"outcome":"retry"}"#;

// The order

#[test]
fn the_order_is_priority_then_time_with_none_first_then_insertion() {
    let host = Host::new();
    listed(
        &host,
        &[
            ("1", "0", ""),
            ("2", "-5", ""),
            ("3", "7", "2020-01-02"),
            ("4", "7", "2020-01-01"),
            ("5", "7", ""),
            ("6", "0", ""),
            ("7", "7", "2020-01-01"),
            ("8", "2147483647", ""),
            ("9", "-2147483648", ""),
            ("10", "9", "2040-01-01"),
        ],
    );
    assert_eq!(next(&host, 100), "8 5 4 7 3 1 6 2 9");
}

#[test]
fn an_entry_of_the_future_waits_for_its_time_whatever_its_priority() {
    let host = Host::new();
    let soon =
        |seconds| data(&host.query(format!("SELECT datetime('now', '+{seconds} seconds')"), ""))["rows"][0][0].clone();
    listed(&host, &[("1", "9", soon(2).as_str().unwrap()), ("2", "0", "")]);
    assert_eq!(next(&host, 1), "2");
    assert_eq!(next(&host, 1), "");
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(next(&host, 1), "1");
}

#[test]
fn a_file_is_dialled_in_the_order_of_its_rows() {
    let host = Host::new();
    let mut csv = String::from("name,phone1\n");
    let phones: Vec<u64> = (0..5_000).map(|n| 10_000 + n * 7_919 % 10_007).collect();
    phones.iter().for_each(|phone| csv.push_str(&format!("x,{phone}\n")));
    let url = common::web::Web::csv(csv).url();
    done(&host.import(&[("source", "http"), ("context", &url), ("phone_field", "phone1")]));
    let wanted: Vec<String> = phones.iter().map(u64::to_string).collect();
    assert_eq!(next(&host, 10_000), wanted.join(" "));
}

// Leases

#[test]
fn what_is_leased_is_given_to_nobody_else() {
    let host = filled(5);
    assert_eq!(
        (next(&host, 2), next(&host, 2), next(&host, 2), next(&host, 2)),
        ("1 2".into(), "3 4".into(), "5".into(), "".into())
    );
}

#[test]
fn a_leased_entry_is_told_as_it_is_documented() {
    let host = Host::new();
    listed(&host, &[("13800001111", "3", "2020-01-02 03:04:05")]);
    let entry = json!({"id": 1, "customer": 1, "phone": "13800001111", "priority": 3,
        "dial_time": "2020-01-02 03:04:05", "state": "leased"});
    assert_eq!(data(&host.dial_next(&host.campaign, 1, 60)), &json!({"entries": [entry]}));
    assert_eq!(host.entries(), [entry]);
}

#[test]
fn a_lease_that_runs_out_gives_its_entry_back_in_its_place() {
    let host = filled(3);
    let campaign = &host.campaign;
    assert_eq!(lease(&host, campaign, 1, 1), [1]);
    assert_eq!(lease(&host, campaign, 1, 60), [2]);
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(host.entries()[0]["state"], "waiting");
    failed_naming(&end(&host, campaign, 1, DONE), &["entry_id 1", "run out"]);
    assert_eq!(lease(&host, campaign, 5, 60), [1, 3]);
}

#[test]
fn a_lease_may_be_as_long_as_a_number_can_say() {
    let host = filled(1);
    assert_eq!(lease(&host, &host.campaign, 1, i32::MAX), [1]);
    assert_eq!(host.entries()[0]["state"], "leased");
    done(&end(&host, &host.campaign, 1, DONE));
}

#[test]
fn limits_and_leases_that_make_no_sense_are_refused_by_name() {
    let host = filled(1);
    for limit in [0, -1, i32::MIN, 10_001, i32::MAX] {
        failed_naming(&host.dial_next(&host.campaign, limit, 60), &["limit", &limit.to_string()]);
    }
    for seconds in [0, -1, i32::MIN] {
        failed_naming(&host.dial_next(&host.campaign, 1, seconds), &["lease_seconds", &seconds.to_string()]);
    }
    for campaign in ["", "x", "99", "-1", "1 OR 1=1", "99999999999999999999"] {
        failed_naming(&host.dial_next(campaign, 1, 60), &["campaign"]);
    }
    assert_eq!(host.entries()[0]["state"], "waiting");
}

// Their end

#[test]
fn a_done_entry_is_gone() {
    let host = filled(2);
    lease(&host, &host.campaign, 1, 60);
    done(&end(&host, &host.campaign, 1, DONE));
    assert_eq!(host.entries().len(), 1);
    failed_naming(&end(&host, &host.campaign, 1, DONE), &["entry_id 1"]);
}

#[test]
fn a_retried_entry_is_back_with_the_time_and_priority_given() {
    let host = filled(3);
    let again = |outcome: &str, entry: i64| done(&end(&host, &host.campaign, entry, outcome)).to_owned();
    lease(&host, &host.campaign, 3, 60);
    again(r#"{"outcome":"retry","dial_time":"2040-01-31 09:00:00","priority":3}"#, 1);
    again(r#"{"outcome":"retry","dial_time":null,"priority":null}"#, 2);
    again(r#"{"outcome":"retry","priority":1}"#, 3);
    let told: Vec<Value> = host.entries().iter().map(|e| json!([e["dial_time"], e["priority"], e["state"]])).collect();
    let wanted =
        [json!(["2040-01-31 09:00:00", 3, "waiting"]), json!([null, 0, "waiting"]), json!([null, 1, "waiting"])];
    assert_eq!(told, wanted);
    assert_eq!(next(&host, 5), "3 2");
}

#[test]
fn an_entry_without_a_lease_here_is_refused_and_stays_as_it_is() {
    let host = filled(3);
    let second = host.campaign(&json!({}));
    done(&host.import(&[("model_id", second.as_str()), ("context", "phone1=1"), ("phone_field", "phone1")]));
    lease(&host, &host.campaign, 1, 60);
    assert_eq!(lease(&host, &second, 1, 60), [4]);
    let before = host.entries();
    for (campaign, entry) in [
        (host.campaign.as_str(), "2"),
        (&host.campaign, "99"),
        (&host.campaign, ""),
        (&host.campaign, "x"),
        (&host.campaign, "-1"),
        (&host.campaign, "1.0"),
        (&host.campaign, "99999999999999999999"),
        (&second, "1"),
        ("99", "1"),
        // Where the lists lie side by side, that is how far the next one is.
        (&host.campaign, "100000000004"),
        (&second, "-99999999999"),
    ] {
        for outcome in [DONE, RETRY] {
            failed(&host.dial_done(campaign, entry, outcome));
        }
    }
    assert_eq!(host.entries(), before);
}

#[test]
fn an_outcome_that_is_none_is_refused_and_the_lease_goes_on() {
    let host = filled(1);
    lease(&host, &host.campaign, 1, 60);
    for outcome in [
        "",
        "done",
        "[]",
        "{}",
        r#"["done"]"#,
        r#"{"outcome":"Done!"}"#,
        r#"{"outcome":null}"#,
        r#"{"outcome":"done","outcome":"retry"}"#,
        r#"{"outcome":"done","priority":1}"#,
        r#"{"outcome":"retry","dial_time":"tomorrow"}"#,
        r#"{"outcome":"retry","dial_time":5}"#,
        r#"{"outcome":"retry","priority":2147483648}"#,
        r#"{"outcome":"retry","priority":"3"}"#,
        r#"{"outcome":"retry","priority":1.5}"#,
        r#"{"outcome":"retry","when":"now"}"#,
    ] {
        failed_naming(&end(&host, &host.campaign, 1, outcome), &["outcome"]);
    }
    assert_eq!(host.entries()[0]["state"], "leased");
}

#[test]
fn a_customer_that_leaves_the_package_leaves_its_dial_lists() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let second = host.campaign(&json!({"main_table": true}));
    listed(&host, &[("1", "", ""), ("1", "", ""), ("2", "", "")]);
    let package = data(&host.campaign_get(&second))["package"].clone();
    let customer = host.customers()[0].clone();
    lease(&host, &host.campaign, 1, 60);
    host.change(&customer, &json!({"status": "pending"}));
    assert_eq!(host.entries().len(), 3);
    host.change(&customer, &json!({"package": package}));
    let left: Vec<Value> = host.entries().iter().map(|e| json!([e["id"], e["state"]])).collect();
    assert_eq!(left, [json!([1, "leased"]), json!([3, "waiting"])]);
}

// Many at once

/// Takes and ends entries of a campaign until none is left; gives their ids.
fn dial_all(library: &Library, campaign: &str) -> Vec<i64> {
    let mut mine = Vec::new();
    loop {
        let taken = lease(library, campaign, 7, 600);
        if taken.is_empty() {
            return mine;
        }
        for entry in taken {
            done(&end(library, campaign, entry, DONE));
            mine.push(entry);
        }
    }
}

#[track_caller]
fn each_once(ids: impl IntoIterator<Item = i64>, count: usize) {
    let (mut seen, mut total) = (HashSet::new(), 0);
    for id in ids {
        assert!(seen.insert(id), "{id} was handed out twice");
        total += 1;
    }
    assert_eq!(total, count);
}

/// A store in a file with so many entries, imported from a file.
fn store_in(folder: &Path, count: usize) -> Host {
    let host = Host::at(folder.join("store.db"), &json!({"durability": "normal"}), &json!({}));
    let rows: String = (1..=count).map(|n| format!("x,{n}\n")).collect();
    let url = common::web::Web::csv(format!("name,phone1\n{rows}")).url();
    done(&host.import(&[("source", "http"), ("context", &url), ("phone_field", "phone1")]));
    host
}

#[test]
fn many_threads_get_each_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    for host in [store_in(folder.path(), 2_000), filled(400)] {
        let count = host.query("SELECT count(*) FROM dial_entry", "")["data"]["rows"][0][0].as_u64().unwrap();
        let taken: Vec<i64> = thread::scope(|scope| {
            let dialers: Vec<_> = (0..8).map(|_| scope.spawn(|| dial_all(&host, &host.campaign))).collect();
            dialers.into_iter().flat_map(|dialer| dialer.join().unwrap()).collect()
        });
        each_once(taken, usize::try_from(count).unwrap());
        assert!(host.entries().is_empty());
    }
}

/// This test program again, as a host process of its own that runs one of the roles below.
fn host_process(role: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--nocapture"])
        .env("DIAL_TEST_STORE", folder.join("store.db"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The store of a host process; `None` in an ordinary run of the tests, where the roles are nothing.
fn store_of_this_process() -> Option<Library> {
    let store = std::env::var("DIAL_TEST_STORE").ok()?;
    Some(Library::open(store, r#"{"timezone":"UTC","durability":"normal"}"#).expect("a store"))
}

/// The ids that a host process said.
fn ids_said(output: impl Read) -> Vec<i64> {
    let lines = BufReader::new(output).lines().map(Result::unwrap);
    lines
        .filter_map(|line| line.split_once("ids:").map(|(_, ids)| ids.to_owned()))
        .flat_map(|ids| ids.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<i64>>())
        .collect()
}

fn say(ids: &[i64]) {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    println!("\nids: {}", ids.join(" "));
}

#[test]
fn role_dial_all() {
    let Some(library) = store_of_this_process() else { return };
    say(&dial_all(&library, "1"));
}

#[test]
fn many_processes_get_each_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let host = store_in(folder.path(), 2_000);
    let mut processes: Vec<Child> = (0..4).map(|_| host_process("role_dial_all", folder.path())).collect();
    let mut taken = dial_all(&host, &host.campaign);
    for process in &mut processes {
        taken.extend(ids_said(process.stdout.take().unwrap()));
        assert!(process.wait().unwrap().success());
    }
    each_once(taken, 2_000);
}

#[test]
fn role_lease_and_hang() {
    let Some(library) = store_of_this_process() else { return };
    say(&lease(&library, "1", 5, 3));
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn what_a_killed_process_leased_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let host = store_in(folder.path(), 8);
    let started = Instant::now();
    let mut holder = host_process("role_lease_and_hang", folder.path());
    let mut said = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = said.find(|line| line.starts_with("ids:")).unwrap();
    assert_eq!(said, "ids: 1 2 3 4 5");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(lease(&host, &host.campaign, 8, 600), [6, 7, 8], "the lease goes on without its holder");
    let mut back = Vec::new();
    while back.is_empty() && started.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(50));
        back = lease(&host, &host.campaign, 8, 600);
    }
    assert_eq!(back, [1, 2, 3, 4, 5]);
    assert!(started.elapsed() >= Duration::from_secs(3));
}

#[test]
fn dialling_goes_on_while_a_file_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let host = store_in(folder.path(), 500);
    let rows: String = (1..=30_000).map(|n| format!("x,99{n:06}\n")).collect();
    let url = common::web::Web::csv(format!("name,phone1\n{rows}")).url();
    let taken: Vec<i64> = thread::scope(|scope| {
        let import = scope.spawn(|| host.import(&[("source", "http"), ("context", &url), ("phone_field", "phone1")]));
        let dialers: Vec<_> = (0..4).map(|_| scope.spawn(|| dial_all(&host, &host.campaign))).collect();
        done(&import.join().unwrap());
        dialers.into_iter().flat_map(|dialer| dialer.join().unwrap()).collect()
    });
    let rest = dial_all(&host, &host.campaign);
    each_once(taken.into_iter().chain(rest), 30_500);
}

#[test]
fn a_record_on_the_list_is_dialled_by_another_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let host = store_in(folder.path(), 1);
    let other = Library::open(folder.path().join("store.db").to_str().unwrap(), "").unwrap();
    assert_eq!(lease(&other, "1", 9, 60), [1]);
    done(&host.import(&[("context", JOE), ("phone_field", "phone1")]));
    assert_eq!(lease(&other, "1", 9, 60), [2]);
}
