//! The arrows that must never be (ARCHITECTURE.md): which room may name which, and what nobody may do. Its tables of rooms
//! and of threads are those of the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that compute, and so may name neither what stores nor what fetches nor the clock.
const PURE: [&str; 5] = ["merge", "mapping", "value", "file", "reply"];

/// A crate, and the beginnings of the paths in `src/` that may name it.
const CRATES: [(&str, &[&str]); 5] = [
    ("rusqlite", &["store"]),
    ("ureq", &["source/http"]),
    ("suppaftp", &["source/ftp"]),
    ("csv", &["file"]),
    ("csv_core", &["file"]),
];

/// What a quiet guest in the host's process never does.
const NEVER: [&str; 11] = [
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "env::var",
    "env::set_var",
    "set_hook",
    "process::exit",
    "process::abort",
    "take_hook",
];

/// The rooms that start threads, those of the table "Threads" in ARCHITECTURE.md.
const THREADS: [&str; 2] = ["job", "source"];

/// Rooms that every other one may name.
const OPEN: [&str; 2] = ["fault", "memory"];

/// How a statement begins.
const SQL: [&str; 8] =
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "CREATE TABLE", "ALTER TABLE", "DROP TABLE", "PRAGMA "];

#[test]
fn no_arrow_is_there_that_must_never_be() {
    let found: Vec<String> = sources().iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_room_names_what_its_row_of_the_architecture_names() {
    let found = differences(&rooms_of(&architecture()), &sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_room_that_names_another_than_its_row_is_seen() {
    let rooms = rooms_of(
        "## Rooms\n\n| room | what lives there | names |\n| --- | --- | --- |\n| `lib.rs` | all of it | all |\n\
         | `engine/` | `Engine` | all but `ffi` |\n| `ffi/` | C | `engine` |\n| `file/` | rows | – |\n\
         | `fault.rs` | faults | – |\n| `gone.rs` | – | – |\n\n| `tests/` | beside the crate |\n\n## Threads\n",
    );
    let source = |path: &str, code: &str| (path.to_owned(), code.to_owned());
    let found = differences(
        &rooms,
        &[
            source("lib.rs", "pub mod file; use crate::engine::Engine;"),
            source("engine/mod.rs", "use crate::file::Rows; use crate::ffi::cji_engine;"),
            source("ffi/mod.rs", "// crate::engine\nuse crate::{fault, file};"),
            source("file/rows.rs", "use super::row; use super::super::fault::Fault;"),
            source("fault.rs", ""),
            source("new.rs", "use crate::fault::Fault;"),
        ],
    );
    let seen = [
        "engine/mod.rs names `ffi`, which the row of `engine` in ARCHITECTURE.md does not",
        "ffi/mod.rs names `file`, which the row of `ffi` in ARCHITECTURE.md does not",
        "new.rs: the room `new` has no row in ARCHITECTURE.md",
        "the row of `ffi` in ARCHITECTURE.md names `engine`, which no file of that room does",
        "the row of `gone` in ARCHITECTURE.md is of no room",
    ];
    assert_eq!(found, seen);
}

#[test]
fn the_architecture_lists_the_threads_that_there_are() {
    let architecture = architecture();
    let listed: BTreeSet<&str> = section(&architecture, "Threads")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let sources = sources();
    let literals: Vec<String> = sources.iter().flat_map(|(_, text)| lexed(text).1).collect();
    let started: BTreeSet<&str> =
        literals.iter().map(String::as_str).filter(|literal| literal.starts_with("cji-")).collect();
    assert_eq!(listed, started, "left: in ARCHITECTURE.md, right: in src");
}

#[test]
fn a_planted_violation_is_seen() {
    for (path, code, seen) in [
        ("engine.rs", "use crate::ffi::cji_engine;", "engine -> ffi"),
        ("job/worker.rs", "use crate::{engine::Engine, ffi::guard};", "job -> ffi"),
        ("merge.rs", "use crate::store::Store;", "merge -> store"),
        ("merge/rules.rs", "fn f() { crate::source::http::fetch(); }", "merge -> source"),
        ("mapping.rs", "use super::store;", "mapping -> store"),
        ("file/rows.rs", "use super::super::source::spool;", "file -> source"),
        ("value.rs", "let t = jiff::Timestamp::now();", "value: the clock"),
        ("reply.rs", "let t = SystemTime::now();", "reply: the clock"),
        ("store/mod.rs", "use crate::source::Limits;", "store -> source"),
        ("source/spool.rs", "use crate::{record::Draft, store};", "source -> store"),
        ("engine.rs", "fn f(e: rusqlite::Error) {}", "engine: rusqlite"),
        ("source/ftp.rs", "use ureq::Agent;", "source: ureq"),
        ("source/http.rs", "use suppaftp::FtpStream;", "source: suppaftp"),
        ("job/rejects.rs", "let w = csv::Writer::from_path(path);", "job: csv"),
        ("job/rejects.rs", "use csv_core::Writer;", "job: csv_core"),
        ("store/mod.rs", "unsafe { f() }", "store: unsafe"),
        ("engine.rs", "#[unsafe(no_mangle)]", "engine: unsafe"),
        ("lib.rs", "println!(\"x\");", "lib: println!"),
        ("ffi/guard.rs", "std::panic::set_hook(Box::new(|_| {}));", "ffi: set_hook"),
        ("time.rs", "std::env::var(\"TZ\")", "time: env::var"),
        ("engine.rs", "std::process::exit(1)", "engine: process::exit"),
        ("engine.rs", "std::thread::spawn(f);", "engine: thread"),
        ("store/mod.rs", "thread::Builder::new()", "store: thread"),
        ("store/mod.rs", "std::thread::scope(|s| {})", "store: thread"),
        ("engine.rs", "let q = \"SELECT id FROM teams\";", "engine: SQL"),
        ("engine.rs", "let q = r#\"\n  INSERT INTO teams VALUES (1)\"#;", "engine: SQL"),
    ] {
        let found = violations(path, code);
        assert!(found.iter().any(|violation| violation.contains(seen)), "{path}: {code}: {found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_seen() {
    for (path, code) in [
        ("lib.rs", "#![deny(unsafe_code)] pub mod ffi; pub mod store;"),
        ("ffi/text.rs", "use std::ffi::CStr; unsafe { f() } use crate::engine::Engine;"),
        ("engine.rs", "use std::ffi::OsStr; use crate::store::Store;"),
        ("store/customers.rs", "use rusqlite::params; let q = \"SELECT 1\"; let t = Timestamp::now();"),
        ("source/http/mod.rs", "let agent = ureq::Agent::new(); std::thread::spawn(f);"),
        ("file/rows.rs", "use csv_core::Reader; let sql = \"no SELECT here\";"),
        (
            "merge.rs",
            "// crate::store is not named, nor println!\n/* unsafe /* nested */ crate::source */ let known = 1;",
        ),
        ("merge.rs", "let text = \"crate::store::Store\"; let c = '\"'; let l: &'static str = r#\"unsafe \" dbg!\"#;"),
        (
            "merge.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests { use crate::store::Store; fn g() { if true { unsafe {} } } }",
        ),
        ("value.rs", "let known = well_known(); let x = unknown();"),
        ("source/data.rs", "use crate::request::Source; let store_name = 1; self.store.put();"),
        ("job/worker.rs", "thread::Builder::new().spawn(f)"),
        ("merge/tests.rs", "use crate::store::Store;"),
    ] {
        let found = violations(path, code);
        assert!(found.is_empty(), "{path}: {code}: {found:?}");
    }
}

/// The sources without those of tests, by their paths in `src`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 5, "the sources were found");
    files.sort();
    let source = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source");
        (path.strip_prefix(&root).expect("in src").to_str().expect("UTF-8").to_owned(), text)
    };
    files.iter().map(source).filter(|(path, _)| !is_of_tests(path)).collect()
}

fn architecture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    fs::read_to_string(path).expect("ARCHITECTURE.md")
}

/// A section of a document, by its title.
fn section<'d>(document: &'d str, title: &str) -> &'d str {
    let begin = format!("## {title}\n");
    let (_, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no section {title}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// What a room may name.
enum Names {
    All,
    AllBut(BTreeSet<String>),
    These(BTreeSet<String>),
}

impl Names {
    fn has(&self, other: &str) -> bool {
        match self {
            Names::All => true,
            Names::AllBut(others) => !others.contains(other),
            Names::These(others) => others.contains(other),
        }
    }
}

/// The first table of the section "Rooms": what each may name.
fn rooms_of(architecture: &str) -> BTreeMap<String, Names> {
    let rows = section(architecture, "Rooms").lines().skip_while(|line| !line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, room, _, names, _] = cells.as_slice() else { panic!("a row of three cells: {line}") };
        let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let [room] = quoted(room).try_into().unwrap_or_else(|_| panic!("one room in a row: {line}"));
        let others = quoted(names).into_iter().collect();
        let names = match *names {
            "all" => Names::All,
            names if names.starts_with("all but ") => Names::AllBut(others),
            _ => Names::These(others),
        };
        (room.trim_end_matches('/').trim_end_matches(".rs").to_owned(), names)
    };
    rows.take_while(|line| line.starts_with('|')).map(row).collect()
}

/// Where the sources and the rows of ARCHITECTURE.md name different rooms.
fn differences(rooms: &BTreeMap<String, Names>, sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources {
        let room = room_of(path);
        let Some(may) = rooms.get(room) else {
            found.push(format!("{path}: the room `{room}` has no row in ARCHITECTURE.md"));
            continue;
        };
        let others = rooms_named(path, &without_tests(&lexed(text).0));
        for other in others.iter().filter(|other| *other != room) {
            if !may.has(other) && !OPEN.contains(&other.as_str()) {
                found.push(format!("{path} names `{other}`, which the row of `{room}` in ARCHITECTURE.md does not"));
            }
        }
        named.entry(room).or_default().extend(others);
    }
    for (room, names) in rooms {
        let Some(named) = named.get(room.as_str()) else {
            found.push(format!("the row of `{room}` in ARCHITECTURE.md is of no room"));
            continue;
        };
        if let Names::These(others) = names {
            for other in others.iter().filter(|other| !named.contains(*other)) {
                found.push(format!(
                    "the row of `{room}` in ARCHITECTURE.md names `{other}`, which no file of that room does"
                ));
            }
        }
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What this source does that it must not, as `room -> room` or `room: word`.
fn violations(path: &str, text: &str) -> Vec<String> {
    if is_of_tests(path) {
        return Vec::new();
    }
    let room = room_of(path);
    let (code, literals) = lexed(text);
    let code = without_tests(&code);
    let mut found = Vec::new();

    let named = rooms_named(path, &code);
    for other in &named {
        let forbidden = (other == "ffi" && room != "ffi" && room != "lib")
            || (PURE.contains(&room) && (other == "store" || other == "source"))
            || (room == "store" && other == "source")
            || (room == "source" && other == "store");
        if forbidden {
            found.push(format!("{path}: {room} -> {other}"));
        }
    }
    if PURE.contains(&room) && names(&code, "now(") {
        found.push(format!("{path}: {room}: the clock"));
    }
    for (name, places) in CRATES {
        if !places.iter().any(|place| path.starts_with(place)) && names_crate(&code, name) {
            found.push(format!("{path}: {room}: {name}"));
        }
    }
    let is_unsafe =
        |(at, _): (usize, &str)| !code[..at].ends_with(is_name) && !code[at + "unsafe".len()..].starts_with(is_name);
    if room != "ffi" && code.match_indices("unsafe").any(is_unsafe) {
        found.push(format!("{path}: {room}: unsafe"));
    }
    for word in NEVER {
        if names(&code, word) {
            found.push(format!("{path}: {room}: {word}"));
        }
    }
    let starts_thread = ["thread::spawn", "thread::Builder", "thread::scope"].iter().any(|word| names(&code, word));
    if starts_thread && !THREADS.contains(&room) {
        found.push(format!("{path}: {room}: thread"));
    }
    if room != "store" && literals.iter().any(|literal| SQL.iter().any(|verb| literal.trim_start().starts_with(verb))) {
        found.push(format!("{path}: {room}: SQL"));
    }
    found
}

fn is_of_tests(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("tests/")
}

fn room_of(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or_default()
}

/// True where `word` stands in the code and is not the end of a longer name.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(is_name))
}

/// True where the path of a crate begins: `name::` or `use name`, and not as a part of another path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (code[..at].trim_end(), &code[at + name.len()..]);
        let is_whole = !code[..at].ends_with(is_name) && !after.starts_with(is_name) && !before.ends_with("::");
        is_whole && (after.starts_with("::") || before.ends_with("use") || before.ends_with("extern crate"))
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The rooms that the code reaches by `crate::` or by as many `super::` as lead there.
fn rooms_named(path: &str, code: &str) -> BTreeSet<String> {
    let module = path.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("lib");
    let to_root = "super::".repeat(module.split('/').filter(|part| !part.is_empty()).count());
    let mut rooms = BTreeSet::new();
    for root in ["crate::", to_root.as_str()] {
        if root.is_empty() {
            continue;
        }
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|c| is_name(c) || c == ':') {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(first_names(group)),
                None => rooms.extend(first_name(rest)),
            }
        }
    }
    rooms
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.trim_start().chars().take_while(|&c| is_name(c)).collect();
    (!name.is_empty()).then_some(name)
}

