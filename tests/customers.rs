//! Listing and changing customers, and listing the dial list.

mod common;

use common::{Host, JOE, data, done, failed, failed_naming};
use serde_json::{Value, json};

/// Imports customers whose phones are 1 to `count`, all on the dial list.
fn filled(count: usize) -> Host {
    fill(Host::new(), count)
}

fn fill(host: Host, count: usize) -> Host {
    for i in 1..=count {
        let context = format!("phone1={i}||name=Customer {i}||city={}", if i % 2 == 0 { "Bonn" } else { "Köln" });
        done(&host.import(&[("context", context.as_str()), ("phone_field", "phone1")]));
    }
    host
}

/// The phones that this filter lists, and its `next`.
#[track_caller]
fn customers(host: &Host, filter: &Value) -> (Vec<String>, Value) {
    let reply = host.customer_list(&host.campaign, filter.to_string());
    let data = data(&reply);
    let listed = data["customers"].as_array().unwrap();
    (listed.iter().map(|c| c["fields"]["phone1"].as_str().unwrap().to_owned()).collect(), data["next"].clone())
}

#[track_caller]
fn entries(host: &Host, filter: &Value) -> (Vec<String>, Value) {
    let reply = host.dial_list(&host.campaign, filter.to_string());
    let data = data(&reply);
    let listed = data["entries"].as_array().unwrap();
    (listed.iter().map(|entry| entry["phone"].as_str().unwrap().to_owned()).collect(), data["next"].clone())
}

// Listing customers

#[test]
fn a_customer_is_listed_with_all_that_the_header_names() {
    let host = Host::new();
    host.record(JOE);
    let reply = host.customer_list(&host.campaign, "");
    assert_eq!(data(&reply)["next"], Value::Null);
    let customer = &data(&reply)["customers"][0];
    assert_eq!(customer["id"], 1);
    assert_eq!(customer["package"], data(&host.campaign_get(&host.campaign))["package"]);
    assert_eq!((&customer["status"], &customer["agent"]), (&json!("open"), &Value::Null));
    assert_eq!(customer["fields"].as_object().unwrap().len(), 8);
    for key in ["created_at", "updated_at"] {
        let time = customer[key].as_str().unwrap();
        assert_eq!((time.len(), &time[4..5], &time[10..11]), (19, "-", " "), "{key}");
    }
    assert_eq!(customer.as_object().unwrap().len(), 7);
}

#[test]
fn an_empty_campaign_lists_nothing() {
    let host = Host::new();
    assert_eq!(customers(&host, &json!({})), (vec![], Value::Null));
    assert_eq!(entries(&host, &json!({})), (vec![], Value::Null));
}

#[test]
fn pages_follow_each_other_by_id() {
    let host = filled(5);
    let (first, next) = customers(&host, &json!({"limit": 2}));
    assert_eq!(first, ["1", "2"]);
    let (second, next) = customers(&host, &json!({"limit": 2, "after": next}));
    assert_eq!(second, ["3", "4"]);
    let (third, next) = customers(&host, &json!({"limit": 2, "after": next}));
    assert_eq!((third, next), (vec!["5".to_owned()], Value::Null));
}

#[test]
fn next_is_the_last_id_of_a_page_that_has_a_successor() {
    let host = filled(4);
    assert_eq!(customers(&host, &json!({"limit": 2})).1, 2);
    assert_eq!(customers(&host, &json!({"limit": 4})).1, Value::Null);
    assert_eq!(customers(&host, &json!({"after": 4})), (vec![], Value::Null));
}

#[test]
fn a_page_has_100_customers_by_default_and_1000_at_most() {
    let host = filled(101);
    assert_eq!(customers(&host, &json!({})).0.len(), 100);
    assert_eq!(customers(&host, &json!({"limit": 1000})).0.len(), 101);
    for filter in [json!({"limit": -1}), json!({"limit": "5"}), json!({"limit": 1.5})] {
        failed_naming(&host.customer_list(&host.campaign, filter.to_string()), &["filter", "limit"]);
        failed_naming(&host.dial_list(&host.campaign, filter.to_string()), &["filter", "limit"]);
    }
}

