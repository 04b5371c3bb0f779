//! Jobs that are run: who may run them, how far they are, how they end.
//!
//! "A job is run by one process at a time": each statement that changes a running job names its holder, so that one whose
//! lease was taken changes nothing any more, however long it was stopped.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::jobs::{job, json, signed};
use super::{Chunk, Job, JobState, Progress, Reject, Store, storage};
use crate::fault::Fault;
use crate::time::{Seconds, uptime_ms};

/// How long a lease lasts after each renewal: the longest that a killed process' job waits to be taken up.
const LASTS_MS: i64 = 5_000;

/// Who has waited so long for the write lock takes no job yet: one that seems to be nobody's may be of a holder who waited as
/// long to renew its lease, and does so now.
const LONG_WAIT: Duration = Duration::from_millis(500);

/// Who runs a job, and until when others must leave it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// New for each run: `namespace-pid-start-random`, by which others of the machine see whether its process is gone, or
    /// the random part alone (`job/holder.rs`).
    pub holder: String,
    /// When it runs out, on the clock of `uptime_ms`, which nobody sets.
    pub end_ms: i64,
}

impl Lease {
    /// The lease of a new holder, who holds nothing yet.
    pub fn new(holder: String) -> Self {
        Self { holder, end_ms: 0 }
    }

    /// Lasts from now again.
    fn renew(&mut self) {
        self.end_ms = uptime_ms().saturating_add(LASTS_MS);
    }
}

/// The job can be taken by who asks at `?1` (`uptime_ms`): it has not ended, and no lease holds it. One that would end later
/// than any that is given now (`?2`) is of an earlier boot of the machine.
const FREE: &str = "state IN ('scheduled', 'running') AND (lease_end <= ?1 OR lease_end > ?2)";

/// The times that `FREE` wants: to be asked for under the write lock, since a lease may be given while one waits for it.
fn free_times() -> (i64, i64) {
    let now = uptime_ms();
    (now, now.saturating_add(LASTS_MS))
}

/// The running job is the holder's (`?2`) still.
const HELD: &str = "id = ?1 AND lease_holder = ?2 AND state = 'running'";

/// What a request to cancel met.
#[derive(Clone, Debug)]
pub enum Cancel {
    /// It is cancelled now; its files and its callback are the caller's to see to.
    Done(Box<Job>),
    /// Whoever runs it was told.
    Asked,
    /// It had ended.
    Ended(JobState),
}

/// What a job that has not ended keeps in the spool folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenJob {
    /// A login.
    pub has_login: bool,
    /// The whole file's name.
    pub spool: Option<String>,
    /// Who runs it, and so may have a file of its own.
    pub holder: String,
}

impl Store {
    /// Ends the leases of holders that `is_gone` knows to be gone: their jobs need not wait until those run out.
    pub fn jobs_free(&self, is_gone: impl Fn(&str) -> bool) -> Result<(), Fault> {
        let gone = self.read(|c| {
            let sql = "SELECT id, lease_holder FROM job WHERE state = 'running' AND lease_end > 0";
            let mut select = c.prepare_cached(sql).map_err(storage)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            let running: Vec<(i64, String)> = rows.and_then(Iterator::collect).map_err(storage)?;
            Ok(running.into_iter().filter(|(_, holder)| is_gone(holder)).collect::<Vec<_>>())
        })?;
        if gone.is_empty() {
            return Ok(());
        }
        self.write(|t| {
            for (id, holder) in &gone {
                let sql = format!("UPDATE job SET lease_end = 0 WHERE {HELD}");
                t.execute(&sql, params![id, holder]).map_err(storage)?;
            }
            Ok(())
        })
    }

    /// Takes the next due job that no one runs, but none of `except`. The lease begins then.
    pub fn job_claim(&self, lease: &mut Lease, now: Seconds, except: &[i64]) -> Result<Option<Job>, Fault> {
        let except = serde_json::Value::from(except).to_string();
        let sql = format!(
            "SELECT id FROM job WHERE {FREE} AND run_at <= ?3 AND id NOT IN (SELECT value FROM json_each(?4))
             ORDER BY run_at, id LIMIT 1"
        );
        let find = |c: &Connection| {
            let (from, to) = free_times();
            let mut select = c.prepare_cached(&sql).map_err(storage)?;
            let found = select.query_row(params![from, to, now, except], |row| row.get::<_, i64>(0));
            found.optional().map_err(storage)
        };
        for has_another in [true, true, false] {
            // Looked for without the write lock first: idle workers ask often.
            if self.read(find)?.is_none() {
                return Ok(None);
            }
            let asked = Instant::now();
            let claimed = self.write(|t| match has_another && asked.elapsed() > LONG_WAIT {
                true => Ok(None),
                false => claim(t, find(t)?, lease, now).map(Some),
            })?;
            if let Some(claimed) = claimed {
                return Ok(claimed);
            }
            thread::sleep(LONG_WAIT / 5);
        }
        Ok(None)
    }

