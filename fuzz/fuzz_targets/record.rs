//! Any text as a record: it is split as a naive reading splits it; each piece fills its field or is named in the
//! complaint; what failed has changed nothing.
#![no_main]

use import_cji::fault::{Key, shown};
use import_cji::field::{Field, FieldType, Fields, fold};
use import_cji::mapping::pieces;
use import_cji::time::Zone;
use import_cji::value::normalize;
use import_cji_fuzz::common::Host;
use import_cji_fuzz::{before_nul, is_imported, with_host};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const TYPES: [(&str, &str, FieldType, bool); 5] = [
    ("name", "Имя", FieldType::Text, false),
    ("phone1", "Phone 1", FieldType::Phone, false),
    ("n", "Straße", FieldType::Integer, false),
    ("born", "name", FieldType::Datetime, false),
    ("memo", "|", FieldType::Text, true),
];

fn fields(required: bool) -> Vec<Field> {
    let field = |(name, display, kind, must): (&str, &str, _, _)| Field {
        name: name.to_owned(),
        display: display.to_owned(),
        kind,
        required: required && must,
    };
    TYPES.map(field).to_vec()
}

fn host(required: bool, key: &[&str]) -> Host {
    Host::with_campaign(&json!({ "fields": fields(required), "unique_key": key }))
}

/// The record, read character by character. The error: a piece without `=`, or none where there is no piece.
fn naive_pieces(record: &str) -> Result<Vec<(String, String)>, Option<String>> {
    let mut texts = vec![String::new()];
    let mut rest = record.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '|' && rest.peek() == Some(&'|') {
            rest.next();
            texts.push(String::new());
        } else {
            texts.last_mut().expect("one at least").push(c);
        }
    }
    let mut pieces = Vec::new();
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let at = text.find('=').ok_or_else(|| Some(text.to_owned()))?;
        pieces.push((text[..at].trim().to_owned(), text[at + 1..].trim().to_owned()));
    }
    if pieces.is_empty() { Err(None) } else { Ok(pieces) }
}

fn split(record: &str) -> Option<Vec<(String, String)>> {
    let naive = naive_pieces(record);
    match (pieces(record), naive) {
        (Ok(pieces), Ok(naive)) => {
            let pieces: Vec<_> = pieces.iter().map(|p| (p.name.to_owned(), p.value.to_owned())).collect();
            assert_eq!(pieces, naive);
            Some(naive)
        }
        (Err(fault), Err(Some(piece))) => {
            assert!(fault.key == Key::RecordBad && fault.message.contains(&shown(&piece)), "{fault}");
            None
        }
        (Err(fault), Err(None)) => {
            assert_eq!(fault.key, Key::ContextEmpty);
            None
        }
        (pieces, naive) => panic!("{pieces:?} is not {naive:?}"),
    }
}

/// How many customers and entries there are.
fn counts(host: &Host) -> (u64, u64) {
    let campaign = &host.campaign_get(&host.campaign)["data"];
    (campaign["customers"].as_u64().expect("a count"), campaign["dial_list"].as_u64().expect("a count"))
}

