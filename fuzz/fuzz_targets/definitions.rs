//! Any text as options, definition, filter, changes, outcome or SQL: refused, or taken for what it says; what was
//! refused has changed nothing.
#![no_main]

use import_cji_fuzz::common::{Host, Library};
use import_cji_fuzz::{is_done, with_host};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn host() -> Host {
    let fields = json!([
        {"name": "name", "display": "Имя"}, {"name": "phone1", "type": "phone"}, {"name": "n", "type": "integer"},
        {"name": "born", "type": "datetime"}, {"name": "must", "required": true},
    ]);
    let host = Host::with(&json!({ "background": true }), &json!({ "fields": fields }));
    for n in 0..7 {
        let record = format!("name=Joe{n}||phone1={n}||n={n}||born=2026-01-0{}||must=x", n + 1);
        host.import(&[("context", record.as_str()), ("phone_field", "phone1")]);
    }
    host.import(&[("source", "http"), ("context", "http://192.0.2.1/a.csv")]);
    host.campaign(&json!({"name": "main", "main_table": true}));
    host.import(&[("model_id", "2"), ("context", "phone1=138||name=Zoë")]);
    is_done(&host.dial_next(&host.campaign, 2, 1_000_000));
    host
}

/// The number that one question answers.
fn number(host: &Host, sql: &str) -> u64 {
    let reply = host.query(sql, "");
    reply["data"]["rows"][0][0].as_u64().unwrap_or_else(|| panic!("{reply}"))
}

fn options(text: &str) {
    match Library::open(":memory:", text) {
        Ok(library) => {
            let given: Value = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
            assert!(given.is_object() && is_done(&library.team_add("team", "name")));
        }
        Err(refusal) => {
            assert!(!is_done(&refusal));
            let message = refusal["message"].as_str().expect("a message");
            let about = ["options", "allow_hosts", "ca_file", "spool_dir"];
            assert!(about.iter().any(|word| message.contains(word)), "{message}");
        }
    }
}

/// The fields as `cji_campaign_get` shows them are those of the definition.
fn check_table(shown: &Value, definition: &Value) {
    let Some(fields) = definition.get("fields").and_then(Value::as_array) else { return };
    let shown_fields = shown["fields"].as_array().expect("fields");
    assert_eq!(shown_fields.len(), fields.len());
    for (shown, field) in shown_fields.iter().zip(fields) {
        assert_eq!(shown["name"], field["name"]);
        assert_eq!(shown["type"], *field.get("type").unwrap_or(&json!("text")));
        assert_eq!(shown["required"], *field.get("required").unwrap_or(&json!(false)));
        let display = field.get("display").and_then(Value::as_str).filter(|display| !display.trim().is_empty());
        assert_eq!(shown["display"], display.map_or(field["name"].clone(), Value::from));
    }
    let key = shown["unique_key"].as_array().expect("a key");
    assert!(!key.is_empty() && key.iter().all(|name| shown_fields.iter().any(|field| field["name"] == *name)));
}

