//! Teams, users, campaigns, packages and fields.

mod common;

use common::{DEFAULTS, Host, JOE, Library, PASSWORD, data, done, failed, failed_naming};
use serde_json::{Value, json};

/// The names of a campaign's fields.
fn field_names(library: &Library, campaign: &str) -> Vec<String> {
    let read = library.campaign_get(campaign);
    let fields = data(&read)["fields"].as_array().unwrap().clone();
    fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
}

fn field_named(name: &str) -> Value {
    json!({"name": name})
}

// Teams

#[test]
fn a_team_that_is_added_again_gets_a_new_name_and_keeps_all_else() {
    let host = Host::new();
    done(&host.team_add("team", "Renamed"));
    done(&host.import(DEFAULTS));
}

#[test]
fn a_team_needs_an_orgidentity() {
    failed_naming(&Library::in_memory().team_add("", "Nobody"), &["orgidentity"]);
}

#[test]
fn team_names_are_compared_exactly() {
    let host = Host::new();
    done(&host.team_add("Team", "Another"));
    failed(&host.import(&[("orgidentity", "Team")]));
}

#[test]
fn an_unknown_team_is_a_failure_everywhere() {
    let library = Library::in_memory();
    failed_naming(&library.user_set("none", "agent", "1", "plaintext", "x"), &["none"]);
    failed_naming(&library.user_disable("none", "agent", "1"), &["none"]);
    failed_naming(&library.main_table_define("none", "{}"), &["none"]);
    failed_naming(&library.campaign_add("none", r#"{"name":"A"}"#), &["none"]);
}

// Users

#[test]
fn a_user_that_is_set_again_has_its_new_password_at_once() {
    let host = Host::new();
    done(&host.import(DEFAULTS));
    done(&host.user_set("team", "agent", "1001", "plaintext", "changed"));
    failed(&host.import(DEFAULTS));
    done(&host.import(&[("password", "changed")]));
}

#[test]
fn a_changed_password_counts_at_once_for_another_handle_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({}), &json!({}));
    done(&host.import(DEFAULTS));
    let other = Library::open(path.to_str().unwrap(), "").unwrap();
    done(&other.user_set("team", "agent", "1001", "plaintext", "changed"));
    failed(&host.import(DEFAULTS));
    done(&other.user_disable("team", "agent", "1001"));
    failed(&host.import(&[("password", "changed")]));
}

#[test]
fn a_password_set_as_md5_serves_both_forms() {
    let host = Host::new();
    // MD5 of "password".
    let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
    done(&host.user_set("team", "agent", "1002", "md5", md5.to_uppercase()));
    done(&host.import(&[("user", "1002"), ("password", "password")]));
    done(&host.import(&[("user", "1002"), ("pwdtype", "md5"), ("password", md5)]));
    done(&host.import(&[("user", "1002"), ("pwdtype", "md5"), ("password", &md5.to_uppercase())]));
}

#[test]
fn a_user_needs_a_name_a_password_and_listed_types() {
    let host = Host::new();
    for (usertype, user, pwdtype, password, named) in [
        ("agent", "", "plaintext", "x", "user"),
        ("agent", "2", "plaintext", "", "password"),
        ("boss", "2", "plaintext", "x", "usertype"),
        ("", "2", "plaintext", "x", "usertype"),
        ("agent", "2", "rot13", "x", "pwdtype"),
        ("agent", "2", "", "x", "pwdtype"),
        ("agent", "2", "md5", "not hex", "password"),
        ("agent", "2", "md5", "5f4dcc3b5aa765d61d8327deb882cf9", "password"),
        ("agent", "2", "md5", "5f4dcc3b5aa765d61d8327deb882cf9g", "password"),
    ] {
        failed_naming(&host.user_set("team", usertype, user, pwdtype, password), &[named]);
    }
}

#[test]
fn a_disabled_user_is_refused_until_it_is_set_again() {
    let host = Host::new();
    done(&host.import(DEFAULTS));
    done(&host.user_disable("team", "agent", "1001"));
    failed(&host.import(DEFAULTS));
    done(&host.user_set("team", "agent", "1001", "plaintext", PASSWORD));
    done(&host.import(DEFAULTS));
}

#[test]
fn only_a_user_that_is_there_can_be_disabled() {
    let host = Host::new();
    failed(&host.user_disable("team", "agent", "1002"));
    failed(&host.user_disable("team", "account", "1001"));
    done(&host.import(DEFAULTS));
}

// Campaigns

