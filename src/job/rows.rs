//! The rows of a file in the order in which they are done, as batches.

use std::ops::Range;

use serde::Serializer;

use super::draft::draft;
use super::repeats::Repeats;
use crate::fault::Fault;
use crate::file::{Row, Table};
use crate::mapping::{Mapping, Wanted};
use crate::merge::Groups;
use crate::record::Batch;
use crate::store::{Reject, Scouted};

/// The most bytes of rows that one part carries.
const MOST_BYTES: usize = 8 << 20;

/// Some rows of the file.
#[derive(Debug, Default)]
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

/// The rows of a file in the order in which they are done.
pub struct InOrder<'m> {
    table: Table<'m>,
    row: Row,
    mapping: &'m Mapping<'m>,
    repeats: Repeats,
    /// The number of the file's next row, from 0.
    at: u64,
    /// The repeats that come next.
    due: Range<usize>,
}

impl<'m> InOrder<'m> {
    /// Those of a table, from its beginning.
    pub fn new(table: Table<'m>, mapping: &'m Mapping<'m>, repeats: Repeats) -> Self {
        Self { table, row: Row::new(), mapping, repeats, at: 0, due: 0..0 }
    }

    /// Passes over the next rows, which are done, as long as `goes_on` says so.
    pub fn skip(&mut self, mut done: u64, goes_on: impl Fn() -> bool) -> Result<(), Fault> {
        const AT_ONCE: u64 = 1_000;
        while done > 0 && goes_on() {
            let mut count = done.min(AT_ONCE);
            if self.repeats.is_empty() {
                for _ in 0..count {
                    if !self.table.next(&mut self.row)? {
                        return Ok(());
                    }
                }
            } else {
                count = self.part(usize::try_from(count).unwrap_or(usize::MAX), None)?.len() as u64;
                if count == 0 {
                    return Ok(());
                }
            }
            done -= count;
        }
        Ok(())
    }

    /// The next rows, so many if there is room for them; none at the end. `used`: the batch of an earlier part, whose memory
    /// serves again: to have it anew each time costs more than to copy its rows.
    pub fn part(&mut self, wanted: usize, used: Option<Batch>) -> Result<Rows, Fault> {
        let mut rows = Rows { batch: used.unwrap_or_else(|| self.mapping.batch()), ..Rows::default() };
        rows.batch.clear();
        while rows.len() < wanted && rows.bytes < MOST_BYTES {
            if let Some(repeat) = self.due.next() {
                let before = rows.batch.bytes();
                self.repeats.give(repeat, &mut rows.batch);
                rows.bytes += rows.batch.bytes() - before + rows.batch.columns.len() * size_of::<usize>();
                continue;
            }
            let row = &mut self.row;
            if !self.table.next(row)? {
                break;
            }
            self.at += 1;
            if self.repeats.is_early(self.at - 1) {
                continue;
            }
            rows.bytes += row.bytes();
            self.due = match draft(row, self.mapping, &mut rows.batch, Wanted::All) {
                Ok(()) => self.repeats.of(self.at - 1, &rows.batch),
                Err(reason) => {
                    rows.rejects.push(Reject { line: row.line(), cells: as_json(row), reason });
                    self.repeats.of(self.at - 1, &Batch::default())
                }
            };
        }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::repeats::Window;
    use super::*;
    use crate::field::{Field, FieldType, Fields};
    use crate::file::{Limits, Opening};
    use crate::fingerprint::Fingerprints;
    use crate::merge::Rules;
    use crate::request::Intake;
    use crate::store::Order;
    use crate::time::Zone;

    /// Has the rows done in parts of `wanted`, after `done` that are done already in this order; tells the name or the line of
    /// each, and the order.
    fn done_in_order(text: &str, window: Window, wanted: usize, done: u64) -> (Vec<String>, Order) {
        looked_at(text, window, wanted, done, || true)
    }

    /// The same, where the look ahead goes on as long as `goes_on` says so.
    fn looked_at(
        text: &str,
        window: Window,
        wanted: usize,
        done: u64,
        goes_on: impl Fn() -> bool,
    ) -> (Vec<String>, Order) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        fs::write(&path, text).unwrap();
        let field =
            |(name, kind): (&str, FieldType)| Field { name: name.into(), display: name.into(), kind, required: false };
        let fields = [("phone1", FieldType::Phone), ("name", FieldType::Text), ("born", FieldType::Datetime)];
        let fields = Fields::new(fields.map(field).into(), &[]).unwrap();
        let limits = Limits { max_file_bytes: 1 << 30, max_row_bytes: 1 << 20 };
        let opening = Opening { path: &path, charset: None, delrow: 0, titles: &fields, limits };
        let (phone_field, priority_field, dialtime_field) = Default::default();
        let intake = Intake { phone_field, priority_field, dialtime_field, rules: Rules::UPDATE };
        let zone = Zone::named("UTC").unwrap();
        let mut table = Table::open(opening, &|| true).unwrap();
        let again = table.again(opening).unwrap();
        let mapping = Mapping::by_title(&table.title().unwrap().cells, &fields, &zone, &intake).unwrap();
        let looked = Repeats::look(&mut table, &mapping, &Fingerprints::default(), window, goes_on).unwrap();
        let order = looked.0.order();
        let mut rows = InOrder::new(again, &mapping, looked.0);
        rows.skip(done, || true).unwrap();
        let mut told = Vec::new();
        loop {
            let part = rows.part(wanted, None).unwrap();
            if part.len() == 0 {
                return (told, order);
            }
            let name = part.batch.columns.iter().position(|field| *field == 1).unwrap();
            told.extend((0..part.batch.len()).map(|record| part.batch.value(record, name).to_owned()));
            told.extend(part.rejects.iter().map(|reject| reject.line.to_string()));
        }
    }

