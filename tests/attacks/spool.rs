//! The folder in which fetched files and logins lie: who else may write there, and what stays there.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::Mode;
use serde_json::json;

use crate::common::child::{Process, given, say, wait_until};
use crate::common::web::{Web, respond};
use crate::common::{Host, Library, data, done, failed};

const LIST: &str = "name,phone1\nAnn,1001\n";
const LOGIN: [(&str, &str); 2] = [("source_user", "ann"), ("source_pwd", "alohomora-4711")];

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.filter(|path| path.to_str().unwrap().ends_with(end)).collect()
}

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
    spool: PathBuf,
    host: Host,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, spool) = (folder.path().join("calls.db"), folder.path().join("spool"));
        fs::create_dir(&spool).unwrap();
        let host = Host::at(&path, &json!({"spool_dir": spool, "background": true, "retries": 0}), &json!({"id": "1"}));
        Self { _folder: folder, path, spool, host }
    }

    /// A job with a login that waits, and its login's file.
    fn job(&self, url: &str) -> (String, PathBuf) {
        let job = done(&self.host.import(&[("source", "http"), ("context", url), LOGIN[0], LOGIN[1]])).to_owned();
        (job, files(&self.spool, ".login").pop().expect("its login"))
    }
}

/// The file that was opened before holds nothing but zeros, and has lost its name.
#[track_caller]
fn is_wiped(mut file: File) {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() == "ann alohomora-4711".len() && bytes.iter().all(|byte| *byte == 0), "{bytes:?}");
    assert_eq!(file.metadata().unwrap().nlink(), 0);
}

#[test]
fn the_file_of_a_login_is_overwritten_at_every_end() {
    let place = Place::new();
    let refused = Web::new(|_, stream| respond(stream, "401 Unauthorized", "", b""));
    let (job, login) = place.job(&refused.url());
    assert_eq!(login.metadata().unwrap().mode() & 0o777, 0o600);
    let file = File::open(&login).unwrap();
    done(&place.host.jobs_run_due());
    assert_eq!(data(&place.host.job_get(&job))["state"], "failed");
    is_wiped(file);

    let (job, login) = place.job(&refused.url());
    let file = File::open(login).unwrap();
    done(&place.host.job_cancel(&job));
    is_wiped(file);

    let (_, login) = place.job(&Web::csv(LIST).url());
    let file = File::open(login).unwrap();
    done(&place.host.jobs_run_due());
    assert_eq!(place.host.customers().len(), 1);
    is_wiped(file);
    assert!(files(&place.spool, "").is_empty());
}

#[test]
fn role_run_due() {
    let (Some(path), Some(options)) = (given("PATH"), given("OPTIONS")) else { return };
    let library = Library::open(path, options).expect("the store");
    library.jobs_run_due();
}

#[test]
fn the_file_of_a_login_is_overwritten_where_its_process_was_killed() {
    let place = Place::new();
    let web = Web::new(|_, stream| {
        thread::sleep(Duration::from_secs(20));
        respond(stream, "200 OK", "", LIST.as_bytes());
    });
    let (job, login) = place.job(&web.url());
    let file = File::open(login).unwrap();
    let options = json!({"spool_dir": place.spool}).to_string();
    let mut process =
        Process::run("spool::role_run_due", &[("PATH", place.path.to_str().unwrap()), ("OPTIONS", &options)]);
    wait_until("it fetches", || web.requests().len() == 1);
    assert!(process.kill() && files(&place.spool, ".csv").len() == 1);
    done(&place.host.job_cancel(&job));
    is_wiped(file);
    assert!(files(&place.spool, "").is_empty());
}

/// A store's files bear its name, which a copy has too at first.
#[test]
fn a_copy_of_a_store_leaves_the_files_of_the_original_alone() {
    let place = Place::new();
    let web = Web::csv(LIST);
    let copy_to = |name: &str| {
        let to = place.path.with_file_name(name);
        // As one copies while it is open: SQLite takes the log along.
        let original = rusqlite::Connection::open(&place.path).unwrap();
        original.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
        let options = json!({"spool_dir": place.spool, "background": true, "retries": 0}).to_string();
        Library::open(to.to_str().unwrap(), options).expect("the copy")
    };
    let early = copy_to("early.db");
    let (job, login) = place.job(&web.url());
    let late = copy_to("late.db");
    // Of the early one the same job is another, which it makes now; the late one has the original's, without its login.
    let early = Host { library: early, ..Host::with(&json!({}), &json!({})) };
    let theirs = [("source", "http"), ("context", &*web.url()), ("source_user", "bob"), ("source_pwd", "hush-hush")];
    assert_eq!(done(&early.import(&theirs)), job);
    assert_eq!(files(&place.spool, ".login").len(), 2);
    for copy in [&*early, &late] {
        done(&copy.jobs_run_due());
    }
    assert_eq!(data(&early.job_get(&job))["state"], "succeeded");
    assert_eq!(data(&late.job_get(&job))["state"], "failed");
    assert_eq!(files(&place.spool, ".login"), [login]);
    done(&place.host.jobs_run_due());
    assert_eq!(data(&place.host.job_get(&job))["state"], "succeeded");
    assert!(files(&place.spool, "").is_empty());
}

