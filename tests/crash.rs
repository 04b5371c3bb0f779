//! A job whose process was killed "ends with exactly the result of an uninterrupted run".

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::child::{Process, given, number, report, say};
use common::content::content;
use common::web::Web;
use common::{Host, Library, done, parsed};
use serde_json::json;
use tempfile::TempDir;

/// How many data rows the file has.
const ROWS: usize = 8_000;

/// A file in which rows repeat, can't be used, and have an order that the dial list must keep.
fn file() -> String {
    let mut text = String::from("name,phone1,city,prio\n");
    for n in 0..ROWS {
        match n % 40 {
            7 => text.push_str(&format!("No number {n},,City,1\n")),
            11 => text.push_str(&format!("Columns {n},138{n:08},City,1,one,too,many\n")),
            13 => text.push_str(&format!("Again {n},138{:08},Town,{}\n", n / 2, n % 5)),
            17 => text.push_str(&format!("Stored {n},1390000{:04},Town,{}\n", n % 100, n % 5)),
            _ => text.push_str(&format!("Customer {n},138{n:08},City,{}\n", n % 5)),
        }
    }
    text
}

/// Serves the file in pieces, so that a kill may come in the middle; only to who logs in.
fn server() -> Web {
    let body = file();
    Web::new(move |request, stream| {
        use std::io::Write;
        if !request.to_lowercase().contains("authorization: basic") {
            common::web::respond(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"files\"\r\n", b"");
            return;
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes());
        for piece in body.as_bytes().chunks(body.len() / 10) {
            thread::sleep(Duration::from_millis(8));
            if stream.write_all(piece).is_err() {
                return;
            }
        }
    })
}

/// What becomes of duplicates on the dial list; where they come on none, rows are done together with the first of their key.
const DIALLED: [&str; 2] = ["all", "ignoreDuplicate"];

/// A store with a queued job, and nobody who has it open.
fn queued(path: &Path, web: &Web, dupdiallist: &str) {
    let host = Host::at(path, &json!({"background": true}), &json!({}));
    for n in 0..100 {
        host.record(&format!("name=Old {n}||phone1=1390000{n:04}||city=Village"));
    }
    let changes = [
        ("source", "http"),
        ("context", &*web.url()),
        ("source_user", "joe"),
        ("source_pwd", "hush-hush"),
        ("phone_field", "phone1"),
        ("priority_field", "prio"),
        ("dupway", "update"),
        ("dupdiallist", dupdiallist),
        ("callbackFuc", "nobody"),
    ];
    done(&host.import(&changes));
}

