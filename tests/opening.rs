//! Opening a store, and each of its options.

mod common;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::child::{Process, given, say};
use common::web::{Web, respond};
use common::{DEFAULTS, Host, Library, c_text, data, done, failed, failed_naming, parsed, taken};
use import_cji::ffi;
use serde_json::json;
use tempfile::TempDir;

fn refused(location: impl AsRef<[u8]>, options: &str, words: &[&str]) {
    match Library::open(location, options) {
        Ok(_) => panic!("{options} was taken"),
        Err(reply) => failed_naming(&reply, words),
    }
}

#[test]
fn the_version_is_that_of_the_crate_and_of_the_header() {
    // SAFETY: the text is static.
    let version = unsafe { std::ffi::CStr::from_ptr(ffi::cji_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
    assert_eq!(ffi::cji_abi_version(), ffi::CJI_ABI_VERSION);
}

#[test]
fn a_new_store_is_a_file_that_only_its_owner_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let _library = Library::open(path.to_str().unwrap(), "").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_files_beside_the_store_are_the_owners_too() {
    let folder = TempDir::new().unwrap();
    let host = Host::at(folder.path().join("calls.db"), &json!({}), &json!({}));
    host.record(common::JOE);
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", entry.path().display());
        }
    }
}

#[test]
fn what_was_imported_is_there_after_closing_and_opening_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    host.record(common::JOE);
    let campaign = host.campaign.clone();
    drop(host);
    let again = Library::open(path.to_str().unwrap(), "").unwrap();
    assert_eq!(data(&again.customer_list(&campaign, ""))["customers"][0]["fields"]["name"], "Joe");
}

#[test]
fn two_handles_on_one_store_see_each_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let one = Host::at(&path, &json!({}), &json!({}));
    let other = Library::open(path.to_str().unwrap(), "").unwrap();
    one.record(common::JOE);
    assert_eq!(data(&other.campaign_get(&one.campaign))["customers"], 1);
    done(&other.team_add("second", "By the other handle"));
    done(&one.campaign_add("second", r#"{"name":"Seen"}"#));
}

#[test]
fn stores_in_memory_are_apart() {
    let one = Library::in_memory();
    done(&one.team_add("team", "One"));
    failed(&Library::in_memory().campaign_add("team", r#"{"name":"None"}"#));
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    let library = Library::open(path.to_str().unwrap(), "").unwrap();
    done(&library.team_add("team", "The team"));
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    refused(path.to_str().unwrap(), "", &[]);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left beside it");
}

#[test]
fn a_database_with_another_application_id_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA application_id = 77; CREATE TABLE teams (a)").unwrap();
    drop(other);
    refused(path.to_str().unwrap(), "", &[]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("letter.txt");
    let letter = "Dear all, ".repeat(1000);
    fs::write(&path, &letter).unwrap();
    refused(path.to_str().unwrap(), "", &[]);
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

#[test]
fn a_file_too_short_for_a_database_is_refused_and_left_as_it_is() {
    for size in [1, 2, 14, 15, 16, 99, 100, 511] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("note.txt");
        let note = &b"SQLite format 3\0and more of that, and so on".repeat(20)[..size];
        for note in [note, &vec![b'x'; size], &vec![0; size]] {
            fs::write(&path, note).unwrap();
            refused(path.to_str().unwrap(), "", &["location", "no SQLite database"]);
            assert_eq!(fs::read(&path).unwrap(), note, "{size}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left beside it");
        }
    }
}

#[test]
fn a_folder_and_a_file_in_no_folder_are_refused() {
    let folder = TempDir::new().unwrap();
    refused(folder.path().to_str().unwrap(), "", &[]);
    refused(folder.path().join("none/calls.db").to_str().unwrap(), "", &[]);
    refused("", "", &["location"]);
}

/// Changes its working directory between two calls, as a host may.
#[test]
fn the_host_that_moves() {
    let (Some(first), Some(second)) = (given("FIRST"), given("SECOND")) else { return };
    // Each campaign has an id that the other store lacks.
    let at = |folder: &str, id: &str| {
        std::env::set_current_dir(folder).unwrap();
        let library = Library::open("calls.db", "").expect("a store");
        done(&library.team_add("team", "The team"));
        done(&library.campaign_add("team", json!({"name": "A", "id": id}).to_string()));
        library
    };
    let (_other, ours) = (at(&second, "2"), at(&first, "1"));
    std::env::set_current_dir(&second).unwrap();
    say(&format!("found: {}", ours.campaign_get("1")["code"]));
}

#[test]
fn a_relative_location_stays_the_same_file_when_the_host_moves() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = |folder: &TempDir| folder.path().to_str().unwrap().to_owned();
    let mut host = Process::run("the_host_that_moves", &[("FIRST", &path(&first)), ("SECOND", &path(&second))]);
    assert_eq!(host.wait_for("found:").as_deref(), Some("1"));
}

#[test]
fn a_name_that_looks_like_a_uri_is_a_file_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file:calls.db?mode=memory");
    let _library = Library::open(path.to_str().unwrap(), "").unwrap();
    assert!(path.exists());
}

#[test]
fn broken_utf8_in_location_or_options_is_named() {
    refused(b"\xff", "", &["location", "utf-8"]);
    let options = Library::open(":memory:", b"{\"timezone\":\"\xff\"}").unwrap_err();
    failed_naming(&options, &["options", "utf-8"]);
}

#[test]
fn a_failure_may_be_left_nowhere() {
    let options = c_text(b"no JSON");
    // SAFETY: NULL is allowed for `location` and `error`.
    let engine = unsafe { ffi::cji_engine_open(ptr::null(), options.as_ptr(), ptr::null_mut()) };
    assert!(engine.is_null());
}

#[test]
fn a_success_leaves_null_where_a_failure_would_be() {
    let location = c_text(b":memory:");
    let mut error = ptr::dangling_mut();
    // SAFETY: NULL options count as "".
    let engine = unsafe { ffi::cji_engine_open(location.as_ptr(), ptr::null(), &raw mut error) };
    assert!(error.is_null() && !engine.is_null());
    // SAFETY: it was opened here.
    unsafe { ffi::cji_engine_close(engine) };
}

#[test]
fn the_failure_of_opening_is_a_failure_reply() {
    let (location, options) = (c_text(b":memory:"), c_text(b"{\"colour\":1}"));
    let mut error = ptr::null_mut();
    // SAFETY: live texts.
    let engine = unsafe { ffi::cji_engine_open(location.as_ptr(), options.as_ptr(), &raw mut error) };
    assert!(engine.is_null());
    // SAFETY: a failure was left.
    let reply = parsed(unsafe { taken(error) });
    assert_eq!(reply.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "message"]);
    failed_naming(&reply, &["colour"]);
}

