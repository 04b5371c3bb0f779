//! `cji_query`, one reading `SELECT` on the documented tables, its values kept exactly.

mod common;

use common::{Host, JOE, data, failed, failed_naming};
use serde_json::{Value, json};

/// The rows of an answer.
#[track_caller]
fn rows(host: &Host, sql: &str, arguments: &Value) -> Value {
    data(&host.query(sql, arguments.to_string()))["rows"].clone()
}

/// The one value of an answer.
#[track_caller]
fn value(host: &Host, sql: &str) -> Value {
    rows(host, sql, &json!([]))[0][0].clone()
}

/// A campaign with two customers, one entry on its dial list, and a campaign of the main table.
fn filled() -> Host {
    let host = Host::new();
    host.import(&[("context", JOE), ("phone_field", "phone1")]);
    host.record("name=Ann||phone1=200||phone2=300");
    let main = host.campaign(&json!({"main_table": true}));
    host.import(&[("model_id", main.as_str()), ("context", JOE)]);
    host
}

// Asking

#[test]
fn a_question_is_answered_with_columns_and_rows() {
    let reply = filled().query("SELECT id, name AS who FROM customers_1 ORDER BY id", "");
    assert_eq!(data(&reply), &json!({"columns": ["id", "who"], "rows": [[1, "Joe"], [2, "Ann"]]}));
}

#[test]
fn no_row_is_an_answer_too() {
    let reply = filled().query("SELECT id FROM customers_1 WHERE id = 99;  -- none", "[]");
    assert_eq!(data(&reply), &json!({"columns": ["id"], "rows": []}));
}

#[test]
fn what_was_written_last_is_seen() {
    let host = filled();
    host.record("name=Eve||phone1=400");
    assert_eq!(value(&host, "SELECT count(*) FROM customers_1"), 3);
}

#[test]
fn arguments_take_their_places() {
    let host = filled();
    assert_eq!(rows(&host, "SELECT id FROM customers_1 WHERE name = ? AND id = ?", &json!(["Ann", 2])), json!([[2]]));
    assert_eq!(rows(&host, "SELECT ?2, ?1", &json!(["a", null])), json!([[null, "a"]]));
    let listed = "SELECT name FROM customers_1 WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id";
    assert_eq!(rows(&host, listed, &json!(["[1,2]"])), json!([["Joe"], ["Ann"]]));
    assert_eq!(rows(&host, "SELECT ?", &json!(["x'; DROP TABLE job; --"])), json!([["x'; DROP TABLE job; --"]]));
}

#[test]
fn a_question_may_name_parts_of_itself() {
    let host = filled();
    assert_eq!(value(&host, "WITH ours AS (SELECT * FROM customers_1) SELECT count(*) FROM ours"), 2);
    assert_eq!(value(&host, "SELECT count(*) FROM (SELECT DISTINCT status FROM customers_1) AS s"), 1);
    assert_eq!(value(&host, "SELECT 1 FROM (SELECT 1 UNION SELECT 2) LIMIT 1"), 1);
    let longest = "SELECT name FROM (SELECT *, rank() OVER (ORDER BY length(name), id) AS place FROM customers_1) WHERE place = 1";
    assert_eq!(value(&host, longest), "Joe");
}

#[test]
fn a_wrong_number_of_arguments_is_a_clear_failure() {
    let host = filled();
    for (arguments, given) in [("", "0 given"), ("[]", "0 given"), ("[1]", "1 given"), ("[1,2,3]", "3 given")] {
        failed_naming(&host.query("SELECT ?, ?", arguments), &["arguments", given, "2 parameters"]);
    }
    failed_naming(&host.query("SELECT 1", "[1]"), &["arguments", "0 parameters"]);
}

#[test]
fn arguments_that_are_no_list_of_plain_values_are_refused() {
    let host = filled();
    for arguments in [r#"{"a":1}"#, "1", "[", "[[1]]", r#"[{"a":1}]"#, "nonsense", "[1,]", "[1e999]"] {
        failed_naming(&host.query("SELECT ?", arguments), &["arguments"]);
    }
}

// Exactly

