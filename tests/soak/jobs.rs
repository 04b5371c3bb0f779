//! What a thread of the soak does with jobs.

use std::fs;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::files::Leads;
use crate::host::{Soak, Worker};
use crate::ledger::Event;
use crate::watch::fault;
use crate::work::frontier;

/// What a job is told that another process took.
const TAKEN: &str = "another process has taken it over, and goes on with it";

pub fn turn(worker: &mut Worker) {
    match worker.dice.below(130) {
        0..12 => import(worker),
        12..16 => run_due(worker),
        16..22 => cancel(worker),
        22..26 => rejects(worker),
        26..30 => start_and_stop(worker),
        30..90 => get(worker),
        _ => list(worker),
    }
}

/// A job as JSON, at any moment.
pub fn check(soak: &Soak, job: &Value) {
    let count = |name: &str| job[name].as_u64().unwrap_or(u64::MAX);
    let sum =
        ["inserted", "updated", "skipped", "rejected"].map(count).iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
    if sum != count("read") {
        fault(&soak.setting, &format!("the counts do not add up: {job}"));
    }
}

fn import(worker: &mut Worker) {
    let setting = &worker.soak.setting;
    let first = frontier(worker);
    let dice = &mut worker.dice;
    let rows = if dice.one_in(30) { 5_000 } else { dice.below(300) };
    let leads = Leads { first: if rows > 300 { first / 2 } else { first }, rows, seed: dice.roll() };
    let is_missing = dice.one_in(30);
    let url = if is_missing { setting.url.replace("leads", "missing") } else { leads.url(&setting.url) };
    let later = Timestamp::now() + SignedDuration::from_secs(2);
    let later = later.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let alone = dice.one_in(2);
    let on_the_list = !alone && dice.one_in(2);
    let (user, password) = if dice.one_in(3) { ("joe", "hush") } else { ("", "") };
    let changes = [
        ("model_id", if alone { setting.files.as_str() } else { setting.mixed.as_str() }),
        ("source", "http"),
        ("context", url.as_str()),
        ("source_user", user),
        ("source_pwd", password),
        ("exetime", if dice.one_in(4) { later.as_str() } else { "" }),
        ("phone_field", if on_the_list { "phone1" } else { "" }),
        ("priority_field", if on_the_list { "urgency" } else { "" }),
        ("dupway", dice.one_of(&["update", "skip"])),
        ("dupdiallist", dice.one_of(&["ignoreDuplicate", "ignoreSuccess"])),
        ("callbackFuc", "told"),
    ];
    let reply = worker.call("an import of a file", |host| host.import(&changes));
    let missing: &[&str] = if is_missing { &["404"] } else { &[] };
    let documented = [&[": cancelled", TAKEN], missing].concat();
    worker.expect("an import of a file", &reply, &documented);
    let message = reply["message"].as_str().unwrap_or_default();
    let digits = message.strip_prefix("job ").unwrap_or(message).split(':').next().unwrap_or_default();
    match digits.parse() {
        Ok(job) => {
            worker.job = job;
            worker.ledger.note(&Event::Job { job });
        }
        Err(_) => worker.fault(&format!("an import was told {reply}")),
    }
}

fn run_due(worker: &mut Worker) {
    let reply = worker.call("cji_jobs_run_due", |host| host.jobs_run_due());
    worker.expect("cji_jobs_run_due", &reply, &[TAKEN]);
}

fn cancel(worker: &mut Worker) {
    // Now and then one that another thread or process has made just now.
    let job = if worker.dice.one_in(2) { worker.job } else { newest(worker).saturating_sub(worker.dice.below(3)) };
    // Most jobs end well.
    if job == 0 || !worker.dice.one_in(3) {
        return;
    }
    worker.ledger.note(&Event::Cancelled { job });
    let reply = worker.call("cji_job_cancel", |host| host.job_cancel(job.to_string()));
    worker.expect("cji_job_cancel", &reply, &["can't be cancelled: it has ended"]);
}

/// The newest job of all, as far as this thread can see.
fn newest(worker: &mut Worker) -> u64 {
    let reply = worker.call("cji_query", |host| host.query("SELECT ifnull(max(id), 0) FROM job", ""));
    worker.data("cji_query", &reply)["rows"][0][0].as_u64().unwrap_or_default()
}

fn rejects(worker: &mut Worker) {
    if worker.job == 0 {
        return;
    }
    let job = worker.job.to_string();
    let path =
        worker.soak.setting.path.with_file_name(format!("{}-{}.rejects", worker.soak.setting.process, worker.number));
    let read = |worker: &mut Worker| {
        let reply = worker.call("cji_job_get", |host| host.job_get(&job));
        worker.data("cji_job_get", &reply)["rejected"].as_u64().unwrap_or_default()
    };
    let before = read(worker);
    let text = path.to_str().expect("UTF-8");
    let reply = worker.call("cji_job_rejects", |host| host.job_rejects(&job, text));
    worker.expect("cji_job_rejects", &reply, &[]);
    let after = read(worker);
    let written = fs::read_to_string(&path).unwrap_or_default().lines().count() as u64 - 1;
    if written < before || written > after {
        worker.fault(&format!("{written} rejected rows were written, of {before} to {after}: {reply}"));
    }
}

fn start_and_stop(worker: &mut Worker) {
    // Stopping waits for what the worker runs, and a worker stopped by another thread is no fault.
    if worker.dice.one_in(2) {
        let reply = worker.call("cji_worker_start", |host| host.worker_start());
        worker.expect("cji_worker_start", &reply, &["the worker runs already"]);
    } else {
        let reply = worker.call("cji_worker_stop", |host| host.worker_stop());
        worker.expect("cji_worker_stop", &reply, &[]);
    }
}

fn get(worker: &mut Worker) {
    if worker.job > 0 {
        let job = worker.job.to_string();
        let reply = worker.call("cji_job_get", |host| host.job_get(&job));
        let job = worker.data("cji_job_get", &reply);
        check(worker.soak, &job);
    }
}

fn list(worker: &mut Worker) {
    let state = worker.dice.one_of(&["scheduled", "running", "succeeded", "cancelled"]);
    let after = worker.job.saturating_sub(50);
    let filter = json!({ "state": state, "after": after, "limit": 50 }).to_string();
    let reply = worker.call("cji_job_list", |host| host.job_list(&filter));
    let page = worker.data("cji_job_list", &reply);
    page["jobs"].as_array().into_iter().flatten().for_each(|job| check(worker.soak, job));
}
