//! Running a job: its file is fetched, read, and written in chunks; it can be watched, cancelled and taken up again.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Files;
use crate::fault::{Fault, Key};
use crate::file::Limits;
use crate::source::{FetchError, Location, Network, Protocol, Spool, Transfer};
use crate::store::{Job, JobState, Lease, Memory, Store};
use crate::time::{Zone, now};

/// How often a run looks up from its work or from waiting.
pub(super) const PULSE: Duration = Duration::from_millis(100);
/// How often a lease is renewed.
const RENEWED: Duration = Duration::from_secs(1);

/// What runs need of the engine.
pub struct Runner<'e> {
    /// The store.
    pub store: &'e Store,
    /// The fetchers.
    pub network: &'e Network,
    /// The zone of local times.
    pub zone: &'e Zone,
    /// Bounds of the file.
    pub limits: Limits,
    /// Where fetched files lie.
    pub files: Files<'e>,
    /// Told how the job goes, at most ten times a second; true cancels it.
    pub progress: &'e dyn Fn(&Job) -> bool,
    /// Set from outside: the run is to break off, and to go on later.
    pub stop: &'e AtomicBool,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// All rows are done.
    Succeeded,
    /// It can't go on.
    Failed(Fault),
    /// Somebody cancelled it.
    Cancelled,
    /// It was broken off, from outside or by a trouble that may pass, and goes on later.
    Stopped(Option<Fault>),
    /// Another process has taken it.
    Lost,
}

/// Why a run can't go on: every end but a good one.
pub(super) type Halt = Ended;

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        match fault.key {
            Key::StorageForNow => Ended::Stopped(Some(fault)),
            _ => Ended::Failed(fault),
        }
    }
}

/// A run of one job.
pub(super) struct Run<'r, 'e> {
    pub(super) runner: &'r Runner<'e>,
    pub(super) job: &'r mut Job,
    pub(super) lease: &'r mut Lease,
    looked: Instant,
    pub(super) renewed: Instant,
    told: Option<Instant>,
    /// Of its chunks.
    pub(super) memory: Memory,
}

impl Runner<'_> {
    /// Runs a job under its lease, to whatever end. Changes `job` as it goes; the end itself is recorded by the caller.
    pub fn run(&self, job: &mut Job, lease: &mut Lease) -> Ended {
        let now = Instant::now();
        let mut run =
            Run { runner: self, job, lease, looked: now, renewed: now, told: None, memory: Memory::default() };
        match run.steps() {
            Ok(()) => Ended::Succeeded,
            Err(ended) => ended,
        }
    }

    /// Records how a job ended and removes its files; tells the state that it ended in, where this holder may tell of it.
    pub fn end(&self, job: &Job, lease: &Lease, state: JobState, message: &str) -> Result<Option<JobState>, Fault> {
        let ended = self.store.job_end(job, lease, state, message, now())?;
        if ended.is_some() {
            self.files.clear(job, Some(lease));
        }
        Ok(ended)
    }
}

impl Run<'_, '_> {
    fn steps(&mut self) -> Result<(), Halt> {
        let campaign = self.runner.store.campaign(self.job.campaign)?;
        let campaign = campaign.ok_or_else(|| Fault::new(Key::CampaignUnknown, "its campaign is gone"))?;
        self.look(true)?;
        let fetched = self.fetch()?;
        self.import(&campaign, fetched)
    }