#[test]
fn numbers_are_kept_exactly_both_ways() {
    let host = filled();
    for number in ["0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "0.1", "-0.0", "1e300"]
    {
        let reply = host.query("SELECT ?, typeof(?1)", format!("[{number}]"));
        let whole = !number.contains(['.', 'e']);
        let kind = if whole { "integer" } else { "real" };
        assert_eq!(data(&reply)["rows"][0][1], kind, "{number}");
        let shown = data(&reply)["rows"][0][0].to_string();
        match whole {
            true => assert_eq!(shown, number),
            false => assert_eq!(shown.parse::<f64>().unwrap().to_bits(), number.parse::<f64>().unwrap().to_bits()),
        }
    }
}

#[test]
fn a_whole_number_that_does_not_fit_is_not_rounded() {
    for number in ["9223372036854775808", "18446744073709551615", "100000000000000000000001"] {
        failed_naming(&filled().query("SELECT ?", format!("[{number}]")), &["arguments", number]);
    }
}

#[test]
fn texts_are_kept_exactly_both_ways() {
    let host = filled();
    for text in ["", "a\"b\\c", "tab\tline\n", "\u{0}", "a\u{0}b", "Ünïcödé 电话 \u{1F4DE}", "\u{2028}"] {
        assert_eq!(rows(&host, "SELECT ?", &json!([text])), json!([[text]]));
    }
}

#[test]
fn what_json_can_not_say_is_a_failure_and_no_other_value() {
    let host = filled();
    for (sql, named) in [
        ("SELECT x'00ff'", "hex()"),
        ("SELECT CAST(x'ff' AS TEXT)", "UTF-8"),
        ("SELECT 9e999", "infinite"),
        ("SELECT -9e999", "infinite"),
    ] {
        failed_naming(&host.query(sql, ""), &["sql", named]);
    }
    // SQLite has no NaN.
    assert_eq!(value(&host, "SELECT 9e999 - 9e999"), Value::Null);
}

// Bounds

#[test]
fn ten_thousand_rows_are_the_most() {
    let host = filled();
    let some = |count: u32| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n")
    };
    assert_eq!(rows(&host, &some(10_000), &json!([])).as_array().unwrap().len(), 10_000);
    failed_naming(&host.query(some(10_001), ""), &["sql", "10000 rows"]);
}

#[test]
fn a_value_that_fills_the_memory_is_refused() {
    let host = filled();
    for sql in ["SELECT length(zeroblob(1000000000))", "SELECT length(printf('%900000000d', 1))"] {
        failed_naming(&host.query(sql, ""), &["sql", "too big"]);
    }
}

// Nothing but one SELECT

#[test]
fn what_is_no_select_is_refused_and_changes_nothing() {
    let host = filled();
    let before = rows(&host, "SELECT type, name, sql FROM sqlite_schema ORDER BY name", &json!([]));
    for sql in [
        "",
        "  ",
        "-- nothing",
        "/* nothing */",
        ";",
        "SELECT",
        "nonsense",
        "DELETE FROM customers_1",
        "DELETE FROM customers_1 RETURNING id",
        "INSERT INTO team (orgidentity, name) VALUES ('x', 'x') RETURNING id",
        "UPDATE job SET state = 'failed' RETURNING id",
        "WITH gone AS (SELECT 1) DELETE FROM customers_1 RETURNING id",
        "REPLACE INTO store (one) VALUES (1)",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t AS SELECT * FROM customers_1",
        "CREATE TEMP VIEW v AS SELECT * FROM login",
        "CREATE TEMP TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE temp.f USING fts5(a)",
        "DROP TABLE customers_1",
        "DROP VIEW dial_list",
        "ALTER TABLE team ADD COLUMN x",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/import-cji-stolen.db'",
        "ANALYZE",
        "REINDEX",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
        "PRAGMA user_version",
        "PRAGMA user_version = 9",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "EXPLAIN DELETE FROM customers_1",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM customers_1",
        "SELECT 1; nonsense",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT writefile('/tmp/import-cji-stolen', 'x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT fts3_tokenizer('simple')",
    ] {
        failed_naming(&host.query(sql, ""), &["sql"]);
    }
    assert_eq!(rows(&host, "SELECT type, name, sql FROM sqlite_schema ORDER BY name", &json!([])), before);
    assert_eq!(host.customers().len(), 2);
}

#[test]
fn very_many_empty_statements_are_no_harm() {
    let host = filled();
    data(&host.query(format!("SELECT 1{}", ";".repeat(1_000_000)), ""));
    failed(&host.query(";".repeat(1_000_000), ""));
    failed(&host.query(format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)), ""));
}

