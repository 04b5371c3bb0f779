//! `Engine`: one open store with its options; every function of the library is a method.

mod catalog;
mod customers;
mod import;
mod jobs;
mod record;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::auth::Door;
use crate::catalog::decimal;
use crate::fault::{Fault, Key, shown};
use crate::file::Limits;
use crate::job::worker::Worker;
use crate::job::{Files, Kept, Runner};
use crate::options::Options;
use crate::reply::Reply;
use crate::source::Network;
use crate::store::{Campaign, Job, Store};

pub use self::import::jsonp_refusal;
pub use crate::request::COUNT as PARAMETERS;

/// Takes the JSON reply of an import that has ended.
pub type Callback = Arc<dyn Fn(&str) + Send + Sync>;
/// Takes a running job as JSON; true cancels it.
pub type Progress = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// One open store. Any thread may use it.
pub struct Engine {
    shared: Arc<Shared>,
    worker: Mutex<Option<Worker>>,
}

/// What calls and the worker share.
struct Shared {
    store: Store,
    options: Options,
    network: Network,
    spool_dir: PathBuf,
    door: Door,
    /// Of a store in memory.
    logins: Kept,
    callbacks: RwLock<HashMap<String, Callback>>,
    progress: RwLock<Option<Progress>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens or makes the store at `location`.
    pub fn open(location: &str, options: &str) -> Result<Engine, Reply> {
        let options = Options::read(options)?;
        let network = Network::new(options.network.clone())?;
        let store = Store::open(location, options.durability)?;
        let spool_dir = options.spool_dir.clone().unwrap_or_else(|| store.folder());
        let shared = Shared {
            store,
            options,
            network,
            spool_dir,
            door: Door::default(),
            logins: Kept::default(),
            callbacks: RwLock::default(),
            progress: RwLock::default(),
        };
        Ok(Engine { shared: Arc::new(shared), worker: Mutex::new(None) })
    }

    /// Waits for a running worker, then lets go of the store. A job that runs breaks off at its next chunk, and goes on
    /// under whoever opens the store next.
    pub fn close(self) {
        self.stop_worker();
        if self.shared.store.path().is_none() {
            self.shared.files().remove_all();
        }
    }

    /// Stops the worker, and one that a callback of it starts meanwhile. False: there was none.
    pub fn stop_worker(&self) -> bool {
        let mut was_there = false;
        loop {
            let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(worker) = worker else { return was_there };
            worker.stop();
            was_there = true;
        }
    }
}

impl Shared {
    fn runner<'s>(&'s self, stop: &'s AtomicBool, progress: &'s dyn Fn(&Job) -> bool) -> Runner<'s> {
        Runner {
            store: &self.store,
            network: &self.network,
            zone: &self.options.zone,
            limits: Limits { max_file_bytes: self.options.max_file_bytes, max_row_bytes: self.options.max_row_bytes },
            files: self.files(),
            progress,
            stop,
        }
    }

    fn files(&self) -> Files<'_> {
        Files::new(&self.spool_dir, &self.store, &self.logins)
    }

    /// The campaign that a host names.
    fn campaign(&self, campaign_id: &str) -> Result<Arc<Campaign>, Fault> {
        let found = match decimal(campaign_id) {
            Some(id) => self.store.campaign(id)?,
            None => None,
        };
        found.ok_or_else(|| {
            Fault::new(Key::CampaignUnknown, format!("campaign_id {} is no campaign", shown(campaign_id)))
        })
    }
}

/// The id that a host gives as text.
fn id(name: &str, text: &str) -> Result<i64, Fault> {
    decimal(text).ok_or_else(|| Fault::new(Key::ParameterBad, format!("{name} {} is not a decimal id", shown(text))))
}

/// A result as a reply.
fn reply(result: Result<Reply, Fault>) -> Reply {
    result.unwrap_or_else(Reply::from)
}
