//! What a thread of the soak does, one call after the other, by chance.

use serde_json::{Value, json};

use crate::common::Host;
use crate::files::phone;
use crate::host::Worker;
use crate::jobs;
use crate::ledger::{Event, Span, Table, now_us};

/// What is told of a login that is wrong or disabled.
const LOGIN: &str = "orgidentity, user or password is wrong, or the user is disabled";

pub fn turn(worker: &mut Worker) {
    match worker.dice.below(1_000) {
        0..400 => record(worker),
        400..500 => main_record(worker),
        500..650 => dial(worker),
        650..720 => lists(worker),
        720..760 => questions(worker),
        760..830 => change(worker),
        830..850 => drop(worker.call("cji_campaign_get", |host| host.campaign_get(&host.campaign))),
        850..860 => another_handle(worker),
        860..990 => jobs::turn(worker),
        _ => catalogue(worker),
    }
}

/// New numbers begin here: it goes on with time, the same for all processes. In the second half there are hardly any, so
/// that what grows on is a leak.
pub fn frontier(worker: &Worker) -> u64 {
    let setting = &worker.soak.setting;
    (now_us() - setting.start_us).min(setting.seconds * 500_000) / 5_000
}

/// A number that is new, or that others take at the same time, or an old one.
pub fn number(worker: &mut Worker) -> u64 {
    let frontier = frontier(worker);
    let before = worker.dice.below(frontier + 1);
    if worker.dice.below(10) < 6 { frontier + worker.dice.below(100) } else { before }
}

/// An import of one record with whatever options; the reply, as JSON.
fn import(host: &Host, form: u64, changes: &[(&str, &str)]) -> Value {
    let told = |reply: &str| {
        let mut parts = reply.split("|Retuen|");
        let code = parts.nth(1).and_then(|code| code.parse::<u64>().ok());
        json!({ "code": code, "message": parts.next() })
    };
    match form {
        0 => told(&host.import_event(format!("EVENT=Import&{}", host.query_string(changes)))),
        1 => {
            let reply = host.import_jsonp(format!("callback=jQuery1_2&{}", host.query_string(changes)));
            let json = reply.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map_or("", |(json, _)| json);
            serde_json::from_str(json).unwrap_or_default()
        }
        _ => host.import(changes),
    }
}

fn record(worker: &mut Worker) {
    let (number, form) = (number(worker), worker.dice.below(10));
    let dice = &mut worker.dice;
    let context = format!(
        "name=Of {}||phone1={}||city={}||urgency={}",
        dice.below(50),
        phone(number),
        dice.below(9),
        dice.below(4)
    );
    let on_the_list = dice.one_in(2);
    let changes = [
        ("context", context.as_str()),
        ("phone_field", if on_the_list { "Phone 1" } else { "" }),
        ("priority_field", if on_the_list { "urgency" } else { "" }),
        ("emptyagent", dice.one_of(&["yes", "no", ""])),
        ("resetstatus", dice.one_of(&["yes", "no", ""])),
        ("dupway", dice.one_of(&["update", "skip", ""])),
        ("dupdiallist", dice.one_of(&["ignoreDuplicate", "all", "ignoreSuccess", ""])),
        ("callbackFuc", if dice.one_in(3) { "heard" } else { "" }),
    ];
    // A piece that is no field needs its parameter.
    let plain = context.rsplit_once("||").map_or("", |(plain, _)| plain).to_owned();
    let mut changes = changes;
    if !on_the_list {
        changes[0].1 = &plain;
    }
    let heard = worker.heard();
    let reply = worker.call("a record", |host| import(host, form, &changes));
    if worker.heard() - heard != u64::from(changes[7].1 == "heard") {
        worker.fault(&format!("the callback was called {} times: {reply}", worker.heard() - heard));
    }
    let Some(message) = worker.expect("a record", &reply, &[]) else { return };
    let customer = noted(worker, Table::Mixed, number, &message);
    if worker.dice.one_in(10) {
        let filter = json!({ "where": { "phone1": phone(number) } }).to_string();
        let found = worker.call("cji_customer_list by key", |host| host.customer_list(&host.campaign, &filter));
        let found = worker.data("cji_customer_list by key", &found);
        let ids: Vec<_> = found["customers"].as_array().into_iter().flatten().map(|c| c["id"].as_u64()).collect();
        if ids != [customer] {
            worker.fault(&format!("number {number} was {message}, and then found as {ids:?}"));
        }
    }
}

/// Writes down what a record's reply says of its customer.
fn noted(worker: &mut Worker, table: Table, number: u64, message: &str) -> Option<u64> {
    let customer = message.strip_prefix("customer ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    let Some(customer) = customer else {
        worker.fault(&format!("a record was told {message}"));
        return None;
    };
    let (added, listed) = (message.contains(" added"), message.contains("on the dial list"));
    worker.ledger.note(&Event::Record { table, number, customer, added, listed });
    Some(customer)
}