    /// Rows of some keys, of which some can't be used; and their names or lines in the order in which they should be done.
    fn file(rows: &[(u8, u8)], most: usize) -> (String, Vec<String>) {
        let mut text = "phone1,name,born\n".to_owned();
        let can_be_used = |kind: u8| kind != 0;
        for (at, (key, kind)) in rows.iter().enumerate() {
            // The same phone in other words.
            let phone = if kind % 2 == 0 { format!("13{key}") } else { format!("(13) {key}") };
            let born = if can_be_used(*kind) { "" } else { "then" };
            text.push_str(&format!("{phone},row {at},{born}\n"));
        }
        let mut order = Vec::new();
        let mut is_done = vec![false; rows.len()];
        for at in 0..rows.len() {
            if is_done[at] {
                continue;
            }
            let (key, kind) = rows[at];
            if !can_be_used(kind) {
                order.push((at + 2).to_string());
                continue;
            }
            for (later, (k, kind)) in rows.iter().enumerate().skip(at) {
                if later == at || (at < most && later < most && *k == key && can_be_used(*kind)) {
                    is_done[later] = true;
                    order.push(format!("row {later}"));
                }
            }
        }
        (text, order)
    }

    #[test]
    fn repeats_come_with_the_first_row_of_their_key() {
        let (text, order) = file(&[(1, 1), (2, 1), (1, 0), (1, 2), (3, 1), (2, 2), (1, 1)], 7);
        assert_eq!(order, ["row 0", "row 3", "row 6", "row 1", "row 5", "4", "row 4"]);
        assert_eq!(done_in_order(&text, Window::New, 1, 0).0, order);
        assert_eq!(
            done_in_order(&text, Window::None, 1, 0).0,
            ["row 0", "row 1", "4", "row 3", "row 4", "row 5", "row 6"]
        );
    }

    #[test]
    fn to_look_ahead_can_be_broken_off() {
        let rows: Vec<(u8, u8)> = (0..6_000_u32).map(|n| (u8::try_from(n % 200).unwrap(), 2)).collect();
        let text = file(&rows, rows.len()).0;
        let looked = |times: u32| {
            let asked = std::cell::Cell::new(0);
            let goes_on = || asked.replace(asked.get() + 1) < times;
            looked_at(&text, Window::New, 7, 0, goes_on).1.rows
        };
        assert_eq!(looked(u32::MAX), 6_000);
        assert!((1..1_000).contains(&looked(0)) && looked(0) < looked(5) && looked(5) < 3_000);
    }

    #[test]
    fn the_order_is_recorded_where_it_is_not_that_of_the_file() {
        let order = |rows: &[(u8, u8)]| done_in_order(&file(rows, 9).0, Window::New, 9, 0).1;
        assert_eq!(order(&[(1, 1), (2, 1), (3, 0), (3, 1)]), Order::default());
        let with_repeat = order(&[(1, 1), (2, 1), (1, 1)]);
        assert_eq!(with_repeat.rows, 3);
        assert_ne!(with_repeat.digest, order(&[(1, 1), (2, 1), (2, 1)]).digest);
        assert_eq!(with_repeat, order(&[(1, 1), (2, 1), (1, 2)]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_row_is_done_once_and_those_of_a_key_in_the_order_of_the_file(
            rows in prop::collection::vec((0..40_u8, 0..6_u8), 0..700), most in 0..800_usize, done in 0..700_u64
        ) {
            // A window of `most` rows, as where there was no room for more.
            let most = most.min(rows.len());
            let (text, order) = file(&rows, most);
            let window = Window::Again(Order { rows: most as u64, digest: 0 });
            // One at a time: within a part the rejected ones come last.
            let (told, recorded) = done_in_order(&text, window, 1, 0);
            prop_assert_eq!(&told, &order);
            // A job that is taken up goes on where it was.
            let done = done.min(order.len() as u64);
            let window = Window::of(done.max(1), recorded, true);
            let (rest, again) = done_in_order(&text, window, 1, done);
            prop_assert!(again == recorded || done >= recorded.rows);
            prop_assert_eq!(&rest, order.get(usize::try_from(done).unwrap()..).unwrap());
        }
    }
}
