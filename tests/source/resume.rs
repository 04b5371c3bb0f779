//! Going on where the last attempt broke off, over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};

use import_cji::source::NetworkOptions;

use crate::servers::{Act, RogueHttp};
use crate::{fetch, fetch_with, options};

const FILE: &[u8] = b"phone1\r\n13800000001\r\n";

/// A server of `FILE` that cuts its first answer in the body and knows ranges; `head` are further header lines of its n-th answer.
fn ranged(head: impl Fn(usize) -> String + Send + Sync + 'static) -> RogueHttp {
    RogueHttp::start(move |request| {
        let (number, total) = (request.number, FILE.len());
        let from = request.header("Range").map(|range| {
            let from = range.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')).expect("an open range");
            from.parse::<usize>().expect("a number")
        });
        let mut answer = match from {
            None => format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n{}\r\n", head(number)),
            Some(from) => format!(
                "HTTP/1.1 206 Partial\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{total}\r\n{}\r\n",
                total - from,
                total - 1,
                head(number)
            ),
        }
        .into_bytes();
        let end = if number == 0 { 9 } else { total };
        answer.extend_from_slice(&FILE[from.unwrap_or(0)..end]);
        vec![Act::Send(answer)]
    })
}

fn ranges(server: &RogueHttp) -> Vec<Option<String>> {
    server.requests().iter().map(|request| request.header("Range").map(ToString::to_string)).collect()
}

#[test]
fn a_retry_goes_on_where_the_last_one_broke_off() {
    for validator in
        ["ETag: \"v1\"", "Last-Modified: Sat, 03 Jan 2026 10:00:00 GMT\r\nDate: Sat, 03 Jan 2026 11:00:00 GMT"]
    {
        let server = ranged(move |_| format!("{validator}\r\n"));
        assert_eq!(fetch(&server.url("/")).whole(), FILE);
        assert_eq!(ranges(&server), [None, Some("bytes=9-".to_string())], "{validator}");
        let condition = server.requests()[1].header("If-Range").map(ToString::to_string);
        assert!(condition.is_some_and(|condition| validator.contains(&condition)));
    }
}

#[test]
fn without_proof_that_the_file_is_the_same_a_retry_begins_anew() {
    for validator in [
        "",
        "ETag: W/\"v1\"",
        "ETag: W/\"v1\"\r\nLast-Modified: Sat, 03 Jan 2026 10:00:00 GMT",
        "ETag: \"v1\"\r\nAccept-Ranges: none",
        "Last-Modified: Sat, 03 Jan 2026 10:00:00 GMT\r\nDate: Sat, 03 Jan 2026 10:00:00 GMT",
    ] {
        let lines = if validator.is_empty() { String::new() } else { format!("{validator}\r\n") };
        let server = ranged(move |_| lines.clone());
        assert_eq!(fetch(&server.url("/")).whole(), FILE, "{validator}");
        assert_eq!(ranges(&server), [None, None], "{validator}");
    }
}

#[test]
fn a_part_of_another_file_is_not_taken() {
    // The second answer carries another tag, another encoding, another total, another offset.
    let other_tag = ranged(|number| format!("ETag: \"v{number}\"\r\n"));
    let other_encoding =
        ranged(|n| format!("ETag: \"v\"\r\n{}", if n == 1 { "Content-Encoding: gzip\r\n" } else { "" }));
    for server in [other_tag, other_encoding] {
        assert_eq!(fetch(&server.url("/")).whole(), FILE);
        assert_eq!(ranges(&server), [None, Some("bytes=9-".to_string()), None]);
    }
    for (wrong, length) in [
        ("bytes 8-20/21", 12),
        ("bytes 9-20/22", 12),
        ("bytes 9-21/22", 13),
        ("bytes 9-19/21", 12),
        ("bytes 9-20/*", 12),
        ("items 9-20/21", 12),
    ] {
        let server = RogueHttp::start(move |request| {
            let whole =
                format!("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: {}\r\n\r\n", FILE.len()).into_bytes();
            vec![Act::Send(match request.number {
                0 => [whole, FILE[..9].to_vec()].concat(),
                1 => format!(
                    "HTTP/1.1 206 P\r\nContent-Range: {wrong}\r\nContent-Length: {length}\r\n\r\n{}",
                    "X".repeat(length)
                )
                .into_bytes(),
                _ => [whole, FILE.to_vec()].concat(),
            })]
        });
        assert_eq!(fetch(&server.url("/")).whole(), FILE, "{wrong}");
    }
}

