//! The forms of an import's reply, query strings, and the vendor's message keys.

mod common;

use std::ffi::CStr;
use std::ptr;

use common::web::{Web, refusing_url, respond};
use common::{DEFAULTS, Host, JOE, PASSWORD, c_text, data, done, failed, failed_naming, parsed};
use import_cji::ffi;
use serde_json::{Value, json};

const FILE: &str = "name,phone1\nJoe,13800001111\nAnn,13800002222\n";

/// The code and the message of a `|Retuen|` text, split as the vendor's clients do.
#[track_caller]
fn split(ws: &str) -> (String, String) {
    let parts: Vec<&str> = ws.split("|Retuen|").collect();
    assert_eq!((parts.len(), parts[0]), (3, ""), "{ws}");
    (parts[1].to_owned(), parts[2].to_owned())
}

// Text

#[test]
fn the_message_of_a_record_says_what_was_done() {
    let host = Host::new();
    assert_eq!(done(&host.import(&[("phone_field", "phone1")])), "customer 1 added; on the dial list");
    let added = host.record("phone1=2");
    assert!(added.contains("customer 2") && added.contains("added") && !added.contains("dial list"), "{added}");
}

#[test]
fn a_duplicate_to_which_nothing_was_done_is_a_success() {
    let host = Host::new();
    host.record(JOE);
    done(&host.import(DEFAULTS));
}

#[test]
fn the_message_of_a_file_is_the_job_id_and_nothing_else() {
    let web = Web::csv(FILE);
    let host = Host::new();
    let reply = host.import(&[("source", "http"), ("context", &web.url())]);
    let message = done(&reply);
    assert!(!message.is_empty() && message.bytes().all(|b| b.is_ascii_digit()), "{message}");
    assert_eq!(data(&host.job_get(message))["id"].to_string(), message);
}

#[test]
fn the_failure_of_a_job_names_the_job() {
    let host = Host::with_options(&json!({"retries": 0}));
    let reply = host.import(&[("source", "http"), ("context", &refusing_url())]);
    let message = failed(&reply);
    let id = message.strip_prefix("job ").and_then(|rest| rest.split_once(": ")).map(|(id, _)| id).expect(message);
    assert_eq!(data(&host.job_get(id))["state"], "failed");
}

#[test]
fn rejected_rows_do_not_make_an_import_fail() {
    let web = Web::csv("name,phone1\nJoe,none\nAnn,13800002222\n");
    let host = Host::new();
    let job = host.job_of(&host.import(&[("source", "http"), ("context", &web.url())]));
    assert_eq!((&job["state"], &job["rejected"], &job["inserted"]), (&json!("succeeded"), &json!(1), &json!(1)));
}

// |Retuen|

#[test]
fn the_web_service_form_is_split_at_the_vendors_word() {
    let host = Host::new();
    let good = host.import_ws(&host.parameters(&[("phone_field", "phone1")]));
    assert_eq!(good, "|Retuen|1|Retuen|customer 1 added; on the dial list");
    let (code, message) = split(&host.import_ws(&host.parameters(&[("dupway", "maybe")])));
    assert!(code == "2" && message.contains("dupway"), "{message}");
}

#[test]
fn no_message_holds_the_vendors_word() {
    let host = Host::new();
    for changes in
        [("context", "|Retuen|=x"), ("dupway", "|Retuen|"), ("model_id", "|Retuen|1|Retuen|"), ("source", "|Retuen|")]
    {
        let (code, _) = split(&host.import_ws(&host.parameters(&[changes])));
        assert_eq!(code, "2");
        assert!(!failed(&host.import(&[changes])).contains("|Retuen|"));
    }
}

// Query strings

#[test]
fn an_event_imports_like_import_ws() {
    let host = Host::new();
    let query = format!("EVENT=Import&{}", host.query_string(&[("phone_field", "phone1")]));
    assert_eq!(host.import_event(query), "|Retuen|1|Retuen|customer 1 added; on the dial list");
}

