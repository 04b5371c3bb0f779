//! Callbacks and progress, when they come and what they may do.

mod common;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use common::web::{Web, refusing_url};
use common::{DEFAULTS, Host, data, done, failed, failed_naming, parsed};
use import_cji::ffi;
use serde_json::{Value, json};

type Heard = Arc<Mutex<Vec<Value>>>;

/// A host whose callback `done` keeps what it hears.
fn listening(host: &Host) -> Heard {
    let heard = Heard::default();
    let ear = Arc::clone(&heard);
    done(&host.callback_set("done", move |reply| ear.lock().unwrap().push(parsed(reply))));
    heard
}

fn file(rows: usize) -> String {
    let mut text = String::from("name,phone1\n");
    for i in 0..rows {
        writeln!(text, "Customer {i},138{i:08}").expect("memory");
    }
    text
}

/// Waits until `condition` holds, at most 20 seconds.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_import_that_failed_after_the_parameter_checks_is_told_too() {
    let host = Host::new();
    let heard = listening(&host);
    let replies = [
        host.import(&[("password", "wrong"), ("callbackFuc", "done")]),
        host.import(&[("model_id", "99"), ("callbackFuc", "done")]),
        host.import(&[("context", "none=1"), ("callbackFuc", "done")]),
    ];
    assert_eq!(*heard.lock().unwrap(), replies);
}

