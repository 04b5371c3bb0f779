//! Files from real servers into customers, by one call; and what of a login stays behind: nothing.

mod common;
#[path = "servers/mod.rs"]
mod servers;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::child::wait_until;
use common::{Host, data, done, failed, failed_naming};
use serde_json::{Value, json};
use servers::{Act, Nginx, PyFtpd, PyFtpdSettings, RogueHttp, Vsftpd};

const LIST: &str = "name,phone1\nAnn,1001\nБорис,1002\n王芳,1003\n";

/// What nobody may find afterwards.
const USER: &str = "hermione-granger";
const PASSWORD: &str = "alohomora-4711";

fn folder_with(list: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("list.csv"), list).expect("a file");
    folder
}

/// The three customers came.
#[track_caller]
fn imported(host: &Host, changes: &[(&str, &str)]) {
    let job = host.job_of(&host.import(changes));
    assert_eq!((&job["read"], &job["inserted"], &job["rejected"]), (&json!(3), &json!(3), &json!(0)), "{job}");
    assert_eq!(job["bytes_read"], LIST.len(), "{job}");
    let names: Vec<Value> = host.customers().iter().map(|c| c["fields"]["name"].clone()).collect();
    assert_eq!(names, ["Ann", "Борис", "王芳"]);
}

#[test]
fn nginx_over_tls_with_a_login() {
    let folder = folder_with(LIST);
    let Some(nginx) = Nginx::start(folder.path()) else { return };
    let url = format!("https://127.0.0.1:{}/private/list.csv", nginx.https);
    let login = [("source_user", servers::nginx::USER), ("source_pwd", servers::nginx::PASSWORD)];
    let with = |password| [("source", "http"), ("context", url.as_str()), login[0], ("source_pwd", password)];

    let host = Host::with_options(&json!({"ca_file": nginx.ca_file()}));
    failed_naming(&host.import(&with("wrong")), &["job 1", "401"]);
    assert!(host.customers().is_empty());
    imported(&host, &with(login[1].1));

    let untrusting = Host::new();
    failed_naming(&untrusting.import(&with(login[1].1)), &["certificate"]);
}

#[test]
fn nginx_redirects_without_taking_the_login_along() {
    let folder = folder_with(LIST);
    let Some(nginx) = Nginx::start(folder.path()) else { return };
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", nginx.http);
    let get = |path: &str| {
        let host = Host::with_options(&json!({"ca_file": nginx.ca_file()}));
        let url = url(path);
        let login = [("source_user", servers::nginx::USER), ("source_pwd", servers::nginx::PASSWORD)];
        host.import(&[("source", "http"), ("context", url.as_str()), login[0], login[1]])
    };
    done(&get("hops/5"));
    failed_naming(&get("hops/6"), &["redirect"]);
    failed_naming(&get("loop"), &["redirect"]);
    done(&get("tls/list.csv"));
    failed_naming(&get("elsewhere/list.csv"), &["401"]);
    failed(&get("file-url"));
}

#[test]
fn vsftpd_plain_and_over_tls_whose_session_must_be_reused() {
    let folder = folder_with(LIST);
    if let Some(vsftpd) = Vsftpd::start(folder.path()) {
        let url = format!("ftp://127.0.0.1:{}/list.csv", vsftpd.port);
        imported(&Host::new(), &[("source", "ftp"), ("context", url.as_str())]);
        let none = url.replace("list", "none");
        failed_naming(&Host::new().import(&[("source", "ftp"), ("context", none.as_str())]), &["550"]);
    }
    if let Some(vsftpd) = Vsftpd::start_tls(folder.path()) {
        let url = format!("ftps://127.0.0.1:{}/list.csv", vsftpd.port);
        let host = Host::with_options(&json!({"ca_file": vsftpd.ca_file()}));
        imported(&host, &[("source", "ftp"), ("context", url.as_str())]);
    }
}

#[test]
fn pyftpdlib_with_a_login_in_the_parameters_or_in_the_url() {
    let folder = folder_with(LIST);
    let Some(server) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    let (user, password) = (servers::pyftpd::USER, servers::pyftpd::PASSWORD);
    let url = format!("ftp://127.0.0.1:{}/list.csv", server.port);
    imported(
        &Host::new(),
        &[("source", "ftp"), ("context", url.as_str()), ("source_user", user), ("source_pwd", password)],
    );
    let in_url = url.replace("//", "//ann%40example.com:p%25w%3A%20d%2F%C3%BC@");
    imported(&Host::new(), &[("source", "ftp"), ("context", in_url.as_str())]);
    let wrong = [("source", "ftp"), ("context", in_url.as_str()), ("source_user", user), ("source_pwd", "no")];
    failed_naming(&Host::new().import(&wrong), &["530"]);
}

