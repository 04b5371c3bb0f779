//! What the targets share: the harness of the outer tests, and the rules that every reply keeps.

use std::cell::RefCell;

use serde_json::Value;

#[path = "../../tests/common/mod.rs"]
pub mod common;

use common::Host;

/// The bytes as they can stand in a C text.
pub fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Whether a reply is code 1; it must keep the contract's rules for all replies.
#[track_caller]
pub fn is_done(reply: &Value) -> bool {
    let object = reply.as_object().expect("a reply is an object");
    let code = object["code"].as_u64().expect("the code is a whole number");
    let message = object["message"].as_str().expect("the message is a text");
    assert!(matches!(code, 1 | 2), "{reply}");
    assert!(!message.contains("|Retuen|"), "{reply}");
    assert!(code == 1 || !message.is_empty() && object.len() == 2, "{reply}");
    assert!(object.keys().all(|key| ["code", "message", "data"].contains(&key.as_str())), "{reply}");
    code == 1
}

/// Whether an import's reply is code 1; it has exactly a code and a message.
#[track_caller]
pub fn is_imported(reply: &Value) -> bool {
    assert_eq!(reply.as_object().map(|object| object.len()), Some(2), "{reply}");
    is_done(reply)
}

/// `|Retuen|1|Retuen|message`, taken apart at its two marks.
#[track_caller]
pub fn split_ws(reply: &str) -> (bool, &str) {
    let parts: Vec<&str> = reply.split("|Retuen|").collect();
    let [before, code, message] = parts[..] else { panic!("two marks are wanted: {reply}") };
    assert!(before.is_empty() && matches!(code, "1" | "2"), "{reply}");
    (code == "1", message)
}

/// The vendor's key, as the option `messages` has it, or a job's id.
#[track_caller]
pub fn is_key(message: &str) {
    let number = message.strip_prefix("BackMsg_").unwrap_or(message);
    let number = number.split_once('[').map_or(number, |(number, field)| {
        assert!(field.ends_with(")]"), "{message}");
        number
    });
    assert!(!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()), "{message}");
}

/// A list's length by its pages, and its rows.
#[track_caller]
pub fn all_pages(list: &str, mut page: impl FnMut(String) -> Value) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let reply = page(format!(r#"{{"after":{after},"limit":1000}}"#));
        assert!(is_done(&reply), "{reply}");
        let data = &reply["data"];
        let ids = data[list].as_array().expect("a list");
        assert!(ids.iter().zip(ids.iter().skip(1)).all(|(a, b)| a["id"].as_u64() < b["id"].as_u64()), "{reply}");
        rows.extend(ids.iter().cloned());
        match data["next"].as_u64() {
            Some(next) => after = next,
            None => return rows,
        }
    }
}

/// Runs `body` with the process' host of this number. What is imported can't be taken back: so the host is made anew
/// now and then, before it grows slow.
pub fn with_host(number: usize, make: fn() -> Host, body: impl FnOnce(&Host)) {
    const RUNS: u32 = 500;
    thread_local! { static HOSTS: RefCell<[Option<(Host, u32)>; 4]> = const { RefCell::new([const { None }; 4]) } }
    HOSTS.with_borrow_mut(|hosts| {
        let slot = &mut hosts[number];
        let (host, runs) = slot.get_or_insert_with(|| (make(), 0));
        body(host);
        *runs += 1;
        if *runs == RUNS {
            *slot = None;
        }
    });
}
