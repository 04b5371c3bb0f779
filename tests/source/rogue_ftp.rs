//! What an FTP server can do wrong.

use std::time::{Duration, Instant};

use import_cji::fault::Key;
use import_cji::source::{FetchError, NetworkOptions};

use crate::servers::{RogueFtp, RogueFtpPlay, STALL};
use crate::{fetch, fetch_with, options};

fn file() -> Vec<u8> {
    RogueFtpPlay::default().file
}

/// Refuses these commands with these replies.
fn replies(fixed: &'static [(&'static str, &'static str)]) -> RogueFtpPlay {
    RogueFtpPlay {
        replies: Box::new(move |verb, _| {
            fixed.iter().find(|(known, _)| *known == verb).map(|(_, reply)| (*reply).to_string())
        }),
        ..RogueFtpPlay::default()
    }
}

/// How many bytes of replies a good session has.
fn replies_length() -> usize {
    let mut length = 0;
    while length < 2000 {
        let play = RogueFtpPlay { control_cut: Box::new(move |_| Some(length)), ..RogueFtpPlay::default() };
        let server = RogueFtp::start(play);
        let options = NetworkOptions { retries: 0, ..options() };
        if fetch_with(options, &server.url("/list.csv"), "", "").fetched.is_ok() {
            return length;
        }
        length += 1;
    }
    panic!("no session is good")
}

#[test]
fn a_cut_at_any_byte_of_the_control_connection_ends_in_the_whole_file() {
    // Every shorter session was a failure; the rest of the last line after `226 D` says nothing more.
    let length = replies_length();
    assert!(length > 120, "{length}");
    for cut in 0..length {
        let play = RogueFtpPlay { control_cut: Box::new(move |n| (n == 0).then_some(cut)), ..RogueFtpPlay::default() };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "cut after {cut}");
    }
}

#[test]
fn a_cut_at_any_byte_of_the_data_ends_in_the_whole_file() {
    for cut in 0..file().len() {
        let play = RogueFtpPlay { data_cut: Box::new(move |n| (n == 0).then_some(cut)), ..RogueFtpPlay::default() };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "cut after {cut}");
        let resumed = server.commands().contains(&format!("REST {cut}"));
        assert_eq!(resumed, cut > 0, "cut after {cut}: {:?}", server.commands());
    }
}

#[test]
fn data_that_is_always_cut_is_a_failure_whatever_226_says() {
    let play = RogueFtpPlay {
        data_cut: Box::new(|_| Some(5)),
        replies: Box::new(|verb, _| (verb == "MDTM").then(|| "502 No.".to_string())),
        ..RogueFtpPlay::default()
    };
    let server = RogueFtp::start(play);
    let message = fetch(&server.url("/list.csv")).message();
    assert!(message.contains("said that the file has 21 bytes, but sent 5"), "{message}");
    assert!(message.ends_with(", as before"), "{message}");
}

#[test]
fn a_size_that_lies_is_found_out() {
    for size in [20, 22, 1000] {
        let play = RogueFtpPlay { size: Some(size), ..RogueFtpPlay::default() };
        let server = RogueFtp::start(play);
        let message = fetch(&server.url("/list.csv")).message();
        assert!(message.contains(&format!("said that the file has {size} bytes, but sent 21")), "{message}");
    }
}

#[test]
fn without_size_and_mdtm_the_final_226_counts() {
    for fixed in [
        &[("SIZE", "502 No."), ("MDTM", "500 No.")],
        &[("SIZE", "213 21 bytes"), ("MDTM", "213 yesterday")],
        &[("SIZE", "213 99999999999999999999999"), ("MDTM", "213 20261399999999")],
    ] {
        let server = RogueFtp::start(replies(fixed));
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "{fixed:?}");
    }
    for bad in ["426 Broken.", "451 Disk.", "550 Oops."] {
        let play = RogueFtpPlay {
            replies: Box::new(move |verb, number| match verb {
                "SIZE" => Some("550 No.".to_string()),
                "226" if number == 0 => Some(bad.to_string()),
                _ => None,
            }),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        let outcome = fetch(&server.url("/list.csv"));
        if bad.starts_with('4') {
            assert_eq!(outcome.whole(), file(), "{bad}");
        } else {
            assert!(outcome.message().contains("550"));
        }
    }
}

#[test]
fn a_file_that_changed_is_fetched_from_its_beginning() {
    for seconds in ["2026010203040", "20260102030405.12"] {
        let play = RogueFtpPlay {
            data_cut: Box::new(|n| (n == 0).then_some(9)),
            modified: Box::new(move |n| format!("{seconds}{n}")),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file());
        assert!(!server.commands().iter().any(|command| command.starts_with("REST")), "{:?}", server.commands());
    }
}

