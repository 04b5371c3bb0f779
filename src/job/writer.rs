//! The writing half of a running job: rows go into the store in chunks, the job's counts and its place in the file with them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::reader::{Part, Reading};
use super::rows::Rows;
use super::run::{Ended, Halt, PULSE, Run, held};
use crate::fault::{Fault, Key};
use crate::intake::take;
use crate::record::Batch;
use crate::source::Spool;
use crate::store::Campaign;
use crate::time::now;

/// How long a chunk should hold the write lock; half of what docs/behaviour.md allows at most.
const CHUNK: Duration = Duration::from_millis(50);
/// The rows of the first chunk, and the fewest and the most of any.
const FIRST_ROWS: usize = 250;
const FEWEST_ROWS: usize = 20;
const MOST_ROWS: usize = 16_000;

impl Run<'_, '_> {
    /// Reads the spooled file on one thread and writes it on this one. `fetched`: it was fetched just now, and is not saved.
    pub(super) fn import(&mut self, campaign: &Campaign, fetched: Option<Spool>) -> Result<(), Halt> {
        let name = match &fetched {
            Some(_) => Some(self.runner.files.spool_name(self.job.id, self.lease)),
            None => self.job.spool.clone(),
        };
        let path = name.as_deref().and_then(|name| self.runner.files.path(name));
        let path = path.ok_or_else(|| Fault::new(Key::Storage, "the spooled file has no name"))?;
        let rows_wanted = AtomicUsize::new(FIRST_ROWS);
        let (charset, intake) = (self.job.charset.clone(), self.job.intake.clone());
        let reading = Reading {
            path: &path,
            charset: charset.as_deref(),
            delrow: self.job.delrow,
            limits: self.runner.limits,
            campaign,
            store: self.runner.store,
            intake: &intake,
            zone: self.runner.zone,
            done: self.job.progress.read,
            order: self.job.order,
            rows_wanted: &rows_wanted,
        };
        thread::scope(|scope| {
            let ((tell, told), (give_back, given_back)) = (sync_channel(0), sync_channel(1));
            let reader = thread::Builder::new().name("cji-read".into()).spawn_scoped(scope, || {
                let (tell, used) = (tell, given_back);
                let tell = |part| match tell.send(part) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                };
                reading.run(tell, &used);
            });
            reader.map_err(|error| Fault::new(Key::JobNotMade, format!("no thread for the file: {error}")))?;
            // Meanwhile the reader looks through the file.
            let saved = fetched.map_or(Ok(()), |spool| self.save(scope, spool, name));
            // When the writing ends, well or not, the reader has nobody to tell any more.
            let written = saved.and_then(|()| self.write(campaign, &told, &give_back, &rows_wanted));
            rows_wanted.store(0, Ordering::Relaxed);
            drop(told);
            written
        })
    }

    /// Returns when the fetched file survives a power cut, and the job tells where it is. None of its rows is written before:
    /// whoever takes the job up must find the others.
    fn save<'s>(&mut self, scope: &'s Scope<'s, '_>, spool: Spool, name: Option<String>) -> Result<(), Halt> {
        let (tell, told) = sync_channel(1);
        // On a slow disk it takes long.
        let helper = thread::Builder::new().name("cji-save".into()).spawn_scoped(scope, move || {
            // Nobody wants to know where the run has ended.
            let _ = tell.send(spool.sync());
        });
        let helper =
            helper.map_err(|error| Fault::new(Key::StorageForNow, format!("no thread for the file: {error}")))?;
        let broke_down = || Err(Fault::new(Key::Storage, "the saving of the file broke down"));
        let saved = loop {
            self.look(false)?;
            match told.recv_timeout(PULSE) {
                Ok(saved) => break saved,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break broke_down(),
            }
        };
        // A panic of the helper was told above; here it must not unwind again.
        let _ = helper.join();
        saved?;
        self.job.spool = name;
        held(self.runner.store.job_fetched(self.job, self.lease)?)
    }

    fn write(
        &mut self,
        campaign: &Campaign,
        told: &Receiver<Part>,
        give_back: &SyncSender<Batch>,
        rows_wanted: &AtomicUsize,
    ) -> Result<(), Halt> {
        loop {
            self.look(false)?;
            match told.recv_timeout(PULSE) {
                Ok(Part::Opened { title, order, warnings }) => {
                    self.warn(warnings);
                    self.job.title = Some(title);
                    self.job.order = order;
                    held(self.runner.store.job_opened(self.job, self.lease)?)?;
                }
                Ok(Part::Rows(rows)) => {
                    let took = self.chunk(campaign, &rows)?;
                    rows_wanted.store(next_rows(rows.len(), took), Ordering::Relaxed);
                    // The reader may have come to its end.
                    let _ = give_back.try_send(rows.batch);
                }
                Ok(Part::Failed(fault)) => return Err(fault.into()),
                Ok(Part::End) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Fault::new(Key::Storage, "the reader of the file broke down").into());
                }
            }
        }
    }

    /// Writes some rows in one transaction, the job's counts with them; tells how long that held the write lock.
    fn chunk(&mut self, campaign: &Campaign, rows: &Rows) -> Result<Duration, Halt> {
        let (id, rules, lease) = (self.job.id, self.job.intake.rules, &mut *self.lease);
        let mut progress = self.job.progress;
        let (cancel_asked, took) = self.runner.store.chunk(&mut self.memory, |chunk| {
            let cancel_asked = chunk.job_cancel_asked(id, lease)?;
            if cancel_asked != Some(false) {
                return Ok(cancel_asked);
            }
            let (applied, _) = take(chunk, campaign, &rows.batch, &rows.groups, &rows.scouted, rules, now())?;
            let rejected = rows.rejects.len() as u64;
            progress.read += rows.batch.len() as u64 + rejected;
            progress.rejected += rejected;
            progress.inserted += applied.inserted;
            progress.updated += applied.updated;
            progress.skipped += applied.skipped;
            progress.dial_listed += applied.dial_listed;
            chunk.job_progress(id, lease, &progress, &rows.rejects)?;
            Ok(cancel_asked)
        })?;
        match cancel_asked {
            None => return Err(Ended::Lost),
            Some(true) => return Err(Ended::Cancelled),
            Some(false) => {}
        }
        self.job.progress = progress;
        self.renewed = Instant::now();
        Ok(took)
    }
}

/// How many rows should hold the lock for as long as a chunk may.
fn next_rows(rows: usize, took: Duration) -> usize {
    let per_row = took.as_nanos().max(1) / rows.max(1) as u128;
    let fit = CHUNK.as_nanos() / per_row.max(1);
    let fit = usize::try_from(fit).unwrap_or(MOST_ROWS);
    // At most twice as many: one quick chunk says little of the next.
    fit.min(rows.saturating_mul(2)).clamp(FEWEST_ROWS, MOST_ROWS)
}
