//! The files of jobs in the spool folder: the fetched file of a run, and the login of a job's file server, which lies in no
//! database page and no WAL, so that it can be overwritten.
//!
//! `import-cji-<store>-<job>-<holder>.csv` belongs to one run: a process that was stopped and lost its job to another writes,
//! truncates and removes none of the other's. `import-cji-<store>-<job>.login` belongs to the job. The store of a store in
//! memory is `memory-<store>`: nobody takes up its jobs, so a file whose holder is gone is nobody's.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::holder;
use crate::catalog::decimal;
use crate::fault::{Fault, Key};
use crate::source::{Spool, spool};
use crate::store::{Job, Lease, OpenJob, Store};

const FILE: &str = ".csv";
const LOGIN: &str = ".login";
const MEMORY: &str = "import-cji-memory-";

/// No file of a login is longer.
const LONGEST_LOGIN: u64 = 64 << 20;

/// The logins of a store in memory, which end with their process: nobody would sweep a file of theirs.
pub type Kept = Mutex<HashMap<i64, Zeroizing<String>>>;

/// The spool folder, as the jobs of one store use it.
pub struct Files<'s> {
    folder: &'s Path,
    store: &'s Store,
    kept: &'s Kept,
    prefix: String,
}

impl<'s> Files<'s> {
    /// Those of this store in this folder.
    pub fn new(folder: &'s Path, store: &'s Store, kept: &'s Kept) -> Self {
        let prefix = match store.path() {
            Some(_) => format!("import-cji-{}-", store.name()),
            None => format!("{MEMORY}{}-", store.name()),
        };
        Self { folder, store, kept, prefix }
    }

    /// A new, empty file of this run.
    pub fn spool(&self, job: i64, lease: &Lease) -> Result<Spool, Fault> {
        Spool::create(self.folder, &self.spool_name(job, lease))
    }

    /// The name of this run's file.
    pub fn spool_name(&self, job: i64, lease: &Lease) -> String {
        format!("{}{job}-{}{FILE}", self.prefix, lease.holder)
    }

    /// Where the whole file lies that a job has recorded. `None`: it is not the name of such a file, which is read and
    /// removed: whoever gave the database may not choose that.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let rest = name.strip_prefix(&self.prefix)?.strip_suffix(FILE)?;
        let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
        is_plain.then(|| self.folder.join(name))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<i64, Zeroizing<String>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn login_path(&self, job: i64) -> PathBuf {
        self.folder.join(format!("{}{job}{LOGIN}", self.prefix))
    }

