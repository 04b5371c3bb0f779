//! Repeats: rows of a file whose unique key an earlier row has. Done where they stand, which is in no order, each would read
//! and write a page of the store for itself: a tenth of such rows took half of an import's time. So the file is looked
//! through ahead, as far as memory allows, and a repeat is done right after the first row of its key. The customer is
//! written once then.
//!
//! The result is the same, as long as no duplicate comes on the dial list, whose order is that of the rows: what becomes of
//! a record depends on those of the same key alone.

use std::hash::Hasher;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use siphasher::sip::SipHasher24;

use super::draft::draft;
use super::firsts::Firsts;
use crate::fault::{Fault, Key};
use crate::file::{Row, Table};
use crate::fingerprint::Fingerprints;
use crate::mapping::{Mapping, Wanted};
use crate::record::{Batch, Call};
use crate::store::Order;

/// The most bytes of repeats that are kept, about; and the most where they must be the same again, whose values may be
/// longer by now: those of another field may have come to them.
const MOST_BYTES: usize = 16 << 20;
const MOST_BYTES_AGAIN: usize = 64 << 20;
/// What keeping one takes besides its values.
const OF_ONE: usize = size_of::<Kept>() + 16;
/// The most rows that are looked at.
pub const MOST_ROWS: u64 = 1 << 21;
/// How many rows are looked at together: the table of first rows is asked for all of them, so that it answers while the
/// processor waits for its memory.
const TOGETHER: usize = 256;
/// As many such pieces there are at once: one is read, one waits, one is looked at. None is ever thrown away.
const MOST_ALIVE: usize = 3;
/// The bytes at which they are fewer, and those of a row whose memory is given back.
const MOST_TOGETHER: usize = 1 << 20;
const LONG: usize = 4_096;

/// Which rows are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// None: the rows are done as they come.
    None,
    /// The first of the file, as many as there is room for.
    New,
    /// Those that were looked at when the job was begun, whatever room they take.
    Again(Order),
}

impl Window {
    /// That of a job of whose rows `done` are done, in this order. `is_free`: the order of a file's rows makes no difference.
    pub fn of(done: u64, order: Order, is_free: bool) -> Self {
        match done {
            0 if is_free => Window::New,
            // All its rows are done, and those after it come as they are.
            _ if done >= order.rows => Window::None,
            _ => Window::Again(order),
        }
    }
}

/// The repeats among the first rows of a file.
#[derive(Debug, Default)]
pub struct Repeats {
    /// In the order of their first rows, and for each in that of the file.
    kept: Vec<Kept>,
    bytes: usize,
    /// By row: true where it is one that is kept.
    is_kept: Vec<bool>,
    /// Those whose first rows come later.
    next: usize,
}

#[derive(Debug)]
struct Kept {
    first: u32,
    row: u32,
    /// Each with a NUL at its end: no value has one.
    values: Box<str>,
    /// `None`: as any call.
    call: Option<Box<Call>>,
}

