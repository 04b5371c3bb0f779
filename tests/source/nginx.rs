//! Fetching from nginx.

use std::path::PathBuf;

use import_cji::fault::Key;
use import_cji::source::{FetchError, NetworkOptions};

use crate::servers::{Certificates, Cut, Cutter, Nginx};
use crate::{Outcome, fetch, fetch_with, folder_with, long_list, options};

const USER: &str = "ann";
const PASSWORD: &str = "pass word!1";

fn trusting(ca_file: PathBuf) -> NetworkOptions {
    NetworkOptions { ca_file: Some(ca_file), ..options() }
}

fn start(list: &[u8]) -> Option<(Nginx, tempfile::TempDir)> {
    let folder = folder_with(list);
    Nginx::start(folder.path()).map(|nginx| (nginx, folder))
}

fn key(outcome: &Outcome) -> Option<Key> {
    match &outcome.fetched {
        Err(FetchError::Failed(fault)) => Some(fault.key.clone()),
        _ => None,
    }
}

#[test]
fn a_file_comes_over_http_and_https() {
    let list = long_list();
    let Some((nginx, _folder)) = start(&list) else { return };
    assert_eq!(fetch(&format!("http://127.0.0.1:{}/list.csv", nginx.http)).whole(), list);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{}/list.csv", nginx.https);
        assert_eq!(fetch_with(trusting(nginx.ca_file()), &url, "", "").whole(), list);
    }
    assert!(nginx.requests().iter().all(|line| line.contains("import-cji/")), "{:?}", nginx.requests());
}

#[test]
fn a_file_that_is_not_there_is_not_found() {
    let Some((nginx, _folder)) = start(b"x") else { return };
    for (path, expected) in [
        ("/none.csv", Key::FileNotFound),
        ("/gone", Key::FileNotFound),
        ("/forbidden", Key::FetchFailed),
        ("/busy", Key::FetchFailed),
    ] {
        let outcome = fetch(&format!("http://127.0.0.1:{}{path}", nginx.http));
        assert_eq!(key(&outcome), Some(expected), "{path}: {outcome:?}");
        let asked = nginx.requests().iter().filter(|line| line.contains(path)).count();
        assert_eq!(asked, if path == "/busy" { 4 } else { 1 }, "{path}");
    }
}

#[test]
fn a_login_is_sent_before_it_is_asked_for() {
    let Some((nginx, _folder)) = start(b"phone1\n1\n") else { return };
    let url = format!("http://127.0.0.1:{}/private/list.csv", nginx.http);
    assert_eq!(fetch_with(options(), &url, USER, PASSWORD).whole(), b"phone1\n1\n");
    assert_eq!(nginx.requests().len(), 1);
    let in_url = url.replace("//", "//ann:pass%20word%211@");
    assert_eq!(fetch(&in_url).whole(), b"phone1\n1\n");
    // "They win over a login in the URL."
    let wrong_in_url = url.replace("//", "//bob:wrong@");
    assert_eq!(fetch_with(options(), &wrong_in_url, USER, PASSWORD).whole(), b"phone1\n1\n");
    assert_eq!(fetch_with(options(), &url.replace("//", "//ann:wrong@"), "", PASSWORD).whole(), b"phone1\n1\n");
    let before = nginx.requests().len();
    for (user, password) in [(USER, "wrong"), ("", "")] {
        let message = fetch_with(options(), &url, user, password).message();
        assert!(message.ends_with("the server answered 401 Unauthorized"), "{message}");
    }
    assert_eq!(nginx.requests().len(), before + 2);
}

#[test]
fn certificates_are_checked() {
    let Some((nginx, _folder)) = start(b"x") else { return };
    let url = format!("https://127.0.0.1:{}/list.csv", nginx.https);
    let message = fetch(&url).message();
    assert!(message.contains("certificate is not accepted: nobody known has signed it"), "{message}");
    assert!(!message.contains("attempt"), "{message}");
    // The right root, but a certificate for other names: all of 127/8 is this machine.
    let elsewhere = Cutter::start_on("127.0.0.2".parse().expect("an address"), nginx.https, |_| None);
    let url = format!("https://127.0.0.2:{}/list.csv", elsewhere.port());
    let message = fetch_with(trusting(nginx.ca_file()), &url, "", "").message();
    assert!(message.ends_with("certificate is not accepted: it is of another name"), "{message}");
    assert!(!message.contains("attempt"), "{message}");
    let plain = fetch(&format!("https://127.0.0.1:{}/list.csv", nginx.http)).message();
    assert!(plain.contains("does not speak TLS here"), "{plain}");
}