#[test]
fn a_store_that_was_moved_keeps_its_files() {
    let place = Place::new();
    let (job, _) = place.job(&Web::csv(LIST).url());
    let Place { _folder: folder, path, spool, host } = place;
    drop(host);
    // As to another disk.
    let moved = folder.path().join("moved.db");
    fs::copy(&path, &moved).unwrap();
    fs::remove_file(&path).unwrap();
    let library = Library::open(moved.to_str().unwrap(), json!({"spool_dir": spool}).to_string()).expect("the store");
    done(&library.jobs_run_due());
    // The server that the test had is gone; the login is not what fails.
    let job = data(&library.job_get(&job)).clone();
    assert!(!job["message"].as_str().unwrap().contains("login"), "{job}");
    assert!(files(&spool, "").is_empty());
}

/// What another user of a shared folder may put under the name that a login will have.
#[test]
fn what_another_put_under_the_name_of_a_login_is_neither_waited_for_nor_overwritten() {
    let place = Place::new();
    let web = Web::csv(LIST);
    let victim = place.spool.parent().unwrap().join("victim");
    let (job, login) = place.job(&web.url());
    done(&place.host.job_cancel(&job));
    let next = |login: &Path, job: &str, add: u64| {
        let name = login.to_str().unwrap().replace(&format!("-{job}.login"), "");
        PathBuf::from(format!("{name}-{}.login", job.parse::<u64>().unwrap() + add))
    };
    for (n, make) in [
        |path: &Path, victim: &Path| symlink(victim, path).unwrap(),
        |path: &Path, victim: &Path| fs::hard_link(victim, path).unwrap(),
        |path: &Path, _: &Path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        },
        |path: &Path, _: &Path| fs::write(path, "left by an earlier one").unwrap(),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&victim, "not to be overwritten").unwrap();
        let path = next(&login, &job, u64::try_from(n).unwrap() + 1);
        make(&path, &victim);
        let (_, kept) = place.job(&web.url());
        assert_eq!(kept, path);
        assert!(kept.symlink_metadata().unwrap().is_file() && kept.metadata().unwrap().nlink() == 1);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "not to be overwritten");
        done(&place.host.jobs_run_due());
        assert!(web.requests().len() == n + 1 && web.requests()[n].to_lowercase().contains("authorization:"));
    }
    // Where it can't be taken away, the job is not made.
    fs::create_dir(next(&login, &job, 5)).unwrap();
    let reply = place.host.import(&[("source", "http"), ("context", web.url().as_str()), LOGIN[0], LOGIN[1]]);
    assert!(failed(&reply).contains("login") && !failed(&reply).contains("alohomora"), "{reply}");
}

#[test]
fn role_without_umask() {
    let Some(path) = given("PATH").map(PathBuf::from) else { return };
    rustix::process::umask(Mode::empty());
    let folder = path.parent().unwrap().to_owned();
    let host = Host::at(&path, &json!({"retries": 0}), &json!({"id": "1"}));
    let web = Web::new(move |_, stream| {
        let modes: Vec<String> = files(&folder, "")
            .iter()
            .map(|path| format!("{:o}", path.metadata().unwrap().permissions().mode() & 0o777))
            .collect();
        say(&format!("modes: {}", modes.join(" ")));
        respond(stream, "200 OK", "", b"name,phone1\nAnn,none\n");
    });
    let import = [("source", "http"), ("context", &*web.url()), LOGIN[0], LOGIN[1]];
    let job = done(&host.import(&import)).to_owned();
    let rejects = path.with_extension("csv");
    done(&host.job_rejects(&job, rejects.to_str().unwrap()));
    say(&format!("rejects: {:o}", rejects.metadata().unwrap().permissions().mode() & 0o777));
}

#[test]
fn every_file_is_its_owners_alone_whatever_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let mut process = Process::run("spool::role_without_umask", &[("PATH", path.to_str().unwrap())]);
    // The database, its WAL and index, the fetched file and the login.
    assert_eq!(process.wait_for("modes:").as_deref(), Some("600 600 600 600 600"));
    assert_eq!(process.wait_for("rejects:").as_deref(), Some("600"));
    process.join();
}
