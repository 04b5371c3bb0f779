//! Jobs, as hosts make, see and end them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::import::Stand;
use super::{Callback, Engine, Progress, Shared, id, reply};
use crate::fault::{Fault, Key, shown};
use crate::job::worker::{Bell, Worker};
use crate::job::{Ended, Resting, holder, new_lease, to_json, write_rejects};
use crate::reply::Reply;
use crate::request::{FileSource, Request};
use crate::store::{Campaign, Cancel, Filter, Job, JobState, Lease, NewJob, cancelled};
use crate::time::now;

/// What is told of a job that was lost.
const TAKEN: &str = "another process has taken it over, and goes on with it";

impl Engine {
    /// `cji_job_get`.
    pub fn job_get(&self, job_id: &str) -> Reply {
        reply(self.shared.job(job_id).map(|job| Reply::data(to_json(&job, &self.shared.options.zone))))
    }

    /// `cji_job_list`.
    pub fn job_list(&self, filter: &str) -> Reply {
        let shared = &self.shared;
        reply(Filter::of_jobs(filter).and_then(|filter| {
            let mut jobs = shared.store.jobs(&filter)?;
            let more = jobs.len() > filter.limit as usize;
            jobs.truncate(filter.limit as usize);
            let next = jobs.last().filter(|_| more).map(|job| job.id);
            let jobs: Vec<Value> = jobs.iter().map(|job| to_json(job, &shared.options.zone)).collect();
            Ok(Reply::data(json!({ "jobs": jobs, "next": next })))
        }))
    }

    /// `cji_job_cancel`.
    pub fn job_cancel(&self, job_id: &str) -> Reply {
        reply(self.shared.cancel(job_id))
    }

    /// `cji_job_rejects`.
    pub fn job_rejects(&self, job_id: &str, path: &str) -> Reply {
        let shared = &self.shared;
        reply(shared.job(job_id).and_then(|job| {
            if path.is_empty() {
                return Err(Fault::new(Key::ParameterBad, "path is empty: give the path of the CSV file to write"));
            }
            if shared.store.is_own_file(Path::new(path)) {
                return Err(Fault::new(Key::ParameterBad, format!("path {} is the store's own file", shown(path))));
            }
            let count = write_rejects(&shared.store, &job, Path::new(path))?;
            Ok(Reply::done(format!("{count} rejected rows written to {path}")))
        }))
    }

    /// `cji_jobs_run_due`.
    pub fn jobs_run_due(&self) -> Reply {
        let mut resting = Resting::default();
        reply(self.shared.run_due(&mut resting, &AtomicBool::new(false)).map(|count| Reply::done(count.to_string())))
    }

    /// `cji_worker_start`.
    pub fn worker_start(&self) -> Reply {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.as_ref().is_some_and(Worker::is_alive) {
            return Reply::failed("the worker runs already");
        }
        let shared = Arc::clone(&self.shared);
        let mut resting = Resting::default();
        let work = move |bell: &Bell| {
            resting.wake();
            // A store that fails now is asked again at the next glance.
            let _ = shared.run_due(&mut resting, &bell.stop);
        };
        match Worker::start(work) {
            Ok(started) => {
                *worker = Some(started);
                Reply::done("the worker runs")
            }
            Err(error) => Reply::failed(format!("the worker can't be started: {error}")),
        }
    }

    /// `cji_worker_stop`.
    pub fn worker_stop(&self) -> Reply {
        Reply::done(if self.stop_worker() { "the worker has stopped" } else { "no worker runs" })
    }

    /// `cji_callback_set`. `None`: the name is taken away.
    pub fn callback_set(&self, name: &str, callback: Option<Callback>) -> Reply {
        let name = name.trim();
        if name.is_empty() {
            return Reply::failed("name is empty: give the name that callbackFuc will have");
        }
        let mut callbacks = self.shared.callbacks.write().unwrap_or_else(PoisonError::into_inner);
        match callback {
            Some(callback) => drop(callbacks.insert(name.to_owned(), callback)),
            None => drop(callbacks.remove(name)),
        }
        Reply::done("")
    }