#[test]
fn an_event_that_is_not_import_is_a_failure() {
    let host = Host::new();
    let query = host.query_string(&[]);
    for event in ["EVENT=Export&", "EVENT=&", "", "event=Import&"] {
        let (code, message) = split(&host.import_event(format!("{event}{query}")));
        assert!(code == "2" && message.contains("EVENT"), "{event}: {message}");
    }
    assert!(host.customers().is_empty());
}

#[test]
fn a_parameter_given_twice_is_a_failure() {
    let host = Host::new();
    let query = host.query_string(&[]);
    for twice in ["user=1001", "dupway=skip&dupway=skip", "EVENT=Import"] {
        let (code, message) = split(&host.import_event(format!("EVENT=Import&{query}&{twice}")));
        let name = twice.split('=').next().unwrap();
        assert!(code == "2" && message.contains(name), "{twice}: {message}");
    }
    failed_naming(&parsed_jsonp(&host.import_jsonp(format!("callback=f&{query}&user=1001")), "f"), &["user"]);
}

#[test]
fn a_parameter_left_out_counts_as_empty_and_an_unknown_one_is_ignored() {
    let host = Host::new();
    let query = format!("EVENT=Import&_=1699999999&colour=red&colour=blue&{}", host.query_string(&[]));
    assert_eq!(split(&host.import_event(query)).0, "1");
    let (code, message) = split(&host.import_event("EVENT=Import"));
    assert!(code == "2" && message.contains("orgidentity") && message.contains("context"), "{message}");
    assert_eq!(split(&host.import_event("")).0, "2");
}

#[test]
fn a_query_string_is_form_urlencoded_utf8() {
    let host = Host::new();
    let login = format!("orgidentity=team&usertype=agent&user=1001&pwdtype=plaintext&password={PASSWORD}");
    let record = "name%3DJoe+M%C3%BCller+%2B%26+%E5%BC%A0%7C%7Cphone1%3D1";
    let query =
        format!("EVENT=Import&{login}&modeltype=Campaign&model_id={}&source=data&context={record}", host.campaign);
    assert_eq!(split(&host.import_event(query)).0, "1");
    assert_eq!(host.customers()[0]["fields"]["name"], "Joe Müller +& 张");
}

#[test]
fn a_query_string_that_is_not_utf8_is_a_failure_also_where_it_is_ignored() {
    let host = Host::new();
    let query = |word: &str, end: &[u8]| [word.as_bytes(), b"&", host.query_string(&[]).as_bytes(), end].concat();
    for (end, name) in
        [(&b"&_=\xff"[..], "'_'"), (b"&\xff=1", "'\u{fffd}'"), (b"&_=\xc3", "'_'"), (b"&user\xff=a", "'user\u{fffd}'")]
    {
        let (code, message) = split(&host.import_event(query("EVENT=Import", end)));
        assert_eq!((&*code, message), ("2", format!("query: the parameter {name} is not valid UTF-8")));
        failed_naming(&parsed_jsonp(&host.import_jsonp(query("callback=f", end)), "f"), &["query", "UTF-8"]);
        failed_naming(&parsed(host.import_jsonp(query("callback=1", end))), &["callback"]);
    }
    let (code, message) = split(&host.import_event(b"EVENT=Import&orgidentity=&context=\xff"));
    assert!(code == "2" && message.contains("orgidentity") && message.contains("context"), "{message}");
    assert!(host.customers().is_empty());
    let keys = Host::with_options(&json!({"messages": "backmsg"}));
    assert_eq!(keys.import_event(query("EVENT=Import", b"&_=\xff")), "|Retuen|2|Retuen|BackMsg_28");
    let (code, message) = split(&host.import_event(query("EVENT=Import", b"&_=%FF")));
    assert_eq!(code, "1", "{message}");
}

