//! Jobs in one process: their time, their states, their lists, who may do what meanwhile.

mod common;

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use common::child::{in_time, report, wait_until};
use common::web::{Web, refusing_url};
use common::{DEFAULTS, Host, data, done, failed_naming, parsed};
use flate2::Compression;
use flate2::write::GzEncoder;
use import_cji::ffi;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tempfile::TempDir;

fn file(rows: usize) -> String {
    let mut text = String::from("name,phone1\n");
    for n in 0..rows {
        text.push_str(&format!("Customer {n},138{n:08}\n"));
    }
    text
}

fn queue(host: &Host, url: &str, exetime: &str) -> String {
    done(&host.import(&[("source", "http"), ("context", url), ("exetime", exetime)])).to_owned()
}

fn job(host: &Host, id: &str) -> Value {
    data(&host.job_get(id)).clone()
}

/// The local time in this zone, so many seconds from now.
fn local(zone: &str, seconds: i64) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let at = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[test]
fn a_job_waits_for_its_time_in_the_zone_of_the_engine_and_then_starts_within_a_second() {
    let web = Web::csv(file(3));
    let host = Host::with_options(&json!({"timezone": "Asia/Shanghai"}));
    done(&host.worker_start());
    in_time(Duration::from_secs(4), || {
        // Before the time is told: on a busy machine some of it goes by until the job is there.
        let since = Instant::now();
        let exetime = local("Asia/Shanghai", 3);
        let id = queue(&host, &web.url(), &exetime);
        let found = job(&host, &id);
        assert_eq!((&found["state"], &found["run_at"]), (&json!("scheduled"), &json!(exetime)));
        wait_until("its time", || job(&host, &id)["state"] == "succeeded");
        let took = since.elapsed();
        // The time has whole seconds, so it may be up to a second nearer than it was said.
        assert!(took > Duration::from_millis(1_900), "{took:?}");
        let job = job(&host, &id);
        assert!(job["started_at"].as_str() >= Some(&exetime) && job["finished_at"].is_string(), "{job}");
        took
    });
}

#[test]
fn what_is_not_due_is_not_run() {
    let host = Host::new();
    let id = queue(&host, &refusing_url(), "2040-01-01 00:00:00");
    assert_eq!(done(&host.jobs_run_due()), "0");
    assert_eq!(job(&host, &id)["state"], "scheduled");
}

#[test]
fn a_past_time_is_now() {
    let web = Web::csv(file(3));
    let host = Host::new();
    for exetime in ["2001-01-01 00:00:00", "0000-00-00 00:00:00", "NULL"] {
        let id = queue(&host, &web.url(), exetime);
        assert_eq!(job(&host, &id)["state"], "succeeded", "{exetime}");
    }
}

#[test]
fn a_malformed_time_is_a_failure_and_makes_no_job() {
    let host = Host::new();
    for exetime in ["tomorrow", "2040-13-01 00:00:00", "2040-01-01 25:00:00", "01.01.2040"] {
        let url = refusing_url();
        let reply = host.import(&[("source", "http"), ("context", url.as_str()), ("exetime", exetime)]);
        failed_naming(&reply, &["exetime"]);
    }
    assert_eq!(data(&host.job_list(""))["jobs"], json!([]));
}

#[test]
fn unknown_and_malformed_ids_are_failures() {
    let host = Host::new();
    for id in ["", "1", "99", "-1", "one", "99999999999999999999"] {
        failed_naming(&host.job_get(id), &["job_id"]);
        failed_naming(&host.job_cancel(id), &["job_id"]);
        failed_naming(&host.job_rejects(id, "/tmp/none.csv"), &["job_id"]);
    }
}

#[test]
fn a_job_that_has_ended_can_not_be_cancelled() {
    let web = Web::csv(file(1));
    let host = Host::new();
    let id = queue(&host, &web.url(), "");
    failed_naming(&host.job_cancel(&id), &["succeeded"]);
    let id = queue(&host, &web.url(), "2040-01-01 00:00:00");
    done(&host.job_cancel(&id));
    failed_naming(&host.job_cancel(&id), &["cancelled"]);
}

