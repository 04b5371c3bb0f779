//! A record, and the types of its values.

mod common;

use common::{Host, done, failed, failed_naming};
use serde_json::{Value, json};

/// The fields of the customer that this record becomes in a new store.
#[track_caller]
fn becomes(host: &Host, context: &str) -> Value {
    host.record(context);
    host.customers().last().expect("a customer")["fields"].clone()
}

/// A campaign of one field of each type, a key that any text fills, and nothing required.
fn typed() -> Host {
    Host::with_campaign(&json!({
        "fields": [
            {"name": "ref", "display": "Reference"},
            {"name": "tel", "display": "Telephone", "type": "phone"},
            {"name": "age", "type": "integer"},
            {"name": "seen", "display": "Last seen", "type": "datetime"},
        ],
        "unique_key": ["ref"],
    }))
}

/// The record is refused, naming `words`, and nothing is written.
#[track_caller]
fn refused(host: &Host, context: &str, words: &[&str]) {
    let before = host.customers().len();
    failed_naming(&host.import(&[("context", context)]), words);
    assert_eq!(host.customers().len(), before);
}

#[test]
fn pieces_are_split_at_double_bars_and_at_the_first_equals_sign() {
    let host = Host::new();
    let fields = becomes(&host, "name=Joe||phone1=138xxxx88x8||memo=a=b||city=x|y");
    assert_eq!(fields["name"], "Joe");
    assert_eq!(fields["phone1"], "138xxxx88x8", "the vendor's own example");
    assert_eq!(fields["memo"], "a=b");
    assert_eq!(fields["city"], "x|y");
}

#[test]
fn names_and_values_are_trimmed() {
    let fields = becomes(&Host::new(), " name =  Joe M  || phone1\t= 1 \r\n");
    assert_eq!((&fields["name"], &fields["phone1"]), (&json!("Joe M"), &json!("1")));
}

#[test]
fn empty_pieces_are_ignored() {
    let fields = becomes(&Host::new(), "||name=Joe|| ||||phone1=1||");
    assert_eq!((&fields["name"], &fields["phone1"]), (&json!("Joe"), &json!("1")));
}

#[test]
fn a_name_is_a_field_or_display_name_without_regard_to_case() {
    let host = Host::new();
    let fields = becomes(&host, "NAME=Joe||phone 1=1||E-mail=x".replace("E-mail", "EMAIL").as_str());
    assert_eq!((&fields["name"], &fields["phone1"], &fields["email"]), (&json!("Joe"), &json!("1"), &json!("x")));
    let definition = json!({"fields": [
        {"name": "tel", "type": "phone"},
        {"name": "a", "display": "Straße"},
        {"name": "b", "display": "ÄRGER 客户"},
    ]});
    let fields = becomes(&Host::with_campaign(&definition), "TEL=1||STRASSE=x||ärger 客户=y");
    assert_eq!(fields, json!({"tel": "1", "a": "x", "b": "y"}));
}

#[test]
fn field_names_win_over_display_names() {
    let definition = json!({"fields": [
        {"name": "tel", "type": "phone"},
        {"name": "a", "display": "b"},
        {"name": "b", "display": "a"},
    ]});
    let fields = becomes(&Host::with_campaign(&definition), "tel=1||a=first||b=second");
    assert_eq!((&fields["a"], &fields["b"]), (&json!("first"), &json!("second")));
}

#[test]
fn values_of_any_script_are_kept() {
    let name = "Zoë 😀 Müller · 张伟 · Ольга · ‏محمد";
    assert_eq!(becomes(&Host::new(), &format!("phone1=1||name={name}"))["name"], name);
}

#[test]
fn an_empty_value_is_no_value() {
    let host = Host::new();
    let fields = becomes(&host, "phone1=1||name=||memo= ");
    assert_eq!(fields["name"], fields["city"], "as if the piece were not there");
}

#[test]
fn a_new_customer_is_open_and_has_no_agent() {
    let host = Host::new();
    host.record(common::JOE);
    let customer = &host.customers()[0];
    assert_eq!((&customer["status"], &customer["agent"]), (&json!("open"), &Value::Null));
}

