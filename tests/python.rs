//! A Python host by ctypes, with Python's own HTTP server.

mod common;

use std::path::Path;
use std::process::Command;

#[test]
fn a_python_host_imports_by_ctypes() {
    if Command::new("python3").arg("--version").output().is_err() {
        return common::skip("python3 is not installed");
    }
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/test_import_cji.py"))
        .arg(common::shared_library())
        // The test looks for this zone where an engine names none.
        .env("TZ", "Asia/Shanghai")
        // "No function ever […] reads an environment variable": with any of these the imports would fail.
        .envs(["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")))
        .envs([("SQLITE_TMPDIR", "/nonexistent"), ("SSL_CERT_FILE", "/nonexistent")])
        .output()
        .expect("python3");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("Ran "), "it ran tests: {told}");
}
