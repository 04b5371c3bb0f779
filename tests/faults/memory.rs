//! A host with little memory: what is too large for it is refused with a reply, and the host lives.

use std::ffi::CStr;
use std::fs;

use import_cji::ffi;
use serde_json::json;

use crate::common::child::{Process, given, say};
use crate::common::{Host, Library, c_text, data, done, failed_naming};

/// How much the host has beyond what it holds when it begins.
const SPARE_MIB: u64 = 60;
/// How large what it sends is.
const LARGE: usize = 24 << 20;

fn limit_memory() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let holds = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024;
    let limit = holds + (SPARE_MIB << 20);
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: a limit of this process' own.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

/// A text of so many repetitions, in memory that is there before the limit.
fn large(begin: &str, again: &str, end: &str) -> String {
    [begin, &again.repeat(LARGE / again.len()), end].concat()
}

/// Asks for so many megabytes: there is an answer, which this host has no memory to copy.
fn asks_for_values(library: &Library, rows: u32) {
    let sql = c_text(format!("SELECT memo, memo, memo FROM customers_1 LIMIT {rows}").as_bytes());
    // SAFETY: a live engine, live texts, and an answer that is freed once.
    unsafe {
        let reply = ffi::cji_query(library.as_ptr(), sql.as_ptr(), std::ptr::null());
        let reply_text = CStr::from_ptr(reply).to_bytes();
        assert!(reply_text.starts_with(b"{\"code\":1") || reply_text.starts_with(b"{\"code\":2"));
        ffi::cji_text_free(reply);
    }
}

#[test]
fn the_host_with_little_memory() {
    let Some(_) = given("LITTLE") else { return };
    let fields: Vec<_> = (0..900).map(|n| json!({"name": format!("f{n}"), "type": "integer"})).collect();
    let host = Host::with(&json!({}), &json!({}));
    let wide = host.campaign(&json!({"fields": fields, "unique_key": ["f0"]}));
    for n in 0..23 {
        let memo = "m".repeat(900_000);
        host.record(&format!("phone1=138{n:04}||memo={memo}"));
    }
    done(&host.import(&[("model_id", wide.as_str()), ("context", "f0=1")]));
    let texts = [
        ("context", large("phone1=1||memo=", "x", "")),
        ("pieces", large("", "a=||", "")),
        ("query string", large("EVENT=Import&orgidentity=team&context=", "%41+", "")),
        ("filter", large("{\"where\":{\"a\":[", "1,", "1]}}")),
        ("where", large("{\"where\":{", "\"a\":1,", "\"b\":1}}")),
        ("key", large("{\"", "k", "\":1}")),
        ("arguments", large("[", "1,", "1]")),
        ("options", large("{\"allow_hosts\":[", "\"a\",", "\"b\"]}")),
    ];
    limit_memory();
    for (what, text) in &texts {
        say(&format!("now {what}"));
        let reply = match *what {
            "context" | "pieces" => host.import(&[("context", text.as_str())]),
            "query string" => crate::common::parsed(host.import_jsonp(text)),
            "filter" | "where" => host.customer_list("1", text),
            "key" => host.campaign_add("team", text),
            "arguments" => host.query("SELECT 1", text),
            _ => Library::open(":memory:", text).expect_err("a refusal"),
        };
        failed_naming(&reply, &["not enough memory"]);
    }
    say("now rows");
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)";
    let wide = host.query(format!("{many} SELECT c.* FROM n, (SELECT * FROM customers_2 LIMIT 1) c"), "");
    failed_naming(&wide, &["not enough memory"]);
    say("now values");
    (1..=23).for_each(|rows| asks_for_values(&host.library, rows));
    say("now less");
    done(&host.customer_list("1", r#"{"limit":3}"#));
    host.record("phone1=139");
    assert_eq!(data(&host.customer_list("1", r#"{"where":{"phone1":"139"}}"#))["customers"][0]["id"], 24);
    say("it lives");
}

#[test]
fn what_is_too_large_for_the_hosts_memory_is_refused_and_the_host_lives() {
    let mut process = Process::run("memory::the_host_with_little_memory", &[("LITTLE", "")]);
    let mut last = String::from("nothing");
    while let Some(line) = process.wait_for("") {
        let line = line.to_owned();
        if line == "it lives" {
            return process.join();
        }
        last = line.split_once("now ").map_or(last, |(_, what)| what.to_owned());
    }
    panic!("{last}: the host died");
}
