//! `records`: records one at a time and nothing else, for counting instructions.

use std::thread;

use serde_json::{Value, json};

use crate::given::Given;
use crate::host::{Host, Import, done};
use crate::rows;

pub fn records(given: &Given) -> Value {
    let count: u64 = given.place(0, "COUNT").parse().expect("a number");
    let host = Host::at(given.place(1, "DATABASE"), given.text("durability", "full"));
    let (customers, entries) = host.counts();
    let threads: u64 = given.number("threads", 1);
    let write = |thread: u64| {
        for customer in (thread..count).step_by(usize::try_from(threads).expect("few threads")) {
            done(&host.import(&Import::record(&rows::record(&rows::row(customer)))));
        }
    };
    // The first on this thread: alone in a process, memory costs less.
    thread::scope(|scope| {
        for thread in 1..threads {
            let write = &write;
            scope.spawn(move || write(thread));
        }
        write(0);
    });
    assert_eq!(host.counts(), (customers + count, entries + count), "each record is a customer and an entry");
    json!({"records": count})
}
