//! Call-centre import as an embedded library: CSV files from HTTP and FTP servers, and single records, become customers
//! and a dial list in a SQLite database.
//!
//! Programs in other languages call the C ABI of `include/import_cji.h`, which [`ffi`] implements. Rust programs call the
//! same functions there, or as methods of [`engine::Engine`]:
//!
//! ```
//! use import_cji::engine::{Engine, PARAMETERS};
//!
//! let engine = Engine::open(":memory:", r#"{"timezone":"Europe/Berlin"}"#).expect("a store");
//! engine.team_add("myteam", "My team");
//! engine.user_set("myteam", "agent", "1001", "plaintext", "secret");
//! let campaign = engine.campaign_add("myteam", r#"{"name":"Spring renewals"}"#).message;
//!
//! let parameters: [&str; PARAMETERS] = [
//!     "myteam", "agent", "1001", "plaintext", "secret", // orgidentity, usertype, user, pwdtype, password
//!     "Campaign", &campaign,                            // modeltype, model_id
//!     "data", "name=Joe||phone1=138xxxx88x8", "", "",   // source, context, source_user, source_pwd
//!     "", "",                                           // exetime, delrow
//!     "phone1", "", "",                                 // phone_field, priority_field, dialtime_field
//!     "no", "no", "update", "ignoreDuplicate", "skip",  // emptyagent, resetstatus, dupway, dupdiallist, changepackage
//!     "",                                               // callbackFuc
//! ];
//! let reply = engine.import(&parameters.map(str::as_bytes));
//! assert_eq!(reply.to_json(), r#"{"code":1,"message":"customer 1 added; on the dial list"}"#);
//!
//! let customers = engine.customer_list(&campaign, r#"{"where":{"phone1":"138 xxxx 88x8"}}"#).data.expect("data");
//! assert_eq!(customers["customers"][0]["fields"]["name"], "Joe");
//! ```
//!
//! The way of a record leads through the modules in this order: [`request`] checks the 22 parameters, [`auth`] the login;
//! [`source`] fetches a file and [`file`](mod@file) reads its rows; [`mapping`] makes drafts of them, with values by
//! [`value`]; [`intake`] has [`store`] find the customers that are there, [`merge`] decide, and the store apply; [`reply`]
//! is what comes back. [`job`] keeps the import of a file going, also after a crash. `ARCHITECTURE.md` has the map.
//!
//! What is stable is the C ABI and [`engine`]; the other modules are public for tests, benchmarks and fuzzing.
#![deny(unsafe_code)]
#![warn(missing_docs, unused_qualifications, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
// A guest in the host's process: nothing here panics, prints or ends it.
#![warn(
    clippy::dbg_macro,
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::todo,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![allow(
    clippy::doc_markdown,
    clippy::format_push_string,
    clippy::match_bool,
    clippy::missing_errors_doc,
    clippy::module_name_repetitions,
    clippy::must_use_candidate,
    clippy::redundant_closure_for_method_calls,
    clippy::similar_names,
    clippy::struct_field_names,
    reason = "matters of taste in which the plainer form was chosen; the faults of functions are told in the header"
)]

pub mod auth;
pub mod catalog;
pub mod engine;
pub mod fault;
pub mod ffi;
pub mod field;
pub mod file;
pub mod fingerprint;
pub mod intake;
pub mod job;
mod json;
pub mod mapping;
mod memory;
pub mod merge;
pub mod options;
pub mod record;
pub mod reply;
pub mod request;
pub mod source;
pub mod store;
pub mod time;
pub mod value;