#[test]
fn jobs_are_listed_by_campaign_and_state_and_page_by_page() {
    let web = Web::csv(file(1));
    let host = Host::new();
    let other = host.campaign(&json!({}));
    for _ in 0..3 {
        queue(&host, &web.url(), "2040-01-01 00:00:00");
    }
    queue(&host, &web.url(), "");
    done(&host.import(&[("source", "http"), ("context", &*web.url()), ("model_id", &other)]));
    let ids = |filter: Value| -> (Vec<u64>, Value) {
        let listed = host.job_list(filter.to_string());
        let listed = data(&listed);
        let jobs = listed["jobs"].as_array().unwrap();
        (jobs.iter().map(|job| job["id"].as_u64().unwrap()).collect(), listed["next"].clone())
    };
    assert_eq!(ids(json!({})), (vec![1, 2, 3, 4, 5], json!(null)));
    assert_eq!(ids(json!({"state": "scheduled"})), (vec![1, 2, 3], json!(null)));
    assert_eq!(ids(json!({"state": "succeeded", "campaign": other})), (vec![5], json!(null)));
    assert_eq!(ids(json!({"campaign": 1, "limit": 2})), (vec![1, 2], json!(2)));
    assert_eq!(ids(json!({"campaign": 1, "limit": 2, "after": 2})), (vec![3, 4], json!(null)));
    assert_eq!(ids(json!({"campaign": "1", "limit": 2, "after": "2"})), (vec![3, 4], json!(null)));
    let unknown = [(r#"{"campaign":"999"}"#, "999"), (r#"{"campaign":999}"#, "999"), (r#"{"campaign":"x"}"#, "x")];
    let others = [(r#"{"state":"lost"}"#, "state"), (r#"{"colour":1}"#, "colour"), ("[]", "object")];
    for (filter, word) in unknown.into_iter().chain(others) {
        failed_naming(&host.job_list(filter), &[word]);
    }
}

#[test]
fn starting_two_workers_fails_clearly_and_one_can_be_started_again() {
    let host = Host::new();
    done(&host.worker_start());
    failed_naming(&host.worker_start(), &["worker", "already"]);
    done(&host.worker_stop());
    done(&host.worker_stop());
    done(&host.worker_start());
}

#[test]
fn a_cancelled_job_that_nobody_here_can_be_told_of_warns() {
    let host = Host::new();
    let url = refusing_url();
    let changes =
        [("source", "http"), ("context", url.as_str()), ("exetime", "2040-01-01 00:00:00"), ("callbackFuc", "nobody")];
    let id = done(&host.import(&changes)).to_owned();
    done(&host.job_cancel(&id));
    assert!(job(&host, &id)["warnings"].to_string().contains("nobody"));
}

#[test]
fn a_failed_job_says_why_and_what_it_read() {
    let web = Web::csv("<!DOCTYPE html><html><body>Please log in</body></html>");
    let host = Host::new();
    let reply = host.import(&[("source", "http"), ("context", &*web.url())]);
    failed_naming(&reply, &["job 1: ", "HTML"]);
    let job = job(&host, "1");
    assert_eq!((&job["state"], &job["message"]), (&json!("failed"), &reply["message"]));
    assert!(job["bytes_read"].as_u64() > Some(0) && job["finished_at"].is_string(), "{job}");
}

#[test]
fn a_title_row_of_very_many_columns_takes_seconds_and_is_told_in_few_words() {
    let mut title = String::from("name,phone1");
    (0..150_000).for_each(|n| title.push_str(&format!(",{n}")));
    let web = Web::csv(format!("{title}\n"));
    let host = Host::new();
    let since = Instant::now();
    let id = queue(&host, &web.url(), "");
    let job = job(&host, &id);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    let warnings = job["warnings"].as_array().unwrap();
    assert!(warnings.len() == 1_001 && job.to_string().len() < 100_000, "{} warnings", warnings.len());
}

/// Three gigabytes of rows, packed twice: to unpack them takes seconds.
fn bomb() -> Vec<u8> {
    let packed = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let some = packed(file(3_000).as_bytes());
    packed(&some.repeat(1_000)).repeat(48)
}

#[test]
fn a_job_is_cancelled_within_a_second_while_its_file_is_looked_through() {
    let web = Web::csv(bomb());
    let host = Host::new();
    let asked = Arc::new(Mutex::new(None));
    let ear = Arc::clone(&asked);
    let since_fetched = AtomicUsize::new(0);
    done(&host.progress_set(move |job| {
        let job = parsed(job);
        let is_looked_through = job["state"] == "running" && job["bytes_read"] == job["bytes_total"];
        let cancel = is_looked_through && since_fetched.fetch_add(1, Ordering::Relaxed) == 3;
        if cancel {
            *ear.lock().unwrap() = Some(Instant::now());
        }
        cancel
    }));
    let reply = host.import(&[("source", "http"), ("context", &*web.url())]);
    let took = asked.lock().unwrap().unwrap().elapsed();
    failed_naming(&reply, &["job 1: cancelled"]);
    assert_eq!(job(&host, "1")["read"], 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Imports this file while a cancel comes as soon as the running job has read so many rows; what the import answers, and what
/// its callback heard.
fn cancelled_after(host: &Arc<Host>, rows: u64, web: &Web) -> (Value, Vec<Value>) {
    let (heard, told) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let (ear, asked, canceller) = (Arc::clone(&heard), Arc::clone(&told), Arc::downgrade(host));
    done(&host.callback_set("told", move |reply| ear.lock().unwrap().push(parsed(reply))));
    done(&host.progress_set(move |job| {
        let job = parsed(job);
        if job["state"] == "running" && job["read"] == rows && !asked.swap(true, Ordering::Relaxed) {
            done(&canceller.upgrade().unwrap().job_cancel(job["id"].to_string()));
        }
        if rows > 0 {
            // The job looks up every 100 ms: so it does after each step.
            thread::sleep(Duration::from_millis(110));
        }
        false
    }));
    let reply = host.import(&[("source", "http"), ("context", &*web.url()), ("callbackFuc", "told")]);
    assert!(told.load(Ordering::Relaxed), "the job was never seen with {rows} rows");
    let heard = heard.lock().unwrap().clone();
    (reply, heard)
}

#[test]
fn a_cancel_that_was_agreed_to_comes_before_the_next_chunk() {
    let host = Arc::new(Host::new());
    let (reply, heard) = cancelled_after(&host, 0, &Web::csv(file(40)));
    failed_naming(&reply, &["job 1: cancelled"]);
    assert_eq!(heard, [reply]);
    let job = job(&host, "1");
    assert_eq!((&job["state"], &job["message"], &job["read"]), (&json!("cancelled"), &heard[0]["message"], &json!(0)));
    assert!(host.customers().is_empty());
}

#[test]
fn a_job_of_which_all_rows_are_in_is_cancelled_where_that_was_agreed_to() {
    // With rows the last chunk is in; without any there is none.
    for rows in [40, 0] {
        let host = Arc::new(Host::new());
        let (reply, heard) = cancelled_after(&host, rows, &Web::csv(file(usize::try_from(rows).unwrap())));
        failed_naming(&reply, &["job 1: cancelled"]);
        assert_eq!(heard, [reply]);
        let job = job(&host, "1");
        assert_eq!((&job["state"], &job["message"]), (&json!("cancelled"), &heard[0]["message"]));
        assert_eq!((&job["read"], &job["inserted"]), (&json!(rows), &json!(rows)), "{job}");
        assert_eq!(data(&host.campaign_get(&host.campaign))["customers"], rows);
        failed_naming(&host.job_cancel("1"), &["cancelled"]);
    }
}

#[test]
fn a_job_that_fails_after_its_cancel_was_agreed_to_is_cancelled() {
    let host = Arc::new(Host::new());
    let (reply, heard) = cancelled_after(&host, 0, &Web::csv("nothing,that\nnames,a field\n".to_owned()));
    failed_naming(&reply, &["job 1: cancelled"]);
    assert_eq!(heard, [reply]);
    assert_eq!(job(&host, "1")["state"], "cancelled");
}

#[test]
fn progress_comes_at_most_ten_times_a_second_and_grows() {
    let web = Web::csv(file(300_000));
    let host = Host::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    done(&host.progress_set(move |job| {
        ear.lock().unwrap().push((Instant::now(), parsed(job)));
        false
    }));
    let since = Instant::now();
    queue(&host, &web.url(), "");
    let most = since.elapsed().as_millis() / 100 + 2;
    let heard = heard.lock().unwrap();
    assert!((2..=most).contains(&(heard.len() as u128)), "{} in {:?}", heard.len(), since.elapsed());
    let read: Vec<u64> = heard.iter().map(|(_, job)| job["read"].as_u64().unwrap()).collect();
    assert!(read.is_sorted() && read.last() == Some(&300_000), "{read:?}");
    let (_, first) = &heard[0];
    assert_eq!((&first["state"], &heard.last().unwrap().1["state"]), (&json!("running"), &json!("succeeded")));
}

#[test]
fn a_callback_may_import_a_file_itself_and_what_it_may_not_do_fails() {
    static HOST: OnceLock<Host> = OnceLock::new();
    static WEB: OnceLock<Web> = OnceLock::new();
    static HEARD: Mutex<Vec<Value>> = Mutex::new(Vec::new());
    let host = HOST.get_or_init(|| Host::with_options(&json!({"retries": 0})));
    let web = WEB.get_or_init(|| Web::csv(file(500)));
    let inside = |reply: &str| {
        let (host, web) = (HOST.get().unwrap(), WEB.get().unwrap());
        let inner = host.import(&[("source", "http"), ("context", &*web.url()), ("phone_field", "phone1")]);
        // SAFETY: inside a callback it does nothing.
        unsafe { ffi::cji_engine_close(host.as_ptr()) };
        HEARD.lock().unwrap().extend([
            parsed(reply),
            inner,
            host.worker_stop(),
            host.jobs_run_due(),
            host.job_list(""),
        ]);
    };
    done(&host.callback_set("again", inside));
    done(&host.worker_start());
    let url = web.url();
    // On this thread, and on the worker's.
    done(&host.import(&[("source", "http"), ("context", url.as_str()), ("callbackFuc", "again")]));
    let exetime = local("UTC", 2);
    let changes = [("source", "http"), ("context", url.as_str()), ("exetime", &exetime), ("callbackFuc", "again")];
    done(&host.import(&changes));
    wait_until("both were told", || HEARD.lock().unwrap().len() == 10);
    for heard in HEARD.lock().unwrap().chunks(5) {
        done(&heard[0]);
        done(&heard[1]);
        failed_naming(&heard[2], &["callback"]);
        failed_naming(&heard[3], &["callback"]);
        done(&heard[4]);
    }
    done(&host.worker_stop());
    assert_eq!(data(&host.campaign_get(&host.campaign))["customers"], 500);
}

#[test]
fn in_memory_everything_goes_on_during_a_large_import() {
    let web = Web::csv(file(150_000));
    let host = Host::new();
    let over = AtomicBool::new(false);
    let slowest = Mutex::new(Duration::ZERO);
    let calls = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (host, over, slowest, calls) = (&host, &over, &slowest, &calls);
        let repeat = |call: &(dyn Fn(usize) -> Value + Sync)| {
            for n in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let since = Instant::now();
                done(&call(n));
                calls.fetch_add(1, Ordering::Relaxed);
                let mut slowest = slowest.lock().unwrap();
                *slowest = since.elapsed().max(*slowest);
            }
        };
        scope.spawn(move || repeat(&|n| host.import(&[("context", format!("phone1=9{n:07}"))])));
        scope.spawn(move || repeat(&|_| host.query("SELECT count(*) FROM dial_entry", "")));
        scope.spawn(move || repeat(&|_| host.job_list("")));
        scope.spawn(move || repeat(&|_| host.dial_next(&host.campaign, 1, 1)));
        let reply = host.import(&[("source", "http"), ("context", &*web.url()), ("phone_field", "phone1")]);
        over.store(true, Ordering::Relaxed);
        done(&reply);
    });
    let (calls, slowest) = (calls.into_inner(), slowest.into_inner().unwrap());
    report(&format!("in memory: {calls} calls during the import, the slowest {} ms", slowest.as_millis()));
    assert!(calls > 40 && slowest < Duration::from_secs(5), "{calls} {slowest:?}");
}

#[test]
fn a_store_in_memory_keeps_its_logins_in_no_file() {
    let spool = TempDir::new().unwrap();
    let host = Host::with_options(&json!({"spool_dir": spool.path()}));
    let url = refusing_url();
    let changes = [
        ("source", "http"),
        ("context", url.as_str()),
        ("source_user", "joe"),
        ("source_pwd", "hush-hush"),
        ("exetime", "2040-01-01 00:00:00"),
    ];
    done(&host.import(&changes));
    assert_eq!(fs::read_dir(spool.path()).unwrap().count(), 0);
    done(&host.import(DEFAULTS));
    drop(host);
    assert_eq!(fs::read_dir(spool.path()).unwrap().count(), 0);
}

#[test]
fn many_threads_that_run_what_is_due_run_each_job_once() {
    let web = Web::csv(file(20));
    let host = Host::with_options(&json!({"background": true}));
    for _ in 0..12 {
        queue(&host, &web.url(), "");
    }
    let ran: u64 = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| done(&host.jobs_run_due()).parse::<u64>().unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((ran, web.requests().len()), (12, 12));
}