    /// Keeps a login, with mode 0600. To be called in the transaction that makes the job: a file that is there already is
    /// left from one that was given up, whose id this one got.
    pub fn keep_login(&self, job: i64, (user, password): (&str, &str)) -> Result<(), Fault> {
        let path = self.login_path(job);
        // Put together at once: a text that grows leaves copies behind.
        let text = Zeroizing::new([user, "\0", password].concat());
        if self.store.path().is_none() {
            self.kept().insert(job, text);
            return Ok(());
        }
        let written = forget(&path).and_then(|()| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            spool::sync_name(&path)
        });
        written.map_err(|error| {
            Fault::new(Key::JobNotMade, format!("the login of the file server can't be kept: {error}"))
        })
    }

    /// Reads a login.
    pub fn login(&self, job: i64) -> Result<(Zeroizing<String>, Zeroizing<String>), Fault> {
        let lost = || Fault::new(Key::FetchFailed, "the login of the file server is lost: make the import anew");
        let text = match self.kept().get(&job) {
            Some(text) => text.clone(),
            None => read_own(&self.login_path(job)).map_err(|error| match Key::of_disk(&error) {
                Key::StorageForNow => {
                    Fault::new(Key::StorageForNow, format!("the login of the file server can't be read: {error}"))
                }
                _ => lost(),
            })?,
        };
        let (user, password) = text.split_once('\0').ok_or_else(lost)?;
        Ok((Zeroizing::new(user.to_owned()), Zeroizing::new(password.to_owned())))
    }

    /// Overwrites the login of a job that was not made.
    pub fn forget_login(&self, job: i64) {
        self.kept().remove(&job);
        // What can't be removed now is met by the next sweep; so too below.
        let _ = forget(&self.login_path(job));
    }

    /// Removes the files of a job that has ended.
    pub fn clear(&self, job: &Job, lease: Option<&Lease>) {
        self.forget_login(job.id);
        let of_run = lease.map(|lease| self.spool_name(job.id, lease));
        for path in job.spool.iter().chain(&of_run).filter_map(|name| self.path(name)) {
            let _ = spool::remove(&path);
        }
    }

    /// Removes what killed processes left, and nothing that anyone uses.
    pub fn sweep(&self) {
        spool::sweep(self.folder, &self.prefix, &|name| self.is_live(name));
        if self.store.path().is_none() {
            spool::sweep(self.folder, MEMORY, &|name| !is_orphan(name));
        }
    }

    /// Removes everything: for a store in memory, which ends with its engine.
    pub fn remove_all(&self) {
        spool::sweep(self.folder, &self.prefix, &|_| false);
    }

    /// True for the rest of the name of a file that is used, or that can't be looked up now. The file was seen before its
    /// job is: a run is recorded before it makes its file.
    fn is_live(&self, rest: &str) -> bool {
        if let Some(job) = rest.strip_suffix(LOGIN).and_then(decimal) {
            // What can't be looked up counts as used.
            let is_used =
                |found: Result<Option<OpenJob>, Fault>| !found.is_ok_and(|open| !open.is_some_and(|o| o.has_login));
            let live = is_used(self.store.job_open(job)) || is_used(self.store.job_open_settled(job));
            if !live {
                self.forget_login(job);
            }
            return live;
        }
        let run = rest.strip_suffix(FILE).and_then(|run| run.split_once('-'));
        let Some((job, holder)) = run.and_then(|(job, holder)| Some((decimal(job)?, holder))) else {
            return true;
        };
        match self.store.job_open(job) {
            Ok(Some(open)) => open.holder == holder || open.spool == Some(format!("{}{rest}", self.prefix)),
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

/// True for the rest of the name of a file of some store in memory whose process is gone.
fn is_orphan(rest: &str) -> bool {
    let run = rest.strip_suffix(FILE).and_then(|run| run.split_once('-')?.1.split_once('-'));
    run.is_some_and(|(job, holder)| decimal(job).is_some() && holder::is_gone(holder))
}

/// Overwrites a login and removes its file; one that is gone is forgotten already. What else has its name is removed alone.
fn forget(path: &Path) -> io::Result<()> {
    let overwritten = match open_own(path, OpenOptions::new().write(true)) {
        Ok(mut file) => {
            let length = file.metadata()?.len();
            io::copy(&mut io::repeat(0).take(length), &mut file).and_then(|_| file.sync_all())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // The next sweep meets it.
        Err(error) if Key::of_disk(&error) == Key::StorageForNow => return Err(error),
        Err(_) => Ok(()),
    };
    overwritten.and(fs::remove_file(path))
}

fn read_own(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut file = open_own(path, OpenOptions::new().read(true))?;
    let length = usize::try_from(file.metadata()?.len().min(LONGEST_LOGIN)).unwrap_or_default();
    let mut bytes = Zeroizing::new(vec![0; length]);
    file.read_exact(&mut bytes)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Opens a regular file of our own user that has this name alone. Where others may write into the folder, one of them may
/// have put something else there: a link to a file that is not to be overwritten, a pipe that nobody ever reads.
fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    let user = rustix::process::geteuid();
    // The system's administrator may go on with what another user's process began.
    let is_own = found.is_file() && found.nlink() == 1 && (user.is_root() || found.uid() == user.as_raw());
    if is_own {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else has its name already"))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::merge::Rules;
    use crate::request::Intake;
    use crate::store::{Durability, NewJob};

    #[test]
    fn a_store_in_memory_sweeps_what_killed_processes_left_of_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let own = holder::new().unwrap();
        let mut parts: Vec<&str> = own.split('-').collect();
        parts[2] = "1";
        let gone = parts.join("-");
        let names = [
            (format!("import-cji-memory-0123456789abcdef-7-{gone}.csv"), false),
            (format!("import-cji-memory-0123456789abcdef-7-{own}.csv"), true),
            // Its job is taken up by whoever opens that store.
            (format!("import-cji-0123456789abcdef-7-{gone}.csv"), true),
            (format!("import-cji-memory-0123456789abcdef-x-{gone}.csv"), true),
            ("import-cji-memory-list.csv".to_owned(), true),
        ];
        for (name, _) in &names {
            fs::write(folder.path().join(name), "a customer").unwrap();
        }
        let kept = Kept::default();
        let on_disk = Store::open(folder.path().join("calls.db").to_str().unwrap(), Durability::Normal).unwrap();
        Files::new(folder.path(), &on_disk, &kept).sweep();
        assert!(names.iter().all(|(name, _)| folder.path().join(name).exists()), "they are none of a store's on disk");
        let in_memory = Store::open(":memory:", Durability::Normal).unwrap();
        Files::new(folder.path(), &in_memory, &kept).sweep();
        for (name, stays) in &names {
            assert_eq!(folder.path().join(name).exists(), *stays, "{name}");
        }
    }

    #[test]
    fn a_sweep_leaves_the_login_of_a_job_that_is_being_made() {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().join("calls.db");
        let store = Store::open(location.to_str().unwrap(), Durability::Normal).unwrap();
        store.team_add("team", "").unwrap();
        let campaign = store.campaign_add("team", &crate::catalog::campaign(r#"{"name":"Spring"}"#).unwrap()).unwrap();
        let (phone_field, priority_field, dialtime_field) = Default::default();
        let new = NewJob {
            campaign,
            source: "http",
            url: "http://localhost/",
            has_login: true,
            intake: &Intake { phone_field, priority_field, dialtime_field, rules: Rules::UPDATE },
            delrow: 0,
            callback: "",
            run_at: 0,
        };
        let kept = Kept::default();
        let files = Files::new(folder.path(), &store, &kept);
        let job = thread::scope(|scope| {
            let made = store.job_add(&new, None, 0, |job| {
                files.keep_login(job, ("joe", "hush-hush"))?;
                // What lies there and was never made goes, even meanwhile; but the sweep has to wait for this job.
                scope.spawn(|| Files::new(folder.path(), &store, &kept).sweep());
                thread::sleep(Duration::from_millis(200));
                Ok(())
            });
            made.unwrap().id
        });
        assert_eq!(files.login(job).unwrap().1.as_str(), "hush-hush");
        let given_up = store.job_add(&new, None, 0, |job| {
            files.keep_login(job, ("joe", "given up"))?;
            Err(Fault::new(Key::Storage, "given up"))
        });
        assert!(given_up.is_err() && files.login(job + 1).is_ok());
        files.sweep();
        assert!(files.login(job).is_ok() && files.login(job + 1).is_err());
    }
}
