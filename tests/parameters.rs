//! What each of the 22 parameters accepts, and that each changes an outcome.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::web::{Web, refusing_url};
use common::{DEFAULTS, Host, JOE, PARAMETERS, PASSWORD, data, done, failed, failed_naming};
use serde_json::{Value, json};

/// MD5 of [`PASSWORD`].
const MD5: &str = "5ebe2294ecd0e0f08eab7690d2a6ee69";

const FILE: &str = "name,phone1\nJoe,13800001111\nAnn,13800002222\n";

// What they accept

#[test]
fn each_listed_value_is_taken_without_regard_to_case_and_surrounding_space() {
    let host = Host::new();
    done(&host.user_set("team", "account", "boss", "plaintext", PASSWORD));
    for changes in [
        &[("usertype", " AGENT ")][..],
        &[("usertype", "Account"), ("user", "boss")],
        &[("pwdtype", "PlainText")],
        &[("pwdtype", "\tMD5\n"), ("password", MD5)],
        &[("modeltype", "campaign")],
        &[("modeltype", " CAMPAIGN")],
        &[("source", "DATA")],
        &[("phone_field", " PHONE1 ")],
        &[("phone_field", "phone 1")],
        &[("emptyagent", "YES")],
        &[("emptyagent", "No")],
        &[("resetstatus", "Yes")],
        &[("resetstatus", "nO")],
        &[("dupway", "UPDATE")],
        &[("dupway", "Skip")],
        &[("dupdiallist", "IGNOREDUPLICATE")],
        &[("dupdiallist", "All")],
        &[("dupdiallist", "ignoresuccess")],
        &[("changepackage", "SKIP")],
        &[("changepackage", "unassigntocurrent")],
        &[("changepackage", " ReassignToCurrent ")],
    ] {
        let reply = host.import(changes);
        assert_eq!(reply["code"], 1, "{changes:?}: {reply}");
    }
    for (source, url) in [("HTTP", Web::csv(FILE).url()), (" Http ", Web::csv(FILE).url())] {
        done(&host.import(&[("source", source), ("context", &url)]));
    }
}

#[test]
fn a_value_outside_its_list_is_named_and_nothing_is_written() {
    let host = Host::new();
    for (parameter, value) in [
        ("usertype", "boss"),
        ("pwdtype", "sha1"),
        ("modeltype", "Campaigns"),
        ("model_id", "one"),
        ("model_id", "-1"),
        ("model_id", "1.0"),
        ("source", "file"),
        ("phone_field", "phone9"),
        ("emptyagent", "1"),
        ("emptyagent", "true"),
        ("resetstatus", "y"),
        ("dupway", "replace"),
        ("dupdiallist", "none"),
        ("changepackage", "move"),
    ] {
        failed_naming(&host.import(&[(parameter, value)]), &[parameter]);
    }
    assert!(host.customers().is_empty());
}

#[test]
fn a_required_parameter_that_is_empty_is_named() {
    let host = Host::new();
    let required =
        ["orgidentity", "usertype", "user", "pwdtype", "password", "modeltype", "model_id", "source", "context"];
    for parameter in required {
        failed_naming(&host.import(&[(parameter, "")]), &[parameter]);
    }
}

#[test]
fn all_complaints_come_in_one_message() {
    let host = Host::new();
    let wrong = [
        ("usertype", "boss"),
        ("pwdtype", "sha1"),
        ("modeltype", "Team"),
        ("model_id", "one"),
        ("source", "file"),
        ("emptyagent", "maybe"),
        ("resetstatus", "maybe"),
        ("dupway", "maybe"),
        ("dupdiallist", "maybe"),
        ("changepackage", "maybe"),
        ("orgidentity", ""),
        ("user", ""),
        ("password", ""),
        ("context", ""),
    ];
    let names: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
    failed_naming(&host.import(&wrong), &names);
}

#[test]
fn the_complaints_about_a_file_import_come_in_one_message_too() {
    let host = Host::new();
    let wrong =
        [("source", "http"), ("context", "leads.csv"), ("exetime", "tomorrow"), ("delrow", "one"), ("dupway", "x")];
    failed_naming(&host.import(&wrong), &["context", "exetime", "delrow", "dupway"]);
}