// Failures

#[test]
fn a_piece_without_equals_sign_is_named() {
    refused(&Host::new(), "phone1=1||just words", &["just words"]);
}

#[test]
fn an_unknown_name_is_named() {
    refused(&Host::new(), "phone1=1||colour=red", &["colour"]);
    refused(&Host::new(), "phone1=1||=red", &["red"]);
    refused(&Host::new(), "phone1=1||status=success", &["status"]);
}

#[test]
fn the_same_field_twice_is_named() {
    refused(&Host::new(), "phone1=1||name=a||name=a", &["name"]);
    refused(&Host::new(), "phone1=1||name=a||Name=b", &["name"]);
    refused(&Host::new(), "phone1=1||Phone 1=2", &["Phone 1"]);
}

#[test]
fn a_record_with_nothing_in_it_is_refused() {
    for context in ["||", " || ", "||||||"] {
        refused(&Host::new(), context, &["context"]);
    }
}

#[test]
fn a_priority_or_dial_time_that_is_none_is_named() {
    let host = Host::new();
    for (parameter, context) in [
        ("priority_field", "phone1=1||x=high"),
        ("priority_field", "phone1=1||x=1.5"),
        ("priority_field", "phone1=1||x=2147483648"),
        ("priority_field", "phone1=1||x=-2147483649"),
        ("dialtime_field", "phone1=1||x=tomorrow"),
        ("dialtime_field", "phone1=1||x=2040-13-01"),
        ("dialtime_field", "phone1=1||x=2040-01-01 25:00:00"),
    ] {
        let value = context.split("x=").nth(1).unwrap();
        failed_naming(
            &host.import(&[("context", context), ("phone_field", "phone1"), (parameter, "x")]),
            &["x", value],
        );
    }
    assert!(host.customers().is_empty() && host.entries().is_empty());
}

#[test]
fn priorities_have_32_bits() {
    let host = Host::new();
    for (i, priority) in ["2147483647", "-2147483648", " 5 "].iter().enumerate() {
        let context = format!("phone1={i}||x={priority}");
        done(&host.import(&[("context", &*context), ("phone_field", "phone1"), ("priority_field", "x")]));
    }
    let entries = host.entries();
    let found: Vec<_> = entries.iter().map(|entry| entry["priority"].as_i64().unwrap()).collect();
    assert_eq!(found, [2_147_483_647, -2_147_483_648, 5]);
}

#[test]
fn a_piece_that_is_no_field_is_allowed_only_where_a_parameter_names_it() {
    let host = Host::new();
    refused(&host, "phone1=1||urgency=5", &["urgency"]);
    let context = ("context", "phone1=1||urgency=5");
    done(&host.import(&[context, ("phone_field", "phone1"), ("priority_field", "urgency")]));
}

#[test]
fn a_unique_key_whose_fields_are_all_empty_is_refused() {
    refused(&Host::new(), "name=Joe", &["phone1"]);
    refused(&Host::new(), "name=Joe||phone1=", &["phone1"]);
    refused(&Host::new(), "name=Joe||phone1=  ||phone2=1", &["phone1"]);
}

#[test]
fn a_unique_key_of_two_fields_may_be_half_empty() {
    let host = Host::with_campaign(&json!({"unique_key": ["phone1", "email"]}));
    host.record("email=a");
    host.record("phone1=1");
    host.record("phone1=1||email=a");
    assert_eq!(host.customers().len(), 3);
    host.record("email=a||name=again");
    host.record("phone1=1||name=again");
    assert_eq!(host.customers().len(), 3, "an empty part of a key equals an empty part");
    refused(&host, "name=Joe", &["phone1", "email"]);
}

#[test]
fn a_required_field_that_is_missing_is_named() {
    let host = Host::with_campaign(&json!({"fields": [
        {"name": "tel", "type": "phone"},
        {"name": "name", "display": "Full name", "required": true},
    ]}));
    refused(&host, "tel=1", &["name"]);
    refused(&host, "tel=1||name=", &["name"]);
    refused(&host, "tel=1||name=  ", &["name"]);
    host.record("tel=1||Full name=Joe");
}

