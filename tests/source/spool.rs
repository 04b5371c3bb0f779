//! The spool: whose file it is, and that nothing of it is left.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use import_cji::fault::Key;
use import_cji::source::spool::{remove, sweep};
use import_cji::source::{FetchError, Network, Spool};

use crate::servers::{Act, RogueHttp};

#[test]
fn it_is_readable_by_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::create(folder.path(), "job-1").expect("a spool");
    let mode = fs::metadata(spool.path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(spool.is_empty());
    spool.sync().expect("saved");
}

#[test]
fn a_file_that_a_crash_left_is_replaced_not_reused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("job-1");
    fs::write(&path, "old").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    let open = fs::File::open(&path).expect("the old file");
    let spool = Spool::create(folder.path(), "job-1").expect("a spool");
    let new = fs::metadata(spool.path()).expect("a file");
    assert_eq!((new.len(), new.mode() & 0o777), (0, 0o600));
    assert_ne!(new.ino(), open.metadata().expect("the old file").ino());
}

#[test]
fn no_link_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("target");
    fs::write(&target, "precious").expect("a file");
    symlink(&target, folder.path().join("job-1")).expect("a link");
    symlink(folder.path().join("nowhere"), folder.path().join("job-2")).expect("a link");
    fs::create_dir(folder.path().join("job-3")).expect("a folder");
    for name in ["job-1", "job-2", "job-3"] {
        let fault = Spool::create(folder.path(), name).expect_err("not ours");
        assert_eq!(fault.key, Key::Storage);
    }
    assert_eq!(fs::read(&target).expect("a file"), b"precious");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn its_name_is_a_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["", ".", "..", "../x", "a/b", "a\0b"] {
        assert!(Spool::create(folder.path(), name).is_err(), "{name:?}");
    }
    assert!(Spool::create(&folder.path().join("none"), "x").is_err());
}

#[test]
fn it_is_removed_once_and_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::create(folder.path(), "job-1").expect("a spool");
    let path = spool.path().to_path_buf();
    drop(spool);
    assert!(path.exists());
    remove(&path).expect("removed");
    remove(&path).expect("removed already");
    assert!(!path.exists());
    assert!(remove(folder.path()).is_err());
}

#[test]
fn a_sweep_takes_the_dead_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["import-cji-1", "import-cji-2", "import-cji-3", "other-1", "import-cji"] {
        fs::write(folder.path().join(name), "x").expect("a file");
    }
    fs::create_dir(folder.path().join("import-cji-4")).expect("a folder");
    symlink(folder.path().join("other-1"), folder.path().join("import-cji-5")).expect("a link");
    assert_eq!(sweep(folder.path(), "import-cji-", &|rest| rest == "2"), 2);
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    left.sort();
    assert_eq!(left, ["import-cji", "import-cji-2", "import-cji-4", "import-cji-5", "other-1"]);
    assert_eq!(sweep(&folder.path().join("none"), "import-cji-", &|_| false), 0);
}

/// A disk of 64 KiB, where the test may make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        Self::mount_of("tmpfs")
    }

    /// A `ramfs` takes no size, and tells none.
    fn mount_of(kind: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount").args(["-t", kind, "-o", "size=64k", "none"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        println!("SKIPPED: no right to mount a small disk");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_is_a_failure_of_the_store() {
    let Some(disk) = SmallDisk::mount() else { return };
    let body = vec![b'x'; 100_000];
    let chunked = Act::chunked(&[&body]);
    let whole = Act::whole(&body);
    let server = RogueHttp::start(move |request| {
        vec![Act::Send(if request.path == "/chunked" { chunked.clone() } else { whole.clone() })]
    });
    let network = Network::new(crate::options()).expect("good options");
    for (path, said) in [("/chunked", "the spool can't be written"), ("/whole", "65536 bytes free, 100000 are needed")]
    {
        let mut spool = Spool::create(disk.0.path(), "spool").expect("a spool");
        let location = crate::location(&server.url(path), "", "");
        match network.fetch(&location, &mut spool, &mut |_| ControlFlow::Continue(())) {
            Err(FetchError::Failed(fault)) => {
                assert_eq!(fault.key, Key::StorageForNow);
                assert!(fault.message.contains(said), "{}", fault.message);
            }
            other => panic!("{path}: {other:?}"),
        }
        remove(spool.path()).expect("removed");
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_disk_that_tells_no_size_is_not_taken_for_a_full_one() {
    let Some(disk) = SmallDisk::mount_of("ramfs") else { return };
    let told = rustix::fs::statvfs(disk.0.path()).expect("what it tells");
    assert_eq!((told.f_blocks, told.f_bavail), (0, 0));
    let mut spool = Spool::create(disk.0.path(), "spool").expect("a spool");
    spool.needs(1 << 40).expect("nobody knows");
    let server = RogueHttp::start(|_| vec![Act::Send(Act::whole(b"phone1"))]);
    let network = Network::new(crate::options()).expect("good options");
    let location = crate::location(&server.url("/"), "", "");
    let fetched = network.fetch(&location, &mut spool, &mut |_| ControlFlow::Continue(()));
    assert_eq!(fetched.expect("a whole file").bytes, 6);
}
