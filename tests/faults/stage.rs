//! The stage: a folder whose files are watched, call by call; what is done goes on a tape, and fails when it is its turn.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tape::{Op, Tape};
use crate::common::child::say;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The disk is broken: every call.
    Broken,
    /// It is full: what takes room.
    Full,
    /// Only a part is written, and then it is full.
    Short,
    /// Another process holds the lock.
    Locked,
    /// Only a sync, of a file: of a folder SQLite does not look at the result.
    Unsynced,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Open { makes: bool },
    Read,
    Write,
    Truncate,
    Sync,
    SyncFolder,
    Remove,
    Rename,
    Lock,
}

impl Kind {
    /// The error of this call, where it can fail so.
    fn error(self, call: Call) -> Option<c_int> {
        match (self, call) {
            (Kind::Broken, Call::Lock) => Some(libc::ENOLCK),
            (Kind::Broken, _) | (Kind::Unsynced, Call::Sync) => Some(libc::EIO),
            (Kind::Full, Call::Open { makes: true } | Call::Write | Call::Truncate) => Some(libc::ENOSPC),
            (Kind::Short, Call::Write) => Some(libc::ENOSPC),
            (Kind::Locked, Call::Lock) => Some(libc::EAGAIN),
            _ => None,
        }
    }
}

/// What an open descriptor leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Folder,
    File(u64),
}

/// The watched folder.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// Ends with a slash.
    folder: Vec<u8>,
    /// The files by name, as numbers that stay theirs.
    pub files: HashMap<String, u64>,
    pub open: HashMap<c_int, Place>,
    pub last: u64,
    pub tape: Option<Tape>,
    /// How a call fails, and the calls until then.
    pub plan: Option<(Kind, u64)>,
    came: bool,
    /// The next write fails too: the rest of a short one.
    full: bool,
}

pub(super) static WATCHES: AtomicBool = AtomicBool::new(false);
static STAGE: Mutex<Option<Stage>> = Mutex::new(None);

pub(super) fn stage() -> MutexGuard<'static, Option<Stage>> {
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches a folder, until [`Watch`] is dropped; `records`: on a tape.
pub fn watch(folder: &Path, records: bool) -> Watch {
    let folder = folder.canonicalize().expect("a folder");
    let mut new = Stage { folder: format!("{}/", folder.display()).into_bytes(), ..Stage::default() };
    let mut tape = Tape::default();
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name");
        new.last += 1;
        tape.ops.push(Op::Make { name: name.clone(), file: new.last });
        let data = std::fs::read(entry.path()).expect("a file");
        tape.ops.extend([Op::Write { file: new.last, at: 0, data }, Op::Sync { file: new.last }]);
        new.files.insert(name, new.last);
    }
    tape.ops.push(Op::SyncFolder);
    tape.begin = tape.ops.len();
    new.tape = records.then_some(tape);
    let mut stage = stage();
    assert!(stage.is_none(), "one folder is watched at a time");
    *stage = Some(new);
    WATCHES.store(true, Ordering::SeqCst);
    Watch(())
}

/// A folder is watched as long as this lives.
#[derive(Debug)]
pub struct Watch(());

impl Watch {
    /// The `k`-th call from now that can fail so fails, once.
    pub fn fail_at(&self, kind: Kind, k: u64) {
        let mut stage = stage();
        let stage = stage.as_mut().expect("a stage");
        (stage.plan, stage.came, stage.full) = (Some((kind, k)), false, false);
    }

    /// Ends what `fail_at` began; tells whether the call came.
    pub fn failed(&self) -> bool {
        let mut stage = stage();
        let stage = stage.as_mut().expect("a stage");
        stage.plan = None;
        stage.came
    }

    /// Puts on the tape what was reported; without one, tells the parent.
    pub fn said(&self, what: String) {
        if let Some(tape) = &mut stage().as_mut().expect("a stage").tape {
            tape.ops.push(Op::Said { what });
            return;
        }
        // The stage is let go of: this is written, too.
        say(&format!("fact {what}"));
    }

    /// The tape so far.
    pub fn tape(&self) -> Tape {
        stage().as_mut().expect("a stage").tape.take().expect("a tape")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHES.store(false, Ordering::SeqCst);
        *stage() = None;
    }
}

impl Stage {
    pub fn fails(&mut self, call: Call) -> Option<c_int> {
        if call == Call::Write && std::mem::take(&mut self.full) {
            return Some(libc::ENOSPC);
        }
        let (kind, left) = self.plan.as_mut()?;
        let error = kind.error(call)?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        (self.full, self.came) = (*kind == Kind::Short, true);
        self.plan = None;
        Some(error)
    }

    pub fn record(&mut self, op: Op) {
        if let Some(tape) = &mut self.tape {
            tape.ops.push(op);
        }
    }

    /// The name of a file of the stage.
    pub fn name(&self, path: *const c_char) -> Option<String> {
        // SAFETY: paths are C texts.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        let name = path.strip_prefix(self.folder.as_slice())?;
        Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty())
    }

    pub fn is_folder(&self, path: *const c_char) -> bool {
        // SAFETY: paths are C texts.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        [path, b"/"].concat() == self.folder || path == self.folder
    }
}
