//! The table of cases that every binding runs (tests/data/calls.json), here through the C ABI; and what makes it worth
//! running: it covers every function and notices every parameter that gets lost or mistaken for its neighbour.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::{Library, PARAMETERS, parsed};
use serde_json::{Map, Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Value {
    let text = fs::read_to_string(root().join("tests/data/calls.json")).expect("the table");
    serde_json::from_str(&text).expect("JSON")
}

/// `tests/cases/serve.py`, which ends with its standard input.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Option<Self> {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/cases/serve.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            common::skip("python3 is not installed");
            return None;
        };
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut url).expect("its URL");
        Some(Server { child, url: url.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What a binding may do wrong with the parameters of an import before the library sees them.
type Mistake<'a> = &'a dyn Fn(&mut Map<String, Value>);

/// Runs one case; the failure is the first step that does not answer as the table says.
fn run(case: &Value, table: &Value, server: &Server, mistake: Mistake) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    let case = &with_texts(case, &|text| text.replace("<server>", &server.url).replace("<tmp>", path));

    let location = case["location"].as_str().unwrap_or(":memory:");
    let library = match Library::open(location, text(case.get("options").unwrap_or(&table["options"]))) {
        Ok(library) => library,
        Err(reply) => return matched("cji_engine_open", &case["open"], &reply),
    };
    if case.get("open").is_some() {
        return Err("cji_engine_open: must fail".to_owned());
    }
    let heard = Arc::new(Heard { cancel: case["progress"]["cancel"] == true, ..Heard::default() });
    let steps = |of: &Value| of.as_array().expect("steps").clone();
    for step in steps(&table["host"]).iter().chain(&steps(&case["steps"])) {
        if let Some(path) = step["read"].as_str() {
            let found = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
            matched(path, &step["text"], &found.into())?;
            continue;
        }
        let name = step["call"].as_str().expect("a function");
        let mut with = step["with"].as_object().cloned().unwrap_or_default();
        if matches!(name, "import_cji" | "import_ws") {
            for (parameter, value) in table["import"].as_object().expect("parameters") {
                with.entry(parameter).or_insert_with(|| value.clone());
            }
            mistake(&mut with);
        }
        let (given, answer) = (json!(with), call(&library, name, &with, &heard));
        let expected = match (step.get("reply"), step.get("text")) {
            (Some(reply), None) => reply.clone(),
            (None, Some(text)) => text.clone(),
            (None, None) => json!({"code": 1, "message": "<any>"}),
            (Some(_), Some(_)) => return Err(format!("{step}: either reply or text")),
        };
        // A step that shows nothing must be done, whatever it reads.
        let answer = if step.get("reply").is_none() { without_data(answer) } else { answer };
        matched(&format!("{name} {given}"), &expected, &answer)?;
    }
    drop(library);
    matched("called", case.get("called").unwrap_or(&json!([])), &json!(*heard.replies.lock().unwrap()))?;
    for (key, value) in case["progress"]["last"].as_object().into_iter().flatten() {
        matched(&format!("the last progress: {key}"), value, &heard.job.lock().unwrap()[key])?;
    }
    Ok(())
}

/// What the callbacks and the progress function of a case were told.
#[derive(Default)]
struct Heard {
    replies: Mutex<Vec<Value>>,
    job: Mutex<Value>,
    cancel: bool,
}

fn call(library: &Library, name: &str, with: &Map<String, Value>, heard: &Arc<Heard>) -> Value {
    let none = Value::Null;
    let t = |parameter: &str| text(with.get(parameter).unwrap_or(&none));
    let n = |parameter: &str| i32::try_from(with[parameter].as_i64().expect("a number")).expect("32 bits");
    let all = || PARAMETERS.map(|parameter| t(parameter).into_bytes());
    let removes = |parameter: &str| with.get(parameter).is_some_and(Value::is_null);
    let heard = Arc::clone(heard);
    match name {
        "import_cji" => library.import_cji(&all()),
        "import_ws" => library.import_ws(&all()).into(),
        "import_event" => library.import_event(t("query")).into(),
        "import_jsonp" => library.import_jsonp(t("query")).into(),
        "cji_team_add" => library.team_add(t("orgidentity"), t("name")),
        "cji_user_set" => library.user_set(t("orgidentity"), t("usertype"), t("user"), t("pwdtype"), t("password")),
        "cji_user_disable" => library.user_disable(t("orgidentity"), t("usertype"), t("user")),
        "cji_main_table_define" => library.main_table_define(t("orgidentity"), t("definition")),
        "cji_campaign_add" => library.campaign_add(t("orgidentity"), t("definition")),
        "cji_campaign_get" => library.campaign_get(t("campaign_id")),
        "cji_job_get" => library.job_get(t("job_id")),
        "cji_job_list" => library.job_list(t("filter")),
        "cji_job_cancel" => library.job_cancel(t("job_id")),
        "cji_job_rejects" => library.job_rejects(t("job_id"), t("path")),
        "cji_jobs_run_due" => library.jobs_run_due(),
        "cji_worker_start" => library.worker_start(),
        "cji_worker_stop" => library.worker_stop(),
        "cji_callback_set" if removes("callback") => library.callback_remove(&t("name")),
        "cji_callback_set" => library.callback_set(&t("name"), move |reply| {
            heard.replies.lock().unwrap().push(parsed(reply));
        }),
        "cji_progress_set" if removes("progress") => library.progress_remove(),
        "cji_progress_set" => library.progress_set(move |job| {
            *heard.job.lock().unwrap() = parsed(job);
            heard.cancel
        }),
        "cji_customer_list" => library.customer_list(t("campaign_id"), t("filter")),
        "cji_customer_set" => library.customer_set(t("campaign_id"), t("customer_id"), t("changes")),
        "cji_dial_list" => library.dial_list(t("campaign_id"), t("filter")),
        "cji_dial_next" => library.dial_next(&t("campaign_id"), n("limit"), n("lease_seconds")),
        "cji_dial_done" => library.dial_done(t("campaign_id"), t("entry_id"), t("outcome")),
        "cji_query" => library.query(t("sql"), t("arguments")),
        other => panic!("{other} is no function that a step may call"),
    }
}

/// A parameter's text: a missing one is "", a list or object its JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        native => native.to_string(),
    }
}

