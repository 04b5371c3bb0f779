//! `single`: one record at a time, against the least that SQLite can do for it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::given::Given;
use crate::growth::same;
use crate::host::{Host, Import, done};
use crate::machine::{at, disk_us, hundredths, load, median, seconds, thousandths};
use crate::rows::{self, Row};
use crate::stores;

/// The records' customers come behind all others of the store.
const FIRST: u64 = 1_000_000_000;

pub fn single(given: &Given) -> Value {
    let path = Path::new(given.place(0, "DATABASE"));
    let text = path.to_str().expect("UTF-8");
    let (calls, rounds): (u64, u64) = (given.number("calls", 300), given.number("rounds", 10));
    let (threads, pause): (u64, f64) = (given.number("threads", 8), given.number("seconds", 1.0));
    let durability = given.text("durability", "full");
    drop(Host::at(text, durability));
    let copy = path.with_extension("bare.db");
    stores::copy(path, &copy);
    let mut bare = Bare::on(&copy, durability);
    let host = Host::open(text, durability);
    let (before, entries) = host.counts();
    let next = AtomicU64::new(FIRST + before);
    // The first call verifies the password.
    let begun = Instant::now();
    call(&host, &rows::row(next.fetch_add(1, Ordering::Relaxed)));
    let first = seconds(begun);

    let (mut ours, mut least) = (Vec::new(), Vec::new());
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begin = next.fetch_add(calls, Ordering::Relaxed);
        let records: Vec<Row> = (begin..begin + calls).map(rows::row).collect();
        ours.extend(records.iter().map(|row| timed(|| call(&host, row))));
        least.extend(records.iter().map(|row| timed(|| bare.write(row).expect("two writes"))));
        same(&host.customer(&records[0][1]), &records[0]);
    }
    // Afterwards, since these calls let only our store grow.
    for _ in 0..rounds {
        one.push(rate(&host, &next, 1, pause));
        many.push(rate(&host, &next, threads, pause));
    }
    let made = next.load(Ordering::Relaxed) - FIRST - before;
    assert_eq!(host.counts(), (before + made, entries + made), "each call made a customer and an entry");
    assert_eq!(bare.customers(), before + rounds * calls, "and so did the bare writes");
    drop((host, bare));
    stores::remove(&copy);

    let us = |times: &mut [f64], part| (at(times, part) * 1e6).round();
    let (one, many) = (median(&mut one), median(&mut many));
    json!({
        "customers": before, "calls": rounds * calls, "durability": durability, "load": load(),
        "disk_us": disk_us(&stores::folder()), "first_call_ms": thousandths(first * 1e3),
        "ours_us": {"median": us(&mut ours, 0.5), "p99": us(&mut ours, 0.99)},
        "bare_us": {"median": us(&mut least, 0.5), "p99": us(&mut least, 0.99)},
        // Asked: at most 1.5.
        "ours_to_bare": hundredths(median(&mut ours) / median(&mut least)),
        "calls_per_second": {"one_thread": one.round(), "threads": threads, "all_threads": many.round()},
        // Asked: at least 4 with 8 threads at durability full.
        "threads_to_one": hundredths(many / one),
    })
}

fn call(host: &Host, row: &Row) {
    done(&host.import(&Import::record(&rows::record(row))));
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    seconds(begun)
}

/// Calls per second of so many threads at once.
fn rate(host: &Host, next: &AtomicU64, threads: u64, pause: f64) -> f64 {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    call(host, &rows::row(next.fetch_add(1, Ordering::Relaxed)));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(Duration::from_secs_f64(pause));
        stop.store(true, Ordering::Relaxed);
    });
    calls.into_inner() as f64 / seconds(begun)
}

/// A copy of the store, with the same tables and indexes, written without this library: by prepared statements, a
/// transaction for each record.
struct Bare {
    connection: Connection,
    table: String,
    entry: i64,
}

impl Bare {
    fn on(path: &Path, durability: &str) -> Self {
        let connection = Connection::open(path).expect("the copy");
        connection.execute_batch(&format!("PRAGMA synchronous = {durability}")).expect("a connection");
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
        let wal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a mode");
        assert_eq!(wal, "wal");
        let table = one("SELECT customer_table FROM campaign c JOIN package p ON p.id = c.package WHERE c.id = 1");
        let entry = one("SELECT ifnull(max(place), 100000000000) FROM dial_row");
        Self { table: format!("customers_{table}"), entry, connection }
    }

    fn write(&mut self, row: &Row) -> rusqlite::Result<()> {
        let c = &self.connection;
        c.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let customer = c
            .prepare_cached(&format!(
                "INSERT INTO {} (package, status, created_at, updated_at,
                                 name, phone1, phone2, email, company, address, city, memo)
                 VALUES (1, 'open', 1000000000, 1000000000, ?, ?, ?, ?, ?, ?, ?, ?)",
                self.table
            ))?
            .insert(rusqlite::params_from_iter(row))?;
        self.entry += 1;
        c.prepare_cached("INSERT INTO dial_row (place, customer, phone, priority) VALUES (?, ?, ?, 0)")?
            .execute(params![self.entry, customer, row[1]])?;
        c.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn customers(&self) -> u64 {
        let sql = format!("SELECT count(*) FROM {}", self.table);
        let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0)).expect("a number");
        count.unsigned_abs()
    }
}
