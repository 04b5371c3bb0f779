//! Texts that mean something to SQL, JSON, gzip or a spreadsheet.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::common::web::{Web, respond};
use crate::common::{Host, Library, data, done, failed, failed_naming};

const SQL: [&str; 6] = [
    "x'); DROP TABLE team; --",
    "\"; DELETE FROM login; --",
    "' OR '1'='1",
    "?1",
    "x' UNION SELECT verifier FROM login --",
    "`]; ATTACH 'x' AS y;",
];

fn tables(library: &Library) -> serde_json::Value {
    data(&library.query("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY name", ""))["rows"].clone()
}

#[test]
fn sql_in_any_text_is_text() {
    for text in SQL {
        let library = Library::in_memory();
        done(&library.team_add(text, text));
        done(&library.user_set(text, "agent", text, "plaintext", text));
        let fields = json!([{"name": "phone1", "type": "phone"}, {"name": "select", "display": text}]);
        let campaign =
            done(&library.campaign_add(text, json!({"name": text, "fields": fields}).to_string())).to_owned();
        let before = tables(&library);
        let host = Host { library, campaign };
        let login = [("orgidentity", text), ("user", text), ("password", text)];
        let import = |more: &[(&str, &str)]| host.import(&[&login[..], more].concat());
        done(&import(&[
            ("context", &format!("phone1=1||select={text}")),
            ("phone_field", "phone1"),
            ("callbackFuc", text),
        ]));
        let quoted = text.replace('"', "\"\"");
        let web = Web::csv(format!("phone1,\"{quoted}\"\n2,\"{quoted}\"\n"));
        let url = format!("{}?{}", web.url(), text.replace(' ', "+"));
        let job = host.job_of(&import(&[("source", "http"), ("context", &url), ("callbackFuc", text)]));
        assert_eq!((&job["inserted"], &job["rejected"]), (&json!(1), &json!(0)), "{job}");
        for wrong in ["orgidentity", "user", "password"] {
            let wrong = [(wrong, format!("{text}x"))];
            let login = login.iter().map(|(name, text)| (*name, (*text).to_owned()));
            failed(&host.import(&login.chain(wrong).collect::<Vec<_>>()));
        }
        for named in ["phone_field", "priority_field", "dialtime_field", "model_id", "exetime", "delrow"] {
            failed(&import(&[("source", "http"), ("context", &web.url()), (named, "1; DROP TABLE team; --")]));
        }
        let values: Vec<_> = host.customers().iter().map(|customer| customer["fields"]["select"].clone()).collect();
        assert_eq!(values, [text, text]);
        let filter = json!({"where": {"select": text}}).to_string();
        assert_eq!(data(&host.customer_list(&host.campaign, filter))["customers"].as_array().unwrap().len(), 2);
        let asked = host.query("SELECT count(*) FROM customers_1 WHERE \"select\" = ?", json!([text]).to_string());
        assert_eq!(data(&asked)["rows"], json!([[2]]));
        assert_eq!(data(&host.campaign_get(&host.campaign))["team"], text);
        for (customer, filter) in [(text, "{}"), ("1", text)] {
            failed(&host.customer_set(&host.campaign, customer, filter));
        }
        done(&host.customer_set(&host.campaign, "1", json!({"agent": text}).to_string()));
        assert_eq!(tables(&host), before);
    }
}

#[test]
fn json_that_is_deep_huge_or_given_twice_is_a_failure() {
    let host = Host::new();
    let deep = 200_000;
    let texts = [
        "[".repeat(deep),
        "{\"a\":".repeat(deep),
        format!("{{\"name\":{}{}}}", "[".repeat(deep), "]".repeat(deep)),
        format!("{{\"where\":{}1{}}}", "{\"a\":".repeat(deep), "}".repeat(deep)),
        "{\"name\":\"a\",\"name\":\"b\"}".into(),
        "{\"limit\":1e400}".into(),
        format!("{{\"limit\":{}}}", "9".repeat(100_000)),
        format!("{{\"id\":-{}.5e-{}}}", "9".repeat(1_000), "9".repeat(1_000)),
        "{\"name\":\"\\ud800\"}".into(),
        format!("{{{}}}", "\"a\":1,".repeat(100_000).trim_end_matches(',')),
        "nul".into(),
    ];
    for text in &texts {
        let short = &text[..text.len().min(40)];
        let shown = |reply: serde_json::Value| {
            assert_eq!(reply["code"], 2, "{short}: {reply}");
            assert!(reply.to_string().len() < 2_000, "{short}");
        };
        shown(Library::open(":memory:", text).expect_err(short));
        shown(host.campaign_add("team", text));
        shown(host.main_table_define("team", text));
        shown(host.customer_list(&host.campaign, text));
        shown(host.customer_set(&host.campaign, "1", text));
        shown(host.dial_list(&host.campaign, text));
        shown(host.dial_done(&host.campaign, "1", text));
        shown(host.job_list(text));
        shown(host.query("SELECT ?", text));
        shown(host.query("SELECT ?", format!("[{text}]")));
    }
    done(&host.import(crate::common::DEFAULTS));
}

/// What gzip makes of `times` as many of these bytes.
fn packed(bytes: &[u8], times: u64) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    for _ in 0..times {
        packed.write_all(bytes).expect("memory");
    }
    packed.finish().expect("memory")
}

/// A spreadsheet would run them. "Each rejected row's fields as they were."
#[test]
fn formulas_are_kept_and_given_back_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejects.csv");
    let cells = "=cmd|' /C calc'!A0,+1,-2,@SUM(A1),\t=1";
    let web = Web::csv(format!("phone1,name,city,email,memo,address\n1,{cells}\nnone,{cells}\n"));
    let host = Host::new();
    let job = done(&host.import(&[("source", "http"), ("context", web.url().as_str())])).to_owned();
    let fields = &host.customers()[0]["fields"];
    let kept = ["name", "city", "email", "memo", "address"].map(|name| fields[name].as_str().unwrap());
    assert_eq!(kept.join(","), cells);
    done(&host.job_rejects(&job, path.to_str().unwrap()));
    let written = fs::read_to_string(path).unwrap();
    assert!(written.lines().nth(1).unwrap().starts_with(&format!("none,{cells},3,")), "{written}");
}

fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn a_decompression_bomb_meets_max_file_bytes_in_bounded_memory() {
    let once = packed(&vec![b'0'; 1 << 20], 300);
    for (layers, encoding, refused) in [
        (1, "", "max_file_bytes"),
        (2, "", "max_file_bytes"),
        (1, "Content-Encoding: gzip\r\n", "max_file_bytes"),
        (3, "", "gzip inside gzip inside gzip"),
        (2, "Content-Encoding: gzip\r\n", "max_file_bytes"),
        (1, "Content-Encoding: gzip, gzip\r\n", "Content-Encoding"),
        (1, "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", "max_file_bytes"),
    ] {
        let body = (1..layers).fold(once.clone(), |body, _| packed(&body, 1));
        assert!(body.len() < 1 << 20, "{}", body.len());
        let web = Web::new(move |_, stream| respond(stream, "200 OK", encoding, &body));
        let host = Host::with_options(&json!({"max_file_bytes": 200 << 20}));
        let before = resident_mib();
        let reply = host.import(&[("source", "http"), ("context", web.url().as_str())]);
        failed_naming(&reply, &["job 1", refused]);
        assert!(resident_mib() < before + 150, "{} MiB, {before} before", resident_mib());
        assert!(host.customers().is_empty());
    }
}