impl Repeats {
    /// Looks through the first rows of a file, as long as `goes_on` says so.
    pub fn look(
        table: &mut Table<'_>,
        mapping: &Mapping<'_>,
        fingerprints: &Fingerprints,
        window: Window,
        goes_on: impl Fn() -> bool,
    ) -> Result<(Self, Firsts), Fault> {
        let mut repeats = Self::default();
        let (mut firsts, most) = match window {
            Window::None => return Ok(Default::default()),
            Window::New => (Firsts::bounded(), MOST_ROWS),
            Window::Again(order) => (Firsts::default(), order.rows),
        };
        // The rows are read by another thread: the one that writes has nothing to do yet.
        thread::scope(|scope| {
            let ((tell, told), (give_back, given_back)) = (sync_channel(1), sync_channel(MOST_ALIVE));
            let reader = thread::Builder::new().name("cji-look".into()).spawn_scoped(scope, move || {
                let mut left = usize::try_from(most).unwrap_or(usize::MAX);
                while left > 0 {
                    let mut rows = given_back.try_recv().unwrap_or_default();
                    let is_end = !read(table, &mut rows, left)?;
                    left = if is_end { 0 } else { left - rows.len() };
                    if tell.send(rows).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let reader =
                reader.map_err(|error| Fault::new(Key::StorageForNow, format!("no thread for the file: {error}")))?;
            for mut rows in told {
                if !repeats.take(&rows, mapping, &mut firsts, fingerprints, window)? || !goes_on() {
                    break;
                }
                rows.iter_mut().filter(|row| row.bytes() > LONG).for_each(|row| *row = Row::new());
                // Nobody wants them back where the file has ended.
                let _ = give_back.try_send(rows);
            }
            reader.join().unwrap_or_else(|panic| resume_unwind(panic))
        })?;
        repeats.kept.sort_unstable_by_key(|kept| (kept.first, kept.row));
        Ok((repeats, firsts))
    }

    /// Takes rows up; false where there is no room for more.
    fn take(
        &mut self,
        rows: &[Row],
        mapping: &Mapping<'_>,
        firsts: &mut Firsts,
        fingerprints: &Fingerprints,
        window: Window,
    ) -> Result<bool, Fault> {
        let mut batch = mapping.batch();
        let print = |row: &Row| {
            batch.clear();
            draft(row, mapping, &mut batch, Wanted::Key).is_ok().then(|| fingerprints.of(batch.key_of(0)))
        };
        let prints: Vec<Option<u64>> = rows.iter().map(print).collect();
        firsts.touch(&prints);
        for (row, print) in rows.iter().zip(prints) {
            let at = u32::try_from(self.is_kept.len()).unwrap_or(u32::MAX);
            let first = print.map(|print| firsts.first(print, at));
            let is_taken = match first {
                _ if self.is_kept.try_reserve(1).is_err() => false,
                Some(Some(first)) if first != at => {
                    batch.clear();
                    // It was accepted just now.
                    draft(row, mapping, &mut batch, Wanted::All).is_ok() && self.keep(first, at, &batch, window)
                }
                first => first != Some(None),
            };
            if !is_taken {
                return if window == Window::New { Ok(false) } else { Err(self.too_large()) };
            }
            self.is_kept.push(first.flatten().is_some_and(|first| first != at));
        }
        Ok(true)
    }

    /// Why rows that had room once have none now.
    fn too_large(&self) -> Fault {
        if self.bytes > MOST_BYTES_AGAIN {
            let message = "the rows that were looked at have become far larger: import the file again, its rows that are done \
                           are recognized";
            return Fault::new(Key::JobNotMade, message);
        }
        Fault::new(Key::StorageForNow, "there is not enough memory to look through the file")
    }

    /// False where there is no room for it.
    fn keep(&mut self, first: u32, row: u32, batch: &Batch, window: Window) -> bool {
        let columns = 0..batch.columns.len();
        let (mut values, length) = (String::new(), batch.bytes() + columns.len());
        let most = if window == Window::New { MOST_BYTES } else { MOST_BYTES_AGAIN };
        self.bytes += length + OF_ONE;
        if self.bytes > most || self.kept.try_reserve(1).is_err() || values.try_reserve_exact(length).is_err() {
            return false;
        }
        for column in columns {
            values.push_str(batch.value(0, column));
            values.push('\0');
        }
        let call = Some(batch.call(0)).filter(|call| *call != Call::default()).map(Box::new);
        self.kept.push(Kept { first, row, values: values.into_boxed_str(), call });
        true
    }

    /// How the rows are put in order; equal for the same rows alone.
    pub fn order(&self) -> Order {
        if self.kept.is_empty() {
            return Order::default();
        }
        let mut hasher = SipHasher24::new();
        for kept in &self.kept {
            hasher.write_u32(kept.first);
            hasher.write_u32(kept.row);
        }
        Order { rows: self.is_kept.len() as u64, digest: hasher.finish() }
    }

    /// True for a row that is done with an earlier one.
    pub fn is_early(&self, row: u64) -> bool {
        usize::try_from(row).ok().and_then(|row| self.is_kept.get(row)).is_some_and(|early| *early)
    }

    /// True where no row comes with an earlier one.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The repeats of this row, whose draft is the batch's last; of an empty batch none has the key, and each is done in its
    /// own place. To be asked for row after row.
    pub fn of(&mut self, row: u64, batch: &Batch) -> Range<usize> {
        let from = self.next;
        while let Some(kept) = self.kept.get(self.next).filter(|kept| u64::from(kept.first) <= row) {
            let has_key = batch.len().checked_sub(1).is_some_and(|last| {
                let mut keys = batch.key.iter().zip(batch.key_of(last));
                keys.all(|(&column, key)| kept.values.split('\0').nth(column) == Some(key))
            });
            if !has_key && let Some(early) = usize::try_from(kept.row).ok().and_then(|row| self.is_kept.get_mut(row)) {
                // Its key shares the fingerprint: it is done in its own place.
                *early = false;
            }
            self.next += 1;
        }
        from..self.next
    }

    /// Moves a repeat to the batch, unless it is done in its own place.
    pub fn give(&mut self, repeat: usize, batch: &mut Batch) {
        let Some(row) = self.kept.get(repeat).map(|kept| kept.row) else { return };
        if !self.is_early(u64::from(row)) {
            return;
        }
        let Some(kept) = self.kept.get_mut(repeat) else { return };
        for value in std::mem::take(&mut kept.values).split_terminator('\0') {
            batch.push(value);
        }
        batch.end_record(kept.call.take().map(|call| *call).unwrap_or_default());
    }
}

/// Reads some rows, `most` at most, into the memory of others; false at the end of the file.
fn read(table: &mut Table<'_>, rows: &mut Vec<Row>, most: usize) -> Result<bool, Fault> {
    rows.resize(TOGETHER.min(most), Row::new());
    let (mut count, mut bytes, mut is_end) = (0, 0, false);
    for row in rows.iter_mut() {
        is_end = !table.next(row)?;
        if is_end {
            break;
        }
        count += 1;
        bytes += row.bytes();
        if bytes >= MOST_TOGETHER {
            break;
        }
    }
    rows.truncate(count);
    Ok(!is_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_another_key_with_the_same_fingerprint_is_done_in_its_own_place() {
        let mut batch = Batch::new(vec![0], vec![0], None);
        let kept = |row: u32, values: &str| Kept { first: 0, row, values: values.into(), call: None };
        let kept = vec![kept(1, "138\0"), kept(2, "139\0"), kept(3, "138\0")];
        let mut repeats = Repeats { kept, is_kept: vec![false, true, true, true], ..Repeats::default() };
        let order = repeats.order();
        // It is stored, so its function never changes.
        assert_eq!(order, Order { rows: 4, digest: 0xB03A_9E93_1E3F_F138 });
        batch.push("138");
        batch.end_record(Call::default());
        assert_eq!(repeats.of(0, &batch), 0..3);
        assert_eq!([1, 2, 3].map(|row| repeats.is_early(row)), [true, false, true]);
        assert_eq!(repeats.order(), order, "what was recorded holds");
        (0..3).for_each(|repeat| repeats.give(repeat, &mut batch));
        assert_eq!((0..batch.len()).map(|record| batch.value(record, 0)).collect::<Vec<_>>(), ["138"; 3]);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut batch = Batch::new(vec![0], vec![0], None);
        batch.push(&"x".repeat(1 << 20));
        batch.end_record(Call::default());
        let mut repeats = Repeats::default();
        let count = (1..100).take_while(|row| repeats.keep(0, *row, &batch, Window::New)).count();
        assert_eq!(count, MOST_BYTES / ((1 << 20) + OF_ONE + 1));
        let held = Window::Again(Order { rows: 100, digest: 0 });
        assert!((100..120).all(|row| repeats.keep(0, row, &batch, held)), "what had room once has it again");
    }
}
