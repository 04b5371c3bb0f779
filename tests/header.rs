//! The committed header is true to `src/ffi`, and the shared library exports exactly its functions.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// In the order of the header.
const SOURCES: [&str; 7] = ["handle", "callback", "opening", "imports", "catalog", "jobs", "customers"];

#[test]
fn the_committed_header_is_true_to_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join(format!("src/ffi/{source}.rs")));
    }
    let mut made = Vec::new();
    builder.generate().expect("a header").write(&mut made);
    let made = String::from_utf8(made).expect("UTF-8");

    let path = root.join("include/import_cji.h");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).expect("the header can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "include/import_cji.h is stale: BLESS=1 cargo test --test header rewrites it");
}

#[test]
fn every_source_of_the_header_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    for entry in fs::read_dir(folder).expect("src/ffi") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a source");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let exports = text.contains("no_mangle") || text.contains("pub type cji_") || text.contains("pub struct cji_");
        assert_eq!(exports, SOURCES.contains(&stem), "{stem}: listed in SOURCES if and only if it is in the header");
    }
}

#[test]
fn the_shared_library_exports_exactly_the_functions_of_the_header() {
    let output = Command::new("nm")
        .args(["-D", "--defined-only", "--format=posix"])
        .arg(common::shared_library())
        .output()
        .expect("nm of binutils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listing = String::from_utf8(output.stdout).expect("UTF-8");
    let exported: BTreeSet<String> =
        listing.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert_eq!(exported, functions_of_the_header());
}

/// The contract's section 1, in its order; a function that is missing or more than these is a change of the ABI.
#[test]
fn the_header_declares_the_functions_of_the_contract() {
    let contract: BTreeSet<String> = "cji_version cji_abi_version cji_text_free cji_engine_open cji_engine_close \
        import_cji import_ws import_event import_jsonp cji_team_add cji_user_set cji_user_disable \
        cji_main_table_define cji_campaign_add cji_campaign_get cji_job_get cji_job_list cji_job_cancel \
        cji_job_rejects cji_jobs_run_due cji_worker_start cji_worker_stop cji_callback_set cji_progress_set \
        cji_customer_list cji_customer_set cji_dial_list cji_dial_next cji_dial_done cji_query"
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(functions_of_the_header(), contract);
}

/// The names before a parenthesis on the declarations' first lines.
fn functions_of_the_header() -> BTreeSet<String> {
    let header = fs::read_to_string(common::header()).expect("the header");
    header
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect()
}
