//! The table of files, end to end: each file of tests/data/files is served over HTTP, imported by one call into an empty
//! campaign with `dupway` update, and must give exactly what tests/data/files/cases.json says.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use common::web::{Web, respond};
use common::{Host, done, failed};
use serde_json::{Value, json};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/files")
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map_or_else(Vec::new, |list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// What a case gives that it must not; empty: it is right.
fn wrong(case: &Value) -> Result<(), String> {
    let file = case["file"].as_str().expect("a file");
    let bytes = fs::read(corpus().join(file)).map_err(|error| error.to_string())?;
    let charset =
        case["charset"].as_str().map_or_else(String::new, |c| format!("Content-Type: text/csv; charset={c}\r\n"));
    let web = Web::new(move |_, stream| respond(stream, "200 OK", &charset, &bytes));
    let mut definition = json!({});
    for key in ["fields", "unique_key"] {
        if !case[key].is_null() {
            definition[key] = case[key].clone();
        }
    }
    let host = Host::with_campaign(&definition);
    let delrow = case["delrow"].to_string();
    let url = web.url();
    let reply = host.import(&[
        ("source", "http"),
        ("context", url.as_str()),
        ("dupway", "update"),
        ("delrow", if case["delrow"].is_null() { "" } else { delrow.trim_matches('"') }),
        ("phone_field", case["phone_field"].as_str().unwrap_or_default()),
    ]);
    let expect = &case["expect"];
    if let Some(fails) = expect["fails"].as_str() {
        let message = failed(&reply);
        if !message.contains(fails) {
            return Err(format!("{fails:?} is not in {message:?}"));
        }
        return if host.customers().is_empty() { Ok(()) } else { Err("a failure left customers".to_owned()) };
    }
    if reply["code"] != 1 {
        return Err(reply.to_string());
    }
    let id = done(&reply);
    let job = &host.job_get(id)["data"];
    for count in ["read", "inserted", "updated", "skipped", "rejected"] {
        if job[count] != expect[count] {
            return Err(format!("{count} is {}, not {}: {job}", job[count], expect[count]));
        }
    }
    let sum: u64 = ["inserted", "updated", "skipped", "rejected"].iter().filter_map(|c| job[*c].as_u64()).sum();
    assert_eq!(job["read"], sum, "read = inserted + updated + skipped + rejected");
    let warnings = texts(&job["warnings"]);
    for warning in texts(&expect["warnings"]) {
        if !warnings.iter().any(|w| w.contains(&warning)) {
            return Err(format!("no warning says {warning:?}: {warnings:?}"));
        }
    }
    let customers = host.customers();
    let wanted = expect["customers"].as_array().expect("customers");
    if customers.len() != wanted.len() {
        return Err(format!("{} customers, not {}", customers.len(), wanted.len()));
    }
    for (customer, wanted) in customers.iter().zip(wanted) {
        for (field, value) in wanted.as_object().expect("fields") {
            if customer["fields"][field] != *value {
                return Err(format!("{field} is {}, not {value}", customer["fields"][field]));
            }
        }
    }
    rejects(&host, id, expect, job)
}

/// The CSV of rejected rows has each of them, with its line and its reason.
fn rejects(host: &Host, job: &str, expect: &Value, counts: &Value) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rejects.csv");
    done(&host.job_rejects(job, path.to_str().expect("UTF-8")));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(&path).expect("a CSV file");
    let titles = reader.headers().expect("a title row").clone();
    let at: HashMap<&str, usize> = titles.iter().enumerate().map(|(at, title)| (title, at)).collect();
    let (line, reason) = (at["reject_line"], at["reject_reason"]);
    let rows: Vec<(String, String)> = reader
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| (row[line].to_owned(), row[reason].to_owned()))
        .collect();
    assert_eq!(counts["rejected"], rows.len(), "{rows:?}");
    for (wanted, (line, reason)) in expect["rejects"].as_array().expect("rejects").iter().zip(&rows) {
        if wanted["line"].as_u64() != line.parse().ok()
            || !reason.contains(wanted["reason"].as_str().unwrap_or_default())
        {
            return Err(format!("line {line} ({reason}), not {wanted}"));
        }
    }
    Ok(())
}

#[test]
fn every_file_of_the_corpus_gives_what_the_table_says() {
    let table = fs::read_to_string(corpus().join("cases.json")).expect("the table");
    let cases: Vec<Value> = serde_json::from_str(&table).expect("JSON");
    assert!(cases.len() >= 60, "the table has shrunk to {} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| wrong(case).err().map(|what| format!("{} ({}): {what}", case["file"], case["why"])))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_rejects_replace_files_alone_and_never_the_stores_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let host = Host::at(at("store.db"), &json!({}), &json!({}));
    let web = Web::csv("name,phone1\nAnn,none\n");
    let job = done(&host.import(&[("source", "http"), ("context", &*web.url())])).to_owned();
    let write = |path: &std::path::Path| host.job_rejects(&job, path.to_str().expect("UTF-8"));

    for own in ["store.db", "store.db-wal", "store.db-shm"] {
        common::failed_naming(&write(&at(own)), &["path", own]);
    }
    common::failed_naming(&write(folder.path()), &["path"]);
    common::failed_naming(&write(std::path::Path::new("/dev/null")), &["path", "/dev/null"]);
    fs::write(at("real.csv"), "older").expect("a file");
    std::os::unix::fs::symlink(at("real.csv"), at("link.csv")).expect("a link");
    done(&write(&at("link.csv")));
    assert!(at("link.csv").is_symlink() && fs::read_to_string(at("real.csv")).expect("a file").contains("Ann"));
    assert_eq!(host.customers().len(), 0);
}

#[test]
fn rejected_rows_are_imported_again_wherever_an_earlier_rounds_columns_stood() {
    for file in [
        "phone1,reject_reason,name\nnone,old,Ann\n",
        "reject_line,phone1,name\n7,none,Ann\n",
        "Reject_Reason,phone1,name,reject_line\nold,none,Ann,7\n",
    ] {
        let host = Host::new();
        let import = |file: &str| {
            let web = Web::csv(file);
            host.job_of(&host.import(&[("source", "http"), ("context", &*web.url())]))
        };
        let job = import(file);
        assert_eq!(job["rejected"], 1, "{file}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rejects.csv");
        done(&host.job_rejects(job["id"].to_string(), path.to_str().expect("UTF-8")));
        let mended = fs::read_to_string(&path).expect("the rejects").replacen("none", "138", 1);
        let again = import(&mended);
        assert_eq!((&again["inserted"], &again["rejected"]), (&json!(1), &json!(0)), "{mended}");
        assert_eq!(host.customers()[0]["fields"]["name"], "Ann", "{mended}");
    }
}

#[test]
fn a_dialling_field_without_a_column_is_warned_of() {
    let host = Host::new();
    let web = Web::csv("name,phone1\nAnn,1\n");
    let job = host.job_of(&host.import(&[
        ("source", "http"),
        ("context", &*web.url()),
        ("phone_field", "phone2"),
        ("priority_field", "city"),
    ]));
    let warnings = job["warnings"].to_string();
    assert!(warnings.contains("phone_field phone2") && warnings.contains("priority_field city"), "{warnings}");
}