#[test]
fn invalid_utf8_in_any_parameter_is_named() {
    let host = Host::new();
    for parameter in PARAMETERS {
        failed_naming(&host.import(&[(parameter, &b"a\xffb"[..])]), &[parameter, "utf-8"]);
    }
    let all: Vec<(&str, &[u8])> = PARAMETERS.iter().map(|parameter| (*parameter, &b"\xc3"[..])).collect();
    failed_naming(&host.import(&all), &PARAMETERS);
    assert!(host.customers().is_empty());
}

#[test]
fn parameters_are_checked_before_the_login_and_the_login_before_the_campaign() {
    let host = Host::new();
    let message = failed(&host.import(&[("password", "wrong"), ("dupway", "maybe"), ("model_id", "99")])).to_owned();
    assert!(message.contains("dupway"), "{message}");
    let login = failed(&host.import(&[("password", "wrong"), ("model_id", "99")])).to_owned();
    assert_eq!(login, failed(&host.import(&[("password", "wrong")])));
    let campaign = failed(&host.import(&[("model_id", "99"), ("context", "none=1")])).to_owned();
    assert!(campaign.contains("99") && !campaign.contains("none"), "{campaign}");
}

#[test]
fn users_teams_and_passwords_are_compared_exactly() {
    let host = Host::new();
    for changes in [
        ("orgidentity", "TEAM"),
        ("orgidentity", " team"),
        ("user", "1001 "),
        ("user", "01001"),
        ("password", "Secret"),
        ("password", " secret"),
        ("password", "secret "),
    ] {
        failed(&host.import(&[changes]));
    }
}

#[test]
fn a_wrong_team_a_wrong_user_and_a_wrong_password_get_the_same_message() {
    let host = Host::new();
    let messages = [("orgidentity", "none"), ("user", "9999"), ("password", "wrong"), ("usertype", "account")]
        .map(|wrong| failed(&host.import(&[wrong])).to_owned());
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
}

#[test]
fn a_wrong_team_and_a_wrong_user_take_the_time_of_a_wrong_password() {
    let host = Host::new();
    let fastest = |parameter: &str| -> Duration {
        let time = |i: usize| {
            let start = Instant::now();
            failed(&host.import(&[(parameter, format!("wrong{i}"))]));
            start.elapsed()
        };
        (0..3).map(time).min().unwrap()
    };
    let (team, user, password) = (fastest("orgidentity"), fastest("user"), fastest("password"));
    assert!(team * 3 > password && user * 3 > password, "team {team:?}, user {user:?}, password {password:?}");
}

#[test]
fn a_credential_is_verified_slowly_once_and_then_quickly() {
    let host = Host::new();
    let start = Instant::now();
    failed(&host.import(&[("password", "wrong")]));
    let slow = start.elapsed();
    done(&host.import(DEFAULTS));
    let start = Instant::now();
    for _ in 0..20 {
        done(&host.import(DEFAULTS));
    }
    assert!(start.elapsed() < slow * 10, "20 imports took {:?}, one wrong password {slow:?}", start.elapsed());
}

#[test]
fn an_md5_is_32_hex_digits() {
    let host = Host::new();
    done(&host.import(&[("pwdtype", "md5"), ("password", MD5)]));
    done(&host.import(&[("pwdtype", "md5"), ("password", &MD5.to_uppercase())]));
    for wrong in ["secret", &MD5[1..], &format!("{MD5}0"), "5ebe2294ecd0e0f08eab7690d2a6ee6g"] {
        failed_naming(&host.import(&[("pwdtype", "md5"), ("password", wrong)]), &["password"]);
    }
}

#[test]
fn context_of_a_file_import_is_a_url_of_its_source() {
    let host = Host::new();
    for (source, context) in [
        ("http", "ftp://127.0.0.1/leads.csv"),
        ("ftp", "http://127.0.0.1/leads.csv"),
        ("http", "file:///etc/passwd"),
        ("ftp", "file:///etc/passwd"),
        ("http", "leads.csv"),
        ("http", "//127.0.0.1/leads.csv"),
        ("http", "http://"),
        ("http", "http://127.0.0.1:99999/leads.csv"),
        ("http", "name=Joe||phone1=13800001111"),
        ("http", "http://127.0.0.1/a\r\nX-Evil: 1"),
        ("ftp", "ftp://127.0.0.1/a\r\nDELE b"),
    ] {
        failed_naming(&host.import(&[("source", source), ("context", context)]), &["context"]);
    }
    assert_eq!(data(&host.job_list(""))["jobs"], json!([]));
}