    /// `cji_progress_set`. `None`: no more progress is told.
    pub fn progress_set(&self, progress: Option<Progress>) -> Reply {
        *self.shared.progress.write().unwrap_or_else(PoisonError::into_inner) = progress;
        Reply::done("")
    }

    /// Tells this process' worker that there is a job.
    pub(super) fn ring(&self) {
        if let Some(worker) = self.worker.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            worker.ring();
        }
    }
}

impl Shared {
    fn job(&self, job_id: &str) -> Result<Job, Fault> {
        let unknown = || Fault::new(Key::ParameterBad, format!("job_id {} is no job", shown(job_id)));
        self.store.job(id("job_id", job_id)?)?.ok_or_else(unknown)
    }

    /// Makes the job of a file; with a lease it is running at once.
    pub(super) fn add_job(
        &self,
        campaign: &Campaign,
        request: &Request,
        file: &FileSource,
        lease: Option<&mut Lease>,
    ) -> Result<Job, Fault> {
        let login = file.location.login();
        let new = NewJob {
            campaign: campaign.id,
            source: file.protocol.name(),
            url: &file.location.without_login(),
            has_login: login.is_some(),
            intake: &request.intake,
            delrow: file.delrow,
            callback: &request.callback,
            run_at: file.run_at.unwrap_or_else(now),
        };
        let files = self.files();
        let mut made = None;
        let keep = |job| {
            made = Some(job);
            login.map_or(Ok(()), |login| files.keep_login(job, login))
        };
        let added = self.store.job_add(&new, lease, now(), keep);
        if let (Err(_), Some(job), Some(_)) = (&added, made, login) {
            files.forget_login(job);
        }
        added
    }

    /// Makes the job of a file and runs it in this call.
    pub(super) fn run_at_once(
        &self,
        campaign: &Campaign,
        request: &Request,
        file: &FileSource,
    ) -> Result<Stand, Fault> {
        let mut lease = new_lease()?;
        let job = self.add_job(campaign, request, file, Some(&mut lease))?;
        Ok(match self.run(job, &mut lease, &AtomicBool::new(false)) {
            Ok(reply) => Stand::Ended(reply),
            Err(fault) => Stand::Open(self.told(fault)),
        })
    }

    /// Runs every job that is due, one after the other; tells how many ended. One that meets a trouble which may pass rests,
    /// and the others go on; the first such trouble is told at the end.
    pub(super) fn run_due(&self, resting: &mut Resting, stop: &AtomicBool) -> Result<u64, Fault> {
        let (mut count, mut trouble) = (0, None);
        // "taken up by the next `cji_jobs_run_due` or worker of any process"
        self.store.jobs_free(holder::is_gone)?;
        while !stop.load(Ordering::Relaxed) {
            let mut lease = new_lease()?;
            let Some(job) = self.store.job_claim(&mut lease, now(), &resting.ids())? else { break };
            let (id, callback) = (job.id, job.callback.clone());
            match self.run(job, &mut lease, stop) {
                Ok(reply) => {
                    count += 1;
                    self.call_back(&callback, &reply);
                }
                Err(fault) => {
                    resting.add(id);
                    trouble.get_or_insert(fault);
                }
            }
        }
        match trouble {
            None => Ok(count),
            Some(fault) => Err(Fault { message: format!("{} ({count} other jobs ended)", fault.message), ..fault }),
        }
    }

