//! Any number of processes have one store open, and each job is run by one of them at a time.

mod common;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::child::{Process, given, in_time, report, say, wait_until};
use common::content::content;
use common::web::{Web, refusing_url, respond};
use common::{Host, Library, data, done, failed_naming};
use serde_json::{Value, json};
use tempfile::TempDir;

const QUEUED: &str = r#"{"timezone":"UTC","background":true}"#;

fn file(rows: usize) -> String {
    let mut text = String::from("name,phone1\n");
    for n in 0..rows {
        text.push_str(&format!("Customer {n},138{n:08}\n"));
    }
    text
}

/// Serves the first half of a file, and the rest after a pause.
fn slow(rows: usize, pause: Duration) -> Web {
    let body = file(rows);
    Web::new(move |_, stream| {
        let (first, second) = body.as_bytes().split_at(body.len() / 2);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(first));
        thread::sleep(pause);
        let _ = stream.write_all(second);
    })
}

/// A store on disk that this process has open; its imports are queued.
struct Shared {
    folder: TempDir,
    host: Host,
}

impl Shared {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let host = Host::at(folder.path().join("calls.db"), &json!({"background": true}), &json!({}));
        Shared { folder, host }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("calls.db")
    }

    /// Queues an import of this URL, and gives its id.
    fn queue(&self, url: &str) -> String {
        let changes = [("source", "http"), ("context", url), ("phone_field", "phone1"), ("callbackFuc", "done")];
        done(&self.host.import(&changes)).to_owned()
    }

    fn job(&self, id: &str) -> Value {
        data(&self.host.job_get(id)).clone()
    }

    fn wait_for(&self, id: &str, state: &str) -> Value {
        wait_until(&format!("job {id} is {state}"), || self.job(id)["state"] == state);
        self.job(id)
    }

    /// Another process with a worker, which is there when this returns.
    fn process(&self) -> Process {
        let mut process = Process::run("a_host_with_a_worker", &[("PATH", self.path().to_str().unwrap())]);
        process.wait_for("works").expect("a worker");
        process
    }

    fn stop_processes(&self) {
        fs::write(self.path().with_extension("stop"), "").unwrap();
    }

    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(self.path().with_extension("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }
}

/// Runs due jobs until the file `calls.stop` is there; writes what callbacks hear to `calls.told`.
#[test]
fn a_host_with_a_worker() {
    let Some(path) = given("PATH") else { return };
    let path = Path::new(&path);
    let library = Library::open(path.to_str().unwrap(), QUEUED).expect("the store");
    let told = OpenOptions::new().create(true).append(true).open(path.with_extension("told")).unwrap();
    let told = Mutex::new(told);
    done(&library.callback_set("done", move |reply| writeln!(told.lock().unwrap(), "{reply}").unwrap()));
    done(&library.worker_start());
    say("works");
    while !path.with_extension("stop").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    done(&library.worker_stop());
}

#[test]
fn a_job_that_another_process_submits_starts_within_a_second() {
    let shared = Shared::new();
    let _process = shared.process();
    let web = Web::csv(file(10));
    let start = || {
        let id = shared.queue(&web.url());
        let since = Instant::now();
        wait_until("it started", || shared.job(&id)["state"] != "scheduled");
        let took = since.elapsed();
        shared.wait_for(&id, "succeeded");
        took
    };
    in_time(Duration::from_secs(1), || [start(), start(), start()].into_iter().max().unwrap());
}

#[test]
fn many_processes_and_threads_run_each_job_once_and_tell_it_once() {
    const JOBS: usize = 30;
    let shared = Shared::new();
    let web = Web::csv(file(300));
    let processes: Vec<Process> = (0..3).map(|_| shared.process()).collect();
    let told = OpenOptions::new().create(true).append(true).open(shared.path().with_extension("told")).unwrap();
    let told = Mutex::new(told);
    done(&shared.host.callback_set("done", move |reply| writeln!(told.lock().unwrap(), "{reply}").unwrap()));
    let over = AtomicBool::new(false);
    let ids: Vec<String> = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    done(&shared.host.jobs_run_due());
                    thread::sleep(Duration::from_millis(3));
                }
            });
        }
        let ids: Vec<String> = (0..JOBS).map(|_| shared.queue(&web.url())).collect();
        for id in &ids {
            shared.wait_for(id, "succeeded");
        }
        over.store(true, Ordering::Relaxed);
        ids
    });
    shared.stop_processes();
    processes.into_iter().for_each(Process::join);
    assert_eq!(web.requests().len(), JOBS, "each file was fetched once");
    let mut told: Vec<u64> = shared.told().iter().map(|reply| done(&common::parsed(reply)).parse().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ids.iter().map(|id| id.parse().unwrap()).collect::<Vec<u64>>());
    assert_eq!(data(&shared.host.campaign_get("1"))["customers"], 300);
}

