//! The dialers of `examples/` run, and say what they did. bindings/python/test runs the one in Python.

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs a program that must succeed; gives what it printed.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}: tests/run installs what is missing"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Of six numbers it called five in their order, gave the third back for tomorrow, and left that and the sixth.
#[track_caller]
fn dialled(out: &str) {
    let lines: Vec<&str> = out.lines().collect();
    let statuses = ["success", "error", "pending, again", "success", "error"];
    for (n, status) in statuses.iter().enumerate() {
        let line = lines.get(n).unwrap_or_else(|| panic!("{out}"));
        assert!(line.starts_with(&format!("called 1380013800{}  {status}", n + 1)), "{out}");
    }
    assert_eq!(lines[5..], ["2 numbers are left on the list"]);
}

#[test]
fn the_dialer_in_rust() {
    dialled(&printed(Command::new(env!("CARGO")).args(["run", "--quiet", "--offline", "--example", "dialer"])));
}

#[test]
fn the_dialer_in_c() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["libimport_cji.so", "libimport_cji.so.0"] {
        symlink(common::shared_library(), folder.path().join(name)).unwrap();
    }
    let program = folder.path().join("dialer");
    printed(
        Command::new("gcc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
            .arg(common::header().parent().unwrap())
            .arg(example("c/dialer.c"))
            .args(["-limport_cji", "-L"])
            .arg(folder.path())
            .arg(format!("-Wl,-rpath,{}", folder.path().display()))
            .arg("-o")
            .arg(&program),
    );
    dialled(&printed(&mut Command::new(program)));
}
