//! "A chunk holds the write lock for about 100 ms at most: other threads and processes write in between."

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::child::{Process, given, number, report, say};
use common::web::Web;
use common::{Host, Library, data, done};
use serde_json::json;
use tempfile::TempDir;

/// How long a single record may wait: loose, since the machine may be busy with other tests.
const MOST: Duration = Duration::from_secs(5);

fn rows(count: u64) -> String {
    let mut text = String::from("name,phone1,phone2,email,company,address,city,memo\n");
    for n in 0..count {
        text.push_str(&format!("Customer {n},138{n:08},,c{n}@example.com,Company {},Street {n},City,\n", n % 1000));
    }
    text
}

/// Imports one record after the other until told to stop, and gives the time that each took.
fn single_records(host: &Host, who: u64, go_on: impl Fn() -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in 0.. {
        if !go_on() {
            break;
        }
        let record = format!("name=Single||phone1=9{who:03}{n:07}");
        let since = Instant::now();
        done(&host.import(&[("context", record.as_str()), ("phone_field", "phone1")]));
        times.push(since.elapsed());
        thread::sleep(Duration::from_millis(3));
    }
    times
}

#[test]
fn the_other_process() {
    let (Some(path), Some(campaign)) = (given("PATH"), given("CAMPAIGN")) else { return };
    let library = Library::open(&path, "").expect("the store");
    let host = Host { library, campaign };
    let times = single_records(&host, number("WHO", 1), || !Path::new(&path).with_extension("stop").exists());
    let times: Vec<String> = times.iter().map(|time| time.as_micros().to_string()).collect();
    say(&format!("times: {}", times.join(" ")));
}

fn told(who: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    assert!(times.len() > 20, "{who} went on: {}", times.len());
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let [p50, p99, max] = [at(0.5), at(0.99), at(1.0)].map(|time| time.as_secs_f64() * 1e3);
    report(&format!("{who}: {} records, p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms", times.len()));
    at(1.0)
}

#[test]
fn single_records_go_on_while_a_large_file_is_imported() {
    let count = number("LATENCY_ROWS", 400_000);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    let web = Web::csv(rows(count));
    let store = path.to_str().unwrap();
    let mut processes: Vec<Process> = (1..=number("LATENCY_PROCESSES", 2))
        .map(|who| {
            let who = who.to_string();
            let values = [("PATH", store), ("CAMPAIGN", host.campaign.as_str()), ("WHO", &who)];
            Process::run("the_other_process", &values)
        })
        .collect();
    let over = AtomicBool::new(false);
    let (job, took, threads) = thread::scope(|scope| {
        let host = &host;
        let over = &over;
        let threads: Vec<_> = (500..500 + number("LATENCY_THREADS", 2))
            .map(|who| scope.spawn(move || single_records(host, who, || !over.load(Ordering::Relaxed))))
            .collect();
        thread::sleep(Duration::from_millis(300));
        let since = Instant::now();
        let reply = host.import(&[("source", "http"), ("context", &web.url()), ("phone_field", "phone1")]);
        let took = since.elapsed();
        over.store(true, Ordering::Relaxed);
        fs::write(path.with_extension("stop"), "").unwrap();
        let threads: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (host.job_of(&reply), took, threads)
    });
    assert_eq!(job["inserted"], count);
    let wal = fs::metadata(folder.path().join("calls.db-wal")).map_or(0, |wal| wal.len());
    report(&format!("{count} rows in {:.1} s; WAL {} MiB", took.as_secs_f64(), wal >> 20));
    assert!(wal < 200 << 20, "the WAL is bounded: {wal}");
    let mut longest = told("threads", threads);
    for process in &mut processes {
        let times = process.wait_for("times:").expect("its times");
        let times = times.split(' ').map(|time| Duration::from_micros(time.parse().unwrap())).collect();
        longest = longest.max(told("process", times));
    }
    assert!(longest < MOST, "{longest:?}");
    assert!(data(&host.campaign_get(&host.campaign))["customers"].as_u64() > Some(count));
}