/// As `openssl req -x509` makes it: curl and Python take it as the file of their roots, too.
#[test]
fn a_server_whose_certificate_signed_itself_is_trusted_by_that_certificate_alone() {
    let list = long_list();
    let folder = folder_with(&list);
    let Some(nginx) = Certificates::self_signed().and_then(|own| Nginx::start_with(folder.path(), own)) else { return };
    let url = format!("https://127.0.0.1:{}/list.csv", nginx.https);
    assert_eq!(fetch_with(trusting(nginx.ca_file()), &url, "", "").whole(), list);
    let Some(another) = Certificates::self_signed() else { return };
    for options in [options(), trusting(another.root())] {
        let message = fetch_with(options, &url, "", "").message();
        assert!(message.contains("certificate is not accepted"), "{message}");
    }
}

#[test]
fn a_file_comes_over_ipv6() {
    let list = long_list();
    let Some((nginx, _folder)) = start(&list) else { return };
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        println!("SKIPPED: no IPv6 here");
        return;
    }
    let cutter =
        Cutter::start_on("::1".parse().expect("an address"), nginx.http, |n| (n == 0).then_some(Cut::Close(5000)));
    assert_eq!(fetch(&format!("http://[::1]:{}/list.csv", cutter.port())).whole(), list);
}

#[test]
fn redirects_are_followed_as_it_is_documented() {
    let Some((nginx, _folder)) = start(b"phone1\n1\n") else { return };
    let http = |path: &str| format!("http://127.0.0.1:{}{path}", nginx.http);
    let https = |path: &str| format!("https://127.0.0.1:{}{path}", nginx.https);
    assert_eq!(fetch(&http("/hops/5")).whole(), b"phone1\n1\n");
    for (url, said) in [
        (http("/hops/6"), "more than 5 times"),
        (http("/loop"), "more than 5 times"),
        (http("/file-url"), "neither http nor https"),
        (https("/plain/list.csv"), "from https to http"),
    ] {
        let message = fetch_with(trusting(nginx.ca_file()), &url, USER, PASSWORD).message();
        assert!(message.contains(said), "{url}: {message}");
    }
    // The login goes from http to https of the same host, and to no other host.
    let outcome = fetch_with(trusting(nginx.ca_file()), &http("/tls/list.csv"), USER, PASSWORD);
    assert_eq!(outcome.whole(), b"phone1\n1\n");
    let outcome = fetch_with(options(), &http("/elsewhere/list.csv"), USER, PASSWORD);
    assert!(outcome.message().contains("401"));
}

#[test]
fn a_broken_transfer_is_resumed_over_http_and_https() {
    let list = long_list();
    let Some((nginx, _folder)) = start(&list) else { return };
    for (scheme, port) in [("http", nginx.http), ("https", nginx.https)] {
        for how in [Cut::Close(300_000), Cut::Reset(200_000)] {
            let cutter = Cutter::start(port, move |number| (number < 2).then_some(how));
            let url = format!("{scheme}://127.0.0.1:{}/list.csv", cutter.port());
            assert_eq!(fetch_with(trusting(nginx.ca_file()), &url, "", "").whole(), list, "{scheme} {how:?}");
            assert_eq!(cutter.connections(), 3);
            let ranges = nginx.requests().iter().rev().take(2).filter(|line| line.contains(" 206 bytes=")).count();
            assert_eq!(ranges, 2, "{:?}", nginx.requests());
        }
    }
}