fn main_record(worker: &mut Worker) {
    let number = number(worker);
    let dice = &mut worker.dice;
    let context = format!("name=Main {}||phone1={}", dice.below(50), phone(number));
    let at = dice.below(2) as usize;
    let campaign = worker.soak.setting.main[at].clone();
    let changes = [
        ("context", context.as_str()),
        ("model_id", campaign.as_str()),
        ("phone_field", dice.one_of(&["phone1", ""])),
        ("dupway", dice.one_of(&["update", "skip"])),
        ("dupdiallist", dice.one_of(&["ignoreDuplicate", "all", "ignoreSuccess"])),
        ("changepackage", dice.one_of(&["skip", "unassignToCurrent", "reassignToCurrent"])),
    ];
    let reply = worker.call("a record of the main table", |host| host.import(&changes));
    if let Some(message) = worker.expect("a record of the main table", &reply, &[]) {
        noted(worker, Table::Main, number, &message);
    }
}

/// A dialer: takes entries, and ends most of its leases.
fn dial(worker: &mut Worker) {
    let [first, second] = &worker.soak.setting.main;
    let mixed = worker.soak.setting.mixed.clone();
    let campaign = [&mixed, &mixed, first, second][worker.dice.below(4) as usize].clone();
    let limit = 1 + i32::try_from(worker.dice.below(8)).expect("small");
    let lease_s = worker.dice.one_of(&[1, 2, 60, 60, 60]);
    let from_us = now_us();
    let reply = worker.call("cji_dial_next", |host| host.dial_next(&campaign, limit, lease_s));
    let span = Span { from_us, to_us: now_us() };
    let leased = worker.data("cji_dial_next", &reply);
    let entries: Vec<u64> =
        leased["entries"].as_array().into_iter().flatten().filter_map(|entry| entry["id"].as_u64()).collect();
    let lease_s = u64::from(lease_s.unsigned_abs());
    for &entry in &entries {
        worker.ledger.note(&Event::Leased { entry, span, lease_s });
    }
    for entry in entries {
        if worker.dice.one_in(20) {
            // A dialer that never ends it.
            continue;
        }
        let retry = worker.dice.one_in(5);
        let priority = worker.dice.below(4);
        let outcome = match retry {
            true => json!({ "outcome": "retry", "priority": priority }).to_string(),
            false => json!({ "outcome": "done" }).to_string(),
        };
        let from_us = now_us();
        let reply = worker.call("cji_dial_done", |host| host.dial_done(&campaign, entry.to_string(), &outcome));
        let done = Span { from_us, to_us: now_us() };
        let late = done.to_us + 20_000 > span.from_us + lease_s * 1_000_000;
        // One that ran out may be ended, too, when another has the entry by now: `cji_dial_done` can't tell who asks.
        let gone =
            ["no such entry (any more)", "it is not leased", "its lease has run out, so it may be another's by now"];
        if worker.expect("cji_dial_done", &reply, if late { &gone } else { &gone[..2] }).is_some() {
            let in_mixed = campaign == mixed;
            worker.ledger.note(&Event::Ended { entry, span: done, retry, late, in_mixed });
        } else if !late {
            worker.ledger.note(&Event::Robbed { entry, span: Span { from_us: span.from_us, to_us: done.to_us } });
        }
    }
}

fn lists(worker: &mut Worker) {
    let after = worker.dice.below(frontier(worker) + 1);
    let filter = json!({ "after": after, "limit": worker.dice.one_of(&[1, 20, 20, 200]) }).to_string();
    let (kind, key, listed) = match worker.dice.below(3) {
        0 => ("cji_dial_list", "entries", worker.call("cji_dial_list", |host| host.dial_list(&host.campaign, &filter))),
        1 => {
            let filter = r#"{"where":{"state":"leased"},"limit":50}"#;
            ("cji_dial_list", "entries", worker.call("cji_dial_list", |host| host.dial_list(&host.campaign, filter)))
        }
        _ => {
            let listed = worker.call("cji_customer_list", |host| host.customer_list(&host.campaign, &filter));
            ("cji_customer_list", "customers", listed)
        }
    };
    let page = worker.data(kind, &listed);
    let ids: Vec<_> = page[key].as_array().into_iter().flatten().map(|row| row["id"].as_u64()).collect();
    if !ids.is_sorted_by(|a, b| a < b) {
        worker.fault(&format!("{kind} is not by id: {ids:?}"));
    }
}

/// What must be so at every moment.
fn questions(worker: &mut Worker) {
    let (files, mixed) = (worker.soak.setting.files.clone(), worker.soak.setting.mixed.clone());
    let sql = match worker.dice.below(40) {
        0 => format!(
            "SELECT (SELECT count(*) FROM campaign_{files}_customers)
                    = (SELECT ifnull(sum(inserted), 0) FROM job WHERE campaign = {files})"
        ),
        1 => format!("SELECT count(*) = count(DISTINCT \"Phone 1\") FROM campaign_{mixed}_customers"),
        2 => "SELECT (SELECT count(DISTINCT id) FROM dial_list WHERE campaign = 1)
                     = (SELECT count(*) FROM dial_entry WHERE campaign = 1)"
            .to_owned(),
        // It takes long, so that there is hardly a moment without a reader.
        3 => "WITH RECURSIVE n (i) AS (SELECT count(*) FROM campaign UNION ALL SELECT i + 1 FROM n LIMIT 1000000)
              SELECT max(i) > 0 FROM n"
            .to_owned(),
        _ => "SELECT count(*) = 0 FROM (SELECT * FROM job ORDER BY id DESC LIMIT 200)
              WHERE read <> inserted + updated + skipped + rejected"
            .to_owned(),
    };
    let reply = worker.call("cji_query", |host| host.query(&sql, ""));
    if worker.data("cji_query", &reply)["rows"] != json!([[1]]) {
        worker.fault(&format!("it is not so: {sql}: {reply}"));
    }
}