#[test]
fn a_job_is_cancelled_from_another_process_within_a_second_while_it_is_fetched() {
    in_time(Duration::from_secs(1), || {
        let shared = Shared::new();
        let _process = shared.process();
        let web = slow(1000, Duration::from_secs(30));
        let id = shared.queue(&web.url());
        wait_until("it is fetched", || shared.job(&id)["state"] == "running" && !web.requests().is_empty());
        done(&shared.host.job_cancel(&id));
        let since = Instant::now();
        let job = shared.wait_for(&id, "cancelled");
        let took = since.elapsed();
        assert_eq!(job["message"], format!("job {id}: cancelled"));
        wait_until("it is told", || !shared.told().is_empty());
        assert_eq!(shared.told(), [json!({"code": 2, "message": format!("job {id}: cancelled")}).to_string()]);
        failed_naming(&shared.host.job_cancel(&id), &["cancelled"]);
        took
    });
}

#[test]
fn a_job_is_cancelled_from_another_process_within_a_second_while_it_is_imported() {
    in_time(Duration::from_secs(1), || {
        let shared = Shared::new();
        let _process = shared.process();
        let web = Web::csv(file(300_000));
        let id = shared.queue(&web.url());
        wait_until("it is imported", || shared.job(&id)["read"].as_u64() > Some(0));
        done(&shared.host.job_cancel(&id));
        let since = Instant::now();
        let job = shared.wait_for(&id, "cancelled");
        let took = since.elapsed();
        let kept = data(&shared.host.campaign_get("1"))["customers"].clone();
        assert_eq!(kept, job["inserted"], "its finished chunks are kept");
        assert!(kept.as_u64() < Some(300_000));
        took
    });
}

/// Stops the process without holding the store's write lock, so that others can go on.
fn stop_between_chunks(process: &Process, path: &Path) {
    let probe = rusqlite::Connection::open(path).unwrap();
    probe.busy_timeout(Duration::ZERO).unwrap();
    loop {
        process.stop();
        thread::sleep(Duration::from_millis(20));
        if probe.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        process.go_on();
        thread::sleep(Duration::from_millis(3));
    }
}

/// A process that was stopped for longer than its lease, when `stop_when` says so, writes nothing more.
fn stopped(web: &Web, rows: u64, stop_when: impl Fn(&Shared, &str) -> bool) {
    let shared = Shared::new();
    let process = shared.process();
    let id = shared.queue(&web.url());
    wait_until("the moment to stop it", || stop_when(&shared, &id));
    stop_between_chunks(&process, &shared.path());
    assert_eq!(shared.job(&id)["state"], "running", "it was stopped in time: {}", shared.job(&id));
    let since = Instant::now();
    wait_until("it is taken over", || {
        done(&shared.host.jobs_run_due());
        shared.job(&id)["state"] == "succeeded"
    });
    report(&format!("a stopped process' job had ended elsewhere after {:.1} s", since.elapsed().as_secs_f64()));
    let left = content(&shared.path());
    process.go_on();
    // It looks up, finds that it lost the job, and is a good worker again.
    let next = shared.queue(&Web::csv(file(1)).url());
    shared.wait_for(&next, "succeeded");
    thread::sleep(Duration::from_millis(500));
    shared.stop_processes();
    process.join();
    let job = shared.job(&id);
    assert_eq!((&job["state"], &job["read"], &job["inserted"]), (&json!("succeeded"), &json!(rows), &json!(rows)));
    let customers = |text: &str| text.lines().filter(|line| line.contains("phone1=Text")).count();
    assert_eq!(customers(&left), customers(&content(&shared.path())), "nothing more was written");
    assert_eq!(shared.told().iter().filter(|reply| **reply == done_reply(&id)).count(), 0, "who lost it tells nothing");
    let spooled = fs::read_dir(shared.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("import-cji"));
    assert_eq!(spooled.count(), 0, "no spooled file is left");
}

fn done_reply(id: &str) -> String {
    json!({"code": 1, "message": id}).to_string()
}

#[test]
fn a_process_that_is_stopped_during_the_fetch_for_longer_than_its_lease_has_lost_the_job() {
    let web = slow(2000, Duration::from_millis(1500));
    stopped(&web, 2000, |shared, id| shared.job(id)["bytes_read"].as_u64() > Some(0));
}

#[test]
fn a_process_that_is_stopped_during_the_import_for_longer_than_its_lease_has_lost_the_job() {
    let web = Web::csv(file(200_000));
    stopped(&web, 200_000, |shared, id| shared.job(id)["read"].as_u64() > Some(0));
}