fn customer(host: &Host, id: u64) -> Value {
    let listed = host.customer_list(&host.campaign, format!(r#"{{"after":{},"limit":1}}"#, id - 1));
    let customer = listed["data"]["customers"][0].clone();
    assert_eq!(customer["id"], id, "{listed}");
    customer["fields"].clone()
}

fn as_stored(kind: FieldType, value: &str) -> Value {
    let zone = Zone::named("UTC").expect("UTC");
    let value = normalize(kind, value, &zone).expect("a value that was imported");
    match (kind, value.is_empty()) {
        (FieldType::Integer, true) => Value::Null,
        (FieldType::Integer, false) => value.parse::<i64>().expect("a number").into(),
        (_, _) => value.into(),
    }
}

/// The customer's fields are the record's; those that the record leaves out, or leaves empty, are those of `before`.
fn check_fields(of: &Value, pieces: &[(String, String)], table: &Fields, before: Option<&Value>) {
    for (at, field) in table.all().iter().enumerate() {
        let piece = pieces.iter().find(|(name, _)| table.find(name) == Some(at));
        let value = as_stored(field.kind, piece.map_or("", |(_, value)| value));
        let is_empty = value.is_null() || value == "";
        let wanted = if is_empty { before.map_or(&value, |before| &before[&field.name]) } else { &value };
        assert_eq!(&of[&field.name], wanted, "{}", field.name);
    }
}

fn import(host: &Host, setting: u8, record: &str, table: &Fields) {
    let phone_field = ["", "phone1", "Straße", "name"][usize::from(setting >> 1 & 3)];
    let (mut priority, mut dial_time) = ("", "");
    if !phone_field.is_empty() {
        priority = if setting & 8 == 0 { "" } else { "Prio" };
        dial_time = if setting & 16 == 0 { "" } else { "born" };
    }
    let update = setting & 32 != 0;
    let list = ["ignoreDuplicate", "all", "ignoreSuccess", ""][usize::from(setting >> 6)];
    let changes = [
        ("context", record),
        ("phone_field", phone_field),
        ("priority_field", priority),
        ("dialtime_field", dial_time),
        ("dupway", if update { "update" } else { "" }),
        ("dupdiallist", list),
    ];
    let (customers, entries) = counts(host);
    let reply = host.import(&changes);
    let done = is_imported(&reply);
    let message = reply["message"].as_str().expect("a message");
    let listed = u64::from(message.contains("on the dial list"));
    let pieces = split(record);
    if record.is_empty() || pieces.is_none() {
        assert!(!done && message.starts_with("context"), "{message}");
    }
    if let Some(pieces) = &pieces {
        // A piece that names no field, or a field that another one names, is named in the complaint.
        let apart = |name: &str| !priority.is_empty() && !name.is_empty() && fold(name) == fold(priority);
        let of = |name: &str| table.find(name).map_or_else(|| fold(name), |at| at.to_string());
        let faulty = pieces.iter().enumerate().find(|(at, (name, _))| {
            table.find(name).is_none() && !apart(name) || pieces[..*at].iter().any(|(before, _)| of(before) == of(name))
        });
        if let Some((_, (name, value))) = faulty {
            let named = if name.is_empty() { shown(&format!("={value}")) } else { shown(name) };
            let named = named.replace("|Retuen|", "/Retuen/");
            assert!(!done && message.contains(&named), "{message} does not name {named}");
        }
    }
    if !done {
        assert_eq!(counts(host), (customers, entries), "{message}");
        return;
    }
    let pieces = pieces.expect("pieces");
    let words = message.strip_prefix("customer ").and_then(|rest| rest.split_once(' '));
    let (id, what) = words.expect("customer 5 added; …");
    let id: u64 = id.parse().expect("an id");
    assert_eq!(counts(host), (customers + u64::from(what.starts_with("added")), entries + listed), "{message}");
    let now = customer(host, id);
    if what.starts_with("added") {
        check_fields(&now, &pieces, table, None);
    } else if update {
        check_fields(&now, &pieces, table, Some(&now));
    }
}

fuzz_target!(|input: &[u8]| {
    let [setting, bytes @ ..] = input else { return };
    let required = setting & 1 != 0;
    let key = if required { ["name", "n"].as_slice() } else { ["phone1"].as_slice() };
    let Ok(record) = std::str::from_utf8(before_nul(bytes)) else {
        return with_host(
            0,
            || host(false, &["phone1"]),
            |host| {
                assert!(!is_imported(&host.import(&[("context", before_nul(bytes))])));
            },
        );
    };
    let names: Vec<String> = key.iter().map(|&name| name.to_owned()).collect();
    let table = Fields::new(fields(required), &names).expect("fields");
    if required {
        with_host(1, || host(true, &["name", "n"]), |host| import(host, *setting, record, &table));
    } else {
        with_host(0, || host(false, &["phone1"]), |host| import(host, *setting, record, &table));
    }
});
