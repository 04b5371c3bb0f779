//! Plain C99 programs against the committed header: shared and static, as C++17, and under valgrind's three tools.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What `rustc --print native-static-libs` names for Linux.
const NATIVE_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

fn c_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// A folder of this test for what it makes.
fn made(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A folder that holds the shared library by the names that the linker and the loader look for.
fn library_folder(of: &Path) -> PathBuf {
    let folder = of.join("lib");
    fs::create_dir_all(&folder).expect("a folder");
    for name in ["libimport_cji.so", "libimport_cji.so.0"] {
        let link = folder.join(name);
        let _ = fs::remove_file(&link);
        symlink(common::shared_library(), link).expect("a link");
    }
    folder
}

/// Runs a command that must succeed, and print nothing but what a program says of itself at its end: "No function ever
/// unwinds, aborts, exits, prints".
#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}: tests/run installs what is missing"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    assert!(err.is_empty() && out.lines().count() <= 1, "{command:?} printed:\n{out}\n{err}");
}

fn compiler(program: &str, standard: &str) -> Command {
    let mut command = Command::new(program);
    command.args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-pthread", "-I"]);
    command.arg(common::header().parent().expect("a folder"));
    command
}

/// The program, compiled as C99 and linked with the shared library.
#[track_caller]
fn shared(source: &str, test: &str) -> PathBuf {
    let folder = made(test);
    let (program, libraries) = (folder.join(source), library_folder(&folder));
    run(compiler("gcc", "-std=c99")
        .arg(c_sources().join(format!("{source}.c")))
        .args(["-limport_cji", "-L"])
        .arg(&libraries)
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .arg("-o")
        .arg(&program));
    program
}

#[test]
fn end_to_end_runs_from_c() {
    run(&mut Command::new(shared("end_to_end", "end_to_end")));
}

#[test]
fn bad_arguments_are_answered() {
    run(&mut Command::new(shared("bad_arguments", "bad_arguments")));
}

#[test]
fn a_forked_child_can_not_use_its_parents_handle() {
    run(&mut Command::new(shared("fork", "fork")));
}

#[test]
fn threads_share_one_handle() {
    run(&mut Command::new(shared("threads", "threads")));
}

/// Runs a program under valgrind, fairly, as no thread may starve another; it must find no error.
#[track_caller]
fn valgrind(source: &str, leaks: &[&str], arguments: &[&str]) {
    let program = shared(source, &format!("valgrind_{source}"));
    run(Command::new("valgrind")
        .args(["-q", "--error-exitcode=9", "--fair-sched=yes"])
        .args(leaks)
        .arg(program)
        .args(arguments));
}

const LEAKS: &[&str] = &["--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"];

#[test]
fn valgrind_finds_no_error_and_no_leak_end_to_end() {
    valgrind("end_to_end", LEAKS, &[]);
}

#[test]
fn valgrind_finds_no_error_and_no_leak_with_bad_arguments() {
    valgrind("bad_arguments", LEAKS, &[]);
}

#[test]
fn valgrind_finds_no_error_and_no_leak_with_threads() {
    // It runs one thread at a time, and slowly: few rounds do.
    valgrind("threads", LEAKS, &["3"]);
}

#[test]
fn valgrind_finds_no_error_and_no_leak_with_everything_at_once() {
    valgrind("concurrency", LEAKS, &[":memory:", "3"]);
}

#[test]
fn valgrind_finds_no_error_in_a_forked_child() {
    // The child leaves behind what the threads of its parent held: leaks there mean nothing.
    valgrind("fork", &["--leak-check=no"], &[]);
}