    /// Renews the lease, and records how much was fetched. False where another took the job.
    pub fn job_renew(&self, id: i64, lease: &mut Lease, total: Option<u64>, read: Option<u64>) -> Result<bool, Fault> {
        self.write(|t| {
            lease.renew();
            let sql = format!(
                "UPDATE job SET lease_end = ?3, bytes_total = ?4, bytes_read = ifnull(?5, bytes_read) WHERE {HELD}"
            );
            let mut update = t.prepare_cached(&sql).map_err(storage)?;
            let changed = update.execute(params![id, lease.holder, lease.end_ms, total.map(signed), read.map(signed)]);
            Ok(changed.map_err(storage)? == 1)
        })
    }

    /// Records that the spooled file is whole. False where another took the job.
    pub fn job_fetched(&self, job: &Job, lease: &Lease) -> Result<bool, Fault> {
        self.write(|t| {
            let sql = format!(
                "UPDATE job SET spool = ?3, bytes_read = ?4, bytes_total = ?4, charset = ?5, warnings = ?6 WHERE {HELD}"
            );
            let (read, warnings) = (signed(job.bytes_read), json(&job.warnings));
            let changed = t.execute(&sql, params![job.id, lease.holder, job.spool, read, job.charset, warnings]);
            Ok(changed.map_err(storage)? == 1)
        })
    }

    /// Records the title row, the order of the rows and what the user should know of the file. False where another took the job.
    pub fn job_opened(&self, job: &Job, lease: &Lease) -> Result<bool, Fault> {
        self.write(|t| {
            let sql =
                format!("UPDATE job SET title = ?3, warnings = ?4, order_rows = ?5, order_digest = ?6 WHERE {HELD}");
            let (title, warnings) = (job.title.as_deref().map(json), json(&job.warnings));
            let (rows, digest) = (signed(job.order.rows), job.order.digest.cast_signed());
            let changed = t.execute(&sql, params![job.id, lease.holder, title, warnings, rows, digest]);
            Ok(changed.map_err(storage)? == 1)
        })
    }

    /// Ends a job with this state and message, for good: its files go next. Tells the state that it ended in: it is
    /// cancelled where somebody was told meanwhile that it would be. `None`: another took the job.
    pub fn job_end(
        &self,
        job: &Job,
        lease: &Lease,
        state: JobState,
        message: &str,
        now: Seconds,
    ) -> Result<Option<JobState>, Fault> {
        self.write_for_good(|t| {
            let Some(cancel_asked) = cancel_asked(t, job.id, lease)? else { return Ok(None) };
            let (state, message) = match cancel_asked {
                true => (JobState::Cancelled, cancelled(job.id)),
                false => (state, message.to_owned()),
            };
            let sql = format!(
                "UPDATE job SET state = ?3, message = ?4, warnings = ?5, finished_at = ?6, bytes_read = ?7,
                        bytes_total = ?8, has_login = 0, spool = NULL, lease_holder = '' WHERE {HELD}"
            );
            let (read, total) = (signed(job.bytes_read), job.bytes_total.map(signed));
            let warnings = json(&job.warnings);
            t.execute(&sql, params![job.id, lease.holder, state.name(), message, warnings, now, read, total])
                .map_err(storage)?;
            Ok(Some(state))
        })
    }

    /// Lets go of a job that is to go on later, under another holder; the message says why.
    pub fn job_release(&self, job: &Job, lease: &Lease, message: &str) -> Result<(), Fault> {
        self.write(|t| {
            let sql = format!(
                "UPDATE job SET state = 'scheduled', message = ?3, bytes_read = ?4, bytes_total = ?5, lease_holder = '',
                        lease_end = 0 WHERE {HELD}"
            );
            let (read, total) = (signed(job.bytes_read), job.bytes_total.map(signed));
            t.execute(&sql, params![job.id, lease.holder, message, read, total]).map(drop).map_err(storage)
        })
    }

    /// Cancels a job that no one runs, or asks whoever runs it. `warning` is added to the former's, if it has this callback.
    /// It is for good, as the job's files go next.
    pub fn job_cancel(
        &self,
        id: i64,
        now: Seconds,
        warn: impl Fn(&Job) -> Option<String>,
    ) -> Result<Option<Cancel>, Fault> {
        self.write_for_good(|t| {
            let Some(mut found) = job(t, id)? else { return Ok(None) };
            if found.state.is_end() {
                return Ok(Some(Cancel::Ended(found.state)));
            }
            found.warnings.extend(warn(&found));
            let sql = format!(
                "UPDATE job SET state = 'cancelled', message = ?5, warnings = ?6, finished_at = ?4, has_login = 0,
                        spool = NULL, lease_holder = '' WHERE id = ?3 AND {FREE}"
            );
            let (from, to) = free_times();
            let changed = t.execute(&sql, params![from, to, id, now, cancelled(id), json(&found.warnings)]);
            if changed.map_err(storage)? == 1 {
                return Ok(Some(Cancel::Done(Box::new(found))));
            }
            t.execute("UPDATE job SET cancel_asked = 1 WHERE id = ?1", [id]).map_err(storage)?;
            Ok(Some(Cancel::Asked))
        })
    }

