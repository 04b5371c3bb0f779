//! `records`: records one at a time and nothing else, for counting instructions.

use serde_json::{Value, json};

use crate::given::Given;
use crate::host::{Host, Import, done};
use crate::rows;

pub fn records(given: &Given) -> Value {
    let count: u64 = given.place(0, "COUNT").parse().expect("a number");
    let host = Host::at(given.place(1, "DATABASE"), given.text("durability", "full"));
    let (customers, entries) = host.counts();
    for customer in 0..count {
        done(&host.import(&Import::record(&rows::record(&rows::row(customer)))));
    }
    assert_eq!(host.counts(), (customers + count, entries + count), "each record is a customer and an entry");
    json!({"records": count})
}
