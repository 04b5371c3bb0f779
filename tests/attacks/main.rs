//! Attacks: a test for each line of docs/security.md that no other test has.

#[path = "../common/mod.rs"]
mod common;
mod network;
mod spool;
mod store;
mod texts;

use std::fs;
use std::path::Path;

/// All sources below a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// The names in the last cells of its tables, and those in its text that are long enough to be a test's.
#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/security.md")).expect("docs/security.md");
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut code));
    let attacks = document.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
    let of_tests =
        attacks.clone().filter(|line| line.split(" | ").last().is_some_and(|cell| cell.contains('_'))).count();
    assert!(of_tests > 40, "{of_tests} lines name a test");
    let is_test = |name: &&str| {
        name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
    };
    let names: Vec<&str> = document.split('`').skip(1).step_by(2).filter(is_test).collect();
    let missing: Vec<&&str> = names.iter().filter(|name| !code.contains(&format!("fn {name}()"))).collect();
    assert!(names.len() > 70 && missing.is_empty(), "{} names, of which are not there: {missing:?}", names.len());
}
