//! Each call to the disk failing once: the call of the library that meets it fails with a clear message, or is done and says so;
//! nothing is half written, and the next call works.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::scenes::{LOGIN, Scene, open, open_with, server, store};
use super::sound::{is_sound, look};
use super::stage::{self, Kind, Watch};
use crate::common::child::{number, report};
use crate::common::content::content;
use crate::common::{Host, data, done};

const KINDS: [Kind; 5] = [Kind::Broken, Kind::Full, Kind::Short, Kind::Locked, Kind::Unsynced];

/// What failed in a life.
#[derive(Debug, Default)]
struct Troubles(RefCell<Vec<String>>);

impl Troubles {
    /// Calls, and where that fails, again: the next call works.
    #[track_caller]
    fn twice(&self, what: &str, call: impl Fn() -> Value) -> Value {
        let reply = call();
        if reply["code"] == 1 {
            return reply;
        }
        let message = reply["message"].as_str().expect("a message").to_owned();
        let known =
            ["store failed", "location", "spool", "login", "rejected rows"].iter().any(|word| message.contains(word));
        assert!(known && !message.contains("bug"), "{what}: {message}");
        self.0.borrow_mut().push(format!("{what}: {message}"));
        let again = call();
        assert!(again["code"] == 1, "{what}: {again} after {reply}");
        again
    }
}

