//! `bulk`: a file from a web server becomes customers and a dial list.

use std::time::Instant;

use serde_json::{Value, json};

use crate::given::Given;
use crate::host::{Host, Import, done};
use crate::machine::{cpu_seconds, load, peak_mib, seconds, thousandths};

const COUNTS: [&str; 6] = ["read", "inserted", "updated", "skipped", "rejected", "dial_listed"];

pub fn bulk(given: &Given) -> Value {
    let begun = Instant::now();
    let host = Host::at(given.place(1, "DATABASE"), given.text("durability", "full"));
    let opened = seconds(begun);
    let import = Import {
        phone_field: given.text("phone", "phone1"),
        priority_field: given.text("priority", ""),
        dupway: given.text("dupway", "update"),
        ..Import::file(given.place(0, "URL"))
    };
    let mut figures = measured(&host, &import);
    if given.is_yes("again") {
        figures["again"] = measured(&host, &import);
    }
    let begun = Instant::now();
    drop(host);
    figures["open_seconds"] = json!(thousandths(opened));
    figures["close_seconds"] = json!(thousandths(seconds(begun)));
    figures["peak_mib"] = json!(peak_mib());
    figures["load"] = load();
    figures
}

/// Imports the file and checks what the job says against what is there.
pub fn measured(host: &Host, import: &Import<'_>) -> Value {
    let (customers, entries) = host.counts();
    let (begun, used) = (Instant::now(), cpu_seconds());
    let reply = host.import(import);
    let (took, used) = (seconds(begun), cpu_seconds() - used);
    let job = host.job(done(&reply));
    let [read, inserted, updated, skipped, rejected, listed] = COUNTS.map(|name| job[name].as_u64().expect("a count"));
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(read, inserted + updated + skipped + rejected, "every row is counted once: {job}");
    assert_eq!(host.counts(), (customers + inserted, entries + listed), "what was counted is there: {job}");
    json!({
        "seconds": thousandths(took),
        "cpu_seconds": thousandths(used),
        "rows_per_second": (read as f64 / took).round(),
        "read": read, "inserted": inserted, "updated": updated, "skipped": skipped, "rejected": rejected,
        "dial_listed": listed,
    })
}
