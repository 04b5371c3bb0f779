//! Another process holds the store's write lock for longer than a lease lasts: leases begin when they are given.

mod common;

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::child::{Process, given, say};
use common::web::Web;
use common::{Host, Library, data, done};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// Holds the write lock, from now on, for so long.
fn hold(store: &Path, time: Duration) -> JoinHandle<()> {
    let store = store.to_owned();
    let (tell, told) = channel();
    let holder = thread::spawn(move || {
        let connection = Connection::open(store).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        tell.send(()).unwrap();
        thread::sleep(time);
        connection.execute_batch("ROLLBACK").unwrap();
    });
    told.recv().unwrap();
    holder
}

/// Serves a title row, and its only other row after a pause.
fn slow(pause: Duration) -> Web {
    Web::new(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 18\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"name,phone1\n"));
        thread::sleep(pause);
        let _ = stream.write_all(b"Joe,1\n");
    })
}

#[test]
fn an_import_that_had_to_wait_keeps_its_job() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    let (tell, told) = channel();
    done(&host.callback_set("done", move |reply| tell.send(reply.to_owned()).unwrap()));
    // Who takes up what nobody runs.
    let other = Library::open(path.to_str().unwrap(), "").unwrap();
    done(&other.worker_start());
    let web = slow(Duration::from_secs(3));
    let holder = hold(&path, Duration::from_millis(5_500));
    let url = web.url();
    let reply = host.import(&[("source", "http"), ("context", &url), ("callbackFuc", "done")]);
    holder.join().unwrap();
    let job = host.job_of(&reply);
    assert_eq!((done(&reply), &job["state"], &job["inserted"]), ("1", &json!("succeeded"), &json!(1)));
    assert_eq!(told.try_iter().count(), 1);
    assert_eq!(web.requests().len(), 1);
    done(&other.worker_stop());
}

#[test]
fn an_import_that_has_to_wait_while_it_runs_keeps_its_job() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    // They all wait for the lock, too, when the lease has run out.
    let mut others: Vec<Process> =
        (0..4).map(|_| Process::run("a_host_with_a_worker", &[("PATH", path.to_str().unwrap())])).collect();
    for other in &mut others {
        other.wait_for("works").expect("a worker");
    }
    let web = slow(Duration::from_secs(9));
    let url = web.url();
    let reply = thread::scope(|scope| {
        let import = scope.spawn(|| host.import(&[("source", "http"), ("context", &url)]));
        thread::sleep(Duration::from_secs(1));
        hold(&path, Duration::from_millis(6_500)).join().unwrap();
        import.join().unwrap()
    });
    assert_eq!((done(&reply), web.requests().len()), ("1", 1));
    for other in &mut others {
        assert!(other.kill(), "it was there all the time");
    }
}

/// Until it is killed.
#[test]
fn a_host_with_a_worker() {
    let Some(path) = given("PATH") else { return };
    let library = Library::open(path, "").expect("the store");
    done(&library.worker_start());
    say("works");
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn an_entry_whose_caller_had_to_wait_is_leased_from_then_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    done(&host.import(&[("context", "name=Joe||phone1=13800001111"), ("phone_field", "phone1")]));
    let holder = hold(&path, Duration::from_millis(2_500));
    let given = host.dial_next("1", 1, 2);
    holder.join().unwrap();
    assert_eq!(data(&given)["entries"][0]["customer"], 1, "{given}");
    let again = host.dial_next("1", 1, 2);
    assert_eq!(data(&again)["entries"], json!([]), "two would dial the same customer");
}
