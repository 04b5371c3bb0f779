//! A whole batch's fate: each record meets the customer as the records before it left it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::decide::{Change, Decision, Found, Package, decide};
use super::{Dupway, Rules};
use crate::fingerprint::Fingerprints;
use crate::record::{AsStored, Batch, Status, Stored, Texts};

/// The records of a batch grouped by unique key: one slot for each key, in the order of the keys' fingerprints.
#[derive(Debug, Default)]
pub struct Groups {
    /// The first record of each key.
    pub firsts: Vec<usize>,
    /// The fingerprint of each key.
    pub fingerprints: Vec<u64>,
    /// The slot of each record.
    pub slots: Vec<usize>,
}

/// Groups a batch by unique key.
pub fn group(batch: &Batch, fingerprints: &Fingerprints) -> Groups {
    let compare = |a: usize, b: usize| batch.key_of(a).cmp(batch.key_of(b));
    let mut order: Vec<(u64, usize)> = (0..batch.len()).map(|r| (fingerprints.of(batch.key_of(r)), r)).collect();
    // Numbers alone, which is twice as fast; then, of those few keys that share a fingerprint, each together.
    order.sort_unstable();
    for same in order.chunk_by_mut(|(f, _), (g, _)| f == g).filter(|same| same.len() > 1) {
        same.sort_by(|&(_, a), &(_, b)| compare(a, b));
    }
    let mut groups = Groups { slots: vec![0; order.len()], ..Groups::default() };
    let mut last = None;
    for (fingerprint, record) in order {
        if last.is_none_or(|(f, first)| f != fingerprint || compare(first, record) != Ordering::Equal) {
            groups.firsts.push(record);
            groups.fingerprints.push(fingerprint);
            last = Some((fingerprint, record));
        }
        if let Some(slot) = groups.slots.get_mut(record) {
            *slot = groups.firsts.len() - 1;
        }
    }
    groups
}

/// A customer that the batch names, as its records leave it.
#[derive(Debug)]
pub struct Slot {
    /// What the store has; `None`: a new customer.
    pub stored: Option<Stored>,
    /// The record that named it first, and that a new customer's values come from.
    pub first: usize,
    /// By column: the record whose value replaced the first one or the stored one.
    replaced: Vec<Option<usize>>,
    /// What was done, over all its records; a new customer's later changes too.
    pub change: Change,
    /// False: no record was accepted for it (it stays in another package).
    pub ours: bool,
    status: Status,
    has_agent: bool,
    package: Package,
}

impl Slot {
    /// The record of the batch that gives the column its new value; `None`: the stored value stays.
    pub fn source(&self, column: usize) -> Option<usize> {
        let replaced = self.replaced.get(column).copied().flatten();
        replaced.or_else(|| self.stored.is_none().then_some(self.first))
    }

    /// True for a new customer all whose values come from the record that named it first.
    pub fn has_one_source(&self) -> bool {
        self.stored.is_none() && self.replaced.is_empty()
    }

    /// True where some value of a stored customer is replaced.
    pub fn replaces(&self) -> bool {
        self.replaced.iter().any(Option::is_some)
    }

    /// A value of the customer; `stored`: those that the store has.
    pub fn value<'a>(&self, batch: &'a Batch, stored: &'a Texts, column: usize) -> &'a str {
        match (self.source(column), &self.stored) {
            (Some(record), _) => batch.value(record, column),
            (None, Some(known)) => stored.get(known.first_value + column),
            (None, None) => "",
        }
    }

    fn update(&mut self, batch: &Batch, record: usize) {
        self.replaced.resize(batch.columns.len(), None);
        for (column, replaced) in self.replaced.iter_mut().enumerate() {
            // "an empty value leaves the stored one"
            if !batch.value(record, column).is_empty() {
                *replaced = Some(record);
            }
        }
    }
}

/// A number to be put on the dial list.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'b> {
    /// The customer, an index into [`Outcome::slots`].
    pub slot: usize,
    /// The record whose call it is.
    pub record: usize,
    /// The number.
    pub phone: Cow<'b, str>,
}

/// What a batch does to the store.
#[derive(Debug, Default)]
pub struct Outcome<'b> {
    /// The customers, as [`Groups`] has them.
    pub slots: Vec<Slot>,
    /// The values that the store has, as [`AsStored`] has them.
    pub stored: Texts,
    /// The dial list's new entries, in the order of the records.
    pub entries: Vec<Entry<'b>>,
    /// What was decided for each record.
    pub decisions: Vec<Decision>,
}

/// Decides a batch. `stored`: by slot, what the store has under the key; `package`: the campaign's; `number`: the phone
/// as it is dialled, or `None` where the text is none.
pub fn fold<'b>(
    batch: &'b Batch,
    groups: &Groups,
    stored: AsStored,
    package: i64,
    rules: Rules,
    number: impl Fn(&str) -> Option<Cow<'_, str>>,
) -> Outcome<'b> {
    let slots = groups.firsts.iter().zip(stored.customers);
    let slots = slots.map(|(&first, stored)| slot(first, stored, package)).collect();
    let decisions = Vec::with_capacity(batch.len());
    let mut outcome = Outcome { slots, stored: stored.values, entries: Vec::new(), decisions };
    for (record, &at) in groups.slots.iter().enumerate() {
        let Some(slot) = outcome.slots.get_mut(at) else { continue };
        let phone = batch.number.and_then(|column| match batch.value(record, column) {
            "" => number(slot.value(batch, &outcome.stored, column)).map(|phone| Cow::Owned(phone.into_owned())),
            own => number(own),
        });
        let decision = decide(met(slot, batch, &outcome.stored, record, rules), phone.is_some(), rules);
        outcome.decisions.push(decision);
        let dial = match decision {
            Decision::Insert { dial } => {
                slot.ours = true;
                dial
            }
            Decision::Leave => false,
            Decision::Duplicate(change) => {
                apply(slot, change, batch, record);
                change.dial
            }
        };
        if let Some(phone) = phone.filter(|_| dial) {
            outcome.entries.push(Entry { slot: at, record, phone });
        }
    }
    outcome
}