    /// Runs a job to its end, and gives its reply. A failure: it has not ended, and goes on later or elsewhere; nothing is
    /// told to its callback then.
    fn run(&self, mut job: Job, lease: &mut Lease, stop: &AtomicBool) -> Result<Reply, Fault> {
        let progress = |job: &Job| self.tell_progress(job);
        let runner = self.runner(stop, &progress);
        runner.files.sweep();
        let id = job.id;
        let goes_on = |why: &str| Fault::new(Key::StorageForNow, format!("job {id}: {why}"));
        // The worker has no other guard, and a job that panics must not be tried again for ever.
        let ended = catch_unwind(AssertUnwindSafe(|| runner.run(&mut job, lease)));
        let bug = |_| Ended::Failed(Fault::new(Key::Storage, "internal error, a bug in import-cji"));
        let (state, reply, message) = match ended.unwrap_or_else(bug) {
            Ended::Succeeded => (JobState::Succeeded, Reply::done(id.to_string()), id.to_string()),
            Ended::Cancelled => (JobState::Cancelled, Reply::failed(cancelled(id)), cancelled(id)),
            Ended::Failed(fault) => {
                let message = format!("job {id}: {}", fault.message);
                (JobState::Failed, self.told(Fault::new(fault.key, message.clone())), message)
            }
            Ended::Stopped(fault) => {
                let why = fault.map_or_else(|| "it was broken off".to_owned(), |fault| fault.message);
                let fault = goes_on(&format!("{why}; it goes on when it is taken up again"));
                // Where even this fails, the lease runs out by itself.
                let _ = self.store.job_release(&job, lease, &fault.message);
                return Err(fault);
            }
            Ended::Lost => return Err(goes_on(TAKEN)),
        };
        job.warnings.extend(self.no_callback(&job));
        let reply = match runner.end(&job, lease, state, &message) {
            // Somebody was told that it would be.
            Ok(Some(JobState::Cancelled)) => Reply::failed(cancelled(id)),
            Ok(Some(_)) => reply,
            Ok(None) => return Err(goes_on(TAKEN)),
            Err(fault) => {
                let fault = goes_on(&format!("its end can't be recorded: {}; it is taken up again", fault.message));
                let _ = self.store.job_release(&job, lease, &fault.message);
                return Err(fault);
            }
        };
        if let Ok(Some(job)) = self.store.job(id) {
            self.tell_progress(&job);
        }
        Ok(reply)
    }

    /// "A name that nobody set there is not an error; the job's `warnings` say so."
    fn no_callback(&self, job: &Job) -> Option<String> {
        let missing = !job.callback.is_empty() && self.callback(&job.callback).is_none();
        missing.then(|| format!("the process that ended the job has no callback {}", shown(&job.callback)))
    }

    fn cancel(&self, job_id: &str) -> Result<Reply, Fault> {
        let id = id("job_id", job_id)?;
        self.store.jobs_free(holder::is_gone)?;
        match self.store.job_cancel(id, now(), |job| self.no_callback(job))? {
            None => Err(Fault::new(Key::ParameterBad, format!("job_id {} is no job", shown(job_id)))),
            Some(Cancel::Ended(state)) => Err(Fault::new(
                Key::ParameterBad,
                format!("job {id} can't be cancelled: it has ended, {}", state.name()),
            )),
            Some(Cancel::Asked) => Ok(Reply::done(format!("job {id}: the process that runs it was told to cancel it"))),
            Some(Cancel::Done(job)) => {
                let files = self.files();
                files.clear(&job, None);
                // A killed holder may have left a file of its own.
                files.sweep();
                self.call_back(&job.callback, &Reply::failed(cancelled(id)));
                Ok(Reply::done(cancelled(id)))
            }
        }
    }

    fn tell_progress(&self, job: &Job) -> bool {
        let progress = self.progress.read().unwrap_or_else(PoisonError::into_inner).clone();
        // No lock is held while the host is called.
        progress.is_some_and(|progress| progress(&to_json(job, &self.options.zone).to_string()))
    }

    fn callback(&self, name: &str) -> Option<Callback> {
        self.callbacks.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Gives an ended import's reply to its callback, if it has one.
    pub(super) fn call_back(&self, name: &str, reply: &Reply) {
        if let Some(callback) = self.callback(name) {
            callback(&reply.to_json());
        }
    }
}
