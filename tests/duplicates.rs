//! Duplicates, end to end, in own tables and in the main table.

mod common;

use common::content::content;
use common::web::Web;
use common::{Host, JOE, data, done, failed_naming};
use serde_json::{Value, json};

/// Another record of the same customer as [`JOE`].
const JOSEPH: &str = "name=Joseph||phone1=13800001111||city=Bonn";

const UPDATE: (&str, &str) = ("dupway", "update");

/// A host that has [`JOE`], with an agent and this status.
fn with_joe(status: &str) -> Host {
    let host = Host::new();
    host.record(JOE);
    host.change(&host.customers()[0], &json!({"agent": "1001", "status": status}));
    host
}

/// What a duplicate's rules could change.
fn state(customer: &Value) -> (&str, Option<&str>, &str) {
    (customer["status"].as_str().unwrap(), customer["agent"].as_str(), customer["fields"]["name"].as_str().unwrap())
}

// Who is a duplicate

#[test]
fn the_unique_key_decides() {
    let host = Host::new();
    host.record(JOE);
    host.record("name=Joe||phone1=13800002222");
    host.record("name=Other||phone1=13800001111");
    assert_eq!(host.customers().len(), 2);
}

#[test]
fn phones_are_compared_after_normalizing_and_text_exactly() {
    let host = Host::new();
    host.record("phone1=138 0000-1111");
    host.record("phone1=(138)00001111");
    host.record("phone1=１３８００００１１１１");
    assert_eq!(host.customers().len(), 1);
    let host = Host::with_campaign(&json!({"unique_key": ["email"]}));
    for email in ["joe@example.com", "JOE@example.com", "joe@example.com ", "jöe@example.com", "jo\u{308}e@example.com"]
    {
        host.record(&format!("email={email}"));
    }
    assert_eq!(host.customers().len(), 4, "only surrounding space was trimmed");
}

#[test]
fn a_key_of_two_fields_needs_both_to_be_the_same() {
    let host = Host::with_campaign(&json!({"unique_key": ["phone1", "name"]}));
    host.record("phone1=1||name=a");
    host.record("phone1=1||name=b");
    host.record("phone1=2||name=a");
    host.record("phone1=1||name=a||city=x");
    assert_eq!(host.customers().len(), 3);
}

#[test]
fn earlier_rows_of_the_same_file_count() {
    let web = Web::csv("name,phone1\nJoe,1\nAnn,2\nJoseph,1\nJoe,1\n");
    let host = Host::new();
    let job = host.job_of(&host.import(&[("source", "http"), ("context", web.url().as_str()), UPDATE]));
    let counts = ["read", "inserted", "updated", "skipped", "rejected"].map(|key| job[key].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 2, 0, 0]);
    assert_eq!(host.customers()[0]["fields"]["name"], "Joe");
}

