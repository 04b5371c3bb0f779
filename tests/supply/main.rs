//! What the library is made of, beyond what deny.toml says of licences, sources, duplicates and build scripts.

mod notices;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

/// They run in the compiler. A new one is read first.
const PROC_MACROS: [&str; 9] = [
    "displaydoc",
    "lazy-regex-proc_macros",
    "multiversion_no_op",
    "rustversion",
    "serde_derive",
    "thiserror-impl",
    "yoke-derive",
    "zerofrom-derive",
    "zerovec-derive",
];

/// What cargo knows of the crates in Cargo.lock, on the platform that the bindings are built for.
static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        .arg("--filter-platform=x86_64-unknown-linux-gnu")
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// All crates, ours too.
fn packages() -> impl Iterator<Item = &'static Value> {
    list(&METADATA["packages"])
}

fn ours() -> &'static Value {
    packages().find(|package| package["source"].is_null()).expect("our own crate")
}

/// What our Cargo.toml asks for, of a kind: null is what the library is made of.
fn dependencies(kind: &Value) -> impl Iterator<Item = &'static Value> {
    list(&ours()["dependencies"]).filter(move |dependency| dependency["kind"] == *kind)
}

fn has_target(package: &Value, kind: &str) -> bool {
    list(&package["targets"]).any(|target| list(&target["kind"]).any(|found| found == kind))
}

#[test]
fn every_dependency_is_there_with_the_features_that_are_named() {
    let tacit: Vec<&str> = dependencies(&Value::Null)
        .filter(|dependency| dependency["uses_default_features"] == true)
        .map(|dependency| text(&dependency["name"]))
        .collect();
    assert!(tacit.is_empty(), "without default-features = false in Cargo.toml: {tacit:?}");
}

#[test]
fn every_dependency_is_used() {
    let unused = |kind: Value, folders: &[&str]| -> Vec<&str> {
        let mut code = String::new();
        folders.iter().for_each(|folder| read_all(&root().join(folder), &mut code));
        dependencies(&kind).map(|dependency| text(&dependency["name"])).filter(|name| !is_named(name, &code)).collect()
    };
    assert_eq!(unused(Value::Null, &["src"]), [""; 0]);
    assert_eq!(unused("dev".into(), &["src", "tests", "benches", "examples"]), [""; 0]);
    assert!(is_named("md-5", "use md5::Digest;") && !is_named("csv", "my_csv::read(polars::csv::Reader)"));
}

/// True where the code has a path into the crate.
fn is_named(package: &str, code: &str) -> bool {
    let package = packages().find(|found| found["name"] == package);
    let library = package.and_then(|package| list(&package["targets"]).find(|target| is_library(target)));
    let Some(library) = library else { return false };
    let path = format!("{}::", text(&library["name"]).replace('-', "_"));
    code.match_indices(&path)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

fn is_library(target: &Value) -> bool {
    list(&target["kind"]).any(|kind| ["lib", "rlib", "proc-macro"].contains(&text(kind)))
}

fn read_all(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_all(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(path).expect("a source"));
        }
    }
}

#[test]
fn no_crate_needs_a_newer_rust_than_we_promise() {
    let version = |package: &Value| -> [u32; 3] {
        let mut parts = package["rust_version"].as_str().unwrap_or_default().split('.').map(|part| part.parse());
        std::array::from_fn(|_| parts.next().and_then(Result::ok).unwrap_or(0))
    };
    let promised = version(ours());
    assert!(promised > [1, 0, 0], "Cargo.toml promises a rust-version");
    let newer: Vec<&str> =
        packages().filter(|package| version(package) > promised).map(|package| text(&package["name"])).collect();
    assert!(newer.is_empty(), "these need more than Rust {promised:?}: {newer:?}");
}

#[test]
fn the_procedural_macros_are_those_that_were_read() {
    let found = packages().filter(|package| has_target(package, "proc-macro")).map(|package| text(&package["name"]));
    assert_eq!(found.collect::<BTreeSet<_>>(), BTreeSet::from(PROC_MACROS));
}

/// What pip installs is named with its hashes, in files that `uv pip compile` makes.
#[test]
fn what_pip_installs_is_pinned() {
    for script in ["tests/run", "tests/setup-servers", "bindings/python/build", "bindings/python/test"] {
        let code = fs::read_to_string(root().join(script)).expect("a script");
        for line in code.lines().filter(|line| line.contains("pip\" install") || line.contains("pip install")) {
            let is_pinned = line.contains("--require-hashes") || line.contains("--no-index");
            assert!(is_pinned, "{script}: {}", line.trim());
        }
    }
}

/// The packages are given to others with it: bindings/*/test look for it in what they install.
#[test]
fn the_notices_of_all_that_is_linked_are_committed() {
    let path: PathBuf = root().join("THIRD-PARTY-NOTICES");
    let made = notices::made();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).expect("the file can be written");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "THIRD-PARTY-NOTICES is not what Cargo.lock says: BLESS=1 cargo test --test supply rewrites it"
    );
    for name in ["ring 0.17.14", "libsqlite3-sys 0.39.1", "suppaftp 12.2.1"] {
        assert!(committed.contains(name), "{name} is linked");
    }
}