#[test]
fn broken_utf8_in_a_query_string_is_a_failure() {
    let host = Host::new();
    let query = host.query_string(&[]).replace("Joe", "J%FFe");
    let (code, message) = split(&host.import_event(format!("EVENT=Import&{query}")));
    assert!(code == "2" && message.contains("context"), "{message}");
    assert_eq!(split(&host.import_event(b"EVENT=Import&orgidentity=\xff")).0, "2");
    assert!(host.customers().is_empty());
}

#[test]
fn an_event_may_name_a_callback() {
    let host = Host::new();
    let (tell, heard) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    done(&host.callback_set("done", move |reply| tell.lock().unwrap().send(reply.to_owned()).unwrap()));
    host.import_event(format!("EVENT=Import&{}", host.query_string(&[("callbackFuc", "done")])));
    done(&parsed(heard.try_recv().expect("the reply")));
}

// JSONP

/// The JSON between the parentheses.
#[track_caller]
fn parsed_jsonp(script: &str, callback: &str) -> Value {
    let inside =
        script.strip_prefix(callback).and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'));
    parsed(inside.unwrap_or_else(|| panic!("{script} is no call of {callback}")))
}

#[test]
fn jsonp_calls_the_named_function_with_the_reply() {
    let host = Host::new();
    let query = format!("callback=jQuery1_2&{}", host.query_string(&[("phone_field", "phone1")]));
    let reply = parsed_jsonp(&host.import_jsonp(query), "jQuery1_2");
    assert_eq!(reply, json!({"code": 1, "message": "customer 1 added; on the dial list"}));
    let failure = parsed_jsonp(&host.import_jsonp("callback=jQuery1_2"), "jQuery1_2");
    failed_naming(&failure, &["orgidentity"]);
}

#[test]
fn the_page_hears_of_an_engine_that_is_null_too() {
    let told = |query: &str| {
        let query = c_text(query.as_bytes());
        // SAFETY: NULL is allowed, and the reply is freed.
        unsafe {
            let reply = ffi::import_jsonp(ptr::null_mut(), query.as_ptr());
            let text = CStr::from_ptr(reply).to_str().unwrap().to_owned();
            ffi::cji_text_free(reply);
            text
        }
    };
    failed_naming(&parsed_jsonp(&told("callback=jQuery1_2&orgidentity=team"), "jQuery1_2"), &["engine"]);
    for query in ["", "callback=", "callback=a(b", "callback=a&callback=b"] {
        failed_naming(&parsed(told(query)), &["engine"]);
    }
}

#[test]
fn a_jsonp_callback_is_a_javascript_name() {
    let host = Host::new();
    let query = host.query_string(&[]);
    let longest = format!("a{}", "b".repeat(127));
    for callback in ["f", "_", "$", "jQuery.f_1$", "A.b.c", &longest] {
        parsed_jsonp(&host.import_jsonp(format!("callback={callback}&{query}")), callback);
    }
}

