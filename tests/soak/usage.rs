//! What the soak used, and how long its calls took.

use std::collections::BTreeMap;

use crate::Setting;
use crate::common::child::report;
use crate::ledger::Event;

/// The most that a process may have resident, and have open.
const MOST_RSS: u64 = 400 << 20;
const MOST_FDS: u64 = 150;
/// The most that is left when all is closed: allocators and thread stacks keep some. A leak of 100 bytes with each call would be
/// more in ten minutes.
const MOST_LEFT: u64 = 40 << 20;
/// The most that the log may grow to. A commit that finds 64 MiB in it waits for the readers; while one reads on for seconds
/// it grows further.
const MOST_WAL: u64 = 256 << 20;

struct Sample {
    at_min: f64,
    rss: u64,
    fds: u64,
}

/// Reports, and says what is not bounded.
pub fn told(setting: &Setting, events: &[Event], processes: u64, wrong: &mut Vec<String>) {
    let mut refused: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut took: BTreeMap<&str, BTreeMap<u64, u64>> = BTreeMap::new();
    let mut samples: BTreeMap<u64, Vec<Sample>> = BTreeMap::new();
    let (mut most_wal, mut left) = (0, 0);
    for event in events {
        match event {
            Event::Refused { kind, why, count } => *refused.entry((kind, why)).or_default() += count,
            Event::Took { kind, us, count } => *took.entry(kind).or_default().entry(*us).or_default() += count,
            Event::Closed { rss } => left = left.max(*rss),
            Event::Sample { process, at_us, rss, fds, wal } => {
                most_wal = most_wal.max(*wal);
                let at_min = at_us.saturating_sub(setting.start_us) as f64 / 60e6;
                samples.entry(*process).or_default().push(Sample { at_min, rss: *rss, fds: *fds });
            }
            _ => {}
        }
    }
    for ((kind, why), count) in refused {
        report(&format!("refused {count} times: {kind}: {why}"));
    }
    report("calls, p50, p99 and max in ms:");
    let mut calls = 0;
    for (kind, times) in &took {
        let count: u64 = times.values().sum();
        calls += count;
        let at = |share: f64| {
            let mut left = (count as f64 * share) as u64;
            let at = times.iter().find(|(_, count)| left.checked_sub(**count).map(|rest| left = rest).is_none());
            at.or(times.last_key_value()).map_or(0.0, |(us, _)| *us as f64 / 1e3)
        };
        report(&format!("{count:>9} {kind:<32} {:>9.2} {:>9.1} {:>9.1}", at(0.5), at(0.99), at(1.0)));
    }
    let half = samples.values().flatten().map(|sample| sample.at_min).fold(0.0, f64::max) / 2.0;
    let (mut rss, mut fds, mut growth) = (0, 0, 0.0);
    let mut late_fds = 0;
    for samples in samples.values() {
        let (early, late): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.at_min < half);
        rss = samples.iter().map(|sample| sample.rss).max().unwrap_or(0).max(rss);
        fds = early.iter().map(|sample| sample.fds).max().unwrap_or(0).max(fds);
        late_fds = late.iter().map(|sample| sample.fds).max().unwrap_or(0).max(late_fds);
        growth += slope(&late) / processes as f64;
    }
    let resident: Vec<String> = (0..10).map(|n| mean_at(&samples, half / 5.0 * f64::from(n) + half / 10.0)).collect();
    report(&format!("MiB resident, of all processes, in the middle of each tenth: {}", resident.join(" ")));
    report(&format!("at most {:.1} MiB are left when all engines are closed", left as f64 / 1_048_576.0));
    report(&format!(
        "{calls} calls of {processes} processes; at most {} MiB resident, growing by {:.2} MB a minute each in the second half; \
         at most {fds} files open in the first half, {late_fds} in the second; WAL at most {:.1} MiB",
        rss >> 20,
        growth / 1e6,
        most_wal as f64 / 1_048_576.0
    ));
    if rss > MOST_RSS || fds.max(late_fds) > MOST_FDS || most_wal > MOST_WAL {
        wrong.push(format!("memory {rss}, files {fds} or WAL {most_wal} are not bounded"));
    }
    if left > MOST_LEFT {
        wrong.push(format!("{left} bytes are left when all engines are closed"));
    }
}

/// What all processes had resident at about this time.
fn mean_at(samples: &BTreeMap<u64, Vec<Sample>>, at_min: f64) -> String {
    let near = |a: &&Sample, b: &&Sample| (a.at_min - at_min).abs().total_cmp(&(b.at_min - at_min).abs());
    let sum: u64 = samples.values().filter_map(|samples| samples.iter().min_by(near)).map(|sample| sample.rss).sum();
    (sum >> 20).to_string()
}

/// Bytes a minute, by least squares.
fn slope(samples: &[&Sample]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(|sample| of(sample)).sum::<f64>() / count;
    let (x, y) = (mean(&|sample| sample.at_min), mean(&|sample| sample.rss as f64));
    let over = mean(&|sample| (sample.at_min - x) * (sample.rss as f64 - y));
    let under = mean(&|sample| (sample.at_min - x).powi(2));
    if under > 0.0 { over / under } else { 0.0 }
}