#[test]
fn customers_are_found_by_fields_status_and_agent() {
    let host = filled(5);
    host.change(&host.customers()[2], &json!({"status": "success", "agent": "1001"}));
    let found = |filter: Value| customers(&host, &json!({"where": filter})).0.join(" ");
    assert_eq!(found(json!({"city": "Bonn"})), "2 4");
    assert_eq!(found(json!({"CITY": "Bonn"})), "2 4");
    assert_eq!(found(json!({"city": "bonn"})), "");
    assert_eq!(found(json!({"name": "Customer 3"})), "3");
    assert_eq!(found(json!({"status": "open"})), "1 2 4 5");
    assert_eq!(found(json!({"status": "success"})), "3");
    assert_eq!(found(json!({"agent": "1001"})), "3");
    assert_eq!(found(json!({"agent": null})), "1 2 4 5");
    assert_eq!(found(json!({"city": "Köln", "status": "open"})), "1 5");
    assert_eq!(found(json!({})), "1 2 3 4 5");
}

#[test]
fn phones_are_normalized_in_a_filter() {
    let host = Host::new();
    host.record("phone1=+49 171-1");
    assert_eq!(customers(&host, &json!({"where": {"phone1": "(+49) 17.11"}})).0, ["+491711"]);
}

#[test]
fn typed_fields_are_found_by_their_values() {
    let host = Host::with_campaign(&json!({"fields": [
        {"name": "phone1", "type": "phone"},
        {"name": "age", "type": "integer"},
        {"name": "seen", "type": "datetime"},
    ]}));
    host.record("phone1=1||age=007||seen=2024-02-29");
    for filter in
        [json!({"age": 7}), json!({"age": "7"}), json!({"seen": "2024-02-29 00:00:00"}), json!({"seen": "2024-02-29"})]
    {
        assert_eq!(customers(&host, &json!({"where": filter})).0, ["1"], "{filter}");
    }
}

#[test]
fn a_filter_pages_too() {
    let host = filled(6);
    let (page, next) = customers(&host, &json!({"where": {"city": "Bonn"}, "limit": 2}));
    assert_eq!(page, ["2", "4"]);
    assert_eq!(
        customers(&host, &json!({"where": {"city": "Bonn"}, "limit": 2, "after": next})),
        (vec!["6".to_owned()], Value::Null)
    );
}