/// A host that runs what is due until the store's one job has ended.
#[test]
fn the_process_that_runs_the_job() {
    let Some(path) = given("PATH") else { return };
    let library = Library::open(&path, r#"{"timezone":"UTC"}"#).expect("the store");
    let told = AtomicU64::new(0);
    done(&library.progress_set(move |_| {
        if told.fetch_add(1, Ordering::Relaxed) == 0 {
            say("it runs");
        }
        false
    }));
    run_to_its_end(&library);
    say("it has ended");
}

fn run_to_its_end(library: &Library) {
    let deadline = Instant::now() + Duration::from_secs(100);
    loop {
        let ran = library.jobs_run_due();
        let job = library.job_get("1");
        let state = job["data"]["state"].as_str().expect("a state");
        if state != "scheduled" && state != "running" {
            return;
        }
        assert!(Instant::now() < deadline, "it does not end: {ran} {job}");
        thread::sleep(Duration::from_millis(30));
    }
}

/// What an uninterrupted run leaves.
fn uninterrupted(folder: &Path, web: &Web, dupdiallist: &str) -> String {
    let path = folder.join(format!("{dupdiallist}.db"));
    queued(&path, web, dupdiallist);
    run_to_its_end(&Library::open(path.to_str().unwrap(), r#"{"timezone":"UTC"}"#).expect("the store"));
    content(&path)
}

/// A number below `below` that differs from call to call.
fn chance(below: u64) -> u64 {
    getrandom::u64().expect("a random number") % below
}

/// One store whose job is killed up to `kills` times, somewhere; tells how often it was.
fn life(path: &Path, web: &Web, dupdiallist: &str, kills: u64, span_ms: u64, takeovers: &Mutex<Vec<Duration>>) -> u64 {
    queued(path, web, dupdiallist);
    let store = path.to_str().unwrap();
    let (mut killed, mut since) = (0, None);
    loop {
        let mut process = Process::run("the_process_that_runs_the_job", &[("PATH", store)]);
        // Some are killed before they say anything: while they open the store, or take the job.
        let early = chance(8) == 0 && since.is_none();
        if !early && process.wait_for("it runs").is_some() {
            takeovers.lock().unwrap().extend(since.take().map(|since: Instant| since.elapsed()));
        }
        if killed == kills {
            if process.wait_for("it has ended").is_none() && !early {
                // It said so before the parent listened: then the job has ended.
                process.join();
            }
            return killed;
        }
        thread::sleep(Duration::from_millis(chance(span_ms)));
        if !process.kill() {
            return killed;
        }
        killed += 1;
        since = Some(Instant::now());
    }
}

#[test]
fn a_process_may_be_killed_at_any_moment() {
    let wanted = number("KILLS", 200);
    let folder = TempDir::new().unwrap();
    let web = Arc::new(server());
    let wholes = DIALLED.map(|dupdiallist| uninterrupted(folder.path(), &web, dupdiallist));
    for whole in &wholes {
        assert_eq!(whole.matches("state=Text(\"succeeded\")").count(), 1, "{}", &whole[whole.len() - 3000..]);
    }
    let began = Instant::now();
    let span_ms = {
        let path = folder.path().join("timed.db");
        queued(&path, &web, "all");
        let mut process = Process::run("the_process_that_runs_the_job", &[("PATH", path.to_str().unwrap())]);
        process.wait_for("it runs");
        let since = Instant::now();
        process.wait_for("it has ended");
        u64::try_from(since.elapsed().as_millis()).unwrap().max(50)
    };
    let (left, lives) = (AtomicI64::new(i64::try_from(wanted).unwrap()), AtomicU64::new(0));
    let takeovers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..number("LANES", 24) {
            scope.spawn(|| {
                while left.load(Ordering::Relaxed) > 0 {
                    let number = lives.fetch_add(1, Ordering::Relaxed);
                    let home = folder.path().join(number.to_string());
                    std::fs::create_dir(&home).unwrap();
                    let path = home.join("calls.db");
                    let way = usize::try_from(number % 2).unwrap();
                    let (dupdiallist, whole) = (DIALLED[way], &wholes[way]);
                    let killed = life(&path, &web, dupdiallist, 1 + chance(4), span_ms, &takeovers);
                    left.fetch_sub(i64::try_from(killed).unwrap(), Ordering::Relaxed);
                    let left = content(&path);
                    assert!(left == *whole, "life {number}, {dupdiallist}, {}", first_difference(&left, whole));
                    nothing_is_left(&home);
                }
            });
        }
    });
    let mut takeovers = takeovers.into_inner().unwrap();
    takeovers.sort_unstable();
    let (half, last) = (takeovers[takeovers.len() / 2].as_secs_f64(), takeovers[takeovers.len() - 1].as_secs_f64());
    report(&format!(
        "{} kills in {} lives of {span_ms} ms, {:.0} s in all; taken over after {half:.1} s, at most {last:.1} s",
        i64::try_from(wanted).unwrap() - left.into_inner(),
        lives.into_inner(),
        began.elapsed().as_secs_f64(),
    ));
    // Without waiting for the lease of 5 s; the rest is for busy machines.
    assert!(half < 5.0 && last < 30.0, "{half} {last}");
}

/// Neither a login nor a fetched file stays, once somebody ran a further job.
fn nothing_is_left(home: &Path) {
    let library = Library::open(home.join("calls.db").to_str().unwrap(), r#"{"background":true}"#).expect("the store");
    let host = Host { library, campaign: "1".to_owned() };
    done(&host.import(&[("source", "http"), ("context", &*common::web::refusing_url()), ("exetime", "NULL")]));
    let none = Library::open(home.join("calls.db").to_str().unwrap(), r#"{"retries":0}"#).expect("the store");
    done(&none.jobs_run_due());
    let names: Vec<_> = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let foreign = names.iter().find(|name| !name.to_string_lossy().starts_with("calls.db"));
    assert!(foreign.is_none(), "{names:?}");
}

fn first_difference(left: &str, whole: &str) -> String {
    let pairs = left.lines().zip(whole.lines()).enumerate();
    let differ = pairs.into_iter().find(|(_, (left, whole))| left != whole);
    format!("{} lines, {} uninterrupted; first difference: {differ:?}", left.lines().count(), whole.lines().count())
}

/// A store whose one job runs under a process that was just killed.
fn orphaned(folder: &Path, web: &Web) -> Library {
    let path = folder.join("calls.db");
    queued(&path, web, "all");
    let mut process = Process::run("the_process_that_runs_the_job", &[("PATH", path.to_str().unwrap())]);
    process.wait_for("it runs").expect("it runs");
    assert!(process.kill());
    Library::open(path.to_str().unwrap(), r#"{"timezone":"UTC"}"#).expect("the store")
}

#[test]
fn the_next_run_takes_up_a_job_that_lost_its_process() {
    let folder = TempDir::new().unwrap();
    let web = server();
    let library = orphaned(folder.path(), &web);
    assert_eq!(done(&library.jobs_run_due()), "1", "at once, though the lease lasts");
    assert_eq!(library.job_get("1")["data"]["state"], "succeeded");
}

#[test]
fn a_job_that_lost_its_process_can_be_cancelled_by_any_other() {
    let folder = TempDir::new().unwrap();
    let web = server();
    let library = orphaned(folder.path(), &web);
    // Its holder is seen to be gone, so nobody waits for the end of the lease.
    done(&library.job_cancel("1"));
    let job = library.job_get("1")["data"].clone();
    assert_eq!((&job["state"], &job["message"]), (&json!("cancelled"), &json!("job 1: cancelled")));
    let left = parsed(library.query("SELECT count(*) FROM job", "").to_string());
    assert_eq!(left["data"]["rows"], json!([[1]]));
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with("calls.db")), "{names:?}");
}

#[test]
fn a_job_whose_rows_can_not_be_put_in_the_same_order_again_says_so() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let row = |n: usize| format!("{},{},1\n", 13_800_000_000 + n / 2, "x".repeat(n % 2 * 20));
    let web = Web::csv("phone1,name,prio\n".to_owned() + &(0..200_000).map(row).collect::<String>());
    queued(&path, &web, "ignoreDuplicate");
    let library = Library::open(path.to_str().unwrap(), "{}").expect("the store");
    let read = || library.job_get("1")["data"]["read"].as_u64().unwrap();
    done(&library.worker_start());
    common::child::wait_until("some rows are done", || read() > 0);
    done(&library.worker_stop());
    let before = read();
    assert!((1..200_000).contains(&before), "it was broken off in the middle: {before}");
    drop(library);
    // Every other row is too long now, so that there are no repeats.
    let library = Library::open(path.to_str().unwrap(), r#"{"max_row_bytes":20}"#).expect("the store");
    done(&library.jobs_run_due());
    let job = library.job_get("1")["data"].clone();
    assert_eq!((&job["state"], job["read"].as_u64()), (&json!("failed"), Some(before)), "{job}");
    let message = job["message"].as_str().unwrap();
    assert!(message.contains("import the file again") && message.contains(&before.to_string()), "{message}");
}
