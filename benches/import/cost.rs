//! Runs another program and tells what it cost.
//!
//! A process of its own for this, since what Linux tells as a program's peak of memory is never less than the peak of
//! the one that started it: of a Python script that would be more than `sqlite3` ever needs.

use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::machine::{self, seconds, thousandths, used};

pub fn cost(words: &[String]) {
    let (program, rest) = words.split_first().expect("a program");
    let begun = Instant::now();
    #[expect(clippy::zombie_processes, reason = "wait4 waits for it")]
    let child = Command::new(program).args(rest).spawn().unwrap_or_else(|e| panic!("{program}: {e}"));
    let (mut status, id) = (0, libc::pid_t::try_from(child.id()).expect("an id"));
    // SAFETY: places for the status and the figures.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(id, &raw mut status, 0, &raw mut usage), usage)
    };
    let took = seconds(begun);
    assert_eq!(waited, id, "{program} was waited for");
    let figures = json!({
        "seconds": thousandths(took),
        "cpu_seconds": thousandths(used(&usage)),
        "peak_mib": machine::hundredths(usage.ru_maxrss as f64 / 1024.0),
        "load": machine::load(),
    });
    println!("{figures}");
    if status != 0 {
        std::process::exit(1);
    }
}
