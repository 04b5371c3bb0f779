//! A process of the soak: one engine that its threads share, closed and opened again and again.

use std::cell::Cell;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use import_cji::ffi;
use serde_json::{Value, json};

use crate::Setting;
use crate::common::{Host, Library, parsed, taken};
use crate::jobs;
use crate::ledger::{Dice, Event, Ledger, now_us};
use crate::watch::{self, Slot, beat, fault};
use crate::work;

thread_local! {
    /// How many callbacks of records this thread heard.
    static HEARD: Cell<u64> = const { Cell::new(0) };
}

/// The process.
pub struct Soak {
    pub setting: Setting,
    pub over: AtomicBool,
    shared: RwLock<Option<Host>>,
    /// What callbacks hear, on whatever thread they come.
    told: Mutex<Ledger>,
    dice: Mutex<Dice>,
}

/// One of its threads.
pub struct Worker {
    pub soak: &'static Soak,
    pub number: u64,
    pub dice: Dice,
    pub ledger: Ledger,
    /// The last job heard of.
    pub job: u64,
    /// When it did last what is done now and then.
    pub last_us: u64,
    pub turns: u64,
    slot: &'static Slot,
}

pub fn run(setting: &Setting) {
    // Callbacks keep it as long as the process.
    let soak: &'static Soak = Box::leak(Box::new(Soak {
        setting: setting.clone(),
        over: AtomicBool::new(false),
        shared: RwLock::new(None),
        told: Mutex::new(Ledger::new(&setting.path, &format!("told-{}", setting.process))),
        dice: Mutex::new(Dice(setting.seed * 1_000 + setting.process)),
    }));
    let slots: &'static [Slot] = Box::leak((0..setting.threads).map(|_| Slot::default()).collect());
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..setting.threads).zip(slots).map(|(n, slot)| scope.spawn(move || soak.thread(n, slot))).collect();
        scope.spawn(move || watch::watch(setting, slots, &soak.over));
        for thread in threads {
            if let Err(panic) = thread.join() {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                fault(setting, &format!("a thread panicked: {text}"));
            }
        }
        soak.over.store(true, Ordering::Relaxed);
        slots.iter().for_each(watch::leave);
    });
    soak.note(&watch::closed());
    soak.told.lock().unwrap_or_else(PoisonError::into_inner).close();
}

impl Soak {
    fn thread(&'static self, number: u64, slot: &'static Slot) {
        slot.take();
        let setting = &self.setting;
        let seed = (setting.seed * 100 + setting.process) * 100 + number;
        let ledger = Ledger::new(&setting.path, &format!("{}-{number}", setting.process));
        let mut worker =
            Worker { soak: self, number, dice: Dice(seed), ledger, job: 0, last_us: now_us(), turns: 0, slot };
        let end_us = setting.start_us + setting.seconds * 1_000_000;
        let mut reopen_us = 0;
        while !self.over.load(Ordering::Relaxed) && now_us() < end_us {
            if number == 0 && now_us() > reopen_us {
                worker.reopen();
                reopen_us = now_us() + 500_000 + worker.dice.below(3_000_000);
            }
            worker.turns += 1;
            work::turn(&mut worker);
        }
        if number == 0 {
            worker.close();
        }
        watch::leave(slot);
    }

    fn note(&self, event: &Event) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).note(event);
    }

    fn roll(&self, count: u64) -> bool {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).one_in(count)
    }

    /// The callback `told` of this engine's jobs.
    fn told(&self, engine: usize, reply: &str) {
        beat();
        let reply = parsed(reply);
        let message = reply["message"].as_str().unwrap_or_default();
        let digits = message.strip_prefix("job ").unwrap_or(message);
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        let Ok(job) = digits.parse() else { return fault(&self.setting, &format!("a callback was told {reply}")) };
        self.note(&Event::Told { job, code: reply["code"].as_u64().unwrap_or_default() });
        // A callback may call the library.
        let id = CString::new(digits).expect("digits");
        // SAFETY: callbacks come while their engine is open.
        let found = parsed(unsafe { taken(ffi::cji_job_get(engine as *mut _, id.as_ptr())) });
        let state = found["data"]["state"].as_str().unwrap_or_default();
        if !matches!(state, "succeeded" | "failed" | "cancelled") {
            fault(&self.setting, &format!("the callback of job {job} was told {reply} in state {found}"));
        }
    }

    fn progress(&self, job: &str) -> bool {
        beat();
        let job = parsed(job);
        jobs::check(self, &job);
        let cancels = self.roll(300);
        if cancels {
            self.note(&Event::Cancelled { job: job["id"].as_u64().unwrap_or_default() });
        }
        cancels
    }
}