#[test]
fn a_jsonp_callback_that_is_no_name_gets_the_bare_failure_and_nothing_is_written() {
    let host = Host::new();
    let query = host.query_string(&[]);
    let too_long = "a".repeat(129);
    for callback in ["", "1a", ".a", "alert(1)//", "a%20b", "a%0A", "%C3%A4", "a-b", "a%3Cb", &too_long] {
        failed_naming(&parsed(host.import_jsonp(format!("callback={callback}&{query}"))), &["callback"]);
    }
    failed_naming(&parsed(host.import_jsonp(&query)), &["callback"]);
    // It quotes what it refuses: a page that sends it as HTML must not run it.
    let refused = host.import_jsonp(format!("callback=%3Cscript%3Ealert(1)%3C/script%3E&{query}"));
    assert!(!refused.contains(['<', '>', '&']), "{refused}");
    failed_naming(&parsed(refused), &["<script>"]);
    let twice = host.import_jsonp(format!("callback=a&callback=b&{query}"));
    assert!(twice.contains(r#"{"code":2,"#) && twice.contains("callback"), "either form may tell it: {twice}");
    // Nor is one of them called where something else is given twice before them.
    let both = host.import_jsonp(format!("{query}&user=1001&callback=a&callback=b"));
    assert!(both.starts_with('{') && both.contains("'user', 'callback'"), "{both}");
    assert!(host.customers().is_empty());
}

#[test]
fn jsonp_escapes_what_could_end_a_script() {
    let host = Host::new();
    let context = "</script><b>&\u{2028}\u{2029}=x";
    let script = host.import_jsonp(format!("callback=f&{}", host.query_string(&[("context", context)])));
    for c in ['<', '>', '&', '\u{2028}', '\u{2029}'] {
        assert!(!script.contains(c), "{c:?} in {script}");
    }
    failed_naming(&parsed_jsonp(&script, "f"), &["</script>"]);
}

// BackMsg

fn backmsg() -> Host {
    Host::with_options(&json!({"messages": "backmsg", "retries": 0}))
}

#[track_caller]
fn told(host: &Host, changes: &[(&str, &str)], code: u64, key: &str) {
    let reply = host.import(changes);
    assert_eq!(reply, json!({"code": code, "message": format!("BackMsg_{key}")}), "{changes:?}");
}

#[test]
fn an_empty_login_parameter_is_01() {
    let host = backmsg();
    for parameter in ["orgidentity", "usertype", "user", "pwdtype", "password"] {
        told(&host, &[(parameter, "")], 2, "01");
    }
}

#[test]
fn a_login_that_is_wrong_is_02_03_or_63() {
    let host = backmsg();
    told(&host, &[("orgidentity", "none")], 2, "02");
    told(&host, &[("user", "none")], 2, "03");
    told(&host, &[("password", "wrong")], 2, "03");
    told(&host, &[("usertype", "account")], 2, "63");
}

#[test]
fn a_bad_parameter_is_28_70_71_or_72() {
    let host = backmsg();
    for bad in [
        ("usertype", "boss"),
        ("pwdtype", "sha1"),
        ("emptyagent", "maybe"),
        ("resetstatus", "maybe"),
        ("dupway", "maybe"),
        ("dupdiallist", "maybe"),
        ("changepackage", "maybe"),
    ] {
        told(&host, &[bad], 2, "28");
    }
    for bad in [("modeltype", ""), ("modeltype", "Team"), ("model_id", ""), ("model_id", "one")] {
        told(&host, &[bad], 2, "70");
    }
    for bad in [("context", ""), ("context", "||"), ("context", " || || ")] {
        told(&host, &[bad], 2, "71");
    }
    for bad in [("source", ""), ("source", "file")] {
        told(&host, &[bad], 2, "72");
    }
    told(&host, &[("source", "http"), ("context", &refusing_url()), ("exetime", "tomorrow")], 2, "28");
}

#[test]
fn of_several_faults_the_first_in_the_order_of_the_parameters_is_told() {
    let host = backmsg();
    told(&host, &[("source", "file"), ("modeltype", "Team")], 2, "70");
    told(&host, &[("source", ""), ("context", "")], 2, "72");
    told(&host, &[("usertype", "boss"), ("password", "")], 2, "28");
    told(&host, &[("user", ""), ("pwdtype", "sha1")], 2, "01");
    told(&host, &[("dupway", "maybe"), ("context", "")], 2, "71");
}

#[test]
fn a_campaign_that_is_not_the_teams_is_73() {
    let host = backmsg();
    told(&host, &[("model_id", "99999")], 2, "73");
    done(&host.team_add("second", "Second"));
    let other = done(&host.campaign_add("second", r#"{"name":"A"}"#)).to_owned();
    told(&host, &[("model_id", &other)], 2, "73");
}

#[test]
fn a_record_that_can_not_be_used_is_75_or_76() {
    let host = Host::with(
        &json!({"messages": "backmsg"}),
        &json!({"fields": [
            {"name": "tel", "display": "Telephone", "type": "phone"},
            {"name": "name", "display": "Full name", "required": true},
        ]}),
    );
    told(&host, &[("context", "tel=1||colour=red||name=a")], 2, "75");
    told(&host, &[("context", "tel=1||name")], 2, "75");
    told(&host, &[("context", "tel=none||name=a")], 2, "75");
    told(&host, &[("context", "name=a")], 2, "75");
    told(&host, &[("context", "tel=1")], 2, "76[Full name(name)]");
}

#[test]
fn a_new_customer_is_83_or_84() {
    let host = backmsg();
    told(&host, &[("phone_field", "phone1")], 1, "83");
    told(&host, &[("context", "phone1=2")], 1, "84");
    told(&host, &[("context", "phone1=3"), ("phone_field", "phone2")], 1, "84");
}

#[test]
fn of_a_duplicate_the_last_thing_that_happened_is_told() {
    let host = backmsg();
    host.record(JOE);
    let all: &[(&str, &str)] = &[("emptyagent", "yes"), ("resetstatus", "yes"), ("dupway", "update")];
    let with = |more: &[(&'static str, &'static str)]| [all, more].concat();
    let spoil = || host.change(&host.customers()[0], &json!({"agent": "1001", "status": "error"}));
    let changed = ("context", "name=Joseph||phone1=13800001111");

    told(&host, DEFAULTS, 1, "81");
    told(&host, all, 1, "81");
    spoil();
    told(&host, &[("emptyagent", "yes")], 1, "79");
    spoil();
    told(&host, &[("emptyagent", "yes"), ("resetstatus", "yes")], 1, "77");
    spoil();
    told(&host, &[("resetstatus", "yes")], 1, "77");
    spoil();
    told(&host, &with(&[changed]), 1, "78");
    spoil();
    let listed = [("context", "name=Jo||phone1=13800001111"), ("phone_field", "phone1"), ("dupdiallist", "all")];
    told(&host, &with(&listed), 1, "80");
}

#[test]
fn a_file_is_told_by_its_job_id_and_its_failures_by_keys() {
    let host = backmsg();
    let fetch = |url: &str, code: u64, key: &str| told(&host, &[("source", "http"), ("context", url)], code, key);
    let reply = host.import(&[("source", "http"), ("context", &Web::csv(FILE).url())]);
    assert!(done(&reply).bytes().all(|b| b.is_ascii_digit()), "{reply}");
    fetch(&refusing_url(), 2, "89");
    fetch(&Web::new(|_, stream| respond(stream, "404 Not Found", "", b"")).url(), 2, "404");
    fetch(&Web::new(|_, stream| respond(stream, "403 Forbidden", "", b"")).url(), 2, "89");
    fetch(&Web::csv("colour,size,a,b\nred,1,2,3\n").url(), 2, "74");
    fetch(&Web::csv("<!DOCTYPE html>\n<html><body>Please log in</body></html>\n").url(), 2, "86");
}

#[test]
fn keys_are_told_in_every_form_of_the_reply() {
    let host = backmsg();
    assert_eq!(host.import_ws(&host.parameters(DEFAULTS)), "|Retuen|1|Retuen|BackMsg_84");
    let query = host.query_string(&[]);
    assert_eq!(host.import_event(format!("EVENT=Import&{query}")), "|Retuen|1|Retuen|BackMsg_81");
    assert_eq!(host.import_jsonp(format!("callback=f&{query}")), r#"f({"code":1,"message":"BackMsg_81"})"#);
}

#[test]
fn other_functions_tell_text_all_the_same() {
    let host = backmsg();
    assert!(!failed(&host.campaign_get("99999")).starts_with("BackMsg"));
}

#[test]
fn a_nul_in_a_query_string_is_a_failure_that_names_the_parameter() {
    let host = Host::new();
    let query = host.query_string(&[("context", "name=a\0b||phone1=1")]);
    let reply = host.import_event(format!("EVENT=Import&{query}"));
    assert!(reply.starts_with("|Retuen|2|Retuen|") && reply.contains("context") && reply.contains("NUL"), "{reply}");
    assert!(host.customers().is_empty());
}
