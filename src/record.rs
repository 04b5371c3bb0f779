//! Records on their way into the store: batches of drafts, and what is known of a customer.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::field::fold;

/// The status of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not worked yet, or to be worked again.
    Open,
    /// Being worked.
    Pending,
    /// Closed without success.
    Error,
    /// Closed with success.
    Success,
}

impl Status {
    /// All statuses.
    pub const ALL: [Status; 4] = [Status::Open, Status::Pending, Status::Error, Status::Success];

    /// The name in replies and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Pending => "pending",
            Status::Error => "error",
            Status::Success => "success",
        }
    }

    /// The status that a text names; the vendor's own names too (docs/behaviour.md).
    pub fn named(text: &str) -> Option<Self> {
        match fold(text).as_str() {
            "open" => Some(Status::Open),
            "pending" => Some(Status::Pending),
            "error" | "errorclosed" => Some(Status::Error),
            "success" | "sucessclosed" | "successclosed" => Some(Status::Success),
            _ => None,
        }
    }
}

/// Accepted records of one import, in their order: their values normalized, in one text.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The fields whose values each record has, by position in the customer table.
    pub columns: Vec<usize>,
    /// The columns of the unique key, in the key's order; indexes into `columns`.
    pub key: Vec<usize>,
    /// The column of the number for the dial list; an index into `columns`. `None`: no dial list.
    pub number: Option<usize>,
    text: String,
    ends: Vec<usize>,
    calls: Vec<Call>,
}

/// When and how urgently a record's number is to be dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Larger is dialled first.
    pub priority: i32,
    /// Seconds since 1970; `None`: at once.
    pub dial_time: Option<i64>,
}

impl Batch {
    /// An empty batch of records with these columns.
    pub fn new(columns: Vec<usize>, key: Vec<usize>, number: Option<usize>) -> Self {
        Self { columns, key, number, ..Self::default() }
    }

    /// Adds the next value of the record being written; after the last column comes [`Batch::end_record`].
    pub fn push(&mut self, value: &str) {
        self.text.push_str(value);
        self.ends.push(self.text.len());
    }

    /// Ends the record whose values were pushed.
    pub fn end_record(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// Takes all records out; the memory serves again.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.calls.clear();
    }

    /// Takes back the values of a record that was not ended.
    pub fn drop_record(&mut self) {
        self.ends.truncate(self.calls.len() * self.columns.len());
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// True where the other's records have values of the same fields, for the same ends.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.columns, &self.key, self.number) == (&other.columns, &other.key, other.number)
    }

    /// Adds the records of another batch, which is like this one.
    pub fn append(&mut self, other: &Self) {
        let before = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.calls.extend_from_slice(&other.calls);
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// The bytes of all values.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// True without records.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The value of a record in a column; empty: none.
    pub fn value(&self, record: usize, column: usize) -> &str {
        let at = record * self.columns.len() + column;
        let start = match at.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        self.ends.get(at).and_then(|&end| self.text.get(start..end)).unwrap_or_default()
    }

    /// The values of a record in some columns, and how long each of them is.
    pub fn values(&self, record: usize, columns: Range<usize>) -> (&str, impl Iterator<Item = usize>) {
        let row = record * self.columns.len();
        let start = (row + columns.start).checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let ends = self.ends.get(row + columns.start..row + columns.end).unwrap_or_default();
        let text = self.text.get(start..ends.last().copied().unwrap_or(start)).unwrap_or_default();
        let lengths = ends.iter().scan(start, |from, &end| Some(end - std::mem::replace(from, end)));
        (text, lengths)
    }

    /// The record's call.
    pub fn call(&self, record: usize) -> Call {
        self.calls.get(record).copied().unwrap_or_default()
    }

    /// The values of the record's unique key.
    pub fn key_of(&self, record: usize) -> impl Iterator<Item = &str> {
        self.key.iter().map(move |&column| self.value(record, column))
    }
}

/// What the store knows of the customer whose unique key a record has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The customer's id.
    pub id: i64,
    /// Its package, if any.
    pub package: Option<i64>,
    /// Its status.
    pub status: Status,
    /// True: an agent is assigned.
    pub has_agent: bool,
    /// Where its values in the batch's columns begin in [`AsStored::values`].
    pub first_value: usize,
}

/// What the store knows of the customers that a batch names.
#[derive(Debug, Default)]
pub struct AsStored {
    /// By slot; `None`: there is none yet.
    pub customers: Vec<Option<Stored>>,
    /// The values of all of them; those that were not asked for are empty.
    pub values: Texts,
}

/// Texts in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    /// The text at this position; empty beyond the last.
    pub fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|&end| self.text.get(start..end)).unwrap_or_default()
    }
}

impl Texts {
    /// No texts yet, with room for so many of so many bytes, if there is memory for them.
    pub fn with_room(count: usize, bytes: usize) -> Self {
        let mut texts = Self::default();
        let _ = texts.text.try_reserve(bytes);
        let _ = texts.ends.try_reserve(count);
        texts
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let texts = texts.into_iter();
        let mut all = Self::with_room(texts.size_hint().0, 0);
        texts.for_each(|text| all.push(text.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_values_apart() {
        let mut batch = Batch::new(vec![3, 0], vec![1], None);
        for values in [["a", ""], ["", "bc"], ["x", "y"]] {
            for value in values {
                batch.push(value);
            }
            if values[0] == "x" {
                batch.drop_record();
            } else {
                batch.end_record(Call::default());
            }
        }
        batch.push("half");
        batch.drop_record();
        batch.push("d");
        batch.push("e");
        batch.end_record(Call { priority: 7, dial_time: None });
        let all: Vec<_> = (0..batch.len()).map(|r| (batch.value(r, 0), batch.value(r, 1))).collect();
        assert_eq!(all, [("a", ""), ("", "bc"), ("d", "e")]);
        assert_eq!(batch.key_of(1).collect::<Vec<_>>(), ["bc"]);
        let some = |record, columns| {
            let (text, lengths) = batch.values(record, columns);
            (text, lengths.collect::<Vec<_>>())
        };
        assert_eq!([some(0, 0..2), some(2, 0..2)], [("a", vec![1, 0]), ("de", vec![1, 1])]);
        assert_eq!([some(1, 1..2), some(2, 1..1)], [("bc", vec![2]), ("", vec![])]);
        assert_eq!(batch.call(2).priority, 7);
    }

    #[test]
    fn the_vendors_statuses_are_understood() {
        for (text, status) in [
            ("Open", Status::Open),
            ("errorclosed", Status::Error),
            ("sucessclosed", Status::Success),
            (" SuccessClosed ", Status::Success),
        ] {
            assert_eq!(Status::named(text), Some(status));
        }
        assert_eq!(Status::named("closed"), None);
    }
}
