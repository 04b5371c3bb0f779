//! Fetching: a file at a URL becomes a file in the spool, complete or not at all.
//!
//! A broken connection never imports half a file: what [`Network::fetch`] delivers is whole by the
//! server's own word. It blocks, and calls its `watch` on the calling thread alone, since many hosts can't take a call on any
//! other; the network is read on one helper thread, which has ended when `fetch` returns.

mod attempts;
mod certificates;
mod connect;
mod course;
mod ftp;
mod http;
mod intake;
mod location;
mod reach;
pub mod spool;
mod tls;
mod trouble;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

pub use self::location::{Location, Protocol};
pub use self::spool::Spool;

use self::course::{Course, Ending};
use self::reach::Reach;
use self::tls::Trust;
use crate::fault::{Fault, Key};

/// How often `watch` is called.
const TICK: Duration = Duration::from_millis(80);

/// No timeout is longer: a clock that is added more to may overflow.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(366 * 86_400);

/// The engine's options of the network (`cji_engine_open` in the header).
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// `connect_timeout_s`: for the lookup, and again for the connection.
    pub connect_timeout: Duration,
    /// `idle_timeout_s`: the longest silence of a server.
    pub idle_timeout: Duration,
    /// `total_timeout_s`: for one fetch with all its attempts and pauses.
    pub total_timeout: Duration,
    /// `retries`: further attempts after one that failed in a way that may pass.
    pub retries: u32,
    /// `max_file_bytes`, as they come over the network.
    pub max_file_bytes: u64,
    /// `allow_hosts`; `None`: all but link-local addresses.
    pub allow_hosts: Option<Vec<String>>,
    /// `ca_file`: a PEM file of roots beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// The first pause between two attempts; each further one is twice as long. Shorter in tests.
    #[doc(hidden)]
    pub first_pause: Duration,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(3600),
            retries: 3,
            max_file_bytes: 4 << 30,
            allow_hosts: None,
            ca_file: None,
            first_pause: Duration::from_secs(1),
        }
    }
}

/// Fetches files under one engine's options.
#[derive(Debug)]
pub struct Network {
    options: NetworkOptions,
    reach: Arc<Reach>,
    trust: Trust,
}

/// How far a fetch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The file's size, where the server tells it.
    pub bytes_total: Option<u64>,
    /// What lies in the spool. It falls back to 0 when an attempt has to begin anew.
    pub bytes_read: u64,
}

/// A file that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its size.
    pub bytes: u64,
    /// The charset that the server declares.
    pub charset: Option<String>,
    /// What the job's `warnings` must say of it.
    pub warnings: Vec<String>,
}

/// Why no file came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// `watch` broke it off.
    Cancelled,
    /// It can't be had.
    Failed(Fault),
}

impl Network {
    /// Checks the options. Opens nothing but `ca_file`.
    pub fn new(mut options: NetworkOptions) -> Result<Network, Fault> {
        for (name, time) in [
            ("connect_timeout_s", options.connect_timeout),
            ("idle_timeout_s", options.idle_timeout),
            ("total_timeout_s", options.total_timeout),
        ] {
            if time.is_zero() {
                return Err(Fault::new(Key::ParameterBad, format!("{name}: must be more than 0")));
            }
        }
        for time in [&mut options.connect_timeout, &mut options.idle_timeout, &mut options.total_timeout] {
            *time = LONGEST_TIMEOUT.min(*time);
        }
        let reach = Arc::new(Reach::new(options.allow_hosts.as_deref())?);
        let trust = Trust::new(options.ca_file.as_ref())?;
        Ok(Network { options, reach, trust })
    }

    /// Fetches `location` into `spool`, whose bytes are the server's as they came: gzip is not undone here. They survive a power
    /// cut after [`Spool::sync`] alone.
    ///
    /// `watch` is called on the calling thread at the start, about every 80 ms, however the network stalls, and at the end. When
    /// it breaks off, `fetch` returns within a second. Only the lookup of a host's name can't be ended: if one hangs, its thread
    /// ends some seconds later by itself, without touching anything.
    pub fn fetch(
        &self,
        location: &Location,
        spool: &mut Spool,
        watch: &mut dyn FnMut(&Transfer) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        let course = Course::new();
        let fetched = self.watched(location, spool, &course, watch);
        match (fetched, course.ending()) {
            (_, Some(Ending::Cancelled)) => Err(FetchError::Cancelled),
            (fetched, _) => fetched.map_err(FetchError::Failed),
        }
    }

    /// Runs the attempts on a helper thread and keeps watch on this one.
    fn watched(
        &self,
        location: &Location,
        spool: &mut Spool,
        course: &Arc<Course>,
        watch: &mut dyn FnMut(&Transfer) -> ControlFlow<()>,
    ) -> Result<Fetched, Fault> {
        let until = Instant::now().checked_add(self.options.total_timeout);
        let failed = |why: String| Fault::new(Key::FetchFailed, why);
        thread::scope(|scope| {
            let (tell, told) = sync_channel(1);
            // Should `watch` unwind, the helper thread must not keep the scope waiting.
            let _end = EndOnDrop(course);
            let helper = thread::Builder::new()
                .name("cji-fetch".into())
                .spawn_scoped(scope, move || {
                    let _ = tell.send(self.attempts(location, spool, course));
                })
                .map_err(|error| failed(format!("no thread for the fetch: {error}")))?;
            let mut look = || {
                let (bytes_total, bytes_read) = course.counted();
                if watch(&Transfer { bytes_total, bytes_read }).is_break() {
                    course.end(Ending::Cancelled);
                } else if until.is_some_and(|until| Instant::now() >= until) {
                    course.end(Ending::Overtime);
                }
            };
            look();
            let fetched = loop {
                match told.recv_timeout(TICK) {
                    Ok(fetched) => break fetched,
                    Err(RecvTimeoutError::Timeout) => look(),
                    Err(RecvTimeoutError::Disconnected) => {
                        break Err(failed("the fetch broke down".into()));
                    }
                }
            };
            look();
            // A panic of the helper is a failure that was told above; here it must not unwind again.
            let _ = helper.join();
            fetched
        })
    }
}

struct EndOnDrop<'a>(&'a Course);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(Ending::Cancelled);
        }
    }
}
