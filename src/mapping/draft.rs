//! Cells to a draft: every value by its field's type, or all the reasons why the row can't be used.

use super::{Mapping, Named};
use crate::fault::{Fault, Key, shown};
use crate::record::{Batch, Call};
use crate::value;

/// All that is wrong with a row; the first reason gives the key.
#[derive(Default)]
struct Reasons {
    key: Option<Key>,
    sentences: Vec<String>,
}

impl Reasons {
    fn add(&mut self, key: Key, sentence: String) {
        self.key.get_or_insert(key);
        self.sentences.push(sentence);
    }
}

/// Which values of a draft are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Those of the unique key. The rest is looked at for what a row may be refused for; the draft may lack it.
    Key,
}

impl Mapping<'_> {
    /// An empty batch for the drafts of this mapping.
    pub fn batch(&self) -> Batch {
        let at = |field: usize| self.columns.iter().position(|c| c.field == field);
        let key = self.fields.key().iter().filter_map(|&field| at(field)).collect();
        Batch::new(self.columns.iter().map(|c| c.field).collect(), key, self.number)
    }

    /// The reason why a row of `cells` cells, the last of which is the `filled`th that is not empty, has the wrong
    /// width. Trailing empty cells count on neither side.
    pub fn ragged(&self, cells: usize, filled: usize) -> Option<String> {
        let width = self.width?;
        (cells < width || filled > width).then(|| format!("{cells} columns instead of {width}"))
    }

    /// Adds a draft of the row whose cells `cell` gives; on a fault the batch stays as it was.
    pub fn draft<'c>(&self, cell: impl Fn(usize) -> &'c str, batch: &mut Batch, wanted: Wanted) -> Result<(), Fault> {
        let mut reasons = Reasons::default();
        for (at, column) in self.columns.iter().enumerate() {
            let text = column.cell.map_or("", &cell);
            let Some(field) = self.fields.get(column.field) else { continue };
            if wanted == Wanted::Key && column.takes_any && self.number != Some(at) {
                batch.push("");
                continue;
            }
            match value::normalize(field.kind, text, self.zone) {
                Ok(stored) => {
                    if stored.is_empty() && field.required {
                        let key = Key::RequiredMissing { display: field.display.clone(), field: field.name.clone() };
                        reasons.add(key, format!("the required field {} is empty", field.name));
                    }
                    if self.number == Some(at)
                        && !stored.is_empty()
                        && !self.number_is_checked(column)
                        && let Err(refusal) = value::phone(&stored)
                    {
                        reasons.add(Key::RecordBad, format!("{} {} {refusal}", field.name, shown(text)));
                    }
                    batch.push(&stored);
                }
                Err(refusal) => {
                    reasons.add(Key::RecordBad, format!("{} {} {refusal}", field.name, shown(text.trim())));
                    batch.push("");
                }
            }
        }
        self.missing(&mut reasons);
        let record = batch.len();
        if reasons.sentences.is_empty() && batch.key_of(record).all(str::is_empty) {
            let key = self.fields.key_names().join(", ");
            reasons.add(Key::RecordBad, format!("the unique key ({key}) is empty"));
        }
        let call = self.call(&cell, &mut reasons);
        if let Some(key) = reasons.key {
            batch.drop_record();
            return Err(Fault::new(key, reasons.sentences.join("; ")));
        }
        batch.end_record(call);
        Ok(())
    }

    /// Required fields that no cell fills: only a record can lack them, a file's title row was checked.
    fn missing(&self, reasons: &mut Reasons) {
        for (at, field) in self.fields.all().iter().enumerate() {
            if field.required && !self.columns.iter().any(|c| c.field == at) {
                let key = Key::RequiredMissing { display: field.display.clone(), field: field.name.clone() };
                reasons.add(key, format!("the required field {} is missing", field.name));
            }
        }
    }

    fn call<'c>(&self, cell: impl Fn(usize) -> &'c str, reasons: &mut Reasons) -> Call {
        let mut call = Call::default();
        if let Some(Named { cell: at, name }) = &self.priority {
            let text = cell(*at);
            match value::priority(text) {
                Ok(priority) => call.priority = priority,
                Err(refusal) => reasons.add(Key::RecordBad, format!("{name} {} {refusal}", shown(text.trim()))),
            }
        }
        if let Some(Named { cell: at, name }) = &self.dial_time {
            let text = cell(*at);
            match value::dial_time(text, self.zone) {
                Ok(dial_time) => call.dial_time = dial_time,
                Err(refusal) => reasons.add(Key::RecordBad, format!("{name} {} {refusal}", shown(text.trim()))),
            }
        }
        call
    }
}
