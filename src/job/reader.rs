//! The reading half of a running job: the spooled file's rows as batches, one step ahead of the writing half.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use super::firsts::Firsts;
use super::repeats::{Repeats, Window};
use super::rows::{InOrder, Rows};
use crate::fault::{Fault, Key};
use crate::file::{Limits, Opening, Table};
use crate::mapping::Mapping;
use crate::merge::group;
use crate::record::Batch;
use crate::request::Intake;
use crate::store::{Campaign, Order, Store};
use crate::time::Zone;

/// What the reader tells the writer.
#[derive(Debug)]
pub enum Part {
    /// The file could be opened: its title row's cells (without one, the fields' names), the order of its rows, and what the
    /// user should know.
    Opened { title: Vec<String>, order: Order, warnings: Vec<String> },
    /// The next rows.
    Rows(Box<Rows>),
    /// The file can't be used, or not further.
    Failed(Fault),
    /// That was all.
    End,
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
    /// Data rows that are done already, and their order.
    pub done: u64,
    pub order: Order,
    /// How many rows the writer wants at a time; 0: none any more.
    pub rows_wanted: &'a AtomicUsize,
}

impl Reading<'_> {
    /// Reads the file to its end, or until `tell` breaks off. `used`: batches that were told and done.
    pub fn run(&self, mut tell: impl FnMut(Part) -> ControlFlow<()>, used: &Receiver<Batch>) {
        let last = match self.read(&mut tell, used) {
            Ok(ControlFlow::Continue(())) => Part::End,
            Ok(ControlFlow::Break(())) => return,
            Err(fault) => Part::Failed(fault),
        };
        // Where the writer has gone, nobody is left to be told.
        let _ = tell(last);
    }

    fn read(
        &self,
        tell: &mut impl FnMut(Part) -> ControlFlow<()>,
        used: &Receiver<Batch>,
    ) -> Result<ControlFlow<()>, Fault> {
        let Campaign { fields, id, .. } = self.campaign;
        let opening = Opening {
            path: self.path,
            charset: self.charset,
            delrow: self.delrow,
            titles: fields,
            limits: self.limits,
        };
        let goes_on = || self.goes_on();
        let mut table = Table::open(opening, &goes_on)?;
        let names = || fields.all().iter().map(|f| f.name.clone()).collect();
        let (mapping, title) = match (table.title(), table.first_row()) {
            (Some(title), _) => (Mapping::by_title(&title.cells, fields, self.zone, self.intake)?, title.cells.clone()),
            (None, Some(first)) => (Mapping::by_position(first, fields, self.zone, self.intake, *id)?, names()),
            (None, None) => (Mapping::by_title(&names(), fields, self.zone, self.intake)?, names()),
        };
        let warnings = table.warnings().iter().chain(&mapping.warnings).cloned().collect();
        let again = table.again(opening)?;
        let (repeats, firsts) = self.repeats(&mut table, &mapping)?;
        let order = if self.done == 0 { repeats.order() } else { self.order };
        if tell(Part::Opened { title, order, warnings }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let mut rows = InOrder::new(again, &mapping, repeats);
        let known = self.store.known(self.campaign, || firsts.fingerprints(), || self.goes_on());
        drop(firsts);
        rows.skip(self.done, || self.goes_on())?;
        let mut checkpoints = self.store.ahead();
        loop {
            checkpoints.go_on();
            let mut part = rows.part(self.rows_wanted.load(Ordering::Relaxed).max(1), used.try_recv().ok())?;
            if part.len() == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            part.groups = group(&part.batch, self.store.fingerprints());
            part.scouted = self.store.scout(self.campaign, &part.groups, known.as_ref());
            if tell(Part::Rows(Box::new(part))).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Looks ahead for the order of the rows. A job that is taken up in the middle must find the one that it was begun in.
    fn repeats(&self, table: &mut Table<'_>, mapping: &Mapping<'_>) -> Result<(Repeats, Firsts), Fault> {
        let is_free = self.intake.rules.lists_none() || self.intake.phone_field.is_empty();
        let window = Window::of(self.done, self.order, is_free);
        let looked = Repeats::look(table, mapping, self.store.fingerprints(), window, || self.goes_on())?;
        if matches!(window, Window::Again(order) if looked.0.order() != order) && self.goes_on() {
            let message = format!(
                "the campaign's fields or the options of the engine are not those of when {} rows were imported; they stay \
                 imported: import the file again, duplicates are recognized",
                self.done
            );
            return Err(Fault::new(Key::JobNotMade, message));
        }
        Ok(looked)
    }

    fn goes_on(&self) -> bool {
        self.rows_wanted.load(Ordering::Relaxed) > 0
    }
}