#[test]
fn rows_of_a_file_are_decided_as_if_they_came_one_by_one() {
    // Repeats are done with the first row of their key: nobody should see that but by the clock.
    let rows: Vec<[String; 4]> = (0..3_000_u32)
        .map(|n| {
            let chance = n.wrapping_mul(2_654_435_761) >> 8;
            let phone = 13_800_000_000_u64 + u64::from(chance % 900);
            let name = if chance % 5 == 0 { String::new() } else { format!("name {}", chance % 7) };
            let city = if chance % 3 == 0 { String::new() } else { format!("city {n}") };
            let phone = if chance % 50 == 0 { "none".to_owned() } else { phone.to_string() };
            [phone, name, city, format!("{}", chance % 4)]
        })
        .collect();
    let mut text = "phone1,name,city,p\n".to_owned();
    rows.iter().for_each(|row| text.push_str(&(row.join(",") + "\n")));
    let web = Web::csv(text);
    for main_table in [false, true] {
        for (dupway, dupdiallist, reset) in
            [("update", "ignoreDuplicate", "no"), ("update", "all", "yes"), ("skip", "ignoreDuplicate", "yes")]
        {
            let [by_file, one_by_one] = [(); 2].map(|()| {
                let host = Host::with_campaign(&json!({"main_table": main_table}));
                for n in 0..50 {
                    host.record(&format!("phone1={}||memo=old", 13_800_000_000_u64 + n * 9));
                }
                for customer in host.customers().iter().step_by(2) {
                    host.change(customer, &json!({"status": "error", "agent": "1001"}));
                }
                host
            });
            let rules = [
                ("phone_field", "phone1"),
                ("priority_field", "p"),
                ("dupway", dupway),
                ("dupdiallist", dupdiallist),
                ("resetstatus", reset),
                ("emptyagent", reset),
            ];
            let url = web.url();
            let job =
                by_file.job_of(&by_file.import(&[&[("source", "http"), ("context", &*url)], &rules[..]].concat()));
            let rejected = rows
                .iter()
                .filter(|[phone, name, city, p]| {
                    let context = format!("phone1={phone}||name={name}||city={city}||p={p}");
                    one_by_one.import(&[&[("context", &*context)], &rules[..]].concat())["code"] == 2
                })
                .count();
            assert_eq!(job["rejected"].as_u64(), Some(rejected as u64));
            let order = data(&by_file.query("SELECT order_rows > 0 FROM job", ""))["rows"][0][0].clone();
            assert_eq!(order == 1, dupdiallist == "ignoreDuplicate", "{order}");
            let without_times = |host: &Host| {
                let mut customers = host.customers();
                customers.iter_mut().for_each(|c| c["updated_at"] = Value::Null);
                customers.iter_mut().for_each(|c| c["created_at"] = Value::Null);
                customers
            };
            assert_eq!(without_times(&by_file), without_times(&one_by_one), "{main_table} {dupway} {dupdiallist}");
            let entries = |host: &Host| data(&host.query("SELECT * FROM dial_entry ORDER BY id", ""))["rows"].clone();
            assert_eq!(entries(&by_file), entries(&one_by_one), "{main_table} {dupway} {dupdiallist}");
        }
    }
}

#[test]
fn another_campaigns_own_table_does_not_count() {
    let host = Host::new();
    let second = host.campaign(&json!({}));
    host.record(JOE);
    let message = done(&host.import(&[("model_id", &second)])).to_owned();
    assert!(message.contains("added"), "{message}");
}

// What is done to it

#[test]
fn by_default_nothing_is_done() {
    let host = with_joe("error");
    done(&host.import(&[("context", JOSEPH), ("phone_field", "phone1")]));
    assert_eq!(state(&host.customers()[0]), ("error", Some("1001"), "Joe"));
    assert!(host.entries().is_empty());
}

#[test]
fn agent_status_and_fields_are_independent_of_each_other() {
    for bits in 0..8 {
        let yes = |bit: u32| if bits >> bit & 1 == 1 { "yes" } else { "no" };
        let update = if bits & 1 == 1 { "update" } else { "skip" };
        let host = with_joe("error");
        done(&host.import(&[("context", JOSEPH), ("dupway", update), ("emptyagent", yes(1)), ("resetstatus", yes(2))]));
        let expected = (
            if bits & 4 == 4 { "open" } else { "error" },
            if bits & 2 == 2 { None } else { Some("1001") },
            if bits & 1 == 1 { "Joseph" } else { "Joe" },
        );
        assert_eq!(state(&host.customers()[0]), expected, "bits {bits:03b}");
    }
}

#[test]
fn an_empty_value_leaves_the_stored_one() {
    let host = Host::new();
    host.record("phone1=1||name=Joe||city=Bonn||memo=old");
    done(&host.import(&[("context", "phone1=1||name=||memo=new"), UPDATE]));
    let fields = &host.customers()[0]["fields"];
    assert_eq!((&fields["name"], &fields["city"], &fields["memo"]), (&json!("Joe"), &json!("Bonn"), &json!("new")));
}

