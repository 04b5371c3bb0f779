//! How fast the dial list is: `cji_dial_next` and `cji_dial_done` on millions of waiting entries, alone and while a file
//! is imported, and what putting numbers on the list costs an import.
//!
//! `cargo bench --bench dial -- [entries=10000000] [campaigns=20] [rows=1000000] [seconds=5] [only=calls|import]`
//!
//! The store is built once and kept in `target/dial-bench`; each measurement runs on a copy. Half of the campaigns have
//! plain lists (one priority, due at once), half have 100 priorities and dial times, a third of them not due yet.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use import_cji::engine::Engine;
use import_cji::reply::Reply;

/// How many entries one call leases.
const LIMIT: i32 = 50;
/// How many of them are reported on; the rest stay leased.
const DONE: usize = 10;

struct Wanted {
    entries: u64,
    campaigns: u64,
    rows: u64,
    seconds: u64,
    only: String,
}

fn main() {
    let given: HashMap<String, String> = std::env::args()
        .filter_map(|a| a.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let number = |name: &str, default| given.get(name).map_or(default, |v| v.parse().expect("a number"));
    let wanted = Wanted {
        entries: number("entries", 10_000_000),
        campaigns: number("campaigns", 20),
        rows: number("rows", 1_000_000),
        seconds: number("seconds", 5),
        only: given.get("only").cloned().unwrap_or_default(),
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/dial-bench");
    fs::create_dir_all(&folder).expect("a folder");
    let url = serve(csv(wanted.rows));
    println!("fdatasync of 32 KiB here: {:.2} ms at the median", disk_ms(&folder));
    if wanted.only != "import" {
        calls(&folder, &wanted, &url);
    }
    if wanted.only != "calls" {
        insertion(&folder, &wanted, &url);
    }
}

/// The table of `cji_dial_next` and `cji_dial_done`.
fn calls(folder: &Path, wanted: &Wanted, url: &str) {
    let template = template(folder, wanted);
    let store = folder.join("calls.db");
    println!("\n{} waiting entries in {} campaigns, {LIMIT} leased a call", wanted.entries, wanted.campaigns);
    println!("durability threads load       call      calls/s  median ms    p99 ms    max ms");
    for durability in ["full", "normal"] {
        for load in ["idle", "import"] {
            copy(&template, &store);
            for threads in [1, 8] {
                let engine = open(&store, durability);
                let measured = measure(&engine, wanted, threads, (load == "import").then_some(url));
                for (call, times) in [("dial_next", &measured.next), ("dial_done", &measured.done)] {
                    let rate = times.len() as f64 / measured.took.as_secs_f64();
                    println!(
                        "{durability:<10} {threads:<7} {load:<10} {call:<10} {rate:>6.0} {:>10.3} {:>9.3} {:>9.3}",
                        at(times, 0.5),
                        at(times, 0.99),
                        at(times, 1.0)
                    );
                }
                if let Some(import) = measured.import {
                    println!("                           (the import took {:.1} s)", import.as_secs_f64());
                }
                engine.close();
            }
        }
    }
}

#[derive(Default)]
struct Measured {
    next: Vec<f64>,
    done: Vec<f64>,
    took: Duration,
    import: Option<Duration>,
}

fn measure(engine: &Engine, wanted: &Wanted, threads: u64, import: Option<&str>) -> Measured {
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let mut measured = Measured::default();
    thread::scope(|scope| {
        let dialers: Vec<_> = (0..threads)
            .map(|n| {
                scope.spawn({
                    let stop = &stop;
                    move || dialer(engine, wanted, n, stop)
                })
            })
            .collect();
        match import {
            Some(url) => {
                let begun = Instant::now();
                let campaign = ok(&engine.campaign_add("team", r#"{"name":"Imported"}"#)).to_owned();
                import_file(engine, &campaign, url, "phone1");
                measured.import = Some(begun.elapsed());
            }
            None => thread::sleep(Duration::from_secs(wanted.seconds)),
        }
        stop.store(true, Ordering::Relaxed);
        for dialer in dialers {
            let (next, done) = dialer.join().expect("a dialer");
            measured.next.extend(next);
            measured.done.extend(done);
        }
    });
    measured.took = started.elapsed();
    measured.next.sort_by(f64::total_cmp);
    measured.done.sort_by(f64::total_cmp);
    measured
}

/// Takes and reports until told to stop; gives the milliseconds of each call.
fn dialer(engine: &Engine, wanted: &Wanted, seed: u64, stop: &AtomicBool) -> (Vec<f64>, Vec<f64>) {
    let (mut next, mut done, mut random) = (Vec::new(), Vec::new(), seed + 1);
    while !stop.load(Ordering::Relaxed) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let campaign = (1 + (random >> 33) % wanted.campaigns).to_string();
        let begun = Instant::now();
        let taken = engine.dial_next(&campaign, LIMIT, 3_600);
        next.push(ms(begun));
        let entries = taken.data.as_ref().expect("entries")["entries"].as_array().expect("a list").clone();
        assert_eq!(entries.len(), LIMIT as usize, "the list is long enough");
        for entry in entries.iter().take(DONE) {
            let begun = Instant::now();
            let reply = engine.dial_done(&campaign, &entry["id"].to_string(), r#"{"outcome":"done"}"#);
            done.push(ms(begun));
            ok(&reply);
        }
    }
    (next, done)
}

/// The cost of the dial list to an import: the same file, in turns, each into a new store.
fn insertion(folder: &Path, wanted: &Wanted, url: &str) {
    println!("\nimport of {} rows over loopback HTTP, durability full, seconds", wanted.rows);
    let mut best: HashMap<&str, f64> = HashMap::new();
    for round in 1..=3 {
        for (name, phone, fields) in [
            ("without dial list", "", PLAIN),
            ("with dial list", "phone1", PLAIN),
            ("with phone2 indexed too", "phone1", INDEXED),
        ] {
            let store = folder.join("import.db");
            remove(&store);
            let engine = open(&store, "full");
            ok(&engine.team_add("team", "The team"));
            ok(&engine.user_set("team", "agent", "1001", "plaintext", "secret"));
            let campaign = ok(&engine.campaign_add("team", fields)).to_owned();
            let begun = Instant::now();
            import_file(&engine, &campaign, url, phone);
            let took = begun.elapsed().as_secs_f64();
            engine.close();
            println!("round {round}  {name:<24} {took:>6.2}");
            let least = best.entry(name).or_insert(took);
            *least = least.min(took);
        }
    }
    let ratio = |a: &str, b: &str| best[a] / best[b];
    println!("the dial list costs x {:.2} (target: at most 1.33)", ratio("with dial list", "without dial list"));
    println!("the index on phone2 costs x {:.2}", ratio("with phone2 indexed too", "with dial list"));
    remove(&folder.join("import.db"));
}

const PLAIN: &str = r#"{"name":"A","fields":[{"name":"name"},{"name":"phone1","type":"phone"},{"name":"phone2"},
    {"name":"email"},{"name":"company"},{"name":"address"},{"name":"city"},{"name":"memo"}]}"#;
const INDEXED: &str = r#"{"name":"A"}"#;

fn open(store: &Path, durability: &str) -> Engine {
    let options = format!(r#"{{"timezone":"UTC","durability":"{durability}"}}"#);
    Engine::open(store.to_str().expect("UTF-8"), &options).expect("a store")
}

fn import_file(engine: &Engine, campaign: &str, url: &str, phone_field: &str) {
    let mut parameters = [""; 22];
    for (at, value) in [
        (0, "team"),
        (1, "agent"),
        (2, "1001"),
        (3, "plaintext"),
        (4, "secret"),
        (5, "Campaign"),
        (6, campaign),
        (7, "http"),
        (8, url),
        (13, phone_field),
    ] {
        parameters[at] = value;
    }
    ok(&engine.import(&parameters.map(str::as_bytes)));
}

/// The store with its entries, built where it is not there.
fn template(folder: &Path, wanted: &Wanted) -> PathBuf {
    let schema = include_str!("../src/store/schema.sql");
    let mark = schema.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let template = folder.join(format!("{}-{}-{mark:08x}.db", wanted.entries, wanted.campaigns));
    if template.exists() {
        return template;
    }
    let building = folder.join("building.db");
    remove(&building);
    let engine = open(&building, "normal");
    ok(&engine.team_add("team", "The team"));
    ok(&engine.user_set("team", "agent", "1001", "plaintext", "secret"));
    for n in 1..=wanted.campaigns {
        ok(&engine.campaign_add("team", &format!(r#"{{"name":"Campaign {n}","id":"{n}"}}"#)));
    }
    engine.close();
    let begun = Instant::now();
    fill(&building, wanted).expect("a filled store");
    println!("built {} in {:.0} s", template.display(), begun.elapsed().as_secs_f64());
    fs::rename(&building, &template).expect("a template");
    template
}

fn fill(store: &Path, wanted: &Wanted) -> rusqlite::Result<()> {
    let c = rusqlite::Connection::open(store)?;
    c.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")?;
    let indexes: Vec<(String, String)> = c
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND name = 'dial_row_customer'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, _) in &indexes {
        c.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    let per_campaign = wanted.entries / wanted.campaigns;
    for campaign in 0..wanted.campaigns {
        let (first, plain) = (campaign * per_campaign, campaign % 2 == 0);
        let (priority, time) = match plain {
            true => ("0", "NULL"),
            // Spread by multiplication, so that neighbours differ.
            false => (
                "(i * 2654435761) % 100",
                "CASE (i * 40503) % 3 WHEN 0 THEN NULL WHEN 1 THEN 1000000000 + (i * 7919) % 1000000
                 ELSE unixepoch() + 86400 + (i * 7919) % 1000000 END",
            ),
        };
        c.execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT {first} + 1 UNION ALL SELECT i + 1 FROM n WHERE i < {first} + {per_campaign})
             INSERT INTO dial_row (place, customer, phone, priority, dial_time)
             SELECT ({campaign} + 1) * 100000000000 + i, i, 13800000000 + i, {priority}, {time} FROM n;"
        ))?;
    }
    // In its order, so that it is written once from end to end. Plain lists as imports of 20,000 rows leave them.
    c.execute_batch(
        "INSERT INTO dial_waiting SELECT campaign, priority, ifnull(dial_time, -100000000000) AS due, min(place), max(place)
         FROM dial_entry GROUP BY campaign, iif(campaign % 2, id / 20000, id) ORDER BY 1, 2 DESC, 3, 4",
    )?;
    for (_, sql) in &indexes {
        c.execute_batch(sql)?;
    }
    c.execute_batch(&format!(
        "INSERT INTO dial_level SELECT DISTINCT campaign, priority, NULL FROM dial_entry;
         UPDATE store SET last_dial_entry = {};
         PRAGMA journal_mode = WAL;",
        wanted.entries
    ))
}

fn copy(from: &Path, to: &Path) {
    remove(to);
    fs::copy(from, to).expect("a copy");
    fs::File::open(to).and_then(|file| file.sync_all()).expect("a copy on the disk");
}

fn remove(store: &Path) {
    for end in ["", "-wal", "-shm"] {
        // It may not be there.
        let _ = fs::remove_file(format!("{}{end}", store.display()));
    }
}

/// Rows of 8 columns, 104 bytes each; one in ten repeats an earlier one.
fn csv(rows: u64) -> String {
    let mut csv = String::from("name,phone1,phone2,email,company,address,city,memo\n");
    for row in 0..rows {
        let n = if row % 10 == 9 { row / 2 } else { row };
        // Phones in no order, as they come.
        let phone = 10_000_000_000 + n.wrapping_mul(2_654_435_761) % 9_000_000_011;
        let other = 20_000_000_000 + n.wrapping_mul(1_597_334_677) % 9_000_000_011;
        let _ =
            writeln!(csv, "Customer {n},{phone},{other},c{n}@example.com,Company {},{n} High Street,Town,-", n % 977);
    }
    csv
}

/// Serves the file on the loopback as long as the program runs.
fn serve(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/rows.csv", listener.local_addr().expect("an address"));
    let body = Arc::new(body);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let body = Arc::clone(&body);
            thread::spawn(move || {
                let mut head = BufReader::new(stream.try_clone().expect("a stream"));
                let mut line = String::new();
                while head.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let _ =
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(body.as_bytes());
            });
        }
    });
    url
}

/// What the disk takes to keep a few pages: no commit at full durability is faster.
fn disk_ms(folder: &Path) -> f64 {
    let path = folder.join("disk");
    let mut file = fs::File::create(&path).expect("a file");
    let times = (0..100).map(|_| {
        let begun = Instant::now();
        file.write_all(&[7; 32 << 10]).and_then(|()| file.sync_data()).expect("a disk");
        ms(begun)
    });
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    let _ = fs::remove_file(path);
    at(&times, 0.5)
}

fn at(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part) as usize).copied().unwrap_or_default()
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1_000.0
}

fn ok(reply: &Reply) -> &str {
    assert!(reply.done, "{}", reply.message);
    &reply.message
}
