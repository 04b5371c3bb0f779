//! The account at the end: what the threads heard against what the store holds.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::json;

use crate::Setting;
use crate::common::child::report;
use crate::common::{Library, data, done, parsed};
use crate::files::{Leads, phone};
use crate::ledger::{Event, Span, Table, read_all};
use crate::usage;

/// A job's row.
struct Job {
    id: u64,
    in_mixed: bool,
    url: String,
    state: String,
    message: String,
    counts: [u64; 6],
}

/// A count or an id.
fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::unsigned_abs)
}

/// Compares, and panics with all that is not as it must be.
pub fn settle(setting: &Setting, processes: u64) {
    let mut events = read_all(&setting.path);
    events.extend(drain(setting));
    let store = sound(setting);
    let mut wrong = Vec::new();
    let jobs = jobs(&store, setting);
    customers(&store, setting, &events, &jobs, &mut wrong);
    ends(&store, &events, &jobs, &mut wrong);
    dial_list(&store, setting, &events, &jobs, &mut wrong);
    leases(&events, &mut wrong);
    let spooled = fs::read_dir(setting.path.parent().expect("a folder")).expect("the folder");
    let spooled: Vec<_> = spooled.map(|entry| entry.expect("an entry").file_name()).collect();
    if spooled.iter().any(|name| name.to_string_lossy().starts_with("import-cji")) {
        wrong.push(format!("files are left: {spooled:?}"));
    }
    usage::told(setting, &events, processes, &mut wrong);
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(50)].join("\n"));
}

/// Runs what is open to its end; gives what was told.
fn drain(setting: &Setting) -> Vec<Event> {
    let library = Library::open(setting.path.as_os_str().as_encoded_bytes(), "").expect("the store");
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    library.callback_set("told", move |reply| {
        let reply = parsed(reply);
        let message = reply["message"].as_str().expect("a message");
        let job = message.trim_start_matches("job ").split(':').next().and_then(|id| id.parse().ok());
        let code = reply["code"].as_u64().expect("a code");
        heard.lock().unwrap().push(Event::Told { job: job.expect("a job"), code });
    });
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        done(&library.jobs_run_due());
        let open = library.query("SELECT count(*) FROM job WHERE state IN ('scheduled', 'running')", "");
        if data(&open)["rows"][0][0] == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "jobs stay open: {open}");
        std::thread::sleep(Duration::from_millis(200));
    }
    // The library's own indexes find what there is.
    let some = library.query("SELECT id, \"Phone 1\" FROM campaign_1_customers ORDER BY random() LIMIT 500", "");
    for row in data(&some)["rows"].as_array().expect("rows") {
        let filter = json!({ "where": { "phone1": row[1] } }).to_string();
        let found = library.customer_list("1", &filter);
        let found = data(&found)["customers"].as_array().expect("customers").clone();
        assert!(found.len() == 1 && found[0]["id"] == row[0], "{row}: {found:?}");
    }
    drop(library);
    std::mem::take(&mut told.lock().unwrap())
}

