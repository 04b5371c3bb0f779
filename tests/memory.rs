//! What a host's memory sees of the library over a long time.

mod common;

use std::fs;

use common::{Host, Library, done};
use serde_json::json;

/// What this process holds, in MiB.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Each hash of a password takes 19 MiB for a moment. Between them small allocations are made and kept.
#[test]
fn logins_leave_no_memory_behind() {
    let mut kept: Vec<Library> = Vec::new();
    let mut after_five = 0;
    for n in 0..40 {
        let host = Host::with(&json!({}), &json!({}));
        host.record(&format!("name=Joe||phone1={n}"));
        host.import(&[("password", &format!("wrong {n}"))]);
        kept.push(Library::in_memory());
        if n == 5 {
            after_five = resident_mib();
        }
    }
    let grown = resident_mib().saturating_sub(after_five);
    assert!(grown < 100, "{grown} MiB more after 34 more logins");
}

/// Six hundred times such a record would be 38 GiB.
#[test]
fn a_record_takes_no_more_where_many_had_its_key_once() {
    let host = Host::new();
    for n in 0..600 {
        host.record(&format!("phone1={n}"));
    }
    let customers = host.customers();
    assert_eq!(customers.len(), 600);
    for customer in customers {
        host.change(&customer, &json!({"fields": {"phone1": "777777"}}));
        host.change(&customer, &json!({"fields": {"phone1": format!("138{}", customer["id"])}}));
    }
    let memo = "x".repeat(64 << 20);
    let context = format!("phone1=777777||memo={memo}");
    let reply = host.import(&[("dupway", "update"), ("context", &context)]);
    assert!(done(&reply).contains("added"), "{reply}");
}