#[test]
fn a_part_that_names_another_version_is_not_taken_whatever_its_name_proves() {
    const THEN: &str = "Sat, 03 Jan 2026 10:00:00 GMT";
    const NOW: &str = "Sat, 03 Jan 2026 11:00:00 GMT";
    let [tag, other, weak] = ["a", "b", "a"].map(|name| format!("ETag: \"{name}\"\r\n"));
    let weak = weak.replace("ETag: ", "ETag: W/");
    let [then, now] = [THEN, NOW].map(|time| format!("Last-Modified: {time}\r\nDate: {NOW}\r\n"));
    for (first, second, is_taken) in [
        (&tag, "", true),
        (&tag, &*tag, true),
        (&tag, &*format!("{tag}Accept-Ranges: none\r\n"), true),
        (&tag, &*weak, false),
        (&tag, &*weak.replace("\"a", "\"b"), false),
        (&tag, &*format!("{other}Accept-Ranges: none\r\n"), false),
        (&tag, &*now, false),
        (&format!("{tag}{then}"), &*tag, true),
        (&format!("{tag}{then}"), &*format!("{tag}{now}"), true),
        (&format!("{tag}{then}"), &*then, true),
        (&format!("{tag}{then}"), &*now, false),
        (&format!("{tag}{then}"), &*now, false),
        (&then, "", true),
        (&then, &*then, true),
        (&then, &*now, false),
        (&then, &*format!("{weak}{then}"), false),
    ] {
        let heads = [first.clone(), second.to_string()];
        let server = ranged(move |number| heads.get(number).cloned().unwrap_or_default());
        assert_eq!(fetch(&server.url("/")).whole(), FILE);
        let asked = [None, Some("bytes=9-".to_string()), None];
        assert_eq!(ranges(&server), asked[..if is_taken { 2 } else { 3 }], "{first:?}, then {second:?}");
    }
}

#[test]
fn a_part_that_is_longer_than_it_said_is_told_as_that_and_not_gone_on_with() {
    let play = |sent: usize| {
        RogueHttp::start(move |request| {
            let first = format!("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: {}\r\n\r\n", FILE.len());
            let part =
                "HTTP/1.1 206 P\r\nETag: \"v\"\r\nContent-Range: bytes 9-20/21\r\nTransfer-Encoding: chunked\r\n\r\n";
            let chunk = [&FILE[9..], b"more"].concat();
            vec![Act::Send(match request.number {
                1 => [part.as_bytes(), format!("{sent:x}\r\n").as_bytes(), &chunk[..sent], b"\r\n0\r\n\r\n"].concat(),
                0 => [first.as_bytes(), &FILE[..9]].concat(),
                _ => [first.as_bytes(), FILE].concat(),
            })]
        })
    };
    for (sent, said) in [(16, "said that the file has 21 bytes, but sent 25"), (11, "too early after 20 of 21 bytes")] {
        let server = play(sent);
        let message = fetch_with(NetworkOptions { retries: 1, ..options() }, &server.url("/"), "", "").message();
        assert!(message.contains(said), "{message}");
    }
    for (sent, third) in [(16, Some(None)), (12, None)] {
        let server = play(sent);
        assert_eq!(fetch(&server.url("/")).whole(), FILE);
        assert_eq!(ranges(&server).get(2), third.as_ref());
    }
}

#[test]
fn a_range_that_is_gone_or_not_known_begins_anew() {
    for status in ["416 Too far", "200"] {
        let server = RogueHttp::start(move |request| {
            let head = format!("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: {}\r\n\r\n", FILE.len()).into_bytes();
            vec![Act::Send(match request.number {
                0 => [head, FILE[..9].to_vec()].concat(),
                1 if status != "200" => Act::head(status, &[]),
                _ => [head, FILE.to_vec()].concat(),
            })]
        });
        assert_eq!(fetch(&server.url("/")).whole(), FILE, "{status}");
    }
}

#[test]
fn a_part_is_asked_for_only_where_the_beginning_came_from() {
    let turns = AtomicUsize::new(0);
    let server = RogueHttp::start(move |request| match request.path.as_str() {
        "/list" if turns.fetch_add(1, Ordering::SeqCst) == 0 => {
            vec![Act::Send(Act::head("302 F", &["Location: /one"]))]
        }
        "/list" => vec![Act::Send(Act::head("302 F", &["Location: /two"]))],
        path => {
            let body = if path == "/one" { "AAAA" } else { "BBBB" };
            let end = if path == "/one" { 2 } else { 4 };
            vec![Act::Send(
                format!("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: 4\r\n\r\n{}", &body[..end]).into_bytes(),
            )]
        }
    });
    assert_eq!(fetch(&server.url("/list")).whole(), b"BBBB");
    assert!(ranges(&server).iter().all(Option::is_none));
}
