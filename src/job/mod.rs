//! Jobs: one for each file that is imported. Made, run, watched, cancelled, taken up again.

mod draft;
mod files;
mod firsts;
pub mod holder;
mod reader;
mod repeats;
mod rest;
mod rows;
mod run;
pub mod worker;
mod writer;

use std::path::Path;

use serde_json::{Value, json};

use crate::fault::{Fault, Key};
use crate::file::rejects::RejectsFile;
use crate::store::{Job, Lease, Store};
use crate::time::Zone;

pub use files::{Files, Kept};
pub use rest::Resting;
pub use run::{Ended, Runner};

/// The lease of a new run; it begins when the run gets its job.
pub fn new_lease() -> Result<Lease, Fault> {
    holder::new().map(Lease::new)
}

/// A job as the JSON of `cji_job_get`.
pub fn to_json(job: &Job, zone: &Zone) -> Value {
    let time = |at: Option<i64>| at.map(|at| zone.show(at));
    json!({
        "id": job.id,
        "campaign": job.campaign,
        "source": job.source,
        "url": job.url,
        "state": job.state.name(),
        "run_at": zone.show(job.run_at),
        "started_at": time(job.started_at),
        "finished_at": time(job.finished_at),
        "bytes_total": job.bytes_total,
        "bytes_read": job.bytes_read,
        "read": job.progress.read,
        "inserted": job.progress.inserted,
        "updated": job.progress.updated,
        "skipped": job.progress.skipped,
        "rejected": job.progress.rejected,
        "dial_listed": job.progress.dial_listed,
        "message": job.message,
        "warnings": job.warnings,
    })
}

/// Writes a job's rejected rows to a CSV file; tells how many they are.
pub fn write_rejects(store: &Store, job: &Job, path: &Path) -> Result<u64, Fault> {
    let campaign = store.campaign(job.campaign)?;
    let fields = campaign.as_ref().map(|campaign| &campaign.fields);
    let names = || fields.map(|fields| fields.all().iter().map(|field| field.name.clone()).collect());
    let title = job.title.clone().or_else(names).unwrap_or_default();
    let is_field = |title: &str| fields.is_some_and(|fields| fields.find(title).is_some());
    let mut file = RejectsFile::create(path, &title, is_field)?;
    let (mut after, mut count) = (0, 0);
    loop {
        let page = store.rejects(job.id, after)?;
        for reject in &page {
            let cells: Vec<String> = serde_json::from_str(&reject.cells)
                .map_err(|error| Fault::new(Key::Storage, format!("line {}: {error}", reject.line)))?;
            file.write(cells.iter().map(String::as_str), reject.line, &reject.reason)?;
            count += 1;
            after = reject.line;
        }
        if page.is_empty() {
            file.finish()?;
            return Ok(count);
        }
    }
}
