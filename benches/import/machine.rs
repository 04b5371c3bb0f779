//! What the machine says of this process, and of itself.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

/// The most memory that this process ever held, in MiB.
pub fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    hundredths(kib / 1024.0)
}

/// How many programs wanted a core in the last minute: with more than 2 on 2 cores, figures are too large.
pub fn load() -> Value {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).map_or(Value::Null, |load| json!(load))
}

/// What the disk takes to keep a few pages, in µs: no commit at full durability is faster.
pub fn disk_us(folder: &Path) -> f64 {
    let path = folder.join("disk");
    let mut file = fs::File::create(&path).expect("a file");
    let times = (0..200).map(|_| {
        let begun = Instant::now();
        file.write_all(&[7; 32 << 10]).and_then(|()| file.sync_data()).expect("a disk");
        seconds(begun) * 1e6
    });
    let mut times: Vec<f64> = times.collect();
    fs::remove_file(path).expect("the file is there");
    median(&mut times).round()
}

/// Seconds of user and system time of the threads of this process.
pub fn cpu_seconds() -> f64 {
    // SAFETY: a place for the figures.
    let usage = unsafe {
        let mut usage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    used(&usage)
}

pub fn used(usage: &libc::rusage) -> f64 {
    [usage.ru_utime, usage.ru_stime].iter().map(|t| t.tv_sec as f64 + t.tv_usec as f64 / 1e6).sum()
}

pub fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// Figures are for reading: no noise behind the third place.
pub fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

pub fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The value below which this part of the numbers lies.
pub fn at(numbers: &mut [f64], part: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len().saturating_sub(1);
    numbers.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

pub fn median(numbers: &mut [f64]) -> f64 {
    at(numbers, 0.5)
}