#[test]
fn half_a_file_is_never_imported() {
    let whole = Act::whole(LIST.as_bytes());
    let head = whole.len() - LIST.len();
    for cut in [head, head + 12, head + 30, whole.len() - 1] {
        let part = whole[..cut].to_vec();
        let server = RogueHttp::start(move |_| vec![Act::Send(part.clone())]);
        let host = Host::with_options(&json!({"retries": 0}));
        let url = server.url("/list.csv");
        failed_naming(&host.import(&[("source", "http"), ("context", url.as_str())]), &["job 1"]);
        assert!(host.customers().is_empty(), "cut at {cut}");
    }
}

#[test]
fn a_fetch_that_breaks_is_tried_again() {
    let whole = Act::whole(LIST.as_bytes());
    let server = RogueHttp::start(move |request| {
        let end = if request.number == 0 { whole.len() - 5 } else { whole.len() };
        vec![Act::Send(whole[..end].to_vec())]
    });
    let url = server.url("/list.csv");
    imported(&Host::with_options(&json!({"retries": 1})), &[("source", "http"), ("context", url.as_str())]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_retry_that_tells_no_length_makes_it_unknown() {
    // Longer than a second each: so often a running job is written down.
    let slow = Duration::from_millis(35);
    let server = RogueHttp::start(move |request| {
        let first = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{LIST}").into_bytes();
        let answer = if request.number == 0 { first } else { Act::chunked(&[LIST.as_bytes()]) };
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        vec![Act::Send(answer[..head].to_vec()), Act::Drip(answer[head..].to_vec(), slow)]
    });
    let host = Host::with_options(&json!({"retries": 1}));
    let url = server.url("/list.csv");
    let job = || data(&host.job_get("1")).clone();
    thread::scope(|scope| {
        let import = scope.spawn(|| imported(&host, &[("source", "http"), ("context", url.as_str())]));
        wait_until("the job", || host.job_get("1")["code"] == 1);
        wait_until("its length", || job()["bytes_total"] == 1000);
        wait_until("another", || job()["bytes_total"] != 1000);
        let found = job();
        assert_eq!((&found["bytes_total"], &found["state"]), (&Value::Null, &json!("running")));
        import.join().expect("an import");
    });
    assert_eq!(job()["bytes_total"], LIST.len());
}

#[test]
fn only_allowed_hosts_are_reached() {
    let folder = folder_with(LIST);
    let Some(nginx) = Nginx::start(folder.path()) else { return };
    let url = format!("http://127.0.0.1:{}/list.csv", nginx.http);
    let import = [("source", "http"), ("context", url.as_str())];
    failed_naming(&Host::with_options(&json!({"allow_hosts": ["10.0.0.0/8"]})).import(&import), &["allow_hosts"]);
    imported(&Host::with_options(&json!({"allow_hosts": ["127.0.0.0/8"]})), &import);
    imported(&Host::with_options(&json!({"allow_hosts": ["127.0.0.1"]})), &import);
    assert!(nginx.requests().len() == 2, "the refused one was never asked: {:?}", nginx.requests());
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let folder = folder_with(LIST);
    let Some(nginx) = Nginx::start(folder.path()) else { return };
    for path in ["list.csv", "chunked/list.csv"] {
        let url = format!("http://127.0.0.1:{}/{path}", nginx.http);
        let host = Host::with_options(&json!({"max_file_bytes": LIST.len() - 1}));
        failed_naming(&host.import(&[("source", "http"), ("context", url.as_str())]), &["max_file_bytes"]);
        assert!(host.customers().is_empty());
    }
}

/// Every file below the folder that holds one of these, with the place.
fn holding(folder: &Path, secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            found.extend(holding(&entry.path(), secrets));
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap_or_default();
        for secret in secrets {
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(format!("{} holds {secret}", entry.path().display()));
            }
        }
    }
    found
}

fn names_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A server that answers after the test has looked at the spool.
fn watched(list: &'static str, look: impl Fn() + Send + Sync + 'static) -> RogueHttp {
    let whole = Act::whole(list.as_bytes());
    RogueHttp::start(move |_| {
        look();
        vec![Act::Send(whole.clone())]
    })
}