#[test]
fn a_server_that_can_not_resume_begins_anew() {
    for refusal in ["502 No REST.", "501 No.", "554 Not there."] {
        let play = RogueFtpPlay {
            data_cut: Box::new(|n| (n == 0).then_some(9)),
            replies: Box::new(move |verb, _| (verb == "REST").then(|| refusal.to_string())),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "{refusal}");
    }
    let play =
        RogueFtpPlay { data_cut: Box::new(|n| (n == 0).then_some(9)), forgets_rest: true, ..RogueFtpPlay::default() };
    let forgetful = RogueFtp::start(play);
    assert_eq!(fetch(&forgetful.url("/list.csv")).whole(), file());
}

#[test]
fn what_is_refused_is_done_without_and_nothing_else() {
    // What a resumed fetch meets on its second connection, and which commands it gives there to get the data.
    for (refusals, expected) in [
        (&[("REST", "502 No REST."), ("PASV", "522 Use EPSV.")][..], &["EPSV", "REST 9", "EPSV", "RETR list.csv"][..]),
        (&[("EPSV", "500 What?")], &["EPSV", "PASV", "REST 9", "RETR list.csv"]),
        (&[("EPSV", "500 What?"), ("REST", "502 No.")], &["EPSV", "PASV", "REST 9", "PASV", "RETR list.csv"]),
    ] {
        let play = RogueFtpPlay { data_cut: Box::new(|n| (n == 0).then_some(9)), ..replies(refusals) };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "{refusals:?}");
        let commands = server.commands();
        let second = commands.iter().rposition(|command| command.starts_with("MDTM")).expect("a second connection");
        assert_eq!(commands[second + 1..], *expected, "{refusals:?}");
    }
}

#[test]
fn the_message_names_what_was_refused() {
    for (refusals, said) in [
        (&[("EPSV", "425 No port.")][..], "the server answered 425 to EPSV"),
        (&[("EPSV", "502 No."), ("PASV", "522 Use EPSV.")], "the server answered 522 to PASV"),
        (&[("EPSV", "550 Permission denied."), ("PASV", "550 Permission denied.")], "the server answered 550 to PASV"),
        (&[("RETR", "553 Bad name.")], "the server answered 553 to the file"),
    ] {
        let server = RogueFtp::start(replies(refusals));
        let message =
            fetch_with(NetworkOptions { retries: 0, ..options() }, &server.url("/list.csv"), "", "").message();
        assert!(message.ends_with(said), "{message}");
    }
}

#[test]
fn pasv_follows_epsv_and_its_address_is_not_believed() {
    for refusal in ["500 What?", "502 No.", "522 Bad protocol.", "550 Denied.", "229 Nonsense"] {
        let play = RogueFtpPlay {
            pasv_address: [10, 9, 8, 7],
            replies: Box::new(move |verb, _| (verb == "EPSV").then(|| refusal.to_string())),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "{refusal}");
        let commands = server.commands();
        let position = |verb: &str| commands.iter().position(|command| command == verb);
        assert!(position("EPSV") < position("PASV"), "{commands:?}");
    }
}

#[test]
fn an_epsv_port_that_nobody_serves_leads_to_pasv() {
    let dead = crate::servers::free_port();
    let play = RogueFtpPlay {
        replies: Box::new(move |verb, _| (verb == "EPSV").then(|| format!("229 Extended (|||{dead}|)"))),
        ..RogueFtpPlay::default()
    };
    let server = RogueFtp::start(play);
    assert_eq!(fetch(&server.url("/list.csv")).whole(), file());
}