fn without_data(mut answer: Value) -> Value {
    if let Some(reply) = answer.as_object_mut() {
        reply.remove("data");
    }
    answer
}

fn with_texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => change(text).into(),
        Value::Array(list) => list.iter().map(|one| with_texts(one, change)).collect(),
        Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), with_texts(v, change))).collect(),
        other => other.clone(),
    }
}

fn matched(what: &str, expected: &Value, found: &Value) -> Result<(), String> {
    if matches(expected, found) { Ok(()) } else { Err(format!("{what}\n  must be {expected}\n  but is  {found}")) }
}

/// "<any>" is any value, and inside a text any part of it.
fn matches(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(any), _) if any == "<any>" => true,
        (Value::String(expected), Value::String(found)) => {
            let mut parts = expected.split("<any>");
            let first = parts.next().unwrap_or_default();
            let Some(mut rest) = found.strip_prefix(first) else { return false };
            let parts: Vec<&str> = parts.collect();
            let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
            middle.iter().all(|part| rest.split_once(part).map(|(_, after)| rest = after).is_some())
                && rest.ends_with(last)
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| matches(e, f))
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().all(|(key, e)| found.get(key).is_some_and(|f| matches(e, f)))
        }
        (expected, found) => expected == found,
    }
}

fn cases(table: &Value) -> &[Value] {
    table["cases"].as_array().expect("cases")
}

#[test]
fn every_case_of_the_table_holds() {
    let (table, Some(server)) = (table(), Server::start()) else { return };
    let mut broken = Vec::new();
    for case in cases(&table) {
        if let Err(why) = run(case, &table, &server, &|_| {}) {
            broken.push(format!("{}: {why}", case["name"]));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_two_cases_have_one_name() {
    let table = table();
    let mut names = BTreeSet::new();
    for case in cases(&table) {
        assert!(names.insert(case["name"].as_str().expect("a name")), "{case}");
    }
}

#[test]
fn every_function_is_called_with_success_and_with_a_failure() {
    let table = table();
    let mut seen = BTreeSet::new();
    for case in cases(&table) {
        seen.insert(("cji_engine_open", case.get("open").is_none()));
        for step in case.get("steps").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = step["call"].as_str() else { continue };
            let done = match step["text"].as_str() {
                Some(text) => text.starts_with("|Retuen|1|") || text.contains(r#"({"code":1,"#),
                None => step["reply"]["code"] != 2,
            };
            seen.insert((name, done));
        }
    }
    let abi = fs::read_to_string(root().join("tests/data/abi.json")).expect("the ABI");
    let abi: Value = serde_json::from_str(&abi).expect("JSON");
    for function in abi["functions"].as_array().expect("functions") {
        let name = function["name"].as_str().expect("a name");
        if ["cji_version", "cji_abi_version", "cji_text_free", "cji_engine_close"].contains(&name) {
            continue; // They answer nothing that could fail.
        }
        assert!(seen.contains(&(name, true)), "no case calls {name} with success");
        // These fail inside a callback, without an engine, or on a broken disk only.
        if !["cji_jobs_run_due", "cji_worker_stop", "cji_progress_set"].contains(&name) {
            assert!(seen.contains(&(name, false)), "no case calls {name} in vain");
        }
    }
}

/// "The likeliest bug with 22 parameters is one that is accepted and ignored."
#[test]
fn a_binding_that_loses_a_parameter_breaks_a_case() {
    let (table, Some(server)) = (table(), Server::start()) else { return };
    for parameter in PARAMETERS {
        let lost = |with: &mut Map<String, Value>| drop(with.remove(parameter));
        assert!(breaks(&[parameter], &table, &server, &lost), "no case notices that {parameter} is lost");
    }
}

#[test]
fn a_binding_that_mistakes_a_parameter_for_its_neighbour_breaks_a_case() {
    let (table, Some(server)) = (table(), Server::start()) else { return };
    for pair in PARAMETERS.windows(2) {
        let swapped = |with: &mut Map<String, Value>| {
            let (one, other) = (with.remove(pair[0]), with.remove(pair[1]));
            with.extend(one.map(|value| (pair[1].to_owned(), value)));
            with.extend(other.map(|value| (pair[0].to_owned(), value)));
        };
        assert!(breaks(pair, &table, &server, &swapped), "no case notices that {pair:?} are swapped");
    }
}

/// True where a case that gives one of these parameters notices the mistake.
fn breaks(parameters: &[&str], table: &Value, server: &Server, mistake: Mistake) -> bool {
    let gives = |case: &Value| {
        parameters
            .iter()
            .any(|p| table["import"].get(p).is_some() || case["steps"].to_string().contains(&format!("\"{p}\":")))
    };
    cases(table).iter().any(|case| gives(case) && run(case, table, server, mistake).is_err())
}
