//! The C face of the library: `include/import_cji.h` is generated from this module, in this order.
//!
//! Every export is one call: `guard` catches panics and gives the failure its form, `handle` lends the engine or says
//! why it can't, `text` turns C text into Rust's and back, `callback` carries the host's functions. No rule of the trade
//! lives here.
//!
//! Safety of every `unsafe fn` here: the caller keeps the promises of the header's first page (a live handle or NULL,
//! NUL-terminated texts that stay as they are during the call, callbacks that outlive their handle).
#![allow(unsafe_code, reason = "the one module that speaks with C; deny(unsafe_code) holds everywhere else")]
#![allow(non_camel_case_types, non_snake_case, reason = "the names of the C ABI")]
#![allow(clippy::doc_markdown, clippy::doc_link_with_quotes, reason = "the docs here are the header's prose")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the header's first page is the safety section of all; it would stand 30 times in it"
)]
#![allow(clippy::too_many_arguments, reason = "the vendor's function has 22 parameters")]

#[cfg(panic = "abort")]
compile_error!(
    "import-cji needs panic = \"unwind\": with \"abort\" a bug would end the host's process instead of one call"
);

mod callback;
mod catalog;
mod customers;
mod guard;
mod handle;
mod imports;
mod jobs;
mod opening;
mod text;

pub use callback::{cji_callback, cji_progress};
pub use catalog::{
    cji_campaign_add, cji_campaign_get, cji_main_table_define, cji_team_add, cji_user_disable, cji_user_set,
};
pub use customers::{cji_customer_list, cji_customer_set, cji_dial_done, cji_dial_list, cji_dial_next, cji_query};
pub use handle::cji_engine;
pub use imports::{import_cji, import_event, import_jsonp, import_ws};
pub use jobs::{
    cji_callback_set, cji_job_cancel, cji_job_get, cji_job_list, cji_job_rejects, cji_jobs_run_due, cji_progress_set,
    cji_worker_start, cji_worker_stop,
};
pub use opening::{CJI_ABI_VERSION, cji_abi_version, cji_engine_close, cji_engine_open, cji_text_free, cji_version};