#[test]
fn credentials_are_read_by_no_way() {
    let host = filled();
    for sql in [
        "SELECT verifier FROM login",
        "SELECT * FROM login",
        "SELECT count(*) FROM login",
        "SELECT 1 FROM login",
        "SELECT EXISTS (SELECT 1 FROM main.login)",
        "SELECT (SELECT verifier FROM login LIMIT 1)",
        "SELECT t.id FROM team t WHERE EXISTS (SELECT 1 FROM LOGIN l WHERE l.team = t.id AND l.verifier LIKE '$argon%')",
        "WITH l AS (SELECT * FROM \"login\") SELECT count(*) FROM l",
        "WITH RECURSIVE l(v) AS (SELECT verifier FROM login UNION SELECT v FROM l) SELECT * FROM l",
        "SELECT name FROM team UNION SELECT verifier FROM login",
        "SELECT t.name FROM team t JOIN login l ON l.team = t.id",
        "SELECT t.name FROM team t NATURAL JOIN [login]",
        "SELECT * FROM team ORDER BY (SELECT verifier FROM login)",
        "VALUES ((SELECT verifier FROM login))",
        "SELECT * FROM store",
        "SELECT * FROM dial_waiting",
        "SELECT * FROM dial_open",
        "SELECT * FROM dial_list UNION ALL SELECT *, 1, 1 FROM dial_waiting",
        "WITH dial_list AS (SELECT * FROM login) SELECT * FROM dial_list",
        "WITH dial_entry AS MATERIALIZED (SELECT * FROM login) SELECT * FROM dial_entry",
        "WITH Dial_Entry AS (SELECT fingerprint_key FROM store) SELECT * FROM dial_entry",
        "SELECT * FROM pragma_table_info('login')",
        "SELECT * FROM pragma_table_list",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM sqlite_stat1",
        "SELECT * FROM sqlite_stat4",
        "SELECT * FROM sqlite_sequence",
        "SELECT * FROM sqlite_temp_schema",
        "SELECT * FROM fts5vocab('login', 'row')",
        "SELECT rtreecheck('login')",
    ] {
        let message = host.query(sql, "")["message"].as_str().unwrap().to_lowercase();
        assert!(!message.contains("argon"), "{sql}: {message}");
        failed_naming(&host.query(sql, ""), &["sql"]);
    }
}

#[test]
fn the_documented_tables_are_read() {
    let host = filled();
    for table in [
        "team",
        "customer_table",
        "field",
        "package",
        "campaign",
        "customers_1",
        "customers_2",
        "dial_entry",
        "dial_list",
        "job",
        "job_history",
        "job_reject",
        "campaign_1_customers",
        "campaign_2_customers",
        "sqlite_schema",
        "CAMPAIGN",
    ] {
        data(&host.query(format!("SELECT * FROM {table}"), ""));
        data(&host.query(format!("SELECT count(*) FROM {table}"), ""));
        data(&host.query(format!("SELECT * FROM {}", table.to_uppercase()), ""));
    }
}

// Views

#[test]
fn a_campaigns_customers_have_their_display_names() {
    let host = filled();
    let reply = host.query("SELECT id, package, status, agent, \"Name\", \"Phone 1\" FROM campaign_1_customers", "");
    assert_eq!(
        data(&reply)["rows"],
        json!([[1, 1, "open", null, "Joe", "13800001111"], [2, 1, "open", null, "Ann", "200"]])
    );
}

#[test]
fn a_display_name_of_any_text_is_a_column() {
    for display in ["Id", " status ", "a\"b", "x]; DROP TABLE job; --", "电话", "a\u{0}b", "select", "'", "rowid"] {
        let fields = json!([{"name": "phone1", "type": "phone"}, {"name": "other", "display": display}]);
        let host = Host::with_campaign(&json!({"fields": fields}));
        host.record("phone1=1||other=x");
        let reply = host.query("SELECT * FROM campaign_1_customers", "");
        let answer = data(&reply);
        assert_eq!(answer["columns"].as_array().unwrap().len(), 8, "{display}");
        assert_eq!(answer["rows"][0][7], "x", "{display}");
        let own = ["Id", " status ", "a\u{0}b"].contains(&display);
        assert_eq!(answer["columns"][7], if own { "other" } else { display });
    }
}