#[test]
fn a_required_field_must_be_in_the_record_itself() {
    let host = Host::with_campaign(&json!({"fields": [
        {"name": "tel", "type": "phone"},
        {"name": "name", "required": true},
    ]}));
    host.record("tel=1||name=Joe");
    failed_naming(&host.import(&[("context", "tel=1"), UPDATE]), &["name"]);
}

#[test]
fn a_duplicate_is_put_on_the_dial_list_by_its_status_as_found() {
    let statuses = ["open", "pending", "error", "success"];
    for status in statuses {
        for (dupdiallist, listed) in [("ignoreDuplicate", false), ("all", true), ("ignoreSuccess", status != "success")]
        {
            let host = with_joe(status);
            done(&host.import(&[("phone_field", "phone1"), ("dupdiallist", dupdiallist), ("resetstatus", "yes")]));
            assert_eq!(!host.entries().is_empty(), listed, "{dupdiallist} of one that is {status}");
            assert_eq!(host.customers()[0]["status"], "open");
        }
    }
}

#[test]
fn the_vendors_closed_success_is_a_success() {
    for status in ["sucessclosed", "successclosed"] {
        let host = with_joe(status);
        done(&host.import(&[("phone_field", "phone1"), ("dupdiallist", "ignoreSuccess")]));
        assert!(host.entries().is_empty(), "{status}");
    }
}

#[test]
fn all_lists_a_number_that_waits_there_already_once_more() {
    let host = Host::new();
    done(&host.import(&[("phone_field", "phone1")]));
    done(&host.import(&[("phone_field", "phone1"), ("dupdiallist", "all")]));
    let entries = host.entries();
    let phones: Vec<&Value> = entries.iter().map(|entry| &entry["phone"]).collect();
    assert_eq!(phones, ["13800001111", "13800001111"]);
}

#[test]
fn a_duplicate_is_listed_under_the_records_number_else_the_stored_one() {
    let host = Host::new();
    host.record("phone1=1||phone2=22");
    let list = |context: &str| {
        done(&host.import(&[("context", context), ("phone_field", "phone2"), ("dupdiallist", "all")]));
        host.entries().last().expect("an entry")["phone"].clone()
    };
    assert_eq!(list("phone1=1||phone2=33"), "33");
    assert_eq!(list("phone1=1"), "22");
    assert_eq!(list("phone1=1||phone2="), "22");
    assert_eq!(host.customers()[0]["fields"]["phone2"], "22", "dupway is skip");
}

#[test]
fn with_no_phone_field_or_no_number_a_duplicate_is_not_listed() {
    let host = Host::new();
    host.record(JOE);
    done(&host.import(&[("dupdiallist", "all")]));
    done(&host.import(&[("dupdiallist", "all"), ("phone_field", "phone2")]));
    assert!(host.entries().is_empty());
}

#[test]
fn priority_and_dial_time_of_a_duplicates_entry_are_the_records() {
    let host = Host::new();
    host.record(JOE);
    done(&host.import(&[
        ("context", "phone1=13800001111||p=9||t=2040-01-01"),
        ("phone_field", "phone1"),
        ("priority_field", "p"),
        ("dialtime_field", "t"),
        ("dupdiallist", "all"),
    ]));
    let entry = &host.entries()[0];
    assert_eq!((&entry["priority"], &entry["dial_time"]), (&json!(9), &json!("2040-01-01 00:00:00")));
}

