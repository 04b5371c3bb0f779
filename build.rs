//! Names and pins the shared library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Programs linked with it ask for this name, so that a later, incompatible library can stand beside it.
        println!("cargo::rustc-link-arg-cdylib=-Wl,-soname,libimport_cji.so.0");
        // dlclose() would unmap the code under a running worker: the library stays mapped until the process ends.
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
}