#[test]
fn what_may_pass_is_tried_again() {
    for (verb, reply) in [
        ("CONNECT", "421 Too many."),
        ("USER", "421 Idle."),
        ("PASS", "421 Idle."),
        ("SIZE", "450 Busy."),
        ("EPSV", "425 No port."),
        ("RETR", "450 Busy."),
        ("RETR", "425 No data connection."),
    ] {
        let play = RogueFtpPlay {
            replies: Box::new(move |v, n| (v == verb && n == 0).then(|| reply.to_string())),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        assert_eq!(fetch(&server.url("/list.csv")).whole(), file(), "{reply} to {verb}");
    }
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (verb, reply, key) in [
        ("RETR", "550 No such file.", Key::FileNotFound),
        ("RETR", "553 Bad name.", Key::FetchFailed),
        ("PASS", "530 Wrong.", Key::FetchFailed),
        ("PASS", "430 Wrong.", Key::FetchFailed),
        ("USER", "530 Unknown.", Key::FetchFailed),
        ("TYPE", "504 No.", Key::FetchFailed),
        ("CONNECT", "554 Go away.", Key::FetchFailed),
    ] {
        let play = RogueFtpPlay {
            replies: Box::new(move |v, _| (v == verb).then(|| reply.to_string())),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        match fetch(&server.url("/list.csv")).fetched {
            Err(FetchError::Failed(fault)) => {
                assert_eq!(fault.key, key, "{}", fault.message);
                assert!(!fault.message.contains("attempt"), "{}", fault.message);
            }
            other => panic!("{reply} to {verb}: {other:?}"),
        }
    }
}

#[test]
fn a_server_that_stalls_times_out_and_is_asked_again() {
    for verb in ["CONNECT", "USER", "PASS", "TYPE", "SIZE", "MDTM", "EPSV", "150", "226"] {
        let play = RogueFtpPlay {
            replies: Box::new(move |v, n| (v == verb && n == 0).then(|| STALL.to_string())),
            ..RogueFtpPlay::default()
        };
        let server = RogueFtp::start(play);
        let options = NetworkOptions { idle_timeout: Duration::from_millis(150), ..options() };
        assert_eq!(fetch_with(options, &server.url("/list.csv"), "", "").whole(), file(), "stalled at {verb}");
    }
    let server = RogueFtp::start(RogueFtpPlay { data_stalls: true, ..RogueFtpPlay::default() });
    let options = NetworkOptions { idle_timeout: Duration::from_millis(200), retries: 0, ..options() };
    let message = fetch_with(options, &server.url("/list.csv"), "", "").message();
    assert!(message.contains("timed out: nothing came for 0.2 s"), "{message}");
}

#[test]
fn a_drip_meets_the_total_timeout() {
    let drip = || RogueFtpPlay { drip: Some(Duration::from_millis(20)), ..RogueFtpPlay::default() };
    let server = RogueFtp::start(drip());
    assert_eq!(fetch(&server.url("/list.csv")).whole(), file());
    let options = NetworkOptions { total_timeout: Duration::from_millis(250), ..options() };
    let begun = Instant::now();
    let message = fetch_with(options, &server.url("/list.csv"), "", "").message();
    assert!(message.contains("total_timeout_s"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn data_without_end_meets_max_file_bytes() {
    let play = || RogueFtpPlay { endless: true, ..replies(&[("SIZE", "502 No.")]) };
    let server = RogueFtp::start(play());
    let options = NetworkOptions { max_file_bytes: 500_000, ..options() };
    let begun = Instant::now();
    let outcome = fetch_with(options.clone(), &server.url("/list.csv"), "", "");
    assert!(outcome.bytes.len() <= 500_000);
    assert!(outcome.message().contains("max_file_bytes"));
    assert!(begun.elapsed() < Duration::from_secs(2));
    let large = RogueFtp::start(RogueFtpPlay { size: Some(500_001), ..RogueFtpPlay::default() });
    let message = fetch_with(options, &large.url("/list.csv"), "", "").message();
    assert!(message.ends_with("the file has 500001 bytes, max_file_bytes allows 500000"), "{message}");
    assert!(!large.commands().contains(&"EPSV".to_string()));
}

#[test]
fn a_talkative_server_is_understood() {
    let server = RogueFtp::start(RogueFtpPlay { talkative: true, ..RogueFtpPlay::default() });
    assert_eq!(fetch(&server.url("/list.csv")).whole(), file());
}

#[test]
fn commands_come_in_their_order_with_the_path_decoded() {
    let server = RogueFtp::start(RogueFtpPlay::default());
    fetch_with(options(), &server.url("/a%20b/%C3%A9%FF%3F.csv?x=1;type=a"), "joe", "pa ss").whole();
    let commands = server.commands();
    // 0xFF is doubled on an FTP control connection, which is a Telnet line.
    let path = "a b/é\u{fffd}\u{fffd}?.csv?x=1";
    let expected = [
        "USER joe".to_string(),
        "PASS pa ss".to_string(),
        "TYPE I".to_string(),
        format!("SIZE {path}"),
        format!("MDTM {path}"),
        "EPSV".to_string(),
        format!("RETR {path}"),
    ];
    assert_eq!(commands, expected);
    let server = RogueFtp::start(RogueFtpPlay::default());
    fetch(&server.url("/%2Fetc/list.csv")).whole();
    assert!(server.commands().contains(&"RETR /etc/list.csv".to_string()));
    assert!(server.commands().contains(&"USER anonymous".to_string()));
    let server = RogueFtp::start(RogueFtpPlay::default());
    fetch(&server.url("/%E5%90%8D.csv")).whole();
    assert!(server.commands().contains(&"OPTS UTF8 ON".to_string()));
}

#[test]
fn what_is_not_ftp_is_a_failure() {
    let web = crate::servers::RogueHttp::start(|_| Vec::new());
    let options = NetworkOptions { idle_timeout: Duration::from_millis(100), retries: 1, ..options() };
    let message = fetch_with(options.clone(), &format!("ftp://127.0.0.1:{}/x", web.port()), "", "").message();
    assert!(message.contains("timed out"), "{message}");
    let server = RogueFtp::start(replies(&[("CONNECT", "HTTP/1.1 400 Bad Request")]));
    let message = fetch_with(options, &server.url("/x"), "", "").message();
    assert!(message.contains("not FTP"), "{message}");
}