#[test]
fn an_import_that_failed_at_the_parameter_checks_is_not_told() {
    let host = Host::new();
    let heard = listening(&host);
    failed(&host.import(&[("dupway", "maybe"), ("callbackFuc", "done")]));
    failed(&host.import(&[("user", ""), ("callbackFuc", "done")]));
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn an_immediate_file_import_is_told_before_the_call_returns() {
    let web = Web::csv(file(3));
    let host = Host::with_options(&json!({"retries": 0}));
    let heard = listening(&host);
    let good = host.import(&[("source", "http"), ("context", web.url().as_str()), ("callbackFuc", "done")]);
    let bad = host.import(&[("source", "http"), ("context", refusing_url().as_str()), ("callbackFuc", "done")]);
    assert_eq!(*heard.lock().unwrap(), [good, bad]);
}

#[test]
fn a_queued_import_is_told_by_whoever_runs_it() {
    let web = Web::csv(file(3));
    let host = Host::with_options(&json!({"background": true}));
    let heard = listening(&host);
    let reply = host.import(&[("source", "http"), ("context", web.url().as_str()), ("callbackFuc", "done")]);
    assert!(heard.lock().unwrap().is_empty());
    done(&host.jobs_run_due());
    assert_eq!(*heard.lock().unwrap(), [reply]);
}

#[test]
fn the_worker_tells_on_its_own_thread() {
    let web = Web::csv(file(3));
    let host = Host::with_options(&json!({"background": true}));
    let heard = Arc::new(Mutex::new(None));
    let ear = Arc::clone(&heard);
    done(&host.callback_set("done", move |_| *ear.lock().unwrap() = Some(thread::current().id())));
    done(&host.worker_start());
    done(&host.import(&[("source", "http"), ("context", web.url().as_str()), ("callbackFuc", "done")]));
    wait_until("the callback", || heard.lock().unwrap().is_some());
    assert_ne!(*heard.lock().unwrap(), Some(thread::current().id()));
    done(&host.worker_stop());
}

#[test]
fn a_name_that_nobody_set_is_no_error_and_the_job_warns_of_it() {
    let web = Web::csv(file(3));
    let host = Host::new();
    done(&host.import(&[("callbackFuc", "nobody")]));
    let job =
        host.job_of(&host.import(&[("source", "http"), ("context", web.url().as_str()), ("callbackFuc", "nobody")]));
    assert!(job["warnings"].to_string().contains("nobody"), "{job}");
}

#[test]
fn a_callback_that_is_set_again_is_replaced_and_null_takes_it_away() {
    let host = Host::new();
    let first = listening(&host);
    let second = listening(&host);
    done(&host.import(&[("callbackFuc", "done")]));
    assert_eq!((first.lock().unwrap().len(), second.lock().unwrap().len()), (0, 1));
    done(&host.callback_remove("done"));
    done(&host.import(&[("callbackFuc", "done")]));
    assert_eq!(second.lock().unwrap().len(), 1);
}

#[test]
fn a_callback_needs_a_name() {
    failed_naming(&Host::new().callback_set("", |_| {}), &["name"]);
}

#[test]
fn a_callback_may_call_the_library() {
    static HOST: OnceLock<Host> = OnceLock::new();
    static HEARD: Mutex<Vec<Value>> = Mutex::new(Vec::new());
    let host = HOST.get_or_init(Host::new);
    done(&host.callback_set("again", |_| {
        let host = HOST.get().unwrap();
        let inner = host.import(&[("context", "phone1=2||name=Inner")]);
        HEARD.lock().unwrap().extend([inner, host.campaign_get(&host.campaign), host.callback_set("other", |_| {})]);
    }));
    done(&host.import(&[("callbackFuc", "again")]));
    let heard = HEARD.lock().unwrap();
    assert_eq!(heard.len(), 3);
    for reply in heard.iter() {
        done(reply);
    }
    assert_eq!(data(&heard[1])["customers"], 2);
}

#[test]
fn closing_stopping_the_worker_and_running_jobs_fail_inside_a_callback() {
    static HOST: OnceLock<Host> = OnceLock::new();
    static HEARD: Mutex<Vec<Value>> = Mutex::new(Vec::new());
    let host = HOST.get_or_init(Host::new);
    done(&host.callback_set("forbidden", |_| {
        let host = HOST.get().unwrap();
        // SAFETY: inside a callback it does nothing.
        unsafe { ffi::cji_engine_close(host.as_ptr()) };
        HEARD.lock().unwrap().extend([host.worker_stop(), host.jobs_run_due()]);
    }));
    done(&host.import(&[("callbackFuc", "forbidden")]));
    let heard = HEARD.lock().unwrap();
    failed_naming(&heard[0], &["callback", "cji_worker_stop"]);
    failed_naming(&heard[1], &["callback", "cji_jobs_run_due"]);
    done(&host.import(DEFAULTS));
    done(&host.worker_stop());
}

/// "When this returns no callback of the handle runs": until then, one that runs on the worker may use the handle.
#[test]
fn a_callback_on_the_worker_may_use_the_handle_that_is_being_closed() {
    let web = Web::csv(file(20_000));
    for _ in 0..5 {
        let host = Host::with_options(&json!({"background": true}));
        let engine = host.as_ptr() as usize;
        let (inside, heard) = (Arc::new(AtomicBool::new(false)), Heard::default());
        let (entered, ear) = (Arc::clone(&inside), Arc::clone(&heard));
        done(&host.progress_set(move |_| {
            entered.store(true, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(100));
            for _ in 0..20 {
                let engine = engine as *mut ffi::cji_engine;
                // SAFETY: the handle is closed, but not before this returns.
                let texts = unsafe { [ffi::cji_job_list(engine, std::ptr::null()), ffi::cji_worker_start(engine)] };
                ear.lock().unwrap().extend(texts.map(|text| {
                    // SAFETY: a text of the library, freed once.
                    let reply = unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap().to_owned();
                    unsafe { ffi::cji_text_free(text) };
                    parsed(reply)
                }));
            }
            false
        }));
        done(&host.worker_start());
        done(&host.import(&[("source", "http"), ("context", &web.url())]));
        wait_until("the worker calls", || inside.load(Ordering::Relaxed));
        drop(host);
        let heard = heard.lock().unwrap();
        assert!(heard.len() >= 40 && heard.iter().all(|reply| reply["code"].is_number()), "{heard:?}");
    }
}

#[test]
fn a_cancelled_job_tells_its_callback() {
    let host = Host::new();
    let heard = listening(&host);
    let context = refusing_url();
    let changes =
        [("source", "http"), ("context", &*context), ("exetime", "2040-01-01 00:00:00"), ("callbackFuc", "done")];
    let id = done(&host.import(&changes)).to_owned();
    done(&host.job_cancel(&id));
    assert_eq!(*heard.lock().unwrap(), [json!({"code": 2, "message": format!("job {id}: cancelled")})]);
    assert_eq!(data(&host.job_get(&id))["state"], "cancelled");
}

#[test]
fn progress_tells_the_job_at_its_end() {
    let web = Web::csv(file(2000));
    let host = Host::new();
    let heard = Heard::default();
    let ear = Arc::clone(&heard);
    done(&host.progress_set(move |job| {
        ear.lock().unwrap().push(parsed(job));
        false
    }));
    let job = host.job_of(&host.import(&[("source", "http"), ("context", &web.url())]));
    let heard = heard.lock().unwrap();
    let last = heard.last().expect("progress at the end");
    assert_eq!((&last["id"], &last["read"], &last["state"]), (&job["id"], &json!(2000), &json!("succeeded")));
    assert_eq!(last.as_object().unwrap().keys().count(), job.as_object().unwrap().keys().count());
}

#[test]
fn progress_that_answers_true_cancels_the_job() {
    let web = Web::csv(file(200_000));
    let host = Host::new();
    let heard = listening(&host);
    done(&host.progress_set(|job| parsed(job)["read"].as_u64() > Some(0)));
    let reply = host.import(&[("source", "http"), ("context", web.url().as_str()), ("callbackFuc", "done")]);
    let message = failed(&reply).to_owned();
    assert!(message.starts_with("job ") && message.ends_with(": cancelled"), "{message}");
    assert_eq!(*heard.lock().unwrap(), [reply]);
    let id = message.split([' ', ':']).nth(1).unwrap();
    let job = data(&host.job_get(id)).clone();
    assert_eq!(job["state"], "cancelled");
    let read = data(&host.campaign_get(&host.campaign))["customers"].as_u64().unwrap();
    assert!(read < 200_000 && json!(read) == job["inserted"], "it keeps its finished chunks: {job}");
}

#[test]
fn progress_may_be_taken_away() {
    done(&Host::new().progress_remove());
}