/// Calls that read and write whatever the store has, in an order; gives what they leave.
fn life(home: &Path, url: &str, watch: &Watch) -> (String, Vec<String>) {
    let troubles = Troubles::default();
    let library = open_with(home, "full", true).or_else(|refused| {
        let message = refused["message"].as_str().expect("a message").to_owned();
        assert!(message.contains("location") || message.contains("store failed"), "{message}");
        troubles.0.borrow_mut().push(message);
        open_with(home, "full", true)
    });
    let host = Host { library: library.expect("the next call works"), campaign: "1".into() };
    let twice = |what: &str, call: &dyn Fn() -> Value| troubles.twice(what, call);
    let record = |context: &str| {
        twice("record", &|| host.import(&[("context", context), ("phone_field", "phone1"), ("dupway", "update")]))
    };
    record("name=New||phone1=13700000001");
    record("name=Again||phone1=13900000003");
    twice("customer_set", &|| host.customer_set("1", "5", r#"{"status":"error","fields":{"phone1":"13800000005"}}"#));
    let leased = twice("dial_next", &|| host.dial_next("1", 2, 3_600));
    for (entry, outcome) in data(&leased)["entries"].as_array().unwrap().iter().zip(["done", "retry"]) {
        let outcome = json!({"outcome": outcome}).to_string();
        twice("dial_done", &|| host.dial_done("1", entry["id"].to_string(), &outcome));
    }
    twice("team_add", &|| host.team_add("another", "Another"));
    twice("user_set", &|| host.user_set("another", "agent", "1", "md5", "5ebe2294ecd0e0f08eab7690d2a6ee69"));
    twice("user_disable", &|| host.user_disable("another", "agent", "1"));
    let table = r#"{"fields":[{"name":"tel","type":"phone"},{"name":"note"}]}"#;
    twice("main_table_define", &|| host.main_table_define("team", table));
    twice("campaign_add", &|| host.campaign_add("team", r#"{"name":"Main","id":"9","main_table":true}"#));
    let job = |exetime: &str| {
        let login = [("source_user", LOGIN.0), ("source_pwd", LOGIN.1)];
        let fetch = [("source", "http"), ("context", url), ("exetime", exetime), ("phone_field", "phone1")];
        let reply = twice("job", &|| host.import(&[login, [fetch[0], fetch[1]], [fetch[2], fetch[3]]].concat()));
        done(&reply).to_owned()
    };
    let first = job("2040-01-01 00:00:00");
    twice("job_cancel", &|| host.job_cancel(&first));
    let second = job("");
    let deadline = Instant::now() + Duration::from_secs(20);
    while twice("job_get", &|| host.job_get(&second))["data"]["state"] != "succeeded" {
        let ran = host.jobs_run_due();
        if ran["code"] == 2 {
            troubles.0.borrow_mut().push(ran["message"].to_string());
        }
        assert!(Instant::now() < deadline, "it does not end: {ran} {:?} {}", troubles.0, host.job_get(&second));
        thread::sleep(Duration::from_millis(20));
    }
    let rejects = home.join("rejects.csv");
    twice("job_rejects", &|| host.job_rejects(&second, rejects.to_str().unwrap()));
    twice("customer_list", &|| host.customer_list("1", r#"{"where":{"phone1":"13700000001"}}"#));
    twice("dial_list", &|| host.dial_list("1", ""));
    twice("query", &|| host.query("SELECT count(*) FROM customers_1", ""));
    watch.failed();
    let c = look(home);
    is_sound(&c, &host.library).unwrap();
    let others = "SELECT (SELECT count(*) FROM login WHERE disabled) || (SELECT count(*) FROM campaign)
                  || (SELECT count(*) FROM dial_lease)";
    let others: String = c.query_row(others, [], |row| row.get(0)).unwrap();
    drop((c, host));
    let left = format!("{}{others}\n{}", content(&store(home)), fs::read_to_string(rejects).unwrap());
    (left, troubles.0.into_inner())
}

/// A store with customers that wait for a call, and nobody who has it open.
fn template(folder: &Path) -> PathBuf {
    let home = folder.join("template");
    fs::create_dir(&home).unwrap();
    let host = Host::at(store(&home), &json!({}), &json!({}));
    for n in 0..20 {
        let context = format!("name=Old {n}||phone1=1390000{n:04}||city=Village");
        done(&host.import(&[("context", context.as_str()), ("phone_field", "phone1")]));
    }
    home
}

pub fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Lets each `step`-th call fail, in each way, until none is left. Tells how many did.
fn each(home: &Path, template: &Path, step: u64, mut live: impl FnMut(&str, &Watch)) -> u64 {
    let mut count = 0;
    for kind in KINDS {
        let step = if kind == Kind::Broken { step } else { (step / 3).max(1) };
        let mut k = 1 + getrandom::u64().unwrap() % step;
        loop {
            copy(template, home);
            let watch = stage::watch(home, false);
            watch.fail_at(kind, k);
            live(&format!("{kind:?} at call {k}"), &watch);
            if !watch.failed() {
                break;
            }
            count += 1;
            k += step;
        }
    }
    count
}

#[test]
fn whichever_call_of_the_disk_fails_the_next_call_works_and_nothing_is_half_written() {
    let _alone = super::alone();
    let (folder, web) = (tempfile::tempdir().unwrap(), server(Scene::Files));
    let (template, home) = (template(folder.path()), folder.path().join("home"));
    copy(&template, &home);
    let (whole, troubles) = life(&home, &web.url(), &stage::watch(&home, false));
    assert!(troubles.is_empty(), "{troubles:?}");
    let (began, mut met) = (Instant::now(), 0);
    let count = each(&home, &template, number("ONCE_STEP", 100), |when, watch| {
        let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| life(&home, &web.url(), watch)));
        let (left, troubles) = lived.unwrap_or_else(|_| panic!("{when}"));
        met += troubles.len();
        let differ = left.lines().zip(whole.lines()).find(|(left, whole)| left != whole);
        assert!(left == whole, "{when}: {troubles:?}\n{differ:?}");
    });
    report(&format!(
        "each of {count} calls failed once, {met} replies told of it, {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    assert!(met > 0);
}

#[test]
fn records_of_many_threads_fail_together_and_go_on_together() {
    const THREADS: usize = 4;
    const EACH: usize = 5;
    let _alone = super::alone();
    let folder = tempfile::tempdir().unwrap();
    let (template, home) = (template(folder.path()), folder.path().join("home"));
    let (began, mut met) = (Instant::now(), 0);
    let count = each(&home, &template, number("ONCE_STEP", 60), |when, watch| {
        let library = open(&home, "full").or_else(|_| open(&home, "full")).expect("the next call works");
        let host = Host { library, campaign: "1".into() };
        let failures: usize = thread::scope(|scope| {
            let one = |thread| {
                let host = &host;
                move || {
                    let troubles = Troubles::default();
                    for n in 0..EACH {
                        let context = format!("name=Joe||phone1=138{thread:04}{n:04}");
                        let record = || host.import(&[("context", context.as_str()), ("phone_field", "phone1")]);
                        let reply = troubles.twice("record", record);
                        assert!(done(&reply).contains("added"), "{when}: {reply} after {troubles:?}");
                    }
                    troubles.0.into_inner().len()
                }
            };
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(one(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("{when}"))).sum()
        });
        met += failures;
        watch.failed();
        is_sound(&look(&home), &host.library).unwrap_or_else(|fault| panic!("{when}: {fault}"));
        let counts = data(&host.campaign_get("1")).clone();
        assert_eq!((&counts["customers"], &counts["dial_list"]), (&json!(40), &json!(40)), "{when}");
    });
    report(&format!(
        "each of {count} calls failed once, {met} records told of it, {:.0} s",
        began.elapsed().as_secs_f64()
    ));
}