impl Worker {
    /// Calls the shared engine.
    pub fn call<T>(&mut self, kind: &'static str, call: impl FnOnce(&Host) -> T) -> T {
        let soak = self.soak;
        let shared = soak.shared.read().unwrap_or_else(PoisonError::into_inner);
        match shared.as_ref() {
            Some(host) => self.timed(kind, || call(host)),
            None => {
                drop(shared);
                let host = self.open();
                let result = self.timed(kind, || call(&host));
                self.timed("close another handle", || drop(host));
                result
            }
        }
    }

    /// What the library does in a bounded time.
    pub fn timed<T>(&mut self, kind: &'static str, call: impl FnOnce() -> T) -> T {
        self.slot.begin(kind);
        let from_us = now_us();
        let result = call();
        self.ledger.took(kind, now_us() - from_us);
        self.slot.end();
        result
    }

    /// An engine with callbacks.
    pub fn open(&mut self) -> Host {
        let soak = self.soak;
        let options = json!({
            "timezone": "UTC",
            "background": self.dice.one_in(2),
            "durability": soak.setting.durability,
            "retries": 1,
        });
        let path = soak.setting.path.as_os_str().as_encoded_bytes();
        let library = self.timed("cji_engine_open", || Library::open(path, options.to_string()));
        let library = library.unwrap_or_else(|failure| panic!("cji_engine_open: {failure}"));
        let engine = library.as_ptr() as usize;
        library.callback_set("told", move |reply| soak.told(engine, reply));
        library.callback_set("heard", |_| HEARD.set(HEARD.get() + 1));
        library.progress_set(move |job| soak.progress(job));
        Host { library, campaign: soak.setting.mixed.clone() }
    }

    fn reopen(&mut self) {
        self.close();
        let host = self.open();
        if self.dice.below(3) > 0 {
            let started = self.timed("cji_worker_start", || host.worker_start());
            self.expect("cji_worker_start", &started, &[]);
        }
        *self.soak.shared.write().unwrap_or_else(PoisonError::into_inner) = Some(host);
    }

    fn close(&mut self) {
        let closing = self.soak.shared.write().unwrap_or_else(PoisonError::into_inner).take();
        self.timed("cji_engine_close", || drop(closing));
    }

    /// The message of a reply that is done. `None`: it failed as is documented; any other failure is a fault.
    pub fn expect(&mut self, kind: &'static str, reply: &Value, documented: &[&'static str]) -> Option<String> {
        let message = reply["message"].as_str().unwrap_or_default();
        if reply["code"] == 1 {
            return Some(message.to_owned());
        }
        match documented.iter().find(|why| message.contains(**why)) {
            Some(why) => self.ledger.refused(kind, why),
            None => self.fault(&format!("{kind}: {reply}")),
        }
        None
    }

    pub fn fault(&self, what: &str) {
        fault(&self.soak.setting, what);
    }

    /// The data of a reply that must be done.
    pub fn data(&mut self, kind: &'static str, reply: &Value) -> Value {
        self.expect(kind, reply, &[]);
        reply["data"].clone()
    }

    /// How many callbacks of records this thread heard.
    pub fn heard(&self) -> u64 {
        HEARD.get()
    }

    /// True about every so many seconds, for each thread by itself.
    pub fn now_and_then(&mut self, seconds: u64) -> bool {
        let now = now_us();
        let due = now > self.last_us + seconds * 1_000_000;
        if due {
            self.last_us = now;
        }
        due
    }
}
