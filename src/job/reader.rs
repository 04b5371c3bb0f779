//! The reading half of a running job: the spooled file's rows as batches, one step ahead of the writing half.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serializer;

use crate::fault::Fault;
use crate::file::{Limits, Opening, Row, Table};
use crate::mapping::Mapping;
use crate::merge::{Groups, group};
use crate::record::Batch;
use crate::request::Intake;
use crate::store::{Campaign, Reject, Scouted, Store};
use crate::time::Zone;

/// The most bytes of rows that one part carries.
const MOST_BYTES: usize = 8 << 20;

/// What the reader tells the writer.
#[derive(Debug)]
pub enum Part {
    /// The file could be opened: its title row's cells (without one, the fields' names), and what the user should know.
    Opened { title: Vec<String>, warnings: Vec<String> },
    /// The next rows.
    Rows(Box<Rows>),
    /// The file can't be used, or not further.
    Failed(Fault),
    /// That was all.
    End,
}

/// Some rows of the file, in its order.
#[derive(Debug)]
pub struct Rows {
    /// Those that can be used.
    pub batch: Batch,
    /// The same by unique key.
    pub groups: Groups,
    /// Who may have those keys already.
    pub scouted: Scouted,
    /// Those that can't.
    pub rejects: Vec<Reject>,
    /// What they take in memory, about.
    bytes: usize,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.batch.len() + self.rejects.len()
    }
}

/// What the reader needs.
#[derive(Debug)]
pub struct Reading<'a> {
    pub path: &'a Path,
    pub charset: Option<&'a str>,
    pub delrow: u64,
    pub limits: Limits,
    pub campaign: &'a Campaign,
    pub store: &'a Store,
    pub intake: &'a Intake,
    pub zone: &'a Zone,
    /// Data rows that are done already.
    pub done: u64,
    /// How many rows the writer wants at a time.
    pub rows_wanted: &'a AtomicUsize,
}

impl Reading<'_> {
    /// Reads the file to its end, or until `tell` breaks off.
    pub fn run(&self, mut tell: impl FnMut(Part) -> ControlFlow<()>) {
        let last = match self.read(&mut tell) {
            Ok(ControlFlow::Continue(())) => Part::End,
            Ok(ControlFlow::Break(())) => return,
            Err(fault) => Part::Failed(fault),
        };
        // Where the writer has gone, nobody is left to be told.
        let _ = tell(last);
    }

    fn read(&self, tell: &mut impl FnMut(Part) -> ControlFlow<()>) -> Result<ControlFlow<()>, Fault> {
        let Campaign { fields, id, .. } = self.campaign;
        let mut table = Table::open(Opening {
            path: self.path,
            charset: self.charset,
            delrow: self.delrow,
            titles: fields,
            limits: self.limits,
        })?;
        let names = || fields.all().iter().map(|f| f.name.clone()).collect();
        let (mapping, title) = match (table.title(), table.first_row()) {
            (Some(title), _) => (Mapping::by_title(&title.cells, fields, self.zone, self.intake)?, title.cells.clone()),
            (None, Some(first)) => (Mapping::by_position(first, fields, self.zone, self.intake, *id)?, names()),
            (None, None) => (Mapping::by_title(&names(), fields, self.zone, self.intake)?, names()),
        };
        let warnings = table.warnings().iter().chain(&mapping.warnings).cloned().collect();
        if tell(Part::Opened { title, warnings }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let mut row = Row::new();
        for _ in 0..self.done {
            if !table.next(&mut row)? {
                break;
            }
        }
        let mut checkpoints = self.store.ahead();
        loop {
            checkpoints.go_on();
            let part = self.part(&mut table, &mut row, &mapping)?;
            let end = part.len() == 0;
            if end || tell(Part::Rows(Box::new(part))).is_break() {
                return Ok(if end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) });
            }
        }
    }

    fn part(&self, table: &mut Table, row: &mut Row, mapping: &Mapping<'_>) -> Result<Rows, Fault> {
        let mut rows = Rows {
            batch: mapping.batch(),
            groups: Groups::default(),
            scouted: Scouted::default(),
            rejects: Vec::new(),
            bytes: 0,
        };
        let wanted = self.rows_wanted.load(Ordering::Relaxed).max(1);
        while rows.len() < wanted && rows.bytes < MOST_BYTES && table.next(row)? {
            rows.bytes += row.cells().map(|cell| cell.len() + size_of::<usize>()).sum::<usize>();
            let reason = if let Some(defect) = row.defect() {
                Some(defect.to_owned())
            } else {
                let filled = row.cells().enumerate().filter(|(_, c)| !c.trim().is_empty()).last();
                let filled = filled.map_or(0, |(at, _)| at + 1);
                mapping
                    .ragged(row.len(), filled)
                    .or_else(|| mapping.draft(|at| row.cell(at), &mut rows.batch).err().map(|fault| fault.message))
            };
            if let Some(reason) = reason {
                rows.rejects.push(Reject { line: row.line(), cells: as_json(row), reason });
            }
        }
        rows.groups = group(&rows.batch, self.store.fingerprints());
        rows.scouted = self.store.scout(self.campaign, &rows.groups);
        Ok(rows)
    }
}

/// The cells as a JSON array. Written as they are met: a row may have a million of them.
fn as_json(row: &Row) -> String {
    let mut json = Vec::new();
    // Neither a text nor memory can fail to take it.
    let _ = serde_json::Serializer::new(&mut json).collect_seq(row.cells());
    String::from_utf8(json).unwrap_or_default()
}