    /// Fetches the file, unless an earlier run did. It has to be saved.
    fn fetch(&mut self) -> Result<Option<Spool>, Halt> {
        let runner = self.runner;
        if let Some(name) = self.job.spool.take() {
            let whole = match runner.files.path(&name).map(|path| path.metadata()) {
                None => false,
                Some(Ok(found)) => found.len() == self.job.bytes_read,
                Some(Err(error)) if error.kind() == ErrorKind::NotFound => false,
                Some(Err(error)) => {
                    let message = format!("the spooled file can't be looked at: {error}");
                    return Err(Fault::new(Key::of_disk(&error), message).into());
                }
            };
            if whole {
                self.job.spool = Some(name);
                return Ok(None);
            }
            if self.job.progress.read > 0 {
                let rows = self.job.progress.read;
                let message = format!(
                    "the spooled file was lost after {rows} rows; they stay imported: import the file again, \
                     duplicates are recognized"
                );
                return Err(Fault::new(Key::FetchFailed, message).into());
            }
        }
        let location = self.location()?;
        let mut spool = runner.files.spool(self.job.id, self.lease)?;
        // A run that found no room on the disk is tried again and again, but the server is asked once there is more.
        spool.needs(self.job.bytes_total.unwrap_or(self.job.bytes_read))?;
        let mut halt = None;
        let fetched = runner.network.fetch(&location, &mut spool, &mut |transfer: &Transfer| {
            self.job.bytes_total = transfer.bytes_total;
            self.job.bytes_read = transfer.bytes_read;
            match self.look(false) {
                Ok(()) => ControlFlow::Continue(()),
                Err(ended) => {
                    halt = Some(ended);
                    ControlFlow::Break(())
                }
            }
        });
        let fetched = match (fetched, halt) {
            (_, Some(halt)) => return Err(halt),
            (Ok(fetched), None) => fetched,
            (Err(FetchError::Failed(fault)), None) => return Err(fault.into()),
            (Err(FetchError::Cancelled), None) => return Err(Ended::Cancelled),
        };
        self.job.bytes_total = Some(fetched.bytes);
        self.job.bytes_read = fetched.bytes;
        self.warn(fetched.warnings);
        self.job.charset = fetched.charset;
        Ok(Some(spool))
    }

    fn location(&self) -> Result<Location, Fault> {
        let (user, password) = match self.job.has_login {
            true => self.runner.files.login(self.job.id)?,
            false => Default::default(),
        };
        let protocol = if self.job.source == Protocol::Ftp.name() { Protocol::Ftp } else { Protocol::Http };
        Location::parse(protocol, &self.job.url, &user, &password)
    }

    /// Looks up from the work: renews the lease, tells the progress, sees whether to go on.
    pub(super) fn look(&mut self, first: bool) -> Result<(), Halt> {
        if self.runner.stop.load(Ordering::Relaxed) {
            return Err(Ended::Stopped(None));
        }
        if !first && self.looked.elapsed() < PULSE {
            return Ok(());
        }
        self.looked = Instant::now();
        if self.runner.store.job_cancel_asked(self.job.id)? {
            return Err(Ended::Cancelled);
        }
        if self.renewed.elapsed() >= RENEWED {
            let (total, read) = (self.job.bytes_total, Some(self.job.bytes_read).filter(|_| self.job.spool.is_none()));
            let still = self.runner.store.job_renew(self.job.id, self.lease, total, read)?;
            held(still)?;
            self.renewed = Instant::now();
        }
        if self.told.is_none_or(|told| told.elapsed() >= PULSE) {
            self.told = Some(Instant::now());
            if (self.runner.progress)(self.job) {
                return Err(Ended::Cancelled);
            }
        }
        Ok(())
    }

    /// Adds what the user should know, but for what an earlier run recorded already.
    pub(super) fn warn(&mut self, warnings: Vec<String>) {
        add_new(&mut self.job.warnings, warnings);
    }
}

/// Adds the texts that are not there yet.
fn add_new(known: &mut Vec<String>, texts: Vec<String>) {
    let mut seen: HashSet<String> = known.iter().cloned().collect();
    known.extend(texts.into_iter().filter(|text| seen.insert(text.clone())));
}

/// Goes on only while this run holds the job.
pub(super) fn held(held: bool) -> Result<(), Halt> {
    if held { Ok(()) } else { Err(Ended::Lost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_added_once_in_their_order_and_in_time_that_grows_with_their_number() {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut known = texts(&["b"]);
        add_new(&mut known, texts(&["c", "b", "a", "c"]));
        assert_eq!(known, ["b", "c", "a"]);
        let many: Vec<String> = (0..100_000).map(|n| format!("column {n}")).collect();
        let since = Instant::now();
        add_new(&mut known, many.clone());
        add_new(&mut known, many);
        assert_eq!(known.len(), 100_003);
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    }
}