#[test]
fn an_unknown_key_of_a_filter_is_named() {
    let host = filled(1);
    for filter in [r#"{"colour":1}"#, r#"{"where":{"colour":"red"}}"#] {
        failed_naming(&host.customer_list(&host.campaign, filter), &["colour"]);
        failed_naming(&host.dial_list(&host.campaign, filter), &["colour"]);
    }
    for filter in ["x", "[]", "{", r#"{"where":[]}"#, r#"{"where":"phone1"}"#, r#"{"after":"x"}"#] {
        failed(&host.customer_list(&host.campaign, filter));
        failed(&host.dial_list(&host.campaign, filter));
    }
    failed_naming(&host.dial_list(&host.campaign, r#"{"scope":"main_table"}"#), &["scope"]);
    failed_naming(&host.customer_list(&host.campaign, r#"{"scope":"all"}"#), &["filter", "scope"]);
}

#[test]
fn a_filter_may_name_all_fields_of_a_thousand() {
    let fields: Vec<Value> = (1..1000).map(|n| json!({"name": format!("f{n}")})).collect();
    let fields = [vec![json!({"name": "tel", "type": "phone"})], fields].concat();
    for definition in [json!({"fields": fields}), json!({"main_table": true})] {
        let host = Host::new();
        done(&host.main_table_define("team", json!({"fields": fields}).to_string()));
        let campaign = host.campaign(&definition);
        done(&host.import(&[("model_id", &*campaign), ("context", "tel=5||f7=x")]));
        let mut wanted: Value = (1..1000).map(|n| (format!("f{n}"), json!(""))).collect();
        wanted["f7"] = json!("x");
        wanted["tel"] = json!("5");
        let listed = host.customer_list(&campaign, json!({"where": wanted}).to_string());
        assert_eq!(data(&listed)["customers"].as_array().map(Vec::len), Some(1));
        wanted["f8"] = json!("x");
        let listed = host.customer_list(&campaign, json!({"where": wanted}).to_string());
        assert_eq!(data(&listed)["customers"].as_array().map(Vec::len), Some(0));
    }
}

#[test]
fn a_value_in_a_filter_is_never_sql() {
    let host = filled(2);
    for name in ["' OR 1=1 --", "\" OR 1=1 --", "%", "Customer_1"] {
        assert!(customers(&host, &json!({"where": {"name": name}})).0.is_empty(), "{name}");
    }
    failed(&host.customer_list(&host.campaign, r#"{"where":{"1=1 OR name":"x"}}"#));
}

#[test]
fn a_main_table_campaign_lists_its_package_or_with_scope_the_whole_table() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let second = host.campaign(&json!({"main_table": true}));
    host.record("phone1=1");
    done(&host.import(&[("model_id", second.as_str()), ("context", "phone1=2")]));
    host.record("phone1=3");
    host.change(&host.customers()[1], &json!({"package": null}));
    assert_eq!(customers(&host, &json!({})).0, ["1"]);
    assert_eq!(customers(&host, &json!({"scope": "main_table"})).0, ["1", "2", "3"]);
    assert_eq!(customers(&host, &json!({"scope": "main_table", "where": {"phone1": "2"}})).0, ["2"]);
    let all = host.customer_list(&host.campaign, r#"{"scope":"main_table"}"#);
    assert_eq!(data(&all)["customers"][2]["package"], Value::Null);
}

#[test]
fn scope_is_for_main_table_campaigns_only() {
    let host = filled(1);
    failed_naming(&host.customer_list(&host.campaign, r#"{"scope":"main_table"}"#), &["scope"]);
}

// Changing a customer

#[test]
fn status_agent_and_fields_are_changed_together_or_alone() {
    let host = filled(1);
    host.change(
        &host.customers()[0],
        &json!({"status": "pending", "agent": "1001", "fields": {"name": "New", "Memo": "m"}}),
    );
    let customer = &host.customers()[0];
    assert_eq!((&customer["status"], &customer["agent"]), (&json!("pending"), &json!("1001")));
    assert_eq!((&customer["fields"]["name"], &customer["fields"]["memo"]), (&json!("New"), &json!("m")));
    assert_eq!(customer["fields"]["city"], "Köln");
    host.change(customer, &json!({"agent": null}));
    assert_eq!((&host.customers()[0]["agent"], &host.customers()[0]["status"]), (&Value::Null, &json!("pending")));
}

#[test]
fn each_status_is_taken() {
    let host = filled(1);
    for status in ["open", "pending", "error", "success", "errorclosed", "sucessclosed", "successclosed"] {
        host.change(&host.customers()[0], &json!({"status": status}));
    }
    for status in [json!("closed"), json!(""), json!(null), json!(1)] {
        let changes = json!({"status": status}).to_string();
        failed_naming(&host.customer_set(&host.campaign, "1", changes), &["status"]);
    }
}

#[test]
fn the_vendors_closed_statuses_are_the_plain_ones() {
    let host = filled(1);
    for (given, told) in [("errorclosed", "error"), ("sucessclosed", "success"), ("successclosed", "success")] {
        host.change(&host.customers()[0], &json!({"status": given}));
        assert_eq!(host.customers()[0]["status"], told, "{given}");
    }
}

#[test]
fn a_field_is_set_by_its_type() {
    let host = Host::with_campaign(&json!({"fields": [
        {"name": "tel", "type": "phone"},
        {"name": "age", "type": "integer"},
        {"name": "seen", "type": "datetime"},
    ]}));
    host.record("tel=1");
    host.change(&host.customers()[0], &json!({"fields": {"tel": "(2) 3", "age": 41, "seen": "2024-02-29"}}));
    assert_eq!(host.customers()[0]["fields"], json!({"tel": "23", "age": 41, "seen": "2024-02-29 00:00:00"}));
    for (field, value) in [("tel", json!("none")), ("age", json!("old")), ("age", json!(1.5)), ("seen", json!("never"))]
    {
        let changes = json!({"fields": {field: value}}).to_string();
        failed_naming(&host.customer_set(&host.campaign, "1", changes), &[field]);
    }
}

#[test]
fn what_is_unknown_changes_nothing_and_fails() {
    let host = filled(1);
    let before = host.customers();
    for (changes, named) in [
        (json!({"colour": "red"}), "colour"),
        (json!({"status": "success", "colour": "red"}), "colour"),
        (json!({"fields": {"colour": "red"}}), "colour"),
        (json!({"status": "success", "fields": {"name": "x", "colour": "red"}}), "colour"),
        (json!({"id": 5}), "id"),
        (json!({"fields": "name"}), "fields"),
        (json!({"agent": 5}), "agent"),
    ] {
        failed_naming(&host.customer_set(&host.campaign, "1", changes.to_string()), &[named]);
    }
    for changes in ["", "x", "[]", "null", "{"] {
        failed(&host.customer_set(&host.campaign, "1", changes));
    }
    assert_eq!(host.customers(), before);
}

#[test]
fn a_key_given_twice_changes_nothing_and_fails() {
    let host = filled(1);
    let before = host.customers();
    for (changes, twice) in [
        (r#"{"fields":{"name":"a","name":"b"}}"#, "name' is given twice"),
        (r#"{"fields":{"name":"a"},"fields":{"city":"b"}}"#, "fields is given twice"),
        (r#"{"status":"open","agent":null,"status":"error"}"#, "status is given twice"),
        (r#"{"agent":null,"agent":"1001"}"#, "agent is given twice"),
    ] {
        failed_naming(&host.customer_set(&host.campaign, "1", changes), &["changes", twice]);
    }
    assert_eq!(host.customers(), before);
    failed_naming(
        &host.customer_list(&host.campaign, r#"{"where":{"status":"open","status":"error"}}"#),
        &["filter", "where", "status' is given twice"],
    );
    failed_naming(
        &host.dial_list(&host.campaign, r#"{"where":{"phone":"1","phone":"2"}}"#),
        &["filter", "where", "phone' is given twice"],
    );
}

#[test]
fn a_key_that_another_customer_has_changes_nothing_and_fails() {
    let host = filled(2);
    let before = host.customers();
    let changes = json!({"status": "error", "fields": {"phone1": "2", "name": "x"}}).to_string();
    failed_naming(&host.customer_set(&host.campaign, "1", changes), &["phone1"]);
    assert_eq!(host.customers(), before);
    host.change(&before[0], &json!({"fields": {"phone1": "3"}}));
    host.record("phone1=3||name=A duplicate now");
    assert_eq!(host.customers().len(), 2);
}

#[test]
fn a_key_can_not_be_emptied() {
    let host = filled(1);
    for value in [json!(""), Value::Null, json!(" ")] {
        failed_naming(
            &host.customer_set(&host.campaign, "1", json!({"fields": {"phone1": value}}).to_string()),
            &["phone1"],
        );
    }
}

#[test]
fn only_a_customer_of_this_campaign_can_be_changed() {
    let host = filled(1);
    let second = host.campaign(&json!({}));
    for (campaign, customer) in [
        (host.campaign.as_str(), "2"),
        (&host.campaign, "x"),
        (&host.campaign, ""),
        (&host.campaign, "-1"),
        (&second, "1"),
    ] {
        failed(&host.customer_set(campaign, customer, r#"{"status":"error"}"#));
    }
}

#[test]
fn a_customer_of_the_main_table_is_moved_by_an_id_as_number_or_text() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let second = host.campaign(&json!({"main_table": true}));
    let package = |campaign: &str| data(&host.campaign_get(campaign))["package"].clone();
    host.record(JOE);
    let joe = host.customers()[0].clone();
    host.change(&joe, &json!({"package": package(&second)}));
    assert_eq!((host.customers().len(), host.customers_of(&second).len()), (0, 1));
    host.change(&joe, &json!({"package": package(&host.campaign).to_string()}));
    assert_eq!((host.customers().len(), host.customers_of(&second).len()), (1, 0));
    host.change(&joe, &json!({"package": null}));
    assert_eq!((host.customers().len(), host.customers_of(&second).len()), (0, 0));
}

#[test]
fn a_package_must_be_one_of_the_main_table() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let own = host.campaign(&json!({}));
    let own_package = data(&host.campaign_get(&own))["package"].clone();
    host.record(JOE);
    for package in [json!(99999), json!("x"), json!(true), own_package] {
        failed_naming(&host.customer_set(&host.campaign, "1", json!({"package": package}).to_string()), &["package"]);
    }
    done(&host.import(&[("model_id", own.as_str())]));
    failed_naming(&host.customer_set(&own, "1", r#"{"package":null}"#), &["package"]);
}

#[test]
fn a_change_is_seen_in_updated_at_only() {
    let host = filled(1);
    let before = host.customers()[0].clone();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    host.change(&before, &json!({"status": "error"}));
    let after = host.customers()[0].clone();
    assert_eq!(after["created_at"], before["created_at"]);
    assert_ne!(after["updated_at"], before["updated_at"]);
}

// Listing the dial list

#[test]
fn an_entry_is_listed_with_all_that_the_header_names() {
    let host = Host::new();
    let context = "phone1=1||p=3||t=2040-01-02 03:04:05";
    done(&host.import(&[
        ("context", context),
        ("phone_field", "phone1"),
        ("priority_field", "p"),
        ("dialtime_field", "t"),
    ]));
    let entry = host.entries()[0].clone();
    let expected = json!({
        "id": entry["id"], "customer": 1, "phone": "1", "priority": 3, "dial_time": "2040-01-02 03:04:05",
        "state": "waiting",
    });
    assert_eq!(entry, expected);
    assert!(entry["id"].is_u64());
}

#[test]
fn entries_page_by_id_whatever_their_priority() {
    let host = Host::new();
    for i in 1..=3 {
        let context = format!("phone1={i}||p={i}");
        done(&host.import(&[("context", &*context), ("phone_field", "phone1"), ("priority_field", "p")]));
    }
    let (first, next) = entries(&host, &json!({"limit": 2}));
    assert_eq!(first, ["1", "2"]);
    assert_eq!(entries(&host, &json!({"limit": 2, "after": next})), (vec!["3".to_owned()], Value::Null));
}

#[test]
fn entries_are_found_by_phone_state_and_customer() {
    // Those of a main table have an index by customer.
    for definition in [json!({}), json!({"main_table": true})] {
        let host = fill(Host::with_campaign(&definition), 3);
        let found = |filter: Value| entries(&host, &json!({"where": filter})).0.join(" ");
        assert_eq!(found(json!({"phone": "2"})), "2");
        assert_eq!(found(json!({"phone": "(2)"})), "2");
        assert_eq!(found(json!({"state": "waiting"})), "1 2 3");
        assert_eq!(found(json!({"state": "leased"})), "");
        assert_eq!(found(json!({"customer": 3})), "3");
        assert_eq!(found(json!({"customer": 3, "state": "waiting"})), "3");
        assert_eq!(found(json!({"state": "leased", "customer": 3})), "");
        assert_eq!(found(json!({"customer": 3, "phone": "1"})), "");
        failed_naming(&host.dial_list(&host.campaign, r#"{"where":{"status":"open"}}"#), &["status"]);
        failed_naming(&host.dial_list(&host.campaign, r#"{"where":{"state":"asleep"}}"#), &["state"]);
    }
}

#[test]
fn the_dial_list_is_the_campaigns_own() {
    let host = filled(2);
    let second = host.campaign(&json!({}));
    assert!(host.entries_of(&second).is_empty());
}