#[test]
fn after_the_job_its_login_is_in_no_byte_of_database_wal_or_spool() {
    let encoded = "aGVybWlvbmUtZ3JhbmdlcjphbG9ob21vcmEtNDcxMQ"; // user:password in base64
    let secrets = [PASSWORD, encoded];
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("store.db");
    let spool = folder.path().join("spool");
    fs::create_dir(&spool).expect("a folder");
    let host = Host::at(&database, &json!({"spool_dir": spool, "retries": 0}), &json!({}));

    let modes = Arc::new(Mutex::new(Vec::new()));
    let (seen, dir) = (Arc::clone(&modes), spool.clone());
    let server = watched(LIST, move || {
        for entry in fs::read_dir(&dir).expect("a folder").flatten() {
            let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
            seen.lock().expect("modes").push(mode);
        }
    });
    let url = server.url("/list.csv");
    let in_url = url.replace("//", &format!("//{USER}:{PASSWORD}@"));
    let login = [("source_user", USER), ("source_pwd", PASSWORD)];

    // At once: well, and with a file that is none.
    imported(&host, &[("source", "http"), ("context", url.as_str()), login[0], login[1]]);
    done(&host.import(&[("source", "http"), ("context", in_url.as_str())]));
    let missing = RogueHttp::start(|_| vec![Act::Send(Act::head("404 Not Found", &[]))]);

    failed(&host.import(&[("source", "http"), ("context", missing.url("/x.csv").as_str()), login[0], login[1]]));
    let page = RogueHttp::start(|_| vec![Act::Send(Act::whole(b"<html><body>log in</body></html>"))]);
    failed_naming(
        &host.import(&[("source", "http"), ("context", page.url("/x.csv").as_str()), login[0], login[1]]),
        &["HTML"],
    );
    assert!(modes.lock().expect("modes").iter().all(|mode| *mode == 0o600), "{modes:?}");

    // Later: run when due, and cancelled before.
    let later = |at: &str| host.import(&[("source", "http"), ("context", in_url.as_str()), ("exetime", at)]);
    let cancelled = done(&later("2999-01-01 00:00:00")).to_owned();
    assert!(!holding(&spool, &[PASSWORD]).is_empty(), "the search would find it while the job waits");
    assert_eq!(holding(folder.path(), &[PASSWORD]).len(), 1, "it is kept once, outside the database");
    done(&host.job_cancel(&cancelled));

    assert_eq!(holding(folder.path(), &secrets), Vec::<String>::new());
    assert_eq!(names_in(&spool), Vec::<String>::new(), "spool files go with their job");
    let jobs = host.job_list("{}").to_string();
    assert!(!jobs.contains(PASSWORD) && !jobs.contains(USER), "{jobs}");
    assert_eq!(data(&host.job_list("{}"))["jobs"].as_array().expect("jobs").len(), 5);
    drop(host);
    assert_eq!(holding(folder.path(), &secrets), Vec::<String>::new());
}

#[test]
fn an_empty_file_is_refused_and_nothing_untrue_is_said_of_its_length() {
    let server = RogueHttp::start(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec())]);
    let host = Host::new();
    let url = server.url("/list.csv");
    failed_naming(&host.import(&[("source", "http"), ("context", url.as_str())]), &["0 bytes"]);
    assert_eq!(data(&host.job_get("1"))["warnings"], json!([]));
}

#[test]
fn the_login_of_a_store_in_memory_is_in_no_file() {
    let spool = tempfile::tempdir().expect("a folder");
    let host = Host::with_options(&json!({"spool_dir": spool.path()}));
    let folder = folder_with(LIST);
    let Some(server) = PyFtpd::start(folder.path(), &PyFtpdSettings::default()) else { return };
    let url = format!("ftp://127.0.0.1:{}/list.csv", server.port);
    let login = [("source_user", servers::pyftpd::USER), ("source_pwd", servers::pyftpd::PASSWORD)];
    let soon = [("source", "ftp"), ("context", url.as_str()), ("exetime", "2999-01-01 00:00:00"), login[0], login[1]];
    done(&host.import(&soon));
    assert_eq!(names_in(spool.path()), Vec::<String>::new());
    imported(&host, &[("source", "ftp"), ("context", url.as_str()), login[0], login[1]]);
}