    /// True where someone asked to cancel the job.
    pub fn job_cancel_asked(&self, id: i64) -> Result<bool, Fault> {
        self.read(|c| {
            let mut select = c.prepare_cached("SELECT cancel_asked FROM job WHERE id = ?1").map_err(storage)?;
            select.query_row([id], |row| row.get(0)).map_err(storage)
        })
    }

    /// What a job keeps in the spool folder; `None`: it has ended, or there is none.
    pub fn job_open(&self, id: i64) -> Result<Option<OpenJob>, Fault> {
        self.read(|c| open_job(c, id))
    }

    /// The same, once every job that is being made now has been made or given up: one's login lies there a moment before the
    /// job can be seen.
    pub fn job_open_settled(&self, id: i64) -> Result<Option<OpenJob>, Fault> {
        self.write(|t: &Transaction<'_>| open_job(t, id))
    }
}

impl Chunk<'_> {
    /// Whether somebody asked to cancel the job; `None`: it is not this holder's any more. To be asked before anything else of
    /// a chunk is done.
    pub fn job_cancel_asked(&self, id: i64, lease: &Lease) -> Result<Option<bool>, Fault> {
        cancel_asked(self.c(), id, lease)
    }

    /// Records how far a job is, with the rows that it rejected, and renews its lease.
    pub fn job_progress(
        &self,
        id: i64,
        lease: &mut Lease,
        progress: &Progress,
        rejects: &[Reject],
    ) -> Result<(), Fault> {
        let t = self.c();
        lease.renew();
        let sql = format!(
            "UPDATE job SET read = ?3, inserted = ?4, updated = ?5, skipped = ?6, rejected = ?7, dial_listed = ?8,
                    lease_end = ?9 WHERE {HELD}"
        );
        let p = progress;
        let [read, inserted, updated, skipped, rejected, listed] =
            [p.read, p.inserted, p.updated, p.skipped, p.rejected, p.dial_listed].map(signed);
        let mut update = t.prepare_cached(&sql).map_err(storage)?;
        update
            .execute(params![id, lease.holder, read, inserted, updated, skipped, rejected, listed, lease.end_ms])
            .map_err(storage)?;
        let sql = "INSERT INTO job_reject (job, line, cells, reason) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = t.prepare_cached(sql).map_err(storage)?;
        for reject in rejects {
            insert.execute(params![id, signed(reject.line), reject.cells, reject.reason]).map_err(storage)?;
        }
        Ok(())
    }
}

/// Begins the lease of a job that is being made: not before, since one may wait for the write lock, and for the disk, longer
/// than a lease lasts.
pub(super) fn begin(c: &Connection, id: i64, lease: &mut Lease) -> Result<(), Fault> {
    lease.renew();
    let sql = "UPDATE job SET lease_end = ?2 WHERE id = ?1";
    c.execute(sql, [id, lease.end_ms]).map(drop).map_err(storage)
}

/// Gives a job to who asks.
fn claim(c: &Connection, id: Option<i64>, lease: &mut Lease, now: Seconds) -> Result<Option<Job>, Fault> {
    let Some(id) = id else { return Ok(None) };
    lease.renew();
    c.execute(
        "UPDATE job SET state = 'running', started_at = ifnull(started_at, ?2), message = '', lease_holder = ?3,
                lease_end = ?4 WHERE id = ?1",
        params![id, now, lease.holder, lease.end_ms],
    )
    .map_err(storage)?;
    job(c, id)
}

/// Whether somebody asked to cancel a running job; `None`: it is not this holder's.
fn cancel_asked(c: &Connection, id: i64, lease: &Lease) -> Result<Option<bool>, Fault> {
    let sql = format!("SELECT cancel_asked FROM job WHERE {HELD}");
    let mut select = c.prepare_cached(&sql).map_err(storage)?;
    select.query_row(params![id, lease.holder], |row| row.get(0)).optional().map_err(storage)
}

/// The message of a cancelled job.
pub fn cancelled(id: i64) -> String {
    format!("job {id}: cancelled")
}

fn open_job(c: &Connection, id: i64) -> Result<Option<OpenJob>, Fault> {
    let sql = "SELECT has_login, spool, lease_holder FROM job WHERE id = ?1 AND state IN ('scheduled', 'running')";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let read =
        |row: &rusqlite::Row<'_>| Ok(OpenJob { has_login: row.get(0)?, spool: row.get(1)?, holder: row.get(2)? });
    select.query_row([id], read).optional().map_err(storage)
}
