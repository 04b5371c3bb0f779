//! The usual values of arguments: most are right, and the others nearly.

pub const OPTIONS: [&str; 4] = [
    r#"{"timezone":"UTC"}"#,
    r#"{"timezone":"Asia/Shanghai","background":true}"#,
    r#"{"timezone":"Europe/Berlin","messages":"backmsg","durability":"normal","max_row_bytes":64}"#,
    r#"{"timezone":"America/New_York","max_file_bytes":200}"#,
];
pub const TEAMS: [&str; 4] = ["team", "team", "other", "TEAM"];
pub const CAMPAIGNS: [&str; 7] = ["1", "2", "3", "4", "3", " 1 ", "99"];
pub const IDS: [&str; 6] = ["1", "2", "3", "4", "5", "99"];
pub const SWITCHES: [&str; 4] = ["", "yes", "no", "YES "];
pub const RECORDS: [&str; 8] = [
    "name=Joe||phone1=13800001111",
    "phone1=(138) 0000-1111||memo=a|b=c||Name=Zoë",
    "name=Ann||n=7||born=2026-02-29||phone1=",
    "name=Ann||n=7||born=2026-02-28 10:00||prio=5",
    "name=Bob||n=+8||phone1=+49 1",
    "phone1=1||prio=2147483648||when=2026-01-01",
    "phone1=2||prio=-7||when=2026-03-29T02:30",
    "phone1=1||phone 1=1",
];
pub const DEFINITIONS: [&str; 6] = [
    r#"{"name":"joined","package":"2"}"#,
    r#"{"name":"wanted","id":"7","fields":[{"name":"p","type":"phone","required":true}]}"#,
    r#"{"name":"main three","main_table":true}"#,
    r#"{"fields":[{"name":"phone1","type":"phone"},{"name":"extra","type":"integer"}]}"#,
    r#"{"name":"x","fields":[{"name":"select","display":"\"; DROP TABLE job; --"}],"unique_key":["select"]}"#,
    "{}",
];
pub const FILTERS: [&str; 7] = [
    "",
    r#"{"limit":1}"#,
    r#"{"after":1,"limit":100000}"#,
    r#"{"where":{"phone1":"138 0000 1111"}}"#,
    r#"{"where":{"status":"open","agent":"7"},"scope":"main_table"}"#,
    r#"{"where":{"state":"leased","phone":"1"}}"#,
    r#"{"state":"failed","campaign":"1"}"#,
];
pub const CHANGES: [&str; 7] = [
    r#"{"status":"success","agent":"7"}"#,
    r#"{"package":null}"#,
    r#"{"package":"4"}"#,
    r#"{"fields":{"phone1":"13800001111"}}"#,
    r#"{"fields":{"phone1":"","n":null,"name":""}}"#,
    r#"{"fields":{"n":12,"name":"New"}}"#,
    r#"{"agent":null,"status":"SuccessClosed","colour":1}"#,
];
pub const OUTCOMES: [&str; 4] = [
    r#"{"outcome":"done"}"#,
    r#"{"outcome":"retry"}"#,
    r#"{"outcome":"retry","dial_time":"2030-01-01","priority":-2147483648}"#,
    r#"{"outcome":"done","priority":1}"#,
];
pub const QUESTIONS: [&str; 6] = [
    "SELECT * FROM customers_1",
    "SELECT * FROM dial_list",
    "SELECT * FROM login",
    "DELETE FROM job",
    "SELECT ?1, ?2",
    "SELECT * FROM job_reject; SELECT 1",
];

/// Files that the server may have.
pub const FILES: [&[u8]; 6] = [
    b"phone1,name\n13800001111,Joe\n13800002222,Ann\n13800001111,Joe again\n",
    b"name;phone1;prio;when\r\nJoe;1;7;2026-01-01\r\nAnn;x;y;z\r\n;;;\r\n\"open;2;\r\n",
    b"name,n\nJoe,1\nAnn,9223372036854775808\nBob,\nEve,-3\n",
    b"PK\x03\x04",
    b"<html>",
    b"a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,8\n9,10\n",
];