#[test]
fn closing_null_does_nothing() {
    // SAFETY: NULL is allowed.
    unsafe {
        ffi::cji_engine_close(ptr::null_mut());
        ffi::cji_text_free(ptr::null_mut());
    }
}

#[test]
fn options_that_are_no_json_object_are_refused() {
    for options in ["x", "[]", "null", "1", "{", "\"\"", "{} {}", "{\"retries\":1,}"] {
        refused(":memory:", options, &["options"]);
    }
}

#[test]
fn an_unknown_option_is_named() {
    refused(":memory:", r#"{"colour":"red"}"#, &["colour"]);
    refused(":memory:", r#"{"Timezone":"UTC"}"#, &["Timezone"]);
}

#[test]
fn each_option_is_taken_with_its_type() {
    let folder = TempDir::new().unwrap();
    for options in [
        json!({}),
        json!({"timezone": "Europe/Berlin"}),
        json!({"background": true}),
        json!({"messages": "backmsg"}),
        json!({"messages": "text"}),
        json!({"durability": "full"}),
        json!({"durability": "normal"}),
        json!({"connect_timeout_s": 1, "idle_timeout_s": 2, "total_timeout_s": 3}),
        json!({"connect_timeout_s": 1e20, "idle_timeout_s": 1e308, "total_timeout_s": 18_446_744_073_709_551_615_u64}),
        json!({"retries": 0}),
        json!({"max_file_bytes": 1_000_000, "max_row_bytes": 1000}),
        json!({"max_file_bytes": 8_589_934_592_u64}),
        json!({"allow_hosts": ["files.example.com", "10.0.0.0/8", "::1", "127.0.0.1"]}),
        json!({"allow_hosts": []}),
        json!({"spool_dir": folder.path()}),
    ] {
        Library::open(":memory:", options.to_string()).unwrap_or_else(|reply| panic!("{options}: {reply}"));
    }
}

#[test]
fn an_option_of_a_wrong_type_is_named() {
    for (key, value) in [
        ("timezone", json!(1)),
        ("background", json!("true")),
        ("background", json!(1)),
        ("messages", json!(true)),
        ("durability", json!(1)),
        ("connect_timeout_s", json!("10")),
        ("idle_timeout_s", json!(null)),
        ("total_timeout_s", json!([])),
        ("retries", json!("3")),
        ("retries", json!(1.5)),
        ("max_file_bytes", json!("1M")),
        ("max_row_bytes", json!(true)),
        ("allow_hosts", json!("127.0.0.1")),
        ("allow_hosts", json!([1])),
        ("ca_file", json!(1)),
        ("spool_dir", json!({})),
    ] {
        refused(":memory:", &json!({key: value}).to_string(), &["options", key]);
    }
}

#[test]
fn an_option_of_a_wrong_value_is_named() {
    for (key, value) in [
        ("timezone", json!("Mars/Olympus")),
        ("messages", json!("xml")),
        ("durability", json!("some")),
        ("connect_timeout_s", json!(-1)),
        ("idle_timeout_s", json!(-1e20)),
        ("total_timeout_s", json!(0)),
        ("connect_timeout_s", json!(-1)),
        ("allow_hosts", json!(["10.0.0.0/99"])),
        ("ca_file", json!("/no/such/file.pem")),
    ] {
        refused(":memory:", &json!({key: value}).to_string(), &[key]);
    }
    for negative in ["retries", "max_file_bytes", "max_row_bytes"] {
        refused(":memory:", &json!({negative: -1}).to_string(), &["options", negative]);
    }
}

#[test]
fn a_key_given_twice_is_refused() {
    refused(":memory:", r#"{"retries":1,"retries":2}"#, &["retries"]);
}

#[test]
fn the_timezone_is_that_of_dial_times_given_and_shown() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let berlin = Host::at(&path, &json!({"timezone": "Europe/Berlin"}), &json!({}));
    let context = "name=Joe||phone1=13800001111||when=2030-01-01 12:00:00";
    done(&berlin.import(&[("context", context), ("phone_field", "phone1"), ("dialtime_field", "when")]));
    assert_eq!(berlin.entries()[0]["dial_time"], "2030-01-01 12:00:00");
    let shanghai = Library::open(path.to_str().unwrap(), r#"{"timezone":"Asia/Shanghai"}"#).unwrap();
    let listed = shanghai.dial_list(&berlin.campaign, "");
    assert_eq!(data(&listed)["entries"][0]["dial_time"], "2030-01-01 19:00:00");
}

#[test]
fn with_background_an_immediate_import_waits_for_whoever_runs_jobs() {
    let web = Web::csv("name,phone1\nJoe,13800001111\n");
    let host = Host::with_options(&json!({"background": true}));
    let import = host.import(&[("source", "http"), ("context", &web.url())]);
    assert_eq!(host.job_of(&import)["state"], "scheduled");
    assert!(host.customers().is_empty());
    assert_eq!(done(&host.jobs_run_due()), "1");
    assert_eq!(host.job_of(&import)["state"], "succeeded");
    assert_eq!(host.customers().len(), 1);
}

#[test]
fn without_background_an_immediate_import_runs_inside_the_call() {
    let web = Web::csv("name,phone1\nJoe,13800001111\n");
    let host = Host::new();
    let import = host.import(&[("source", "http"), ("context", &web.url())]);
    assert_eq!(host.job_of(&import)["state"], "succeeded");
    assert_eq!(done(&host.jobs_run_due()), "0");
}

#[test]
fn background_does_not_delay_a_record() {
    let host = Host::with_options(&json!({"background": true}));
    done(&host.import(DEFAULTS));
    assert_eq!(host.customers().len(), 1);
}

#[test]
fn a_server_that_falls_silent_is_given_up_after_the_idle_timeout() {
    let web = Web::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nname,phone1\n");
        thread::sleep(Duration::from_secs(20));
    });
    let host = Host::with_options(&json!({"idle_timeout_s": 1, "retries": 0}));
    let start = Instant::now();
    failed(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_trickles_is_given_up_after_the_total_timeout() {
    let web = Web::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        for _ in 0..100 {
            if stream.write_all(b"x").is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
    });
    let host = Host::with_options(&json!({"total_timeout_s": 2, "retries": 0}));
    let start = Instant::now();
    failed(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn retries_is_how_often_a_fetch_is_tried_again() {
    for retries in [0, 1] {
        let web = Web::new(|_, stream| respond(stream, "503 Service Unavailable", "", b""));
        let host = Host::with_options(&json!({"retries": retries}));
        failed(&host.import(&[("source", "http"), ("context", &web.url())]));
        assert_eq!(web.requests().len(), retries + 1);
    }
}

#[test]
fn a_retry_that_succeeds_is_a_success() {
    let tries = AtomicUsize::new(0);
    let web = Web::new(move |_, stream| {
        if tries.fetch_add(1, Ordering::SeqCst) == 0 {
            respond(stream, "502 Bad Gateway", "", b"");
        } else {
            respond(stream, "200 OK", "", b"name,phone1\nJoe,13800001111\n");
        }
    });
    let host = Host::with_options(&json!({"retries": 1}));
    done(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert_eq!(host.customers().len(), 1);
}

#[test]
fn a_file_over_max_file_bytes_fails_whole() {
    let web = Web::csv("name,phone1\nJoe,13800001111\nAnn,13800002222\n");
    let host = Host::with_options(&json!({"max_file_bytes": 40}));
    failed(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert!(host.customers().is_empty());
}

#[test]
fn a_row_over_max_row_bytes_is_rejected_alone() {
    let long = "x".repeat(300);
    let web = Web::csv(format!("name,phone1\nJoe,13800001111\n{long},13800002222\nAnn,13800003333\n"));
    let host = Host::with_options(&json!({"max_row_bytes": 200}));
    let job = host.job_of(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert_eq!((&job["read"], &job["inserted"], &job["rejected"]), (&json!(3), &json!(2), &json!(1)));
}

#[test]
fn of_a_title_row_over_max_row_bytes_its_length_is_told() {
    for title in ["phone1,name,city", "\"Phone 1\",name,\"a\nb\"", "x,CITY,phone1,name"] {
        let web = Web::csv(format!("{title}\n1380000111,Joe\n"));
        let host = Host::with_options(&json!({"max_row_bytes": 15}));
        let words = ["line 1", &title.len().to_string(), "max_row_bytes (15)"];
        failed_naming(&host.import(&[("source", "http"), ("context", &web.url())]), &words);
    }
}

#[test]
fn only_allowed_hosts_are_reached() {
    let web = Web::csv("name,phone1\nJoe,13800001111\n");
    for (hosts, allowed) in [
        (json!(["10.0.0.0/8"]), false),
        (json!([]), false),
        (json!(["localhost"]), false),
        (json!(["127.0.0.1"]), true),
        (json!(["127.0.0.0/8"]), true),
    ] {
        let host = Host::with_options(&json!({"allow_hosts": hosts, "retries": 0}));
        let reply = host.import(&[("source", "http"), ("context", &web.url())]);
        assert_eq!(reply["code"] == 1, allowed, "{hosts}: {reply}");
    }
    let asked = web.requests().len();
    assert_eq!(asked, 2, "a host that is not allowed gets no request");
}

#[test]
fn a_link_local_address_is_refused_unless_it_is_listed() {
    let host = Host::with_options(&json!({"retries": 0, "connect_timeout_s": 1}));
    let start = Instant::now();
    failed(&host.import(&[("source", "http"), ("context", "http://169.254.169.254/latest/meta-data")]));
    assert!(start.elapsed() < Duration::from_millis(900), "it was not even tried");
}

#[test]
fn the_spool_dir_holds_the_file_while_it_is_fetched_and_no_longer() {
    let spool = TempDir::new().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let web = Web::new(move |_, stream| {
        let body = "name,phone1\nJoe,13800001111\n".repeat(10_000);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let half = body.len() / 2;
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&body.as_bytes()[..half]);
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        let _ = stream.write_all(&body.as_bytes()[half..]);
    });
    let host = Arc::new(Host::with_options(&json!({"spool_dir": spool.path()})));
    let importer = {
        let (host, url) = (Arc::clone(&host), web.url());
        thread::spawn(move || host.import(&[("source", "http"), ("context", &url)]))
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    let spooled = loop {
        if let Some(entry) = fs::read_dir(spool.path()).unwrap().next() {
            break Some(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777);
        }
        if Instant::now() > deadline {
            break None;
        }
        thread::sleep(Duration::from_millis(10));
    };
    go.send(()).unwrap();
    done(&importer.join().unwrap());
    assert_eq!(spooled, Some(0o600));
    assert_eq!(fs::read_dir(spool.path()).unwrap().count(), 0);
}

#[test]
fn beside_the_database_nothing_of_a_fetched_file_stays() {
    let folder = TempDir::new().unwrap();
    let web = Web::csv("name,phone1\nJoe,13800001111\n");
    let host = Host::at(folder.path().join("calls.db"), &json!({}), &json!({}));
    done(&host.import(&[("source", "http"), ("context", &web.url())]));
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_empty_folder = entry.path().is_dir() && fs::read_dir(entry.path()).unwrap().count() == 0;
        assert!(name.starts_with("calls.db") || is_empty_folder, "{name}");
    }
}