#[test]
fn a_row_is_updated_if_anything_changed_else_skipped() {
    let host = Host::new();
    host.record("phone1=1||name=Joe");
    let counts = |file: &str, changes: &[(&'static str, &'static str)]| {
        let web = Web::csv(file);
        let url = web.url();
        let all = [&[("source", "http"), ("context", url.as_str())], changes].concat();
        let job = host.job_of(&host.import(&all));
        ["inserted", "updated", "skipped", "dial_listed"].map(|key| job[key].as_u64().unwrap())
    };
    assert_eq!(counts("phone1,name\n1,Joe\n", &[UPDATE]), [0, 0, 1, 0], "the same values change nothing");
    assert_eq!(counts("phone1,name\n1,Joseph\n", &[]), [0, 0, 1, 0]);
    assert_eq!(counts("phone1,name\n1,Joseph\n", &[UPDATE]), [0, 1, 0, 0]);
    assert_eq!(counts("phone1,name\n1,\n", &[UPDATE]), [0, 0, 1, 0]);
    assert_eq!(counts("phone1\n1\n", &[("resetstatus", "yes"), ("emptyagent", "yes")]), [0, 0, 1, 0], "as it was");
    assert_eq!(counts("phone1\n1\n", &[("phone_field", "phone1"), ("dupdiallist", "all")]), [0, 1, 0, 1]);
    assert_eq!(counts("phone1\n2\n", &[("phone_field", "phone1")]), [1, 0, 0, 1]);
}

// The main table

/// Where a customer of the main table stands before the import.
#[derive(Clone, Copy, Debug, PartialEq)]
enum In {
    This,
    None,
    Another,
}

/// A host of two main-table campaigns and one customer, Joe, who stands in a package of `place`; the host's campaign is
/// the one that imports, and the other one is returned.
fn main_table(place: In) -> (Host, String) {
    let mut host = Host::with_campaign(&json!({"main_table": true}));
    let second = host.campaign(&json!({"main_table": true}));
    done(&host.import(&[("phone_field", "phone1")]));
    host.change(&host.customers()[0], &json!({"agent": "1001", "status": "error"}));
    if place == In::None {
        host.change(&host.customers()[0], &json!({"package": null}));
    }
    let first = host.campaign.clone();
    if place == In::This {
        (host, second)
    } else {
        host.campaign = second;
        (host, first)
    }
}

