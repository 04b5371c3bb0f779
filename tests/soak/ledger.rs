//! What a thread of the soak heard, in a file of its own, line by line: the account outside the store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Microseconds on a clock that all processes share.
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000
}

/// From which moment to which a call ran.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Span {
    pub from_us: u64,
    pub to_us: u64,
}

/// The customer tables of the soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Table {
    /// Of records and files.
    Mixed,
    /// The team's main table.
    Main,
    /// Of campaigns that come on the way.
    Other,
}

/// One thing heard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A record was done: its number's customer, whether that is new, whether it came on a dial list.
    Record { table: Table, number: u64, customer: u64, added: bool, listed: bool },
    /// An import of a file became this job.
    Job { job: u64 },
    /// The job's callback was called.
    Told { job: u64, code: u64 },
    /// Somebody asked to cancel the job.
    Cancelled { job: u64 },
    /// An entry was leased.
    Leased { entry: u64, span: Span, lease_s: u64 },
    /// A lease was ended: the entry put back, or gone. Late: it may have run out before, and so have been another's.
    Ended { entry: u64, span: Span, retry: bool, late: bool, in_mixed: bool },
    /// A lease that ran still was refused its end.
    Robbed { entry: u64, span: Span },
    /// A documented failure, and how often it was heard.
    Refused { kind: String, why: String, count: u64 },
    /// So many calls of this kind took about so long.
    Took { kind: String, us: u64, count: u64 },
    /// What was resident when all engines were closed, and what is free had gone back to the system.
    Closed { rss: u64 },
    /// What the process used at a moment.
    Sample { process: u64, at_us: u64, rss: u64, fds: u64, wal: u64 },
}

/// A ledger that is being written.
#[derive(Debug)]
pub struct Ledger {
    out: BufWriter<File>,
    refused: BTreeMap<(&'static str, &'static str), u64>,
    took: BTreeMap<(&'static str, u64), u64>,
}

impl Ledger {
    /// A new one beside the store.
    pub fn new(store: &Path, name: &str) -> Self {
        let file = File::create(store.with_file_name(format!("{name}.ledger"))).expect("a ledger");
        Ledger { out: BufWriter::new(file), refused: BTreeMap::new(), took: BTreeMap::new() }
    }

    pub fn note(&mut self, event: &Event) {
        serde_json::to_writer(&mut self.out, event).expect("a line");
        self.out.write_all(b"\n").expect("a line");
    }

    pub fn refused(&mut self, kind: &'static str, why: &'static str) {
        *self.refused.entry((kind, why)).or_default() += 1;
    }

    /// Counts a call, by two digits of its time.
    pub fn took(&mut self, kind: &'static str, us: u64) {
        let unit = 10_u64.pow(us.max(1).ilog10().saturating_sub(1));
        *self.took.entry((kind, us / unit * unit)).or_default() += 1;
    }

    /// Writes what was counted.
    pub fn close(&mut self) {
        for ((kind, why), count) in std::mem::take(&mut self.refused) {
            self.note(&Event::Refused { kind: kind.to_owned(), why: why.to_owned(), count });
        }
        for ((kind, us), count) in std::mem::take(&mut self.took) {
            self.note(&Event::Took { kind: kind.to_owned(), us, count });
        }
        let _ = self.out.flush();
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

/// All that all threads heard.
pub fn read_all(store: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    for entry in fs::read_dir(store.parent().expect("a folder")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "ledger") {
            let text = fs::read_to_string(path).expect("a ledger");
            events.extend(text.lines().map(|line| serde_json::from_str::<Event>(line).expect("a line")));
        }
    }
    events
}

/// Random numbers that a seed repeats: Sebastiano Vigna's splitmix64.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `count` - 1.
    pub fn below(&mut self, count: u64) -> u64 {
        self.roll() % count.max(1)
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("small")]
    }
}