/// The first name of each path in a group, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                found.extend(first_name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// The code without what stands under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        let mut depth = 0;
        let end = after.char_indices().find(|(_, c)| match c {
            '{' => {
                depth += 1;
                false
            }
            '}' => {
                depth -= 1;
                depth == 0
            }
            ';' => depth == 0,
            _ => false,
        });
        rest = end.map_or("", |(at, _)| &after[at + 1..]);
    }
    kept + rest
}

/// The code with its comments taken out and its literals emptied; and the texts of the literals.
fn lexed(text: &str) -> (String, Vec<String>) {
    let (mut code, mut literals) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if rest.starts_with("/*") {
            rest = after_comment(rest);
        } else if let Some((literal, after)) = raw_literal(rest).filter(|_| !code.ends_with(is_name)) {
            literals.push(literal.to_owned());
            code.push_str("\"\"");
            rest = after;
        } else if c == '"' {
            let (literal, after) = literal(&rest[1..]);
            literals.push(literal.to_owned());
            code.push_str("\"\"");
            rest = after;
        } else if let Some(after) = char_literal(rest) {
            code.push_str("' '");
            rest = after;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (code, literals)
}

fn after_comment(text: &str) -> &str {
    let (mut depth, mut rest) = (0, text);
    loop {
        if rest.starts_with("/*") {
            (depth, rest) = (depth + 1, &rest[2..]);
        } else if rest.starts_with("*/") {
            (depth, rest) = (depth - 1, &rest[2..]);
            if depth == 0 {
                return rest;
            }
        } else {
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return "";
            }
            rest = chars.as_str();
        }
    }
}

/// `r"…"`, `r#"…"#`, `br"…"` and their like: the text, and what follows.
fn raw_literal(text: &str) -> Option<(&str, &str)> {
    let after_r = ["br", "cr", "r"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let inside = after_r[hashes..].strip_prefix('"')?;
    inside.split_once(&format!("\"{}", "#".repeat(hashes)))
}

/// The text up to a quote that no backslash guards, and what follows.
fn literal(text: &str) -> (&str, &str) {
    let mut guarded = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !guarded => return (&text[..at], &text[at + 1..]),
            '\\' => guarded = !guarded,
            _ => guarded = false,
        }
    }
    (text, "")
}

/// What follows a character literal; a lifetime is none.
fn char_literal(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('\'')?;
    if let Some(escaped) = inside.strip_prefix('\\') {
        let escape = escaped.chars().next()?;
        return escaped[escape.len_utf8()..].split_once('\'').map(|(_, after)| after);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].strip_prefix('\'')
}
