//! The examples run, and those in README.md are the ones that run.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::web::Web;

/// What `rustc --print native-static-libs` names for Linux.
const NATIVE_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn bundled_file() -> PathBuf {
    root().join("examples/data/leads.csv")
}

/// The bundled file, served.
fn served() -> Web {
    Web::csv(fs::read(bundled_file()).expect("the bundled file"))
}

/// The only block of README.md in this language.
fn readme_block(language: &str) -> String {
    let readme = text("README.md");
    let begin = format!("\n```{language}\n");
    let mut blocks = readme.split(&begin).skip(1);
    let block = blocks.next().and_then(|rest| rest.split("\n```\n").next()).expect("a block");
    assert!(blocks.next().is_none(), "README.md has one block of {language}");
    format!("{block}\n")
}

/// The quickstart, which `cargo test` builds with the tests.
fn quickstart() -> PathBuf {
    let beside = std::env::current_exe().expect("the path of this test");
    let program = beside.parent().and_then(Path::parent).expect("a folder").join("examples/quickstart");
    assert!(program.exists(), "after `cargo test --test`, build it by `cargo build --example quickstart`");
    program
}

/// Runs a command that must succeed, and gives what it printed.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        common::skip(&format!("{program} is not installed"));
    }
    there
}

/// Compiles a C program as the examples say, but with every warning an error.
fn compiled(source: &Path, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
    fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join(name);
    printed(
        Command::new("gcc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread", "-Iinclude"])
            .arg(source)
            .arg(common::static_library())
            .args(NATIVE_LIBRARIES)
            .arg("-o")
            .arg(&program),
    );
    program
}

/// The counts of the bundled file, and a customer, a rejected row and an entry of it.
#[track_caller]
fn shows_the_bundled_file(out: &str) {
    for word in ["{\"code\":1,\"message\":\"1\"}", "陈静", "+49496710336650", "a quote never ends", "not before"] {
        assert!(out.contains(word), "{word} is not in\n{out}");
    }
    let numbers: Vec<&str> = out.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert!(numbers.contains(&"12"), "12 rows are rejected:\n{out}");
}

#[test]
fn the_quickstart_runs() {
    let out = printed(&mut Command::new(quickstart()));
    shows_the_bundled_file(&out);
    assert!(out.contains("3,000"), "{out}");
}

#[test]
fn the_quickstart_takes_a_file_of_the_users() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("one.csv");
    fs::write(&file, "phone1;name\n030 1234;Zoë\n").expect("a file");
    let out = printed(Command::new(quickstart()).arg(file));
    assert!(out.contains("Zoë") && out.contains("0301234"), "{out}");
}

#[test]
fn the_quickstart_in_c_runs() {
    if is_there("gcc") {
        let program = compiled(&root().join("examples/c/quickstart.c"), "quickstart");
        let out = printed(Command::new(program).arg(bundled_file()));
        shows_the_bundled_file(&out);
    }
}

// bindings/python/test runs it, with the package installed.
#[test]
fn the_example_in_python_is_the_one_of_the_readme() {
    assert_eq!(readme_block("python"), text("examples/python/quickstart.py"));
}

#[test]
fn the_example_in_c_of_the_readme_runs() {
    const URL: &str = "http://192.168.1.88/leads.csv";
    let code = readme_block("c");
    assert!(code.contains(URL));
    if is_there("gcc") {
        let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme.c");
        fs::write(&source, code.replace(URL, &served().url())).expect("a file");
        let out = printed(&mut Command::new(compiled(&source, "readme")));
        assert!(!out.contains("\"code\":2"), "{out}");
        for word in ["customer 1 added; on the dial list", "\"read\":3000", "138xxxx88x8"] {
            assert!(out.contains(word), "{word} is not in\n{out}");
        }
    }
}

#[test]
fn the_file_of_the_quickstart_is_the_one_that_its_script_writes() {
    if is_there("python3") {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("data");
        fs::create_dir_all(&folder).expect("a folder");
        let script = folder.join("make_leads.py");
        fs::copy(root().join("examples/data/make_leads.py"), &script).expect("a copy");
        printed(Command::new("python3").arg(script));
        assert!(fs::read(folder.join("leads.csv")).expect("the file") == fs::read(bundled_file()).expect("the file"));
    }
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut documents = vec!["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];
    documents.extend(["docs/behaviour.md", "docs/schema.md", "docs/performance.md", "examples/web/README.md"]);
    documents.extend(["bindings/c/README.md", "bindings/java/README.md", "bindings/php/README.md"]);
    documents.push("bindings/python/README.md");
    for document in documents {
        let folder = root().join(document).parent().expect("a folder").to_owned();
        for link in text(document).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            let outward = link.starts_with("http");
            assert!(outward || path.is_empty() || folder.join(path).exists(), "{document}: {link} leads nowhere");
        }
    }
}