#[test]
fn closing_with_a_running_worker_is_prompt_and_the_job_goes_on_elsewhere() {
    let slow = || slow(1000, Duration::from_millis(1500));
    let large = || Web::csv(file(150_000));
    for web in [&slow as &dyn Fn() -> Web, &large] {
        in_time(Duration::from_secs(1), || {
            let web = web();
            let shared = Shared::new();
            let library = Library::open(shared.path().to_str().unwrap(), QUEUED).unwrap();
            done(&library.worker_start());
            failed_naming(&library.worker_start(), &["worker"]);
            let id = shared.queue(&web.url());
            wait_until("it runs", || shared.job(&id)["state"] == "running" && !web.requests().is_empty());
            thread::sleep(Duration::from_millis(100));
            let since = Instant::now();
            drop(library);
            let took = since.elapsed();
            let job = shared.job(&id);
            assert!(job["state"] == "scheduled" || job["state"] == "running", "{job}");
            // Without waiting for a lease: it was let go.
            assert_eq!(done(&shared.host.jobs_run_due()), "1");
            assert_eq!(shared.job(&id)["state"], "succeeded");
            assert_eq!(shared.job(&id)["message"], id);
            took
        });
    }
}

/// Makes jobs with a login, for later, while others sweep.
#[test]
fn a_host_that_makes_jobs_for_later() {
    let (Some(path), Some(campaign)) = (given("PATH"), given("CAMPAIGN")) else { return };
    let host = Host { library: Library::open(&path, QUEUED).expect("the store"), campaign };
    for _ in 0..150 {
        let changes = [
            ("source", "http"),
            ("context", "http://127.0.0.1:9/leads.csv"),
            ("source_user", "joe"),
            ("source_pwd", "hush-hush"),
            ("exetime", "2040-01-01 00:00:00"),
        ];
        done(&host.import(&changes));
    }
}

#[test]
fn no_process_sweeps_away_what_another_uses() {
    let shared = Shared::new();
    let values = [("PATH", shared.path().to_str().unwrap().to_owned()), ("CAMPAIGN", shared.host.campaign.clone())];
    let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let makers: Vec<Process> = (0..2).map(|_| Process::run("a_host_that_makes_jobs_for_later", &values)).collect();
    let url = refusing_url();
    let quick = Library::open(shared.path().to_str().unwrap(), r#"{"retries":0,"timezone":"UTC"}"#).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                shared.queue(&url);
                done(&quick.jobs_run_due());
            }
        });
        makers.into_iter().for_each(Process::join);
        over.store(true, Ordering::Relaxed);
    });
    done(&quick.jobs_run_due());
    let logins = || {
        let names = fs::read_dir(shared.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".login")).count()
    };
    assert_eq!(logins(), 300, "each login is there");
    let scheduled = data(&shared.host.job_list(r#"{"state":"scheduled","limit":1000}"#))["jobs"].clone();
    for job in scheduled.as_array().unwrap() {
        done(&shared.host.job_cancel(job["id"].to_string()));
    }
    assert_eq!(logins(), 0, "and goes with its job");
}

#[test]
fn a_worker_without_work_costs_little() {
    let shared = Shared::new();
    let library = Library::open(shared.path().to_str().unwrap(), QUEUED).unwrap();
    done(&library.worker_start());
    let ticks = || {
        // utime and stime of this process' worker, in hundredths of a second.
        let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let worker =
            tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "cji-worker\n"));
        let spent = worker.filter_map(|task| {
            let stat = fs::read_to_string(task.join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        });
        spent.max().unwrap_or_default()
    };
    thread::sleep(Duration::from_millis(600));
    let before = ticks();
    thread::sleep(Duration::from_secs(4));
    let spent = Duration::from_nanos(ticks().saturating_sub(before));
    report(&format!("an idle worker spends {:.3} % of a processor", spent.as_secs_f64() / 4.0 * 100.0));
    assert!(spent < Duration::from_millis(80), "{spent:?}");
}

#[test]
fn a_server_that_refuses_ends_the_job_and_its_login_is_gone() {
    let shared = Shared::new();
    let web = Web::new(|_, stream| respond(stream, "404 Not Found", "", b""));
    let changes =
        [("source", "http"), ("context", &*web.url()), ("source_user", "joe"), ("source_pwd", "hush-hush-hush")];
    let id = done(&shared.host.import(&changes)).to_owned();
    assert_eq!(done(&shared.host.jobs_run_due()), "1");
    let job = shared.job(&id);
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["message"].as_str().unwrap().starts_with(&format!("job {id}: ")), "{job}");
    for entry in fs::read_dir(shared.folder.path()).unwrap().map(Result::unwrap) {
        let bytes = fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(14).any(|part| part == b"hush-hush-hush"), "{:?}", entry.path());
    }
    assert!(!job.to_string().contains("hush"));
}