#[test]
fn a_view_of_the_main_table_has_the_campaigns_own_customers_and_gains_its_fields() {
    let host = Host::with_campaign(&json!({"main_table": true}));
    let second = host.campaign(&json!({"main_table": true}));
    let ids = |campaign: &str| rows(&host, &format!("SELECT id FROM campaign_{campaign}_customers"), &json!([]));
    host.record(JOE);
    host.import(&[("model_id", second.as_str()), ("context", "phone1=2")]);
    assert_eq!((ids(&host.campaign), ids(&second)), (json!([[1]]), json!([[2]])));
    let fields = |names: &[&str]| {
        let fields: Vec<Value> = names.iter().map(|n| json!({"name": n, "type": "phone"})).collect();
        json!({"fields": fields, "unique_key": ["phone1"]}).to_string()
    };
    // The default fields but those without data, and a new phone.
    let kept = json!({"unique_key": ["phone1"], "fields": [{"name": "name", "display": "Who"},
        {"name": "phone1", "type": "phone"}, {"name": "mobile", "display": "Mobile", "type": "phone"}]});
    failed(&host.main_table_define("team", fields(&["phone1"])));
    assert_eq!(ids(&second), json!([[2]]), "a failed change leaves the views");
    common::done(&host.main_table_define("team", kept.to_string()));
    for campaign in [&host.campaign, &second] {
        data(&host.query(format!("SELECT \"Who\", \"phone1\", \"Mobile\" FROM campaign_{campaign}_customers"), ""));
    }
}

#[test]
fn the_dial_list_comes_in_its_order() {
    let host = Host::new();
    for (phone, priority, time) in
        [("1", "0", ""), ("2", "5", "2040-01-01"), ("3", "5", ""), ("4", "9", ""), ("5", "0", "")]
    {
        let context = format!("phone1={phone}||p={priority}||t={time}");
        let fields = [("phone_field", "phone1"), ("priority_field", "p"), ("dialtime_field", "t")];
        host.import(&[&[("context", context.as_str())][..], &fields[..]].concat());
    }
    let list = || rows(&host, "SELECT phone, state FROM dial_list WHERE campaign = 1", &json!([]));
    let order = json!([["4", "waiting"], ["3", "waiting"], ["2", "waiting"], ["1", "waiting"], ["5", "waiting"]]);
    assert_eq!(list(), order);
    data(&host.dial_next(&host.campaign, 2, 60));
    let order = json!([["4", "leased"], ["3", "leased"], ["2", "waiting"], ["1", "waiting"], ["5", "waiting"]]);
    assert_eq!(list(), order);
}

#[test]
fn views_of_one_campaign_read_no_other() {
    let host = filled();
    for sql in ["SELECT * FROM dial_list WHERE campaign = 1 LIMIT 9", "SELECT * FROM job_history WHERE campaign = 1"] {
        let plan = rows(&host, &format!("EXPLAIN QUERY PLAN {sql}"), &json!([])).to_string();
        assert!(plan.contains("(campaign=?)"), "{plan}");
        assert!(!plan.contains("SCAN w") && !plan.contains("SCAN l") && !plan.contains("SCAN job"), "{plan}");
        // Leases alone are not by the order of dialling.
        assert_eq!(plan.matches("TEMP B-TREE").count(), usize::from(sql.contains("dial_list")), "{plan}");
    }
}

#[test]
fn the_job_history_is_there() {
    let host = filled();
    let web = common::web::Web::csv("name,phone1\nEve,500\n");
    let url = web.url();
    common::done(&host.import(&[("source", "http"), ("context", url.as_str())]));
    let history = "SELECT campaign, id, state, read, inserted, url FROM job_history";
    assert_eq!(rows(&host, history, &json!([])), json!([[1, 1, "succeeded", 1, 1, url]]));
}
