//! The tape: what was done to the files of a folder, in its order, and what was reported meanwhile.

use std::fs;
use std::io::BufRead;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Make { name: String, file: u64 },
    Remove { name: String },
    Rename { from: String, to: String },
    Write { file: u64, at: u64, data: Vec<u8> },
    Cut { file: u64, length: u64 },
    Sync { file: u64 },
    SyncFailed { file: u64 },
    SyncFolder,
    SyncFolderFailed,
    Said { what: String },
}

/// What was done, from the first on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    pub ops: Vec<Op>,
    /// How many of them tell what was there before.
    pub begin: usize,
}

impl Tape {
    /// Writes the tape to a file: a line of JSON for each thing, the data of writes as they are after it.
    pub fn save(&self, path: &Path) {
        let mut bytes = format!("{}\n", self.begin).into_bytes();
        for op in &self.ops {
            let (head, data) = match op {
                Op::Write { file, at, data } => (&Op::Write { file: *file, at: *at, data: Vec::new() }, &data[..]),
                op => (op, &[][..]),
            };
            bytes.extend(format!("{} {}\n", data.len(), serde_json::to_string(head).expect("JSON")).into_bytes());
            bytes.extend(data);
        }
        fs::write(path, bytes).expect("a tape");
    }

    /// Reads it again.
    pub fn load(path: &Path) -> Self {
        let bytes = fs::read(path).expect("a tape");
        let mut rest = bytes.as_slice();
        let mut line = String::new();
        rest.read_line(&mut line).expect("a line");
        let mut tape = Tape { ops: Vec::new(), begin: line.trim().parse().expect("a number") };
        loop {
            line.clear();
            if rest.read_line(&mut line).expect("a line") == 0 {
                return tape;
            }
            let (length, head) = line.split_once(' ').expect("a length");
            let mut op = serde_json::from_str(head).expect("JSON");
            if let Op::Write { data, .. } = &mut op {
                let (own, after) = rest.split_at(length.parse().expect("a number"));
                (*data, rest) = (own.to_vec(), after);
            }
            tape.ops.push(op);
        }
    }
}