#[test]
fn a_file_that_changed_between_two_attempts_is_fetched_anew() {
    let list = long_list();
    let Some((nginx, folder)) = start(&list) else { return };
    let newer: Vec<u8> = list.iter().map(|byte| if *byte == b'1' { b'2' } else { *byte }).collect();
    let (path, content) = (folder.path().join("list.csv"), newer.clone());
    let cutter = Cutter::start(nginx.http, move |number| {
        if number == 1 {
            // Another length would give nginx another tag by itself; the time does it here.
            std::fs::write(&path, &content).expect("a file");
            let file = std::fs::File::options().write(true).open(&path).expect("a file");
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
            file.set_modified(later).expect("a file of our own");
        }
        (number == 0).then_some(Cut::Close(300_000))
    });
    let url = format!("http://127.0.0.1:{}/list.csv", cutter.port());
    assert!(fetch(&url).whole() == newer);
    assert!(nginx.requests()[1].contains(" 200 bytes="), "{:?}", nginx.requests());
}

#[test]
fn gzip_comes_as_it_is_and_other_encodings_not_at_all() {
    let zipped = [&[0x1f, 0x8b, 8, 0][..], &[7; 500]].concat();
    let Some((nginx, _folder)) = start(&zipped) else { return };
    let url = |path: &str| format!("http://127.0.0.1:{}{path}list.csv", nginx.http);
    assert_eq!(fetch(&url("/zipped/")).whole(), zipped);
    assert!(fetch(&url("/brotli/")).message().contains("'br'"));
}

#[test]
fn a_chunked_body_is_whole_without_a_warning() {
    let list = long_list();
    let Some((nginx, _folder)) = start(&list) else { return };
    let outcome = fetch(&format!("http://127.0.0.1:{}/chunked/list.csv", nginx.http));
    assert_eq!(outcome.fetched.as_ref().map(|fetched| fetched.warnings.len()), Ok(0));
    assert_eq!(outcome.whole(), list);
}

#[test]
fn the_charset_is_told() {
    let Some((nginx, _folder)) = start(b"phone1") else { return };
    let outcome = fetch(&format!("http://127.0.0.1:{}/gbk/list.csv", nginx.http));
    assert_eq!(outcome.fetched.expect("a file").charset.as_deref(), Some("gbk"));
}

#[test]
fn allow_hosts_is_asked_about_every_hop() {
    let Some((nginx, _folder)) = start(b"phone1") else { return };
    let only = |hosts: &[&str]| NetworkOptions {
        allow_hosts: Some(hosts.iter().map(ToString::to_string).collect()),
        ..options()
    };
    let url = |host: &str, path: &str| format!("http://{host}:{}{path}", nginx.http);
    for (hosts, host, path, allowed) in [
        (&["127.0.0.0/8"][..], "127.0.0.1", "/list.csv", true),
        (&["127.0.0.1"], "localhost", "/list.csv", true),
        (&["LOCALHOST"], "localhost", "/list.csv", true),
        (&["localhost"], "127.0.0.1", "/list.csv", false),
        (&["10.0.0.0/8", "example.com"], "127.0.0.1", "/list.csv", false),
        (&[], "127.0.0.1", "/list.csv", false),
        (&["::ffff:127.0.0.0/104"], "[::ffff:127.0.0.1]", "/list.csv", true),
        (&["::1"], "[::ffff:127.0.0.1]", "/list.csv", false),
    ] {
        let outcome = fetch_with(only(hosts), &url(host, path), "", "");
        assert_eq!(outcome.fetched.is_ok(), allowed, "{host} {hosts:?}: {outcome:?}");
        if !allowed {
            assert!(outcome.message().contains("allow_hosts"));
        }
    }
    // The redirect leads from an address that is listed to a name that is not, though its address is; then to neither.
    let leads = crate::servers::RogueHttp::start(|_| {
        vec![crate::servers::Act::Send(crate::servers::Act::head(
            "302 F",
            &["Location: http://169.254.169.254/latest/"],
        ))]
    });
    let message = fetch_with(only(&["127.0.0.1", "0.0.0.0/0"]), &leads.url("/"), "", "").message();
    assert!(message.contains("169.254.169.254"), "{message}");
    let message = fetch(&leads.url("/")).message();
    assert!(message.contains("link-local"), "{message}");
}