fn change(worker: &mut Worker) {
    let customer = (1 + worker.dice.below(frontier(worker) / 2 + 20)).to_string();
    let dice = &mut worker.dice;
    let status = dice.one_of(&["open", "pending", "error", "success"]);
    let agent = dice.one_of(&[Some("7"), Some("8"), None]);
    let (campaign, changes) = if dice.one_in(3) {
        let setting = &worker.soak.setting;
        let package = dice.one_of(&[Some(3), Some(4), None]);
        let key = format!("7{}", dice.below(100));
        let changes = match dice.below(3) {
            0 => json!({ "package": package }),
            // A number that others want too.
            1 => json!({ "fields": { "phone1": key } }),
            _ => json!({ "package": package, "status": status, "agent": agent }),
        };
        (setting.main[0].clone(), changes.to_string())
    } else {
        let changes = json!({ "status": status, "agent": agent, "fields": { "city": "Rome" } });
        (worker.soak.setting.mixed.clone(), changes.to_string())
    };
    let reply = worker.call("cji_customer_set", |host| host.customer_set(&campaign, &customer, &changes));
    worker.expect("cji_customer_set", &reply, &["another customer has this unique key", "there is no such customer"]);
}

/// One more engine of this process on the same file.
fn another_handle(worker: &mut Worker) {
    let host = worker.open();
    for _ in 0..1 + worker.dice.below(4) {
        let number = number(worker);
        let context = format!("phone1={}", phone(number));
        let kind = "a record by another handle";
        let reply = worker.timed(kind, || host.import(&[("context", &context)]));
        if let Some(message) = worker.expect(kind, &reply, &[]) {
            noted(worker, Table::Mixed, number, &message);
        }
    }
    worker.timed("close another handle", || drop(host));
}

fn catalogue(worker: &mut Worker) {
    let number = worker.number;
    match number {
        // Each process has a user of its own, and one thread that disables it.
        1 if worker.now_and_then(3) => user(worker),
        2 if worker.now_and_then(15) => campaign(worker),
        3 if worker.now_and_then(5) => {
            let name = format!("The team {}", worker.turns);
            let reply = worker.call("cji_team_add", |host| host.team_add("team", &name));
            worker.expect("cji_team_add", &reply, &[]);
        }
        _ => {}
    }
}

fn user(worker: &mut Worker) {
    let (user, password) = (format!("of {}", worker.soak.setting.process), worker.turns.to_string());
    let set = worker.call("cji_user_set", |host| host.user_set("team", "agent", &user, "plaintext", &password));
    worker.expect("cji_user_set", &set, &[]);
    let number = number(worker);
    let context = format!("phone1={}", phone(number));
    let changes = [("context", context.as_str()), ("user", user.as_str()), ("password", password.as_str())];
    let reply = worker.call("a record of a new password", |host| host.import(&changes));
    if let Some(message) = worker.expect("a record of a new password", &reply, &[]) {
        noted(worker, Table::Mixed, number, &message);
    }
    let reply = worker.call("cji_user_disable", |host| host.user_disable("team", "agent", &user));
    worker.expect("cji_user_disable", &reply, &[]);
    let reply = worker.call("a record of a disabled user", |host| host.import(&changes));
    if worker.expect("a record of a disabled user", &reply, &[LOGIN]).is_some() {
        worker.fault(&format!("{user} is disabled, and may import: {reply}"));
    }
}

fn campaign(worker: &mut Worker) {
    let name = format!("Of {}", worker.turns);
    let definition = match worker.dice.below(3) {
        0 => json!({ "name": name, "package": 1 }),
        1 => json!({ "name": name, "main_table": true }),
        _ => json!({ "name": name }),
    };
    let reply = worker.call("cji_campaign_add", |host| host.campaign_add("team", definition.to_string()));
    let Some(campaign) = worker.expect("cji_campaign_add", &reply, &[]) else { return };
    let table = match (&definition["package"], &definition["main_table"]) {
        (Value::Number(_), _) => Table::Mixed,
        (_, Value::Bool(_)) => Table::Main,
        _ => Table::Other,
    };
    let number = number(worker);
    let context = format!("phone1={}", phone(number));
    let changes = [("context", context.as_str()), ("model_id", campaign.as_str())];
    let reply = worker.call("a record of a new campaign", |host| host.import(&changes));
    if let Some(message) = worker.expect("a record of a new campaign", &reply, &[]) {
        noted(worker, table, number, &message);
    }
}