/// All customers of the main table.
fn everywhere(host: &Host) -> Vec<Value> {
    let reply = host.customer_list(&host.campaign, r#"{"scope":"main_table"}"#);
    common::data(&reply)["customers"].as_array().unwrap().clone()
}

#[test]
fn the_main_table_knows_a_customer_whichever_package_it_is_in() {
    for place in [In::This, In::None, In::Another] {
        let (host, _) = main_table(place);
        done(&host.import(&[("context", JOSEPH)]));
        assert_eq!(everywhere(&host).len(), 1, "{place:?}");
    }
}

#[test]
fn a_new_customer_of_the_main_table_is_in_the_campaigns_package() {
    let (host, other) = main_table(In::Another);
    host.record("phone1=2");
    assert_eq!((host.customers().len(), host.customers_of(&other).len(), everywhere(&host).len()), (1, 1, 2));
}

#[test]
fn changepackage_decides_who_moves_and_who_is_written() {
    for (changepackage, place, goes_on) in [
        ("skip", In::This, true),
        ("skip", In::None, false),
        ("skip", In::Another, false),
        ("unassignToCurrent", In::This, true),
        ("unassignToCurrent", In::None, true),
        ("unassignToCurrent", In::Another, false),
        ("reassignToCurrent", In::This, true),
        ("reassignToCurrent", In::None, true),
        ("reassignToCurrent", In::Another, true),
    ] {
        let (host, _) = main_table(place);
        let listed = host.entries().len();
        let before = everywhere(&host)[0].clone();
        done(&host.import(&[
            ("context", JOSEPH),
            ("changepackage", changepackage),
            UPDATE,
            ("emptyagent", "yes"),
            ("resetstatus", "yes"),
            ("phone_field", "phone1"),
            ("dupdiallist", "all"),
        ]));
        let after = everywhere(&host)[0].clone();
        if goes_on {
            assert_eq!(state(&after), ("open", None, "Joseph"), "{changepackage} of {place:?}");
            assert_eq!(host.customers().len(), 1, "{changepackage} of {place:?}");
            assert_eq!(host.entries().len(), listed + 1, "{changepackage} of {place:?}");
        } else {
            assert_eq!(after, before, "{changepackage} of {place:?}: it is not written to");
            assert_eq!(host.entries().len(), listed, "{changepackage} of {place:?}");
        }
    }
}

#[test]
fn a_customer_that_moves_and_is_not_updated_keeps_its_fields() {
    let (host, other) = main_table(In::Another);
    done(&host.import(&[("context", JOSEPH), ("changepackage", "reassignToCurrent")]));
    assert_eq!(state(&host.customers()[0]), ("error", Some("1001"), "Joe"));
    assert!(host.customers_of(&other).is_empty());
}

#[test]
fn the_waiting_entries_of_a_customer_that_is_reassigned_leave_the_old_dial_list() {
    let (host, other) = main_table(In::Another);
    done(&host.import(&[("model_id", other.as_str()), ("context", "phone1=2"), ("phone_field", "phone1")]));
    assert_eq!(host.entries_of(&other).len(), 2);
    done(&host.import(&[("changepackage", "reassignToCurrent")]));
    let entries = host.entries_of(&other);
    let left: Vec<&Value> = entries.iter().map(|entry| &entry["phone"]).collect();
    assert_eq!(left, ["2"], "only those of the customer that moved");
}

#[test]
fn a_customer_that_stays_keeps_its_entries() {
    for changepackage in ["skip", "unassignToCurrent"] {
        let (host, other) = main_table(In::Another);
        done(&host.import(&[("changepackage", changepackage)]));
        assert_eq!(host.entries_of(&other).len(), 1, "{changepackage}");
    }
}

#[test]
fn changepackage_means_nothing_in_an_own_table() {
    for changepackage in ["skip", "unassignToCurrent", "reassignToCurrent"] {
        let host = with_joe("error");
        done(&host.import(&[("context", JOSEPH), ("changepackage", changepackage), UPDATE]));
        assert_eq!(state(&host.customers()[0]), ("error", Some("1001"), "Joseph"));
    }
}

#[test]
fn a_file_into_the_main_table_counts_moves_as_updates() {
    for (changepackage, counts) in
        [("skip", [1, 0, 2]), ("unassignToCurrent", [1, 1, 1]), ("reassignToCurrent", [1, 2, 0])]
    {
        let (host, other) = main_table(In::None);
        done(&host.import(&[("model_id", other.as_str()), ("context", "phone1=2")]));
        let web = Web::csv("phone1\n13800001111\n2\n3\n");
        let url = web.url();
        let job =
            host.job_of(&host.import(&[("source", "http"), ("context", &*url), ("changepackage", changepackage)]));
        assert_eq!(["inserted", "updated", "skipped"].map(|key| job[key].as_u64().unwrap()), counts, "{changepackage}");
    }
}

// Many rows at once

/// What customers and dial list the rows leave, imported by `import`; the store must be sound.
fn left_by(own_table: bool, import: impl FnOnce(&Host)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let fields = |names: &[&str]| {
        let kind = |name: &str| match name {
            "phone1" => "phone",
            "age" | "Size" => "integer",
            "born" => "datetime",
            _ => "text",
        };
        names.iter().map(|name| json!({"name": name, "type": kind(name)})).collect::<Vec<_>>()
    };
    let all = ["name", "Size", "phone1", "age", "born", "memo"];
    let host = if own_table {
        Host::at(&path, &json!({}), &json!({"fields": fields(&all), "unique_key": ["phone1"]}))
    } else {
        let host = Host::at(&path, &json!({}), &json!({"main_table": true}));
        // A field that comes later is the last column of the table, wherever it is defined.
        let define = |names: &[&str]| {
            let definition = json!({"fields": fields(names), "unique_key": ["phone1"]});
            done(&host.main_table_define("team", definition.to_string()));
        };
        define(&["name", "phone1", "age", "memo"]);
        host.record("phone1=7||name=before");
        define(&all);
        host
    };
    import(&host);
    drop(host);
    content(&path).lines().filter(|line| !line.contains("title=")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_leaves_what_its_records_leave_one_by_one() {
    let text = |n: usize| ["", "Zoë", "a,b", "\"q\"", " "][n % 5];
    let rows: Vec<[String; 5]> = (0..400)
        .map(|n| {
            // Each seventh is a number that came before, some of them several times.
            let phone = if n % 7 == 6 { n / 2 } else { n };
            let number = ["", "0", "1", "-1", "200", "40000", "-9000000", "5000000000", "9223372036854775807"][n % 9];
            let born = if n % 4 == 0 { String::new() } else { format!("19{:02}-02-03", n % 100) };
            [format!("n{n}"), (100_000 + phone).to_string(), number.to_owned(), born, text(n).repeat(n % 90)]
        })
        .collect();
    let titles = ["name", "phone1", "age", "born", "memo"];
    let rules = [("phone_field", "phone1"), UPDATE, ("dupdiallist", "all"), ("changepackage", "reassignToCurrent")];
    let by_file = |host: &Host| {
        let quoted = |cells: &[String]| {
            let cells = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            cells.collect::<Vec<_>>().join(",") + "\n"
        };
        let lines: String = rows.iter().map(|row| quoted(row)).collect();
        let web = Web::csv(format!("{}\n{lines}", titles.join(",")));
        let url = web.url();
        let job = host.job_of(&host.import(&[&rules[..], &[("source", "http"), ("context", &url)]].concat()));
        assert_eq!(job["read"], 400, "{job}");
    };
    let by_record = |host: &Host| {
        for row in &rows {
            let pieces = titles.iter().zip(row).map(|(title, cell)| format!("{title}={}", cell.trim()));
            let context = pieces.collect::<Vec<_>>().join("||");
            done(&host.import(&[&rules[..], &[("context", &context)]].concat()));
        }
    };
    for own_table in [true, false] {
        assert_eq!(left_by(own_table, by_file), left_by(own_table, by_record), "own table: {own_table}");
    }
}

#[test]
fn a_main_table_that_is_defined_anew_between_two_files_keeps_each_value_in_its_field() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let import = |titles: &str, first: usize, cells: &str| {
        let rows: String = (first..first + 300).map(|n| format!("{n},{cells}\n")).collect();
        let web = Web::csv(format!("phone1,{titles}\n{rows}"));
        let url = web.url();
        let changes = [("source", "http"), ("context", &url), ("changepackage", "skip")];
        assert_eq!(host.job_of(&host.import(&changes))["inserted"], 300);
    };
    let define = |names: &[&str]| {
        let fields: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        done(&host.main_table_define("team", json!({"fields": fields, "unique_key": ["phone1"]}).to_string()));
    };
    define(&["phone1", "empty", "name", "city"]);
    import("name,city", 1_000, "Ann,Bonn");
    define(&["phone1", "name", "city", "late"]);
    import("name,city,late", 2_000, "Ben,Rome,now");
    let fields = |phone: &str| {
        let filter = json!({"where": {"phone1": phone}}).to_string();
        data(&host.customer_list(&host.campaign, filter))["customers"][0]["fields"].clone()
    };
    let late = |phone: &str| json!({"phone1": phone, "name": "Ben", "city": "Rome", "late": "now"});
    assert_eq!(["2000", "2299"].map(fields), ["2000", "2299"].map(late));
    assert_eq!(fields("1000"), json!({"phone1": "1000", "name": "Ann", "city": "Bonn", "late": ""}));
}
