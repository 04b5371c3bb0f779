//! The watch of a soak's process: what it uses, and that no call takes for ever.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Setting;
use crate::ledger::{Event, Ledger, now_us};

/// Since when a thread is in a call; 0: in none.
#[derive(Debug, Default)]
pub struct Slot {
    since_us: AtomicU64,
    kind: Mutex<&'static str>,
}

thread_local! {
    static OWN: Cell<Option<&'static Slot>> = const { Cell::new(None) };
}

impl Slot {
    /// This thread's.
    pub fn take(&'static self) {
        OWN.set(Some(self));
    }

    pub fn begin(&self, kind: &'static str) {
        *self.kind.lock().unwrap_or_else(PoisonError::into_inner) = kind;
        self.since_us.store(now_us(), Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.since_us.store(0, Ordering::Relaxed);
    }
}

/// The call that this thread is in has told of itself: `cji_jobs_run_due` may rightly run for long.
pub fn beat() {
    if let Some(slot) = OWN.get() {
        slot.since_us.store(now_us(), Ordering::Relaxed);
    }
}

/// Where faults are told.
pub fn faults_of(store: &Path) -> PathBuf {
    store.with_file_name("faults.txt")
}

/// Tells a fault, which ends the soak.
pub fn fault(setting: &Setting, what: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(faults_of(&setting.path)).expect("the faults");
    let at_s = (now_us() - setting.start_us) / 1_000_000;
    let _ = file.write_all(format!("process {}, {at_s} s: {what}\n", setting.process).as_bytes());
}

/// Watches until `over`, and sets it where any process told a fault.
pub fn watch(setting: &Setting, slots: &[Slot], over: &AtomicBool) {
    let mut ledger = Ledger::new(&setting.path, &format!("watch-{}", setting.process));
    let bound_us = setting.bound_s * 1_000_000;
    loop {
        ledger.note(&sample(setting));
        for slot in slots {
            let since_us = slot.since_us.load(Ordering::Relaxed);
            let now = now_us();
            if since_us > 0 && now.saturating_sub(since_us) > bound_us {
                let kind = *slot.kind.lock().unwrap_or_else(PoisonError::into_inner);
                fault(setting, &format!("{kind} takes more than {} s\n{}", setting.bound_s, stacks()));
                std::process::exit(3);
            }
        }
        if faults_of(&setting.path).exists() {
            over.store(true, Ordering::Relaxed);
        }
        if over.load(Ordering::Relaxed) && slots.iter().all(|slot| slot.since_us.load(Ordering::Relaxed) == u64::MAX) {
            return;
        }
        thread::sleep(Duration::from_millis(250));
    }
}

/// The thread of this slot has ended.
pub fn leave(slot: &Slot) {
    slot.since_us.store(u64::MAX, Ordering::Relaxed);
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    line.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() << 10
}

/// What is left when all engines are closed.
pub fn closed() -> Event {
    // SAFETY: it may be called at any time.
    unsafe { libc::malloc_trim(0) };
    Event::Closed { rss: resident() }
}

fn sample(setting: &Setting) -> Event {
    let wal = format!("{}-wal", setting.path.display());
    Event::Sample {
        process: setting.process,
        at_us: now_us(),
        rss: resident(),
        fds: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64,
        wal: File::open(wal).and_then(|file| file.metadata()).map_or(0, |found| found.len()),
    }
}

/// Where all threads of this process are, as well as the machine can tell.
fn stacks() -> String {
    let pid = std::process::id().to_string();
    let gdb = ["-nx", "-batch", "-p", &pid, "-ex", "thread apply all backtrace 30"];
    if let Ok(output) = Command::new("gdb").args(gdb).output() {
        return String::from_utf8_lossy(&output.stdout).into_owned();
    }
    let mut text = String::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        text += &format!("{} {} {}", read("comm").trim(), read("wchan").trim(), read("syscall"));
    }
    text
}
