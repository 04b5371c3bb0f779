//! THIRD-PARTY-NOTICES: the licence texts of every crate whose code is in the library, each text once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{METADATA, has_target, list, ours, packages, root, text};

const HEAD: &str = "\
The library of import-cji, and so its wheel, jar and packages, contains the software that is listed here, under the
licences that follow. Where a crate may be had under one of several licences and the MIT licence is among them, it is
used under that one.

The Rust standard library (MIT OR Apache-2.0), Copyright (c) The Rust Project Contributors
SQLite, in libsqlite3-sys: in the public domain, https://sqlite.org/copyright.html
";

/// How the names of files with a licence begin.
const NAMES: [&str; 6] = ["COPYING", "COPYRIGHT", "LICENCE", "LICENSE", "NOTICE", "UNLICENSE"];

/// The whole file.
pub fn made() -> String {
    let mut whole = String::from(HEAD);
    // By their words: some differ in nothing but white space.
    let mut texts: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for package in linked() {
        let [name, version, license] = ["name", "version", "license"].map(|key| text(&package[key]));
        whole += &format!("{name} {version} ({license})\n");
        for licence in licences(package) {
            let words: Vec<&str> = licence.split_whitespace().collect();
            let (_, crates) = texts.entry(words.join(" ")).or_insert_with(|| (licence, BTreeSet::new()));
            crates.insert(format!("{name} {version}"));
        }
    }
    let mut texts: Vec<_> = texts.into_values().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (licence, crates) in texts {
        let crates: Vec<String> = crates.into_iter().collect();
        whole += &format!("\n{}\n{}:\n\n{licence}\n", "-".repeat(80), crates.join(", "));
    }
    whole
}

/// The crates whose code ends up in the library: no test's, no build script's, no macro's own.
fn linked() -> Vec<&'static Value> {
    let nodes: Vec<&Value> = list(&METADATA["resolve"]["nodes"]).collect();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut ahead = vec![text(&ours()["id"])];
    while let Some(id) = ahead.pop() {
        let node = nodes.iter().find(|node| node["id"] == id).expect("a node");
        let normal = |edge: &&Value| list(&edge["dep_kinds"]).any(|kind| kind["kind"].is_null());
        for dependency in list(&node["deps"]).filter(normal).map(|edge| text(&edge["pkg"])) {
            let is_macro = packages().any(|package| package["id"] == dependency && has_target(package, "proc-macro"));
            if !is_macro && found.insert(dependency) {
                ahead.push(dependency);
            }
        }
    }
    let mut packages: Vec<&Value> = packages().filter(|package| found.contains(text(&package["id"]))).collect();
    packages.sort_by_key(|package| (text(&package["name"]), text(&package["version"])));
    packages
}

/// A crate's licence texts; of a choice with MIT in it, that one.
fn licences(package: &Value) -> Vec<String> {
    let folder = Path::new(text(&package["manifest_path"])).parent().expect("a folder");
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let expression = text(&package["license"]);
    if !expression.contains("AND") && expression.contains("MIT") {
        let is_mit = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("MIT"));
        let mit: Vec<PathBuf> = files.iter().filter(|path| is_mit(path)).cloned().collect();
        if !mit.is_empty() {
            files = mit;
        } else if files.is_empty() {
            return vec![mit_of(list(&package["authors"]).map(text).collect())];
        }
    }
    assert!(!files.is_empty(), "{} has no file with its licence ({expression})", package["name"]);
    files.iter().map(|path| tidy(&fs::read(path).expect("a licence"))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources of a crate").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().to_uppercase());
        if path.is_dir() {
            collect(&path, files);
        } else if NAMES.iter().any(|begin| name.starts_with(begin)) && !name.ends_with(".RS") {
            files.push(path);
        }
    }
}

/// The text of our own, with the names of others.
fn mit_of(authors: Vec<&str>) -> String {
    assert!(!authors.is_empty(), "a crate without a licence's text says who made it");
    let own = fs::read_to_string(root().join("LICENSE-MIT")).expect("our licence");
    let lines = own.lines().map(|line| match line.starts_with("Copyright") {
        true => format!("Copyright (c) {}", authors.join(", ")),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Without what only an editor sees.
fn tidy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