#[test]
fn a_name_is_all_that_a_campaign_needs() {
    let host = Host::new();
    let id = done(&host.campaign_add("team", r#"{"name":"Spring renewals"}"#)).to_owned();
    assert!(id.bytes().all(|b| b.is_ascii_digit()), "the message is the id and nothing else: {id}");
    let read = host.campaign_get(&id);
    let campaign = data(&read);
    assert_eq!(campaign["id"].to_string(), id);
    assert_eq!(campaign["team"], "team");
    assert_eq!(campaign["name"], "Spring renewals");
    assert_eq!(campaign["main_table"], false);
    assert!(campaign["package"].is_u64(), "{campaign}");
    assert_eq!(campaign["unique_key"], json!(["phone1"]));
    assert_eq!((&campaign["customers"], &campaign["dial_list"]), (&json!(0), &json!(0)));
    assert_eq!(campaign.as_object().unwrap().len(), 9, "{campaign}");
}

#[test]
fn the_default_fields_are_those_that_are_documented() {
    let host = Host::new();
    let read = host.campaign_get(&host.campaign);
    let fields = data(&read)["fields"].as_array().unwrap();
    let told: Vec<(&str, &str, &str)> = fields
        .iter()
        .map(|f| (f["name"].as_str().unwrap(), f["display"].as_str().unwrap(), f["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("name", "Name", "text"),
            ("phone1", "Phone 1", "phone"),
            ("phone2", "Phone 2", "phone"),
            ("email", "Email", "text"),
            ("company", "Company", "text"),
            ("address", "Address", "text"),
            ("city", "City", "text"),
            ("memo", "Memo", "text"),
        ]
    );
    assert!(fields.iter().all(|field| field["required"] == false));
}

#[test]
fn the_counts_of_a_campaign_follow_its_imports() {
    let host = Host::new();
    done(&host.import(&[("phone_field", "phone1")]));
    host.record("phone1=2");
    let read = host.campaign_get(&host.campaign);
    assert_eq!((&data(&read)["customers"], &data(&read)["dial_list"]), (&json!(2), &json!(1)));
}

#[test]
fn a_definition_that_is_no_object_with_a_name_is_refused() {
    let host = Host::new();
    for definition in ["", "x", "[]", "null", "{}", r#"{"name":1}"#, r#"{"name":null}"#, r#"{"id":"5"}"#] {
        failed(&host.campaign_add("team", definition));
    }
}

#[test]
fn an_unknown_key_in_a_definition_is_named() {
    let host = Host::new();
    failed_naming(&host.campaign_add("team", r#"{"name":"A","colour":"red"}"#), &["colour"]);
    failed_naming(&host.campaign_add("team", r#"{"name":"A","fields":[{"name":"phone","kind":1}]}"#), &["kind"]);
    failed_naming(&host.main_table_define("team", r#"{"name":"A"}"#), &["name"]);
}

#[test]
fn a_key_of_a_wrong_type_is_named() {
    let host = Host::new();
    for (key, value) in [
        ("main_table", json!("yes")),
        ("main_table", json!(1)),
        ("fields", json!({})),
        ("fields", json!("name")),
        ("fields", json!([1])),
        ("unique_key", json!("phone1")),
        ("unique_key", json!([1])),
        ("package", json!(true)),
        ("id", json!([])),
    ] {
        let definition = json!({"name": "A", key: value});
        failed_naming(&host.campaign_add("team", definition.to_string()), &["definition", key]);
    }
}

#[test]
fn a_wanted_id_is_given_if_it_is_free() {
    let host = Host::new();
    assert_eq!(done(&host.campaign_add("team", r#"{"name":"A","id":"4711"}"#)), "4711");
    failed_naming(&host.campaign_add("team", r#"{"name":"B","id":"4711"}"#), &["4711"]);
    done(&host.campaign_get("4711"));
    let next = host.campaign(&json!({}));
    assert_ne!(next, "4711");
}

#[test]
fn after_the_largest_wanted_id_the_lowest_free_one_is_given() {
    let host = Host::new();
    let largest = "9007199254740991";
    assert_eq!(host.campaign, "1");
    assert_eq!(done(&host.campaign_add("team", json!({"name": "A", "id": largest}).to_string())), largest);
    assert_eq!(done(&host.campaign_add("team", r#"{"name":"B","id":3}"#)), "3");
    let given: Vec<String> = (0..3).map(|_| host.campaign(&json!({}))).collect();
    assert_eq!(given, ["2", "4", "5"]);
    done(&host.campaign_get("5"));
}

#[test]
fn a_wanted_id_is_a_decimal_number() {
    let host = Host::new();
    for id in ["x", "", "-1", "1.5", "0x10", "99999999999999999999"] {
        failed_naming(&host.campaign_add("team", json!({"name": "A", "id": id}).to_string()), &["id"]);
    }
}

#[test]
fn campaign_ids_are_unique_over_all_teams() {
    let host = Host::new();
    done(&host.team_add("second", "Second"));
    let other = done(&host.campaign_add("second", r#"{"name":"A"}"#)).to_owned();
    assert_ne!(other, host.campaign);
    failed(&host.campaign_add("second", json!({"name": "B", "id": host.campaign}).to_string()));
}

#[test]
fn an_unknown_campaign_is_a_failure_everywhere() {
    let host = Host::new();
    for id in ["99", "x", "", "-1", "99999999999999999999"] {
        failed(&host.campaign_get(id));
        failed(&host.customer_list(id, ""));
        failed(&host.customer_set(id, "1", "{}"));
        failed(&host.dial_list(id, ""));
        failed(&host.dial_next(id, 1, 1));
        failed(&host.dial_done(id, "1", r#"{"outcome":"done"}"#));
    }
}

// Fields

#[test]
fn a_field_is_known_by_its_name_and_shown_by_its_display_name() {
    let host = Host::with_campaign(
        &json!({"fields": [{"name": "tel", "display": "Telefon №", "type": "phone"}, {"name": "note"}]}),
    );
    let read = host.campaign_get(&host.campaign);
    let fields = &data(&read)["fields"];
    assert_eq!(fields[0], json!({"name": "tel", "display": "Telefon №", "type": "phone", "required": false}));
    assert_eq!(fields[1], json!({"name": "note", "display": "note", "type": "text", "required": false}));
    assert_eq!(data(&read)["unique_key"], json!(["tel"]), "the first field of type phone");
}

#[test]
fn a_field_name_is_a_letter_and_then_letters_digits_and_underscores() {
    let host = Host::new();
    for name in ["", "1a", "_a", "a-b", "a b", "ä", "a.b", "a\"b", "na\u{ef}ve"] {
        let definition = json!({"name": "A", "fields": [{"name": "phone", "type": "phone"}, field_named(name)]});
        failed_naming(&host.campaign_add("team", definition.to_string()), &[name]);
    }
    host.campaign(&json!({"fields": [{"name": "P", "type": "phone"}, field_named("a_1"), field_named("Z9_")]}));
}

#[test]
fn a_field_may_bear_a_word_of_sql() {
    let definition = json!({"fields": [{"name": "order", "type": "phone"}, {"name": "select"}, {"name": "rowid"}, {"name": "GROUP"}]});
    let host = Host::with_campaign(&definition);
    host.record("order=1||select=a||rowid=b||group=c");
    assert_eq!(host.customers()[0]["fields"], json!({"order": "1", "select": "a", "rowid": "b", "GROUP": "c"}));
}

#[test]
fn the_names_that_a_customer_has_anyway_are_reserved() {
    let host = Host::new();
    for name in ["id", "package", "status", "agent", "created_at", "updated_at", "ID", "Status"] {
        let definition = json!({"name": "A", "fields": [{"name": "phone", "type": "phone"}, field_named(name)]});
        failed_naming(&host.campaign_add("team", definition.to_string()), &[name]);
    }
}

#[test]
fn field_names_are_unique_without_regard_to_case() {
    let host = Host::new();
    let definition = json!({"name": "A", "fields": [{"name": "phone", "type": "phone"}, {"name": "Phone"}]});
    failed_naming(&host.campaign_add("team", definition.to_string()), &["phone"]);
}

#[test]
fn a_field_has_a_listed_type() {
    let host = Host::new();
    let fields =
        |kind: &str| json!({"name": "A", "fields": [{"name": "phone", "type": "phone"}, {"name": "a", "type": kind}]});
    for kind in ["text", "phone", "integer", "datetime"] {
        done(&host.campaign_add("team", fields(kind).to_string()));
    }
    failed_naming(&host.campaign_add("team", fields("float").to_string()), &["float"]);
}

#[test]
fn a_thousand_fields_are_the_most() {
    let host = Host::new();
    let fields = |count: usize| -> Vec<Value> {
        (0..count).map(|i| json!({"name": format!("f{i}"), "type": if i == 0 { "phone" } else { "text" }})).collect()
    };
    let campaign = host.campaign(&json!({"fields": fields(1000)}));
    done(&host.import(&[("model_id", campaign.as_str()), ("context", "f0=1||f999=last")]));
    assert_eq!(host.customers_of(&campaign)[0]["fields"]["f999"], "last");
    failed_naming(&host.campaign_add("team", json!({"name": "A", "fields": fields(1001)}).to_string()), &["1000"]);
}

#[test]
fn a_campaign_without_any_field_is_refused() {
    let host = Host::new();
    failed_naming(&host.campaign_add("team", r#"{"name":"A","fields":[]}"#), &["fields"]);
}

#[test]
fn fields_without_a_phone_need_a_unique_key() {
    let host = Host::new();
    failed_naming(&host.campaign_add("team", r#"{"name":"A","fields":[{"name":"mail"}]}"#), &["unique_key"]);
    let mail = host.campaign(&json!({"fields": [{"name": "mail"}], "unique_key": ["mail"]}));
    assert_eq!(data(&host.campaign_get(&mail))["unique_key"], json!(["mail"]));
}

#[test]
fn a_unique_key_names_fields() {
    let host = Host::new();
    for key in [json!(["none"]), json!([]), json!(["phone1", "phone1"]), json!([""])] {
        failed_naming(&host.campaign_add("team", json!({"name": "A", "unique_key": key}).to_string()), &["unique_key"]);
    }
    host.campaign(&json!({"unique_key": ["phone1", "name"]}));
}

// Packages

#[test]
fn each_campaign_has_a_package_of_its_own() {
    let host = Host::new();
    let second = host.campaign(&json!({}));
    host.record(JOE);
    assert!(host.customers_of(&second).is_empty());
    let (one, two) = (host.campaign_get(&host.campaign), host.campaign_get(&second));
    assert_ne!(data(&one)["package"], data(&two)["package"]);
}

#[test]
fn a_campaign_that_joins_a_package_shares_its_customers_fields_and_key() {
    let host =
        Host::with_campaign(&json!({"fields": [{"name": "tel", "type": "phone"}, {"name": "a"}], "unique_key": ["a"]}));
    let package = data(&host.campaign_get(&host.campaign))["package"].to_string();
    let second = host.campaign(&json!({"package": package}));
    done(&host.import(&[("context", "tel=1||a=x"), ("phone_field", "tel")]));
    assert_eq!(host.customers_of(&second).len(), 1);
    assert_eq!(field_names(&host, &second), ["tel", "a"]);
    assert_eq!(data(&host.campaign_get(&second))["unique_key"], json!(["a"]));
    assert_eq!(host.entries_of(&second).len(), 0, "the dial list is the campaign's own");
}

#[test]
fn only_a_package_of_the_team_can_be_joined() {
    let host = Host::new();
    done(&host.team_add("second", "Second"));
    let package = data(&host.campaign_get(&host.campaign))["package"].to_string();
    failed_naming(&host.campaign_add("second", json!({"name": "A", "package": package}).to_string()), &["package"]);
    failed_naming(&host.campaign_add("team", r#"{"name":"A","package":"999"}"#), &["package"]);
    failed_naming(&host.campaign_add("team", r#"{"name":"A","package":"x"}"#), &["x"]);
}

#[test]
fn fields_stand_neither_with_a_package_nor_with_the_main_table() {
    let host = Host::new();
    let package = data(&host.campaign_get(&host.campaign))["package"].to_string();
    let fields = json!([{"name": "phone", "type": "phone"}]);
    let joined = json!({"name": "A", "package": package, "fields": fields});
    let main = json!({"name": "A", "main_table": true, "fields": fields});
    failed_naming(&host.campaign_add("team", joined.to_string()), &["fields"]);
    failed_naming(&host.campaign_add("team", main.to_string()), &["fields"]);
}

#[test]
fn a_package_of_the_main_table_can_be_joined() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let package = data(&host.campaign_get(&host.campaign))["package"].to_string();
    let second = host.campaign(&json!({"package": package}));
    assert_eq!(data(&host.campaign_get(&second))["main_table"], true);
    host.record(JOE);
    assert_eq!(host.customers_of(&second).len(), 1);
}

// The main table

#[test]
fn the_first_main_table_campaign_defines_the_default_main_table() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let read = host.campaign_get(&host.campaign);
    assert_eq!(data(&read)["main_table"], true);
    assert_eq!(data(&read)["unique_key"], json!(["phone1"]));
    assert_eq!(field_names(&host, &host.campaign).len(), 8);
}

#[test]
fn main_table_campaigns_have_the_defined_fields() {
    let host = Host::new();
    let definition = json!({"fields": [{"name": "tel", "type": "phone"}, {"name": "a"}], "unique_key": ["a"]});
    done(&host.main_table_define("team", definition.to_string()));
    let campaign = host.campaign(&json!({"main_table": true}));
    assert_eq!(field_names(&host, &campaign), ["tel", "a"]);
    assert_eq!(data(&host.campaign_get(&campaign))["unique_key"], json!(["a"]));
}

#[test]
fn the_main_table_may_gain_fields_while_it_holds_data() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    host.record(JOE);
    let mut fields: Vec<Value> = data(&host.campaign_get(&host.campaign))["fields"].as_array().unwrap().clone();
    fields.push(json!({"name": "birthday", "type": "datetime"}));
    done(&host.main_table_define("team", json!({"fields": fields}).to_string()));
    host.record("phone1=2||birthday=1990-05-04");
    let customers = host.customers();
    assert_eq!(customers[0]["fields"]["name"], "Joe");
    assert_eq!(customers[1]["fields"]["birthday"], "1990-05-04 00:00:00");
}

#[test]
fn what_a_definition_leaves_out_stays_as_it_was() {
    let host = Host::new();
    let define = |definition: Value| done(&host.main_table_define("team", definition.to_string())).to_owned();
    define(json!({"fields": [{"name": "tel", "type": "phone"}, {"name": "who"}], "unique_key": ["who"]}));
    let campaign = host.campaign(&json!({"main_table": true}));
    let is = |fields: &[&str], key: &[&str]| {
        assert_eq!(field_names(&host, &campaign), fields);
        assert_eq!(data(&host.campaign_get(&campaign))["unique_key"], json!(key));
    };
    define(json!({"unique_key": ["tel"]}));
    is(&["tel", "who"], &["tel"]);
    define(json!({"unique_key": ["WHO"]}));
    define(json!({}));
    is(&["tel", "who"], &["who"]);
    done(&host.import(&[("model_id", &*campaign), ("context", "who=Joe||tel=1")]));
    define(json!({"fields": [{"name": "tel", "type": "phone"}, {"name": "Who"}, {"name": "new"}]}));
    is(&["tel", "Who", "new"], &["Who"]);
    done(&host.import(&[("model_id", &*campaign), ("context", "who=Ann||new=x")]));
    // A key that is gone is the default one again.
    let host = Host::new();
    let define = |definition: Value| done(&host.main_table_define("team", definition.to_string())).to_owned();
    define(json!({"fields": [{"name": "tel", "type": "phone"}, {"name": "who"}], "unique_key": ["who"]}));
    define(json!({"fields": [{"name": "tel", "type": "phone"}]}));
    let campaign = host.campaign(&json!({"main_table": true}));
    assert_eq!(data(&host.campaign_get(&campaign))["unique_key"], json!(["tel"]));
}

#[test]
fn a_field_or_key_that_holds_data_can_not_be_lost_or_changed() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    host.record(JOE);
    let fields: Vec<Value> = data(&host.campaign_get(&host.campaign))["fields"].as_array().unwrap().clone();
    let without_name: Vec<Value> = fields.iter().filter(|field| field["name"] != "name").cloned().collect();
    let mut retyped = fields.clone();
    retyped[0]["type"] = json!("integer");
    failed_naming(&host.main_table_define("team", json!({"fields": without_name}).to_string()), &["name"]);
    failed_naming(&host.main_table_define("team", json!({"fields": retyped}).to_string()), &["name"]);
    let rekeyed = json!({"fields": fields, "unique_key": ["name"]});
    failed_naming(&host.main_table_define("team", rekeyed.to_string()), &["unique", "phone1"]);
    assert_eq!(host.customers()[0]["fields"]["name"], "Joe");
}

#[test]
fn each_team_has_a_main_table_of_its_own() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    done(&host.team_add("second", "Second"));
    done(&host.user_set("second", "agent", "1001", "plaintext", PASSWORD));
    let other = done(&host.campaign_add("second", r#"{"name":"A","main_table":true}"#)).to_owned();
    host.record(JOE);
    done(&host.import(&[("orgidentity", "second"), ("model_id", &other)]));
    assert_eq!((host.customers().len(), host.customers_of(&other).len()), (1, 1));
}
