//! A disk that fails or is full ends no job; it goes on, to exactly the result of an undisturbed run.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use common::child::{number, report, wait_until};
use common::content::content;
use common::disk;
use common::web::Web;
use common::{Host, Library, data, done, failed};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The tests share the failing disk.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const UTC: &str = r#"{"timezone":"UTC","retries":0}"#;

fn file(rows: usize) -> String {
    let mut text = String::from("name,phone1,memo\n");
    for n in 0..rows {
        match n % 10 {
            3 => text.push_str("No number,,\n"),
            5 => text.push_str(&format!("Again {n},138{:08},again\n", n / 2)),
            _ => text.push_str(&format!("Customer {n},138{n:08},{}\n", "long ".repeat(10))),
        }
    }
    text
}

/// A store with a queued job, and nobody who has it open.
fn queued(path: &Path, web: &Web) {
    let host = Host::at(path, &json!({"background": true}), &json!({}));
    host.record("name=Old||phone1=13800000000");
    let url = web.url();
    let changes = [
        ("source", "http"),
        ("context", &*url),
        ("phone_field", "phone1"),
        ("dupway", "update"),
        ("dupdiallist", "all"),
        ("callbackFuc", "done"),
    ];
    done(&host.import(&changes));
}

/// Makes room again, however a test ends.
struct Room;

impl Drop for Room {
    fn drop(&mut self) {
        disk::full(false);
    }
}

fn open(path: &Path) -> Result<Library, Value> {
    Library::open(path.to_str().unwrap(), UTC)
}

fn state(library: &Library) -> String {
    library.job_get("1")["data"]["state"].as_str().unwrap_or("unknown").to_owned()
}

/// Opens the store and runs its job, however often it takes; tells how often the callback was called, and the failures.
fn run_to_its_end(path: &Path) -> (usize, Vec<String>) {
    let heard = std::sync::Arc::new(Mutex::new(Vec::new()));
    let mut troubles = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    let library = loop {
        match open(path) {
            Ok(library) => break library,
            Err(refused) => troubles.push(failed(&refused).to_owned()),
        }
        assert!(Instant::now() < deadline, "it can't be opened: {troubles:?}");
    };
    let ear = std::sync::Arc::clone(&heard);
    done(&library.callback_set("done", move |reply| ear.lock().unwrap().push(reply.to_owned())));
    while state(&library) != "succeeded" {
        let ran = library.jobs_run_due();
        if ran["code"] == 2 {
            troubles.push(failed(&ran).to_owned());
        }
        assert!(Instant::now() < deadline, "it does not end: {ran} {}", library.job_get("1"));
        if state(&library) != "succeeded" {
            thread::sleep(Duration::from_millis(10));
        }
    }
    let heard = heard.lock().unwrap().len();
    (heard, troubles)
}

#[test]
fn whichever_operation_of_the_disk_fails_the_job_ends_as_if_none_had() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    disk::install();
    let folder = TempDir::new().unwrap();
    let web = Web::csv(file(60));
    let template = folder.path().join("template.db");
    queued(&template, &web);
    let fresh = |name: &str| {
        let path = folder.path().join(name);
        fs::copy(&template, &path).unwrap();
        path
    };
    let path = fresh("whole.db");
    assert_eq!(run_to_its_end(&path).0, 1);
    let whole = content(&path);
    let (began, step) = (Instant::now(), usize::try_from(number("DISK_STEP", 1)).unwrap());
    let (mut failures, mut slowest) = (0, Duration::ZERO);
    for k in (1..).step_by(step) {
        let path = fresh(&format!("{k}.db"));
        let since = Instant::now();
        disk::fail_at(k);
        let (heard, troubles) = run_to_its_end(&path);
        let came = disk::failed();
        slowest = slowest.max(since.elapsed());
        let left = content(&path);
        assert!(left == whole, "operation {k}: {troubles:?}\n{left}\n\ninstead of\n{whole}");
        assert_eq!(heard, 1, "operation {k}: the callback is called once; {troubles:?}");
        for trouble in &troubles {
            assert!(trouble.contains("store failed") || trouble.contains("location"), "operation {k}: {trouble}");
        }
        fs::remove_file(path).unwrap();
        if !came {
            break;
        }
        failures += 1;
    }
    report(&format!(
        "each of {failures} operations failed once, {:.0} s in all, the slowest import {:.1} s",
        began.elapsed().as_secs_f64(),
        slowest.as_secs_f64()
    ));
    assert!(failures * step > 100, "{failures}");
}

#[test]
fn who_may_not_come_in_is_told_nothing_of_the_disk() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    disk::install();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    let import = || host.import(common::DEFAULTS);
    done(&import());
    disk::fail_at(1);
    assert!(failed(&import()).contains("disk"), "it was let in before");
    assert!(disk::failed());
    done(&open(&path).unwrap().user_disable("team", "agent", "1001"));
    disk::fail_at(1);
    let reply = import();
    assert!(disk::failed());
    assert_eq!(failed(&reply), "orgidentity, user or password is wrong, or the user is disabled");
}