#[test]
fn a_login_holds_no_line_break() {
    let host = Host::new();
    for parameter in ["source_user", "source_pwd"] {
        let changes = [("source", "ftp"), ("context", "ftp://127.0.0.1/a.csv"), (parameter, "joe\r\nDELE b")];
        failed_naming(&host.import(&changes), &[parameter]);
    }
}

#[test]
fn exetime_is_taken_in_its_forms() {
    let host = Host::new();
    let run_at = |exetime: &str| -> Value {
        let reply = host.import(&[("source", "http"), ("context", &refusing_url()), ("exetime", exetime)]);
        assert_eq!(reply["code"], 1, "{exetime}: {reply}");
        host.job_of(&reply)
    };
    for (exetime, told) in [
        ("2040-02-29 08:09:10", "2040-02-29 08:09:10"),
        ("2040-02-29T08:09:10", "2040-02-29 08:09:10"),
        ("2040-02-29 08:09", "2040-02-29 08:09:00"),
        ("2040-02-29T08:09", "2040-02-29 08:09:00"),
        (" 2040-02-29 08:09:10 ", "2040-02-29 08:09:10"),
    ] {
        let job = run_at(exetime);
        assert_eq!((&job["state"], &job["run_at"]), (&json!("scheduled"), &json!(told)), "{exetime}");
    }
}

#[test]
fn exetime_means_now_where_it_is_empty_zero_null_or_past() {
    for exetime in ["", "0000-00-00 00:00:00", "NULL", "null", "2001-01-01 00:00:00"] {
        let web = Web::csv(FILE);
        let host = Host::new();
        let reply = host.import(&[("source", "http"), ("context", web.url().as_str()), ("exetime", exetime)]);
        assert_eq!(host.job_of(&reply)["state"], "succeeded", "{exetime}");
    }
}

#[test]
fn an_exetime_that_is_no_time_is_named() {
    let host = Host::new();
    for exetime in
        ["tomorrow", "2040-02-30 00:00:00", "2040-01-01 24:00:00", "2040-01-01 00:61:00", "20400101", "1893456000"]
    {
        let changes = [("source", "http"), ("context", &refusing_url()), ("exetime", exetime)];
        failed_naming(&host.import(&changes), &["exetime"]);
    }
}

#[test]
fn an_exetime_that_a_clock_change_skips_moves_on_and_one_that_comes_twice_is_the_first() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("calls.db");
    let host = Host::at(&path, &json!({"timezone": "Europe/Berlin"}), &json!({}));
    let utc = common::Library::open(path.to_str().unwrap(), r#"{"timezone":"UTC"}"#).unwrap();
    for (exetime, told_in_utc) in
        [("2040-03-25 02:30:00", "2040-03-25 01:30:00"), ("2040-10-28 02:30:00", "2040-10-28 00:30:00")]
    {
        let reply = host.import(&[("source", "http"), ("context", &refusing_url()), ("exetime", exetime)]);
        assert_eq!(data(&utc.job_get(done(&reply)))["run_at"], told_in_utc);
    }
}

#[test]
fn delrow_is_a_number_of_lines() {
    let host = Host::new();
    for delrow in ["one", "-1", "1.5", "0x1", "99999999999999999999999"] {
        let changes = [("source", "http"), ("context", &refusing_url()), ("delrow", delrow)];
        failed_naming(&host.import(&changes), &["delrow"]);
    }
    for delrow in ["", "0", "1", " 1 "] {
        let web = Web::csv(FILE);
        done(&host.import(&[("source", "http"), ("context", web.url().as_str()), ("delrow", delrow)]));
    }
}

#[test]
fn exetime_and_delrow_are_ignored_for_a_record() {
    let host = Host::new();
    done(&host.import(&[("exetime", "2040-01-01 00:00:00"), ("delrow", "5")]));
    done(&host.import(&[("context", "phone1=2"), ("exetime", "tomorrow"), ("delrow", "one")]));
    assert_eq!(host.customers().len(), 2);
    assert_eq!(data(&host.job_list(""))["jobs"], json!([]));
}

#[test]
fn priority_field_and_dialtime_field_need_phone_field() {
    let host = Host::new();
    for parameter in ["priority_field", "dialtime_field"] {
        failed_naming(&host.import(&[(parameter, "memo")]), &[parameter]);
    }
    assert!(host.customers().is_empty());
}

