//! `open`: what a host pays that opens the store for each request, as PHP does.

use std::time::Instant;

use serde_json::{Value, json};

use crate::given::Given;
use crate::host::Host;
use crate::machine::{at, load, peak_mib, seconds, thousandths};

pub fn open(given: &Given) -> Value {
    let (path, times): (_, usize) = (given.place(0, "DATABASE"), given.number("times", 300));
    let before = Host::open(path, "full").counts();
    let alone = opened(path, times);
    // With another handle on the store the last to close has nothing to tidy up.
    let other = Host::open(path, "full");
    let beside = opened(path, times);
    assert_eq!(other.counts(), before, "nothing was changed");
    json!({
        "customers": before.0, "times": times, "load": load(), "peak_mib": peak_mib(),
        // Asked: under 5 ms.
        "alone_ms": alone, "beside_another_ms": beside,
    })
}

fn opened(path: &str, times: usize) -> Value {
    let mut took = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        drop(Host::open(path, "full"));
        took.push(seconds(begun) * 1e3);
    }
    let ms = |took: &mut [f64], part| thousandths(at(took, part));
    json!({"median": ms(&mut took, 0.5), "p99": ms(&mut took, 0.99), "most": ms(&mut took, 1.0)})
}