/// A program that was linked with what tells helgrind and drd of Rust's locks. They need a library that was built without
/// optimization: `locks.c` says why.
fn concurrency() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = made("races");
        let build = "rustc --quiet --locked --offline --lib --crate-type rlib --message-format json";
        let unoptimized = ["--config", "profile.dev.opt-level=0"];
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(build.split(' ')).args(unoptimized);
        // What cargo tells a test of its package would make cargo build ring, and all that needs it, anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        let built = cargo.output().expect("cargo");
        let messages = String::from_utf8(built.stdout).expect("UTF-8");
        let artifact = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
        let last = messages.lines().filter_map(artifact).rfind(|message| message["target"]["name"] == "import_cji");
        let last = last.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&built.stderr)));
        let mut files = last["filenames"].as_array().into_iter().flatten().filter_map(|file| file.as_str());
        let library = files.rfind(|file| file.ends_with(".rlib")).expect("a library");
        let dependencies = common::shared_library();
        let dependencies = dependencies.parent().expect("a folder");
        let source = folder.join("exports.rs");
        fs::write(&source, "pub use import_cji::ffi::*;").expect("a source");
        run(Command::new("rustc")
            .args([
                "--edition=2024",
                "--crate-type=cdylib",
                "--crate-name=exports",
                "-Clink-arg=-Wl,-soname,libexports.so",
            ])
            .arg("--out-dir")
            .arg(&folder)
            .arg("-L")
            .arg(format!("dependency={}", dependencies.display()))
            .arg("--extern")
            .arg(format!("import_cji={library}"))
            .arg(&source));
        let program = folder.join("concurrency");
        run(compiler("gcc", "-std=c99")
            .args(["concurrency.c", "locks.c"].map(|source| c_sources().join(source)))
            .args(["-lexports", "-L"])
            .arg(&folder)
            .arg(format!("-Wl,-rpath,{}", folder.display()))
            .arg("-o")
            .arg(&program));
        program
    })
}

/// Runs it under one of the tools that look for races.
fn watched(tool: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["-q", "--error-exitcode=9", "--fair-sched=yes", tool]);
    command.arg(format!("--suppressions={}", c_sources().join("races.supp").display()));
    command.arg(concurrency()).args(arguments);
    command
}

#[track_caller]
fn no_race(tool: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("calls.db");
    run(&mut watched(tool, &[store.to_str().expect("UTF-8"), "6"]));
}

#[test]
fn helgrind_finds_no_race() {
    no_race("--tool=helgrind");
}

#[test]
fn drd_finds_no_race() {
    no_race("--tool=drd");
}

#[test]
fn helgrind_finds_no_race_in_memory() {
    run(&mut watched("--tool=helgrind", &[":memory:", "3"]));
}

#[test]
fn a_race_in_what_callbacks_count_is_found() {
    for tool in ["--tool=helgrind", "--tool=drd"] {
        let output = watched(tool, &[":memory:", "3", "race"]).output().expect("valgrind");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(9) && told.contains("hear (concurrency.c"), "{tool}: {told}");
    }
}

#[test]
fn the_static_library_serves_too() {
    let program = made("static").join("end_to_end");
    run(compiler("gcc", "-std=c99")
        .arg(c_sources().join("end_to_end.c"))
        .arg(common::static_library())
        .args(NATIVE_LIBRARIES)
        .arg("-o")
        .arg(&program));
    run(&mut Command::new(program));
}

#[test]
fn the_same_programs_are_cpp17() {
    let folder = made("cpp");
    let libraries = library_folder(&folder);
    for source in ["end_to_end", "bad_arguments", "fork", "threads", "concurrency"] {
        let program = folder.join(source);
        run(compiler("g++", "-std=c++17")
            .args(["-x", "c++"])
            .arg(c_sources().join(format!("{source}.c")))
            .args(["-limport_cji", "-L"])
            .arg(&libraries)
            .arg(format!("-Wl,-rpath,{}", libraries.display()))
            .arg("-o")
            .arg(&program));
    }
    run(&mut Command::new(folder.join("end_to_end")));
}

/// The dynamic section of a program or library.
fn dynamic_section(of: &Path) -> String {
    let output = Command::new("readelf").args(["-d", "-W"]).arg(of).output().expect("readelf of binutils");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn programs_ask_for_the_library_by_its_soname() {
    assert!(dynamic_section(&shared("end_to_end", "soname")).contains("[libimport_cji.so.0]"));
}

#[test]
fn the_library_stays_mapped_after_dlclose() {
    assert!(dynamic_section(&common::shared_library()).contains("NODELETE"));
}

#[test]
fn phps_ffi_reads_the_header_unmodified() {
    let script = "$library = FFI::cdef(file_get_contents($argv[1]), $argv[2]);
        if ($library->cji_abi_version() !== 1 || !preg_match('/^[0-9.]+$/', $library->cji_version())) exit(3);
        $reply = $library->cji_campaign_get(null, '1');
        if (json_decode(FFI::string($reply))->code !== 2) exit(4);
        $library->cji_text_free($reply);";
    match Command::new("php").arg("-v").output() {
        Ok(_) => run(Command::new("php")
            .args(["-d", "ffi.enable=1", "-r", script, "--"])
            .arg(common::header())
            .arg(common::shared_library())),
        Err(_) => common::skip("php is not installed"),
    }
}