// Types

#[test]
fn a_phone_is_stored_without_its_punctuation() {
    let host = Host::new();
    for (i, (given, stored)) in [
        ("(0)171-123.45/67", "01711234567"),
        ("１３８００００１１１１", "13800001111"),
        ("＋４９（１）－２", "+4912"),
        ("138xxxx88x8", "138xxxx88x8"),
        ("110 ext 5", "110ext5"),
        ("*31#", "*31#"),
    ]
    .iter()
    .enumerate()
    {
        let context = format!("phone1={i}{i}{i}||phone2={given}");
        assert_eq!(becomes(&host, &context)["phone2"], *stored, "{given}");
    }
}

#[test]
fn a_phone_holds_a_digit_and_is_no_float_of_a_spreadsheet() {
    let host = Host::new();
    for phone in ["none", "-", "()", "+", "1.38E+10", "1,38E+10", "1.38001E+10"] {
        refused(&host, &format!("phone1=1||phone2={phone}"), &["phone2", phone]);
        refused(&host, &format!("phone1={phone}"), &["phone1"]);
    }
}

#[test]
fn an_integer_has_64_bits() {
    let host = typed();
    for (i, (given, stored)) in [
        ("42", 42),
        ("-7", -7),
        ("+7", 7),
        ("007", 7),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(becomes(&host, &format!("ref={i}||age={given}"))["age"], stored, "{given}");
    }
    for wrong in ["x", "1.5", "1 000", "9223372036854775808", "0x10", "1e3", "--1"] {
        refused(&host, &format!("ref=r||age={wrong}"), &["age", wrong]);
    }
}

#[test]
fn a_datetime_is_shown_in_one_form() {
    let host = typed();
    for (i, (given, stored)) in [
        ("2024-02-29 01:02:03", "2024-02-29 01:02:03"),
        ("2024-02-29T01:02:03", "2024-02-29 01:02:03"),
        ("2024-02-29 01:02", "2024-02-29 01:02:00"),
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("1970-01-01", "1970-01-01 00:00:00"),
        ("1930-06-07", "1930-06-07 00:00:00"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(becomes(&host, &format!("ref={i}||seen={given}"))["seen"], stored, "{given}");
    }
    for wrong in ["yesterday", "2023-02-29", "29.02.2024", "2024-02-29 24:00:00", "2024-02-29 1:2:3x"] {
        refused(&host, &format!("ref=r||seen={wrong}"), &["seen", wrong]);
    }
}

#[test]
fn what_a_value_was_refused_for_is_told_without_a_whole_huge_value() {
    let huge = "x".repeat(1_000_000);
    let reply = Host::new().import(&[("context", &format!("phone1={huge}"))]);
    assert!(failed(&reply).len() < 1000);
}

#[test]
fn a_value_of_ten_megabytes_is_taken() {
    let host = Host::new();
    let memo = "m".repeat(10_000_000);
    host.record(&format!("phone1=1||memo={memo}"));
    assert_eq!(host.customers()[0]["fields"]["memo"].as_str().unwrap().len(), memo.len());
}

#[test]
fn a_bad_priority_and_a_bad_dial_time_name_their_pieces() {
    let host = Host::new();
    let reply = host.import(&[
        ("context", "phone1=77||Wichtig=hoch||Wann=morgen"),
        ("phone_field", "phone1"),
        ("priority_field", "wichtig"),
        ("dialtime_field", "wann"),
    ]);
    failed_naming(&reply, &["Wichtig 'hoch'", "Wann 'morgen'"]);
}

#[test]
fn all_unknown_fields_of_the_dial_list_are_named_at_once() {
    let host = Host::new();
    let changes = [("phone_field", "nope"), ("priority_field", "p2"), ("dialtime_field", "d2")];
    failed_naming(&host.import(&changes), &["phone_field 'nope'", "priority_field 'p2'", "dialtime_field 'd2'"]);
}
