//! Any bytes as a query string: it is read as a naive reading reads it, and the reply has the form that the vendor's
//! client or the browser expects.
#![no_main]

use import_cji::reply::is_jsonp_callback;
use import_cji::request::{NAMES, query::read};
use import_cji_fuzz::common::{Host, parsed};
use import_cji_fuzz::{before_nul, is_imported, is_key, split_ws, with_host};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// A login and a campaign that are right, so that what follows them is looked at.
const LOGIN: &str = "orgidentity=team&usertype=agent&user=1001&pwdtype=plaintext&password=secret&modeltype=Campaign\
    &model_id=1&";

// A file's import is queued, never fetched.
fn host(messages: &str) -> Host {
    Host::with_options(&json!({ "background": true, "messages": messages }))
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&b| char::from(b).to_digit(16));
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    bytes
}

/// The pairs that a query string holds.
fn pairs(query: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let query = query.strip_prefix(b"?").unwrap_or(query);
    let pair = |pair: &[u8]| {
        let at = pair.iter().position(|&b| b == b'=');
        let (name, value) = (&pair[..at.unwrap_or(pair.len())], at.map_or(&[] as &[u8], |at| &pair[at + 1..]));
        (decoded(name), decoded(value))
    };
    query.split(|&b| b == b'&').map(pair).collect()
}

fuzz_target!(|input: &[u8]| {
    let [setting, bytes @ ..] = input else { return };
    let (jsonp, keys) = (setting & 1 != 0, setting & 2 != 0);
    let mut query = Vec::new();
    if setting & 4 != 0 {
        query.extend_from_slice(LOGIN.as_bytes());
        query.extend_from_slice(if setting & 8 != 0 { b"source=data&context=" } else { b"EVENT=Import&" });
    }
    query.extend_from_slice(before_nul(bytes));

    let pairs = pairs(&query);
    let values = |name: &str| -> Vec<&[u8]> {
        pairs.iter().filter(|(n, _)| n == name.as_bytes()).map(|(_, value)| value.as_slice()).collect()
    };
    let (event, callback) = (values("EVENT"), values("callback"));
    let twice = NAMES.iter().any(|name| values(name).len() > 1) || event.len() > 1 || callback.len() > 1;
    let taken = read(&query);
    assert_eq!(taken.refuse_twice().is_err(), twice);
    for (name, parameter) in NAMES.iter().zip(&taken.parameters) {
        assert_eq!(parameter.as_ref(), values(name).last().copied().unwrap_or_default(), "{name}");
    }
    let is_import = |event: &[u8]| std::str::from_utf8(event).is_ok_and(|e| e.trim().eq_ignore_ascii_case("import"));

    let (number, make): (_, fn() -> Host) = if keys { (0, || host("backmsg")) } else { (1, || host("text")) };
    with_host(number, make, |host| {
        let (done, message) = if jsonp {
            let reply = host.import_jsonp(&query);
            let callback = match callback[..] {
                [callback] => std::str::from_utf8(callback).ok().filter(|name| is_jsonp_callback(name)),
                _ => None,
            };
            let json = match callback {
                Some(name) => {
                    let call = reply.strip_prefix(name).and_then(|rest| rest.strip_prefix('('));
                    call.and_then(|rest| rest.strip_suffix(')')).expect("a call of the callback")
                }
                None => reply.as_str(),
            };
            assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{reply}");
            let json = parsed(json);
            let done = is_imported(&json);
            assert!(!done || callback.is_some() && (event.is_empty() || is_import(event[0])), "{reply}");
            (done, json["message"].as_str().expect("a message").to_owned())
        } else {
            let reply = host.import_event(&query);
            let (done, message) = split_ws(&reply);
            assert!(!done || event.len() == 1 && is_import(event[0]), "{reply}");
            (done, message.to_owned())
        };
        assert!(!done || !twice, "{message}");
        assert!(message.len() < 100_000);
        if keys {
            is_key(&message);
        }
    });
});