/// The store's file, past the library.
fn sound(setting: &Setting) -> Connection {
    let store = Connection::open_with_flags(&setting.path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the store");
    let check: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(check, "ok");
    let broken: i64 =
        store.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(broken, 0);
    store
}

/// The customers' phones by id.
fn phones(store: &Connection, campaign: &str) -> HashMap<u64, String> {
    let table = "SELECT p.customer_table FROM campaign c JOIN package p ON p.id = c.package WHERE c.id = ?1";
    let table: u64 = store.query_row(table, [campaign], |row| number(row, 0)).expect("a table");
    let mut select = store.prepare(&format!("SELECT id, phone1 FROM customers_{table}")).expect("a statement");
    let rows = select.query_map([], |row| Ok((number(row, 0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

fn jobs(store: &Connection, setting: &Setting) -> Vec<Job> {
    let sql = "SELECT id, campaign = ?1, url, state, message, read, inserted, updated, skipped, rejected, dial_listed FROM job";
    let mut select = store.prepare(sql).expect("a statement");
    let rows = select.query_map([&setting.mixed], |row| {
        let mut counts = [0; 6];
        for (at, count) in counts.iter_mut().enumerate() {
            *count = number(row, at + 5)?;
        }
        let (id, in_mixed, url) = (number(row, 0)?, row.get(1)?, row.get(2)?);
        Ok(Job { id, in_mixed, url, state: row.get(3)?, message: row.get(4)?, counts })
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// "Nothing lost or doubled": each record that was done is there once, and so is each row of a file.
fn customers(store: &Connection, setting: &Setting, events: &[Event], jobs: &[Job], wrong: &mut Vec<String>) {
    let tables = [&setting.mixed, &setting.files, &setting.main[0]].map(|campaign| phones(store, campaign));
    let [mixed, files, main] = &tables;
    let mut records = 0;
    let mut added = HashSet::new();
    for event in events {
        let &Event::Record { table, number, customer, added: is_new, .. } = event else { continue };
        records += 1;
        let found = match table {
            Table::Mixed => mixed.get(&customer).is_some_and(|found| *found == phone(number)),
            Table::Main => main.contains_key(&customer),
            Table::Other => true,
        };
        if !found {
            wrong.push(format!("lost: {event:?}"));
        }
        if is_new && table != Table::Other && !added.insert((table, customer)) {
            wrong.push(format!("added twice: {event:?}"));
        }
    }
    for phones in &tables {
        let distinct: HashSet<&String> = phones.values().collect();
        if distinct.len() != phones.len() {
            wrong.push(format!("{} unique keys of {} customers", distinct.len(), phones.len()));
        }
    }
    let added_to = |wanted| added.iter().filter(|(table, _)| *table == wanted).count() as u64;
    let inserted = |mixed| jobs.iter().filter(|job| job.in_mixed == mixed).map(|job| job.counts[1]).sum::<u64>();
    let sums = [
        (mixed.len(), added_to(Table::Mixed) + inserted(true)),
        (files.len(), inserted(false)),
        (main.len(), added_to(Table::Main)),
    ];
    for (found, told) in sums {
        if found as u64 != told {
            wrong.push(format!("{found} customers, of {told} that were told as new"));
        }
    }
    let in_tables = [mixed, files].map(|phones| phones.values().collect::<HashSet<_>>());
    let mut rows = 0;
    for job in jobs {
        let Some(leads) = Leads::of(&job.url) else { continue };
        let content = leads.content();
        rows += job.counts[0];
        let there = &in_tables[usize::from(!job.in_mixed)];
        // A cancelled one keeps a part of its rows.
        let all = job.state == "succeeded";
        if all && (job.counts[0] != leads.rows || job.counts[4] != content.rejected) {
            wrong.push(format!("job {}: {:?} of {} rows", job.id, job.counts, leads.rows));
        }
        if all && content.numbers.iter().any(|number| !there.contains(&phone(*number))) {
            wrong.push(format!("job {}: rows are lost", job.id));
        }
        if job.counts[0] != job.counts[1..5].iter().sum::<u64>() {
            wrong.push(format!("job {}: {:?} do not add up", job.id, job.counts));
        }
    }
    let [mixed, files, main] = sums.map(|(found, _)| found);
    report(&format!("{records} records were done, {rows} rows of files; {mixed} + {files} + {main} customers"));
}

/// Each job that was told of is there, ended as it may, and was told to its callback once.
fn ends(store: &Connection, events: &[Event], jobs: &[Job], wrong: &mut Vec<String>) {
    let (mut made, mut cancelled) = (HashSet::new(), HashSet::new());
    let mut told: HashMap<u64, Vec<u64>> = HashMap::new();
    for event in events {
        match event {
            Event::Job { job } => drop(made.insert(*job)),
            Event::Cancelled { job } => drop(cancelled.insert(*job)),
            Event::Told { job, code } => told.entry(*job).or_default().push(*code),
            _ => {}
        }
    }
    let there: HashSet<u64> = jobs.iter().map(|job| job.id).collect();
    if made != there {
        wrong.push(format!("jobs told and not there, or the reverse: {:?}", made.symmetric_difference(&there)));
    }
    let mut states: HashMap<&str, u64> = HashMap::new();
    for job in jobs {
        *states.entry(&job.state).or_default() += 1;
        let (may, code) = match job.state.as_str() {
            "succeeded" => (true, 1),
            "cancelled" => (cancelled.contains(&job.id), 2),
            "failed" => (job.url.contains("missing") && job.message.contains("404"), 2),
            _ => (false, 0),
        };
        let heard = told.get(&job.id).cloned().unwrap_or_default();
        if !may || heard != [code] {
            wrong.push(format!("job {} {} of {}: {}; told {heard:?}", job.id, job.state, job.url, job.message));
        }
    }
    let rejected = "SELECT count(*) FROM job j WHERE rejected <> (SELECT count(*) FROM job_reject WHERE job = j.id)";
    let rejected: u64 = store.query_row(rejected, [], |row| number(row, 0)).expect("a count");
    if rejected > 0 {
        wrong.push(format!("{rejected} jobs have not the rejected rows that they count"));
    }
    report(&format!("{} jobs: {states:?}", jobs.len()));
}

/// Each number that came on the list is there, or was ended.
fn dial_list(store: &Connection, setting: &Setting, events: &[Event], jobs: &[Job], wrong: &mut Vec<String>) {
    let count = |sql: &str| store.query_row(sql, [], |row| number(row, 0)).expect("a count");
    let (mut listed, mut of_mixed, mut gone) = (0, 0, 0);
    for event in events {
        match event {
            Event::Record { table, listed: true, .. } => {
                listed += 1;
                of_mixed += u64::from(*table == Table::Mixed);
            }
            Event::Ended { retry: false, in_mixed: true, .. } => gone += 1,
            _ => {}
        }
    }
    let by_jobs: u64 = jobs.iter().map(|job| job.counts[5]).sum();
    let ever = count("SELECT last_dial_entry FROM store");
    let left = count(&format!("SELECT count(*) FROM dial_entry WHERE campaign = {}", setting.mixed));
    if ever != listed + by_jobs {
        wrong.push(format!("{ever} entries ever, of {} told", listed + by_jobs));
    }
    if left + gone != of_mixed + by_jobs {
        wrong.push(format!("{left} entries are left and {gone} were done, of {}", of_mixed + by_jobs));
    }
    let lost = "SELECT count(*) FROM dial_entry e WHERE campaign = 1 AND customer NOT IN (SELECT id FROM customers_1)";
    if count(lost) > 0 {
        wrong.push(format!("{} entries have no customer", count(lost)));
    }
    report(&format!("{ever} entries came on dial lists"));
}

/// "No two callers, threads or processes ever get the same entry", and one that was done never comes again.
fn leases(events: &[Event], wrong: &mut Vec<String>) {
    #[derive(Default)]
    struct Entry {
        leased: Vec<(Span, u64)>,
        put_back: Vec<Span>,
        done: Vec<Span>,
        late: Vec<Span>,
        robbed: Vec<Span>,
    }
    let mut entries: HashMap<u64, Entry> = HashMap::new();
    let (mut leased, mut ended) = (0, 0);
    for event in events {
        match *event {
            Event::Leased { entry, span, lease_s } => {
                leased += 1;
                entries.entry(entry).or_default().leased.push((span, lease_s * 1_000_000));
            }
            Event::Robbed { entry, span } => entries.entry(entry).or_default().robbed.push(span),
            Event::Ended { entry, span, retry, late, .. } => {
                ended += 1;
                let entry = entries.entry(entry).or_default();
                entry.late.extend(late.then_some(span));
                if retry { entry.put_back.push(span) } else { entry.done.push(span) }
            }
            _ => {}
        }
    }
    let (mut again, mut robbed) = (0, 0);
    for (id, entry) in &mut entries {
        entry.leased.sort_by_key(|(span, _)| span.to_us);
        let put_back = &entry.put_back;
        let after = |(a, lease_us): (Span, u64), (b, _): (Span, u64)| {
            let run_out = b.to_us + 5_000 >= a.from_us + lease_us;
            run_out || put_back.iter().any(|back| back.to_us >= a.from_us && back.from_us <= b.to_us)
        };
        again += entry.leased.len().saturating_sub(1);
        for pair in entry.leased.windows(2) {
            if !after(pair[0], pair[1]) && !after(pair[1], pair[0]) {
                wrong.push(format!("entry {id} was leased twice at a time: {pair:?}"));
            }
        }
        for lost in &entry.robbed {
            robbed += 1;
            // By one whose lease had run out, or who was robbed so and did not hear of it.
            if !entry.late.iter().any(|late| late.from_us < lost.to_us) {
                wrong.push(format!("entry {id} was taken from who had leased it: {lost:?}"));
            }
        }
        let done = entry.done.first().map_or(u64::MAX, |span| span.to_us);
        if entry.done.len() > 1 || entry.leased.iter().any(|(span, _)| span.from_us > done) {
            wrong.push(format!("entry {id} was done, and came again: {:?} {:?}", entry.done, entry.leased));
        }
    }
    report(&format!(
        "{leased} leases of {} entries, {again} once more; {ended} were ended, {robbed} of them by one whose own had run out",
        entries.len()
    ));
}