fn campaign(host: &Host, text: &str) {
    let before = number(host, "SELECT count(*) FROM campaign");
    let tables = number(host, "SELECT count(*) FROM sqlite_schema");
    let reply = host.campaign_add("team", text);
    let done = is_done(&reply);
    assert_eq!(number(host, "SELECT count(*) FROM campaign"), before + u64::from(done), "{reply}");
    if !done {
        assert_eq!(number(host, "SELECT count(*) FROM sqlite_schema"), tables, "{reply}");
        return;
    }
    let id = reply["message"].as_str().expect("an id");
    let shown = host.campaign_get(id);
    assert!(is_done(&shown));
    let (shown, definition): (_, Value) = (&shown["data"], serde_json::from_str(text).expect("an object"));
    assert_eq!(shown["name"], definition["name"]);
    assert_eq!(shown["id"].to_string(), id);
    check_table(shown, &definition);
    // The new view by display names can be read, and the table takes a record or says why not.
    assert!(is_done(&host.query(&format!("SELECT * FROM campaign_{id}_customers"), "")));
    let values: Vec<String> = shown["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| format!("{}={}", field["name"].as_str().expect("a name"), "2026-01-01"))
        .collect();
    let reply = host.import(&[("model_id", id), ("context", &values.join("||"))]);
    let integer = shown["fields"].as_array().expect("fields").iter().any(|field| field["type"] == "integer");
    assert!(is_done(&reply) || integer, "{reply}");
}

fn main_table(host: &Host, text: &str) {
    let fields = "SELECT count(*) FROM field";
    let (before, customers) = (number(host, fields), number(host, "SELECT count(*) FROM customers_2"));
    let done = is_done(&host.main_table_define("team", text));
    let after = number(host, fields);
    assert!(done || after == before);
    assert_eq!(number(host, "SELECT count(*) FROM customers_2"), customers);
    let shown = host.customer_list("2", r#"{"where":{"phone1":"138"}}"#);
    assert_eq!(shown["data"]["customers"][0]["fields"]["name"], "Zoë", "{shown}");
    let other = host.main_table_define("nobody", text);
    assert!(!is_done(&other), "{other}");
}

fn changes(host: &Host, text: &str) {
    let customer = || host.customer_list("1", r#"{"where":{},"limit":1,"after":2}"#)["data"]["customers"][0].clone();
    let before = customer();
    let reply = host.customer_set("1", "3", text);
    let after = customer();
    if !is_done(&reply) {
        assert_eq!(after, before, "{reply}");
        return;
    }
    let given: Value = serde_json::from_str(text).expect("an object");
    if let Some(agent) = given.get("agent") {
        assert!(after["agent"] == *agent || agent == "" && after["agent"].is_null(), "{after}");
    }
    for (name, value) in after["fields"].as_object().expect("fields") {
        let is_named = given.get("fields").and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
        assert!(is_named || *value == before["fields"][name]);
    }
    assert_ne!(after["fields"]["must"], "");
    assert_eq!(number(host, "SELECT count(*) - count(DISTINCT phone1) FROM customers_1"), 0);
    let phone = after["fields"]["phone1"].as_str().expect("a phone");
    let found = host.customer_list("1", json!({"where": {"phone1": phone}}).to_string());
    assert_eq!(found["data"]["customers"], json!([after]));
}

fn filter(reply: &Value, list: &str, text: &str) {
    if !is_done(reply) {
        return;
    }
    let given: Value = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
    let rows = reply["data"][list].as_array().expect("a list");
    let after = given.get("after").and_then(Value::as_u64).unwrap_or(0);
    let limit = given.get("limit").and_then(Value::as_u64).unwrap_or(100);
    assert!(rows.len() as u64 <= limit && rows.iter().all(|row| row["id"].as_u64() > Some(after)), "{reply}");
    for (name, value) in given.get("where").and_then(Value::as_object).into_iter().flatten() {
        for row in rows {
            let own = row.get(name.trim()).or_else(|| row["fields"].get(name.trim()));
            let exact = matches!(name.as_str(), "agent" | "name");
            assert!(!exact || own.is_none_or(|own| own == value || own.is_null() && value == ""), "{name}: {reply}");
        }
    }
}

fn query(host: &Host, text: &str) {
    let (sql, arguments) = text.split_once('\n').unwrap_or((text, ""));
    let before = number(host, "SELECT count(*) FROM customers_1");
    let reply = host.query(sql, arguments);
    if is_done(&reply) {
        let data = &reply["data"];
        let width = data["columns"].as_array().expect("columns").len();
        let rows = data["rows"].as_array().expect("rows");
        assert!(rows.len() <= 10_000 && rows.iter().all(|row| row.as_array().is_some_and(|row| row.len() == width)));
        assert!(!reply.to_string().contains("$argon2"), "a password's hash");
    }
    assert_eq!(number(host, "SELECT count(*) FROM customers_1"), before);
}

fuzz_target!(|input: &[u8]| {
    let [kind, bytes @ ..] = input else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let text = text.split('\0').next().unwrap_or_default();
    if kind % 9 == 0 {
        return options(text);
    }
    with_host(0, host, |host| match kind % 9 {
        1 => campaign(host, text),
        2 => main_table(host, text),
        3 => changes(host, text),
        4 => filter(&host.customer_list("1", text), "customers", text),
        5 => filter(&host.dial_list("1", text), "entries", text),
        6 => filter(&host.job_list(text), "jobs", text),
        7 => query(host, text),
        _ => {
            let entries = number(host, "SELECT count(*) FROM dial_entry");
            let done = is_done(&host.dial_done("1", "1", text));
            assert!(number(host, "SELECT count(*) FROM dial_entry") >= entries - u64::from(done));
        }
    });
});
