//! What a release promised, later ones keep: `tests/data/releases` has the header of each, and the store that it wrote,
//! which tests/upgrades.rs opens.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::abi;
use serde_json::{Value, json};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Why programs that were linked with the earlier header can't go on with the later one. Names of parameters are not part
/// of it.
fn breaks(before: &Value, now: &Value) -> Vec<String> {
    let version = |abi: &Value| abi["abi_version"].as_u64().expect("a number");
    if version(now) > version(before) {
        return Vec::new();
    }
    let types = |declared: &Value| -> Vec<Value> {
        let parameters = declared["parameters"].as_array().expect("parameters").iter();
        [&declared["returns"]].into_iter().chain(parameters.map(|parameter| &parameter["type"])).cloned().collect()
    };
    let list = |abi: &Value, kind: &str| abi[kind].as_array().expect("a list").clone();
    let mut found = Vec::new();
    for kind in ["functions", "callbacks"] {
        for old in list(before, kind) {
            match list(now, kind).iter().find(|new| new["name"] == old["name"]) {
                None => found.push(format!("{} is gone", old["name"])),
                Some(new) if types(new) != types(&old) => found.push(format!("{} has other types", old["name"])),
                Some(_) => {}
            }
        }
    }
    if version(now) < version(before) {
        found.push("CJI_ABI_VERSION is lower".to_owned());
    }
    found
}

#[test]
fn programs_that_were_linked_with_a_release_go_on_with_this_library() {
    let now = abi::of(&read("include/import_cji.h"));
    let releases = common::releases();
    assert!(!releases.is_empty());
    for release in releases {
        let broken = breaks(&abi::of(&read(&format!("tests/data/releases/{release}/import_cji.h"))), &now);
        assert!(
            broken.is_empty(),
            "since {release}: {broken:?}. Undo it, or raise CJI_ABI_VERSION and build.rs's soname"
        );
    }
}

#[test]
fn every_change_that_breaks_a_program_is_seen() {
    let header = read("include/import_cji.h");
    let before = abi::of(&header);
    assert_eq!(before["callbacks"].as_array().map(Vec::len), Some(2), "{before}");
    let seen = |old: &str, new: &str| {
        let changed = header.replace(old, new);
        assert!(changed != header, "'{old}' is not in the header");
        breaks(&before, &abi::of(&changed))
    };
    for (old, new, what) in [
        ("char *cji_job_get(", "char *cji_job_read(", "\"cji_job_get\" is gone"),
        ("void cji_text_free(", "int32_t cji_text_free(", "\"cji_text_free\" has other types"),
        ("int32_t limit", "int64_t limit", "\"cji_dial_next\" has other types"),
        ("const char *job_id, const char *path", "const char *job_id", "\"cji_job_rejects\" has other types"),
        ("typedef int32_t (*cji_progress)", "typedef void (*cji_progress)", "\"cji_progress\" has other types"),
        ("(*cji_callback)(const char *reply, ", "(*cji_callback)(char *reply, ", "\"cji_callback\" has other types"),
        ("#define CJI_ABI_VERSION 1", "#define CJI_ABI_VERSION 0", "CJI_ABI_VERSION is lower"),
    ] {
        assert_eq!(seen(old, new), [what], "{old}");
    }
    assert_eq!(seen("const char *job_id, const char *path", "const char *id, const char *file"), [""; 0]);
    let mut more = before.clone();
    more["functions"].as_array_mut().expect("functions").push(json!({"name": "cji_new"}));
    assert_eq!(breaks(&before, &more), [""; 0], "a new function breaks nobody");
    let raised = abi::of("#define CJI_ABI_VERSION 2\n");
    assert_eq!(breaks(&before, &raised), [""; 0], "whoever compares the versions is told");
}

/// So that a library of another ABI stands beside this one instead of taking its place.
#[test]
fn the_soname_rises_with_the_version_of_the_abi() {
    let version = abi::of(&read("include/import_cji.h"))["abi_version"].as_u64().expect("a number");
    let soname = format!("-soname,libimport_cji.so.{}\"", version - 1);
    assert!(read("build.rs").contains(&soname), "build.rs: {soname}");
}

#[test]
fn every_release_is_kept() {
    let log = read("CHANGELOG.md");
    let released = log.lines().filter_map(|line| line.strip_prefix("## [")?.split_once(']'));
    for (release, _) in released.filter(|(release, _)| *release != "Unreleased") {
        for file in ["import_cji.h", "store.db.gz"] {
            let path = format!("tests/data/releases/{release}/{file}");
            assert!(project(&path).exists(), "{path} is missing: CONTRIBUTING.md says how it is made");
        }
    }
}
