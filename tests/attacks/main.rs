//! Attacks: a test for each line of docs/security.md that no other test has.

#[path = "../common/mod.rs"]
mod common;
mod network;
mod spool;
mod store;
mod texts;