#[test]
fn a_disk_that_is_full_fails_with_a_clear_message_and_the_job_goes_on_when_there_is_room() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    disk::install();
    let folder = TempDir::new().unwrap();
    let web = Web::csv(file(100_000));
    let path = folder.path().join("whole.db");
    queued(&path, &web);
    run_to_its_end(&path);
    let whole = content(&path);
    for rows in [0, 1] {
        let path = folder.path().join(format!("{rows}.db"));
        queued(&path, &web);
        let _room = Room;
        let library = open(&path).unwrap();
        done(&library.callback_set("done", |_| {}));
        done(&library.progress_set(move |job| {
            if common::parsed(job)["read"].as_u64() >= Some(rows) {
                disk::full(true);
            }
            false
        }));
        let ran = library.jobs_run_due();
        let message = failed(&ran).to_owned();
        assert!(message.contains("job 1") && message.contains("full"), "{message}");
        let job = data(&library.job_get("1")).clone();
        assert_ne!(job["state"], "failed", "{job}");
        let done_already = data(&library.campaign_get("1"))["customers"].as_u64();
        assert_eq!(done_already, job["inserted"].as_u64().map(|n| n + 1), "nothing is lost: {job}");
        failed(&library.campaign_add("team", r#"{"name":"Another"}"#));
        disk::full(false);
        done(&library.progress_set(|_| false));
        wait_until("it goes on", || {
            library.jobs_run_due();
            state(&library) == "succeeded"
        });
        drop(library);
        assert!(content(&path) == whole, "{rows}");
    }
}

/// A real file system of a few megabytes, where the user may mount one.
struct Small(TempDir);

impl Small {
    fn new(megabytes: u32) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(mount) if mount.status.success() => Some(Small(folder)),
            _ => {
                report("no small disk can be mounted here: the failing disk of the test above must do");
                None
            }
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_small_disk_too_a_job_waits_for_room() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(small) = Small::new(40) else { return };
    let home = small.0.path();
    let web = Web::csv(file(30_000));
    let (path, ballast) = (home.join("calls.db"), home.join("ballast"));
    queued(&path, &web);
    // Room for the spooled file, but not for its rows.
    fs::write(&ballast, vec![0; 36 << 20]).unwrap();
    let library = open(&path).unwrap();
    let message = failed(&library.jobs_run_due()).to_owned();
    assert!(message.contains("full"), "{message}");
    let before = data(&library.job_get("1")).clone();
    assert_ne!(before["state"], "failed", "{before}");
    fs::remove_file(&ballast).unwrap();
    wait_until("it goes on", || {
        library.jobs_run_due();
        state(&library) == "succeeded"
    });
    let job = data(&library.job_get("1")).clone();
    assert_eq!(job["read"], 30_000);
    assert!(job["read"].as_u64() > before["read"].as_u64());
    drop(library);
    let names: Vec<_> = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["calls.db"]);
    drop(content(&path));
}

#[test]
fn a_spool_without_room_fails_clearly_and_the_server_is_not_asked_again_and_again() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(small) = Small::new(1) else { return };
    let folder = TempDir::new().unwrap();
    let web = Web::csv(file(60_000));
    let path = folder.path().join("calls.db");
    queued(&path, &web);
    let options = json!({"timezone": "UTC", "retries": 0, "spool_dir": small.0.path()}).to_string();
    let library = Library::open(path.to_str().unwrap(), options).unwrap();
    for _ in 0..4 {
        let message = failed(&library.jobs_run_due()).to_owned();
        assert!(message.contains("spool") && message.contains("bytes free"), "{message}");
    }
    assert_eq!(web.requests().len(), 1);
    let mounted = std::process::Command::new("mount").args(["-o", "remount,size=64m"]).arg(small.0.path()).status();
    assert!(mounted.unwrap().success());
    done(&library.jobs_run_due());
    assert_eq!(state(&library), "succeeded");
    assert_eq!(fs::read_dir(small.0.path()).unwrap().count(), 0);
}

#[test]
fn a_store_on_a_read_only_disk_answers_clearly() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(small) = Small::new(8) else { return };
    let path = small.0.path().join("calls.db");
    let web = Web::csv(file(10));
    queued(&path, &web);
    let remount = |how: &str| {
        let mounted = std::process::Command::new("mount").args(["-o", how]).arg(small.0.path()).status();
        assert!(mounted.unwrap().success());
    };
    remount("remount,ro");
    match open(&path) {
        Ok(library) => {
            let message = failed(&library.jobs_run_due()).to_owned();
            assert!(message.contains("read"), "{message}");
            failed(&library.job_cancel("1"));
        }
        Err(refused) => {
            let message = failed(&refused).to_owned();
            assert!(message.contains("folder can't be"), "{message}");
        }
    }
    remount("remount,rw");
    run_to_its_end(&path);
}