fn slot(first: usize, stored: Option<Stored>, package: i64) -> Slot {
    let (status, has_agent, place) = match &stored {
        None => (Status::Open, false, Package::Here),
        Some(stored) => {
            let place = match stored.package {
                Some(p) if p == package => Package::Here,
                Some(_) => Package::Elsewhere,
                None => Package::Nowhere,
            };
            (stored.status, stored.has_agent, place)
        }
    };
    let change = Change::default();
    Slot { stored, first, replaced: Vec::new(), change, ours: false, status, has_agent, package: place }
}

/// The customer as this record meets it; `None`: the record is the first of a new one.
fn met(slot: &Slot, batch: &Batch, stored: &Texts, record: usize, rules: Rules) -> Option<Found> {
    if slot.stored.is_none() && !slot.ours {
        return None;
    }
    let differs = rules.dupway == Dupway::Update
        && (0..batch.columns.len()).any(|column| {
            let value = batch.value(record, column);
            !value.is_empty() && value != slot.value(batch, stored, column)
        });
    Some(Found { package: slot.package, status: slot.status, has_agent: slot.has_agent, differs })
}

fn apply(slot: &mut Slot, change: Change, batch: &Batch, record: usize) {
    slot.ours = true;
    if change.moved {
        slot.package = Package::Here;
    }
    if change.agent_cleared {
        slot.has_agent = false;
    }
    if change.status_reset {
        slot.status = Status::Open;
    }
    if change.updated {
        slot.update(batch, record);
    }
    let so_far = &mut slot.change;
    so_far.moved |= change.moved;
    so_far.leaves_lists |= change.leaves_lists;
    so_far.dial |= change.dial;
    so_far.agent_cleared |= change.agent_cleared;
    so_far.status_reset |= change.status_reset;
    so_far.updated |= change.updated;
}

#[cfg(test)]
mod tests {
    use super::super::DupDialList;
    use super::*;
    use crate::record::Call;

    const RULES: Rules = Rules { dial_list: DupDialList::All, ..Rules::UPDATE };

    fn batch(records: &[[&str; 3]]) -> Batch {
        let mut batch = Batch::new(vec![0, 1, 2], vec![0], Some(0));
        for record in records {
            for value in record {
                batch.push(value);
            }
            batch.end_record(Call::default());
        }
        batch
    }

    fn number(text: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(text)).filter(|t| !t.is_empty())
    }

    fn none(slots: usize) -> AsStored {
        AsStored { customers: vec![None; slots], ..AsStored::default() }
    }

    #[test]
    fn later_records_of_a_batch_are_duplicates_of_earlier_ones() {
        let batch = batch(&[["1", "a", ""], ["2", "b", "x"], ["1", "", "y"], ["1", "c", ""], ["1", "c", "y"]]);
        let groups = group(&batch, &Fingerprints::default());
        let [joe, ann] = [0, 1].map(|record| groups.slots[record]);
        assert_eq!([joe, ann].map(|slot| groups.firsts[slot]), [0, 1]);
        assert_eq!(groups.slots, [joe, ann, joe, joe, joe]);
        let outcome = fold(&batch, &groups, none(2), 9, RULES, number);
        let slot = &outcome.slots[joe];
        let values: Vec<_> = (0..3).map(|c| slot.value(&batch, &outcome.stored, c)).collect();
        assert_eq!(values, ["1", "c", "y"]);
        let entries: Vec<_> = outcome.entries.iter().map(|e| (e.record, e.slot)).collect();
        assert_eq!(entries, [(0, joe), (1, ann), (2, joe), (3, joe), (4, joe)]);
        let updated = |d: &Decision| matches!(d, Decision::Duplicate(c) if c.updated);
        assert_eq!(outcome.decisions.iter().map(updated).collect::<Vec<_>>(), [false, false, true, true, false]);
    }

    #[test]
    fn an_empty_value_keeps_the_stored_one_and_its_number_is_dialled() {
        let mut batch = Batch::new(vec![0, 1], vec![0], Some(1));
        for value in ["k", ""] {
            batch.push(value);
        }
        batch.end_record(Call::default());
        let stored = Stored { id: 5, package: Some(9), status: Status::Success, has_agent: true, first_value: 1 };
        let values = ["another's", "k", "138"].into_iter().collect();
        let stored = AsStored { customers: vec![Some(stored)], values };
        let outcome = fold(&batch, &group(&batch, &Fingerprints::default()), stored, 9, RULES, number);
        assert_eq!(outcome.entries, [Entry { slot: 0, record: 0, phone: "138".into() }]);
        assert!(!outcome.slots[0].replaces());
        assert!(!outcome.slots[0].change.writes());
    }
}