#[test]
fn a_priority_field_that_is_neither_field_nor_piece_is_named() {
    let host = Host::new();
    for parameter in ["priority_field", "dialtime_field"] {
        failed_naming(&host.import(&[("phone_field", "phone1"), (parameter, "urgency")]), &[parameter]);
    }
    assert!(host.customers().is_empty());
}

// Each changes an outcome, in the order of the parameters

#[test]
fn orgidentity_is_the_team_whose_campaign_is_filled() {
    let host = Host::new();
    done(&host.team_add("second", "Second"));
    done(&host.user_set("second", "agent", "1001", "plaintext", PASSWORD));
    failed(&host.import(&[("orgidentity", "second")]));
    let campaign = done(&host.campaign_add("second", r#"{"name":"A"}"#)).to_owned();
    done(&host.import(&[("orgidentity", "second"), ("model_id", &campaign)]));
    failed(&host.import(&[("model_id", &campaign)]));
    assert_eq!((host.customers().len(), host.customers_of(&campaign).len()), (0, 1));
}

#[test]
fn usertype_tells_an_agent_from_an_account_of_the_same_name() {
    let host = Host::new();
    done(&host.user_set("team", "account", "1001", "plaintext", "another"));
    failed(&host.import(&[("usertype", "account")]));
    done(&host.import(&[("usertype", "account"), ("password", "another")]));
    failed(&host.import(&[("usertype", "agent"), ("password", "another")]));
}

#[test]
fn user_is_the_one_whose_password_counts() {
    let host = Host::new();
    done(&host.user_set("team", "agent", "1002", "plaintext", "another"));
    failed(&host.import(&[("user", "1002")]));
    done(&host.import(&[("user", "1002"), ("password", "another")]));
    failed(&host.import(&[("user", "1003"), ("password", "another")]));
}

#[test]
fn pwdtype_is_how_the_password_is_read() {
    let host = Host::new();
    done(&host.import(&[("pwdtype", "md5"), ("password", MD5)]));
    failed(&host.import(&[("pwdtype", "plaintext"), ("password", MD5)]));
    done(&host.user_set("team", "agent", "1002", "plaintext", MD5));
    done(&host.import(&[("user", "1002"), ("password", MD5)]));
    failed(&host.import(&[("user", "1002"), ("pwdtype", "md5"), ("password", MD5)]));
}

#[test]
fn password_must_be_the_users() {
    let host = Host::new();
    failed(&host.import(&[("password", "wrong")]));
    assert!(host.customers().is_empty());
    done(&host.import(&[("password", PASSWORD)]));
}

#[test]
fn modeltype_must_be_campaign() {
    let host = Host::new();
    failed_naming(&host.import(&[("modeltype", "Package")]), &["modeltype"]);
    done(&host.import(&[("modeltype", "Campaign")]));
}

#[test]
fn model_id_is_the_campaign_that_is_filled() {
    let host = Host::new();
    let second = host.campaign(&json!({}));
    done(&host.import(&[("model_id", &second)]));
    assert_eq!((host.customers().len(), host.customers_of(&second).len()), (0, 1));
    failed(&host.import(&[("model_id", "99999")]));
}

#[test]
fn source_is_whether_context_is_a_record_or_a_url() {
    let web = Web::csv(FILE);
    let host = Host::new();
    failed(&host.import(&[("source", "data"), ("context", &web.url())]));
    done(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert_eq!(host.customers().len(), 2);
    failed_naming(&host.import(&[("source", "ftp"), ("context", &web.url())]), &["context"]);
}

#[test]
fn context_is_what_is_imported() {
    let host = Host::new();
    done(&host.import(&[("context", "name=Ann||phone1=13800002222")]));
    assert_eq!(host.customers()[0]["fields"]["name"], "Ann");
}

#[test]
fn source_user_and_source_pwd_log_in_at_the_file_server() {
    // "joe:word" in Base64.
    let web = Web::guarded("am9lOndvcmQ=", FILE);
    let host = Host::with_options(&json!({"retries": 0}));
    let import = |user: &str, password: &str| {
        let url = web.url();
        host.import(&[("source", "http"), ("context", &url), ("source_user", user), ("source_pwd", password)])
    };
    failed(&import("", ""));
    failed(&import("ann", "word"));
    failed(&import("joe", "wrong"));
    done(&import("joe", "word"));
}

#[test]
fn source_user_and_source_pwd_win_over_a_login_in_the_url() {
    let web = Web::guarded("am9lOndvcmQ=", FILE);
    let host = Host::with_options(&json!({"retries": 0}));
    done(&host.import(&[("source", "http"), ("context", &web.url_with("joe:word"))]));
    let wrong_url = web.url_with("ann:wrong");
    failed(&host.import(&[("source", "http"), ("context", &wrong_url)]));
    done(&host.import(&[("source", "http"), ("context", &wrong_url), ("source_user", "joe"), ("source_pwd", "word")]));
}

#[test]
fn no_login_is_in_a_reply_or_a_job() {
    let web = Web::guarded("am9lOnMzY3JldHdvcmQ=", FILE);
    let host = Host::with_options(&json!({"retries": 0}));
    let replies = [
        host.import(&[("source", "http"), ("context", web.url_with("joe:s3cretword").as_str())]),
        host.import(&[("source", "http"), ("context", &refusing_url().replace("127", "joe:s3cretword@127"))]),
        host.import(&[("source", "http"), ("context", "http://joe:s3cretword@127.0.0.1:99999/")]),
        host.import(&[("source", "ftp"), ("context", "http://joe:s3cretword@127.0.0.1/")]),
        host.job_list(""),
    ];
    for reply in replies {
        assert!(!reply.to_string().contains("s3cretword"), "{reply}");
    }
}

#[test]
fn exetime_in_the_future_leaves_a_scheduled_job() {
    let web = Web::csv(FILE);
    let host = Host::new();
    let reply = host.import(&[("source", "http"), ("context", web.url().as_str()), ("exetime", "2040-01-01 00:00:00")]);
    assert_eq!(host.job_of(&reply)["state"], "scheduled");
    assert_eq!(done(&host.jobs_run_due()), "0");
    assert!(host.customers().is_empty() && web.requests().is_empty());
}

#[test]
fn delrow_removes_lines_from_the_top_of_the_file() {
    let file = "Leads of May\n\nname,phone1\nJoe,13800001111\nAnn,13800002222\n";
    for (delrow, names) in [("3", &["Joe", "Ann"][..]), ("4", &["Ann"])] {
        let web = Web::csv(file);
        let host = Host::new();
        done(&host.import(&[("source", "http"), ("context", web.url().as_str()), ("delrow", delrow)]));
        let customers = host.customers();
        let found: Vec<_> = customers.iter().map(|customer| customer["fields"]["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "delrow {delrow}");
    }
    let web = Web::csv(file);
    failed(&Host::new().import(&[("source", "http"), ("context", web.url().as_str()), ("delrow", "0")]));
}

#[test]
fn phone_field_puts_the_record_on_the_dial_list_under_this_number() {
    let host = Host::new();
    let context = "phone1=1||phone2=22";
    done(&host.import(&[("context", context)]));
    assert!(host.entries().is_empty());
    done(&host.import(&[("context", "phone1=3||phone2=44"), ("phone_field", "phone2")]));
    assert_eq!(host.entries()[0]["phone"], "44");
    done(&host.import(&[("context", "phone1=5||phone2=66"), ("phone_field", "Phone 1")]));
    assert_eq!(host.entries()[1]["phone"], "5");
}

#[test]
fn a_record_without_the_number_is_imported_but_not_put_on_the_dial_list() {
    let host = Host::new();
    done(&host.import(&[("phone_field", "phone2")]));
    assert_eq!((host.customers().len(), host.entries().len()), (1, 0));
}

#[test]
fn priority_field_is_the_entrys_priority() {
    let host = Host::new();
    let import = |context: &str, field: &str| {
        done(&host.import(&[("context", context), ("phone_field", "phone1"), ("priority_field", field)]));
    };
    import("phone1=1||urgency=7", "urgency");
    import("phone1=2||memo=-3", "Memo");
    import("phone1=3||urgency=", "urgency");
    done(&host.import(&[("context", "phone1=4"), ("phone_field", "phone1")]));
    let entries = host.entries();
    let priorities: Vec<_> = entries.iter().map(|entry| entry["priority"].as_i64().unwrap()).collect();
    assert_eq!(priorities, [7, -3, 0, 0]);
    assert_eq!(host.customers()[1]["fields"]["memo"], "-3", "a field is stored as well");
}

#[test]
fn dialtime_field_is_the_entrys_dial_time() {
    let host = Host::new();
    let import = |context: &str, field: &str| {
        done(&host.import(&[("context", context), ("phone_field", "phone1"), ("dialtime_field", field)]));
    };
    import("phone1=1||when=2040-05-06 07:08:09", "when");
    import("phone1=2||memo=2040-05-06", "memo");
    import("phone1=3||when=", "WHEN");
    let entries = host.entries();
    let times: Vec<&Value> = entries.iter().map(|entry| &entry["dial_time"]).collect();
    assert_eq!(times, [&json!("2040-05-06 07:08:09"), &json!("2040-05-06 00:00:00"), &Value::Null]);
}

#[test]
fn emptyagent_clears_a_duplicates_agent() {
    for (emptyagent, agent) in [("yes", Value::Null), ("no", json!("1001")), ("", json!("1001"))] {
        let host = Host::new();
        host.record(JOE);
        host.change(&host.customers()[0], &json!({"agent": "1001"}));
        done(&host.import(&[("emptyagent", emptyagent)]));
        assert_eq!(host.customers()[0]["agent"], agent, "emptyagent '{emptyagent}'");
    }
}

#[test]
fn resetstatus_opens_a_duplicate_again() {
    for (resetstatus, status) in [("yes", "open"), ("no", "success"), ("", "success")] {
        let host = Host::new();
        host.record(JOE);
        host.change(&host.customers()[0], &json!({"status": "success"}));
        done(&host.import(&[("resetstatus", resetstatus)]));
        assert_eq!(host.customers()[0]["status"], status, "resetstatus '{resetstatus}'");
    }
}

#[test]
fn dupway_is_whether_a_duplicates_fields_change() {
    for (dupway, name) in [("update", "Joseph"), ("skip", "Joe"), ("", "Joe")] {
        let host = Host::new();
        host.record(JOE);
        done(&host.import(&[("context", "name=Joseph||phone1=13800001111"), ("dupway", dupway)]));
        assert_eq!(host.customers()[0]["fields"]["name"], name, "dupway '{dupway}'");
    }
}

#[test]
fn dupdiallist_is_whether_a_duplicate_is_put_on_the_dial_list() {
    for (dupdiallist, status, listed) in [
        ("ignoreDuplicate", "open", 0),
        ("", "open", 0),
        ("all", "open", 1),
        ("all", "success", 1),
        ("ignoreSuccess", "open", 1),
        ("ignoreSuccess", "success", 0),
    ] {
        let host = Host::new();
        host.record(JOE);
        host.change(&host.customers()[0], &json!({"status": status}));
        done(&host.import(&[("phone_field", "phone1"), ("dupdiallist", dupdiallist)]));
        assert_eq!(host.entries().len(), listed, "dupdiallist '{dupdiallist}' of one that is {status}");
    }
}

#[test]
fn changepackage_is_whether_a_duplicate_of_the_main_table_moves() {
    for (changepackage, from_none, from_another) in
        [("skip", 0, 0), ("", 0, 0), ("unassignToCurrent", 1, 0), ("reassignToCurrent", 1, 1)]
    {
        let host = Host::with_campaign(&json!({"main_table": true}));
        let second = host.campaign(&json!({"main_table": true}));
        host.record("phone1=1");
        host.record("phone1=2");
        host.change(&host.customers()[0], &json!({"package": null}));
        for (context, moved) in [("phone1=1", from_none), ("phone1=2", from_another)] {
            let before = host.customers_of(&second).len();
            done(&host.import(&[("model_id", &*second), ("context", context), ("changepackage", changepackage)]));
            assert_eq!(
                host.customers_of(&second).len() - before,
                moved,
                "changepackage '{changepackage}' of {context}"
            );
        }
    }
}

#[test]
fn callback_fuc_gets_the_reply_once() {
    let host = Host::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    done(&host.callback_set("done", move |reply| ear.lock().unwrap().push(reply.to_owned())));
    done(&host.import(&[("callbackFuc", "")]));
    assert!(heard.lock().unwrap().is_empty());
    let reply = host.import(&[("callbackFuc", "done")]);
    assert_eq!(*heard.lock().unwrap(), [reply.to_string()]);
}
