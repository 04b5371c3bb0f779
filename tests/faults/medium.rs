//! The medium: what of the things on a tape is on the disk, and what may be there after a power cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::tape::Op;

/// The disk writes this many bytes at once, or none of them.
const SECTOR: usize = 512;

/// Which of the things that nobody waited for are there after the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    All,
    /// The first of them.
    First,
    /// Some, that came in any order.
    Some,
    /// Some sectors of them.
    Torn,
}

impl Left {
    pub const ALL: [Left; 5] = [Left::Nothing, Left::All, Left::First, Left::Some, Left::Torn];
}

/// Numbers that look random, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("small") % count.max(1)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at + 1));
        }
    }
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Cut(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Cut(length) => content.resize(*length, 0),
            Change::Write { at, data } => {
                if content.len() < at + data.len() {
                    content.resize(at + data.len(), 0);
                }
                content[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }

    /// The parts that reach the disk one without the other.
    fn torn(&self) -> Vec<Change> {
        let Change::Write { at, data } = self else { return vec![self.clone()] };
        let (mut parts, mut from) = (Vec::new(), 0);
        while from < data.len() {
            let to = ((at + from) / SECTOR * SECTOR + SECTOR - at).min(data.len());
            parts.push(Change::Write { at: at + from, data: data[from..to].to_vec() });
            from = to;
        }
        parts
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    since: Vec<Change>,
}

impl File {
    fn left(&self, left: Left, dice: &mut Dice) -> Vec<u8> {
        let mut content = self.synced.clone();
        let mut some: Vec<Change> = match left {
            Left::Nothing => Vec::new(),
            Left::All => self.since.clone(),
            Left::First => self.since[..dice.below(self.since.len() + 1)].to_vec(),
            Left::Some => self.since.iter().filter(|_| dice.coin()).cloned().collect(),
            Left::Torn => self.since.iter().flat_map(Change::torn).filter(|_| dice.coin()).collect(),
        };
        if matches!(left, Left::Some | Left::Torn) {
            dice.shuffle(&mut some);
        }
        some.iter().for_each(|change| change.apply(&mut content));
        content
    }
}

/// The disk.
#[derive(Clone, Debug, Default)]
pub struct Medium {
    files: BTreeMap<u64, File>,
    /// The folder, as it is on the disk.
    synced: BTreeMap<String, u64>,
    since: Vec<Op>,
}

impl Medium {
    /// Does one more thing. Of what a sync that failed should have written, `left` says what is there; the rest never
    /// will be, however often one succeeds afterwards.
    pub fn go_on(&mut self, op: &Op, left: Left, dice: &mut Dice) {
        match op {
            Op::Make { file, .. } => {
                self.files.insert(*file, File::default());
                self.since.push(op.clone());
            }
            Op::Remove { .. } | Op::Rename { .. } => self.since.push(op.clone()),
            Op::Write { file, at, data } => {
                let at = usize::try_from(*at).expect("small");
                self.file(*file).since.push(Change::Write { at, data: data.clone() });
            }
            Op::Cut { file, length } => {
                self.file(*file).since.push(Change::Cut(usize::try_from(*length).expect("small")));
            }
            Op::Sync { file } | Op::SyncFailed { file } => {
                let left = if matches!(op, Op::Sync { .. }) { Left::All } else { left };
                let file = self.file(*file);
                file.synced = file.left(left, dice);
                file.since.clear();
            }
            Op::SyncFolder => {
                self.synced = self.names(self.since.len());
                self.since.clear();
            }
            // Names are in the file system's journal, which keeps them in their order.
            Op::SyncFolderFailed | Op::Said { .. } => {}
        }
    }

    fn file(&mut self, file: u64) -> &mut File {
        self.files.get_mut(&file).expect("a file")
    }

    /// The folder with so many of the changes since it was synced.
    fn names(&self, count: usize) -> BTreeMap<String, u64> {
        let mut names = self.synced.clone();
        for op in &self.since[..count] {
            match op {
                Op::Make { name, file } => drop(names.insert(name.clone(), *file)),
                Op::Remove { name } => drop(names.remove(name)),
                Op::Rename { from, to } => {
                    let file = names.remove(from).expect("a file");
                    names.insert(to.clone(), file);
                }
                _ => {}
            }
        }
        names
    }

    /// Writes what is there after a power cut into a folder, which is emptied first.
    pub fn cut(&self, left: Left, dice: &mut Dice, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir(folder).expect("a folder");
        let count = match left {
            Left::Nothing => 0,
            Left::All => self.since.len(),
            Left::First | Left::Some | Left::Torn => dice.below(self.since.len() + 1),
        };
        for (name, file) in self.names(count) {
            // Shared memory is in no file after a cut, or there is anything in it.
            let content = match name.ends_with("-shm") {
                true => (0..32 * 1024).map(|_| dice.below(256).to_le_bytes()[0]).collect(),
                false => self.files[&file].left(left, dice),
            };
            fs::write(folder.join(name), content).expect("a file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: u64, at: u64, data: &[u8]) -> Op {
        Op::Write { file, at, data: data.to_vec() }
    }

    fn after(ops: &[Op], left: Left) -> Vec<(String, Vec<u8>)> {
        let (mut medium, mut dice) = (Medium::default(), Dice::new(7));
        ops.iter().for_each(|op| medium.go_on(op, left, &mut dice));
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("home");
        medium.cut(left, &mut dice, &home);
        let mut files: Vec<_> = fs::read_dir(home)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("a file")))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_cut_takes_what_nobody_waited_for() {
        let make = Op::Make { name: "a".into(), file: 1 };
        let ops = [make.clone(), write(1, 0, b"old"), Op::Sync { file: 1 }, Op::SyncFolder, write(1, 1, b"ew!")];
        assert_eq!(after(&ops, Left::Nothing), [("a".into(), b"old".to_vec())]);
        assert_eq!(after(&ops, Left::All), [("a".into(), b"oew!".to_vec())]);
        let unnamed = [make, write(1, 0, b"old"), Op::Sync { file: 1 }];
        assert!(after(&unnamed, Left::Nothing).is_empty(), "its folder was not synced");
    }

    #[test]
    fn what_a_failed_sync_should_have_written_never_comes() {
        let ops = [
            Op::Make { name: "a".into(), file: 1 },
            Op::SyncFolder,
            write(1, 0, b"lost"),
            Op::SyncFailed { file: 1 },
            write(1, 4, b"kept"),
            Op::Sync { file: 1 },
        ];
        assert_eq!(after(&ops, Left::Nothing), [("a".into(), b"\0\0\0\0kept".to_vec())]);
    }

    #[test]
    fn writes_are_torn_where_sectors_end() {
        let change = Change::Write { at: 500, data: vec![1; 600] };
        let parts: Vec<_> = change
            .torn()
            .iter()
            .map(|part| match part {
                Change::Write { at, data } => (*at, data.len()),
                Change::Cut(_) => (0, 0),
            })
            .collect();
        assert_eq!(parts, [(500, 12), (512, 512), (1024, 76)]);
    }
}
