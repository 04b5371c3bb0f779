//! The dial list against its naive twin: a vector, sorted anew at each call.

use std::cmp::Reverse;

use proptest::prelude::*;
use serde_json::Value;

use super::DialOutcome;
use crate::catalog;
use crate::intake::take;
use crate::merge::{DupDialList, Dupway, Rules, group};
use crate::record::{Batch, Call};
use std::sync::Arc;

use crate::store::{Campaign, Durability, Filter, Memory, Scouted, Store};
use crate::time::{Moment, Zone};

#[derive(Clone, Debug)]
enum Step {
    Import(Vec<(i32, Option<i64>)>),
    /// An entry of the neighbour's comes between.
    ImportNextDoor,
    Next {
        limit: usize,
        lease_ms: i64,
    },
    /// Of the entries, the one at this place (round the end), whatever its state.
    Done {
        at: usize,
        outcome: DialOutcome,
    },
    /// The customer of an entry leaves the package, and comes back.
    Leave {
        at: usize,
    },
    Pass {
        ms: i64,
    },
    SetWall {
        by_ms: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Times lie close together, and are compared with seconds around the test's beginning.
    let time = || prop_oneof![2 => Just(None), 1 => (0..40_i64).prop_map(Some)];
    let call = (prop_oneof![3 => -2..3_i32, 1 => any::<i32>()], time());
    let outcome = prop_oneof![
        Just(DialOutcome::Done),
        (time(), prop::option::of(-2..3_i32))
            .prop_map(|(dial_time, priority)| DialOutcome::Retry { dial_time, priority }),
    ];
    let step = prop_oneof![
        2 => prop::collection::vec(call, 1..12).prop_map(Step::Import),
        1 => Just(Step::ImportNextDoor),
        4 => (1..8_usize, 1..20_000_i64).prop_map(|(limit, lease_ms)| Step::Next { limit, lease_ms }),
        4 => (0..64_usize, outcome).prop_map(|(at, outcome)| Step::Done { at, outcome }),
        1 => (0..64_usize).prop_map(|at| Step::Leave { at }),
        3 => (0..15_000_i64).prop_map(|ms| Step::Pass { ms }),
        1 => (-20_000..20_000_i64).prop_map(|by_ms| Step::SetWall { by_ms }),
    ];
    prop::collection::vec(step, 1..80)
}

/// Every record is put on the list.
const RULES: Rules = Rules { dupway: Dupway::Skip, dial_list: DupDialList::All, ..Rules::UPDATE };

/// An entry of the twin.
#[derive(Clone, Debug)]
struct Twin {
    id: i64,
    customer: i64,
    priority: i32,
    dial_time: Option<i64>,
    lease_end: Option<i64>,
}

/// The store and its twin, with the clocks of both.
struct Pair {
    store: Store,
    campaign: Arc<Campaign>,
    entries: Vec<Twin>,
    /// A list between whose entries those of the other come, and whose customers have the same ids. Nobody dials it.
    neighbour: Arc<Campaign>,
    neighbours: Vec<i64>,
    /// How many entries were made, and how many of them for the neighbour.
    made: i64,
    at: Moment,
    /// The twin's lease clock: nobody sets it.
    passed_ms: i64,
}

impl Pair {
    fn new() -> Self {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        store.team_add("team", "").unwrap();
        let definition = catalog::campaign(r#"{"name":"A campaign","main_table":true}"#).unwrap();
        let [campaign, neighbour] = [(); 2].map(|()| {
            let id = store.campaign_add("team", &definition).unwrap();
            store.campaign(id).unwrap().unwrap()
        });
        let at = Moment { wall_ms: 20_000, boot: "boot", since_boot_ms: 5 };
        Self { store, campaign, entries: Vec::new(), neighbour, neighbours: Vec::new(), made: 0, at, passed_ms: 0 }
    }

    fn clock(&self) -> impl Fn() -> Moment + Send + 'static {
        let at = self.at.clone();
        move || at.clone()
    }

    fn leased(&self, entry: &Twin) -> bool {
        entry.lease_end.is_some_and(|end| end > self.passed_ms)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Import(calls) => self.import(calls),
            Step::ImportNextDoor => self.import_next_door(),
            Step::Next { limit, lease_ms } => self.next(*limit, *lease_ms),
            Step::Done { at, outcome } => self.done(*at, outcome),
            Step::Leave { at } => self.leave(*at),
            Step::Pass { ms } => {
                self.passed_ms += ms;
                self.at.since_boot_ms += ms;
                self.at.wall_ms += ms;
            }
            Step::SetWall { by_ms } => self.at.wall_ms = (self.at.wall_ms + by_ms).max(0),
        }
        self.compare_lists();
    }

    fn import(&mut self, calls: &[(i32, Option<i64>)]) {
        // The default fields' phone1 is the key and the number.
        let mut batch = Batch::new(vec![1], vec![0], Some(0));
        for &(priority, dial_time) in calls {
            // Customers get their ids in the order of their phones.
            let customer = (self.made - i64::try_from(self.neighbours.len()).unwrap()) % 50 + 1;
            batch.push(&customer.to_string());
            batch.end_record(Call { priority, dial_time });
            self.made += 1;
            self.entries.push(Twin { id: self.made, customer, priority, dial_time, lease_end: None });
        }
        let groups = group(&batch, self.store.fingerprints());
        self.store
            .chunk(&mut Memory::default(), |chunk| {
                take(chunk, &self.campaign, &batch, &groups, &Scouted::default(), RULES, 0)
            })
            .unwrap();
    }

    fn import_next_door(&mut self) {
        self.made += 1;
        self.neighbours.push(self.made);
        let another = vec![(self.made % 50 + 1, "1", Call::default())];
        self.store
            .write(|t| {
                let entries = super::NewEntries::reserve(t, &self.neighbour, another)?;
                entries.insert(t, &self.neighbour)?;
                entries.wait(t, &self.neighbour)
            })
            .unwrap();
    }

    fn next(&mut self, limit: usize, lease_ms: i64) {
        let due = self.at.seconds();
        let mut next: Vec<Twin> = self
            .entries
            .iter()
            .filter(|e| !self.leased(e) && e.dial_time.is_none_or(|time| time <= due))
            .cloned()
            .collect();
        next.sort_by_key(|e| (Reverse(e.priority), e.dial_time, e.id));
        next.truncate(limit);
        let wanted: Vec<i64> = next.iter().map(|e| e.id).collect();
        let given = self.store.dial_next(self.campaign.id, limit, lease_ms, &utc(), self.clock()).unwrap();
        assert_eq!(ids(&given), wanted);
        let end = self.passed_ms + lease_ms;
        self.entries.iter_mut().filter(|e| wanted.contains(&e.id)).for_each(|e| e.lease_end = Some(end));
    }

    fn done(&mut self, at: usize, outcome: &DialOutcome) {
        let Some(place) = at.checked_rem(self.entries.len()) else { return };
        let entry = self.entries[place].clone();
        let ended = self.store.dial_done(&self.campaign, entry.id, outcome, &self.at);
        assert_eq!(ended.is_ok(), self.leased(&entry), "{entry:?} {ended:?}");
        match outcome {
            _ if ended.is_err() => {}
            DialOutcome::Done => drop(self.entries.remove(place)),
            DialOutcome::Retry { dial_time, priority } => {
                let entry = &mut self.entries[place];
                (entry.lease_end, entry.dial_time) = (None, *dial_time);
                entry.priority = priority.unwrap_or(entry.priority);
            }
        }
    }

    fn leave(&mut self, at: usize) {
        let Some(place) = at.checked_rem(self.entries.len()) else { return };
        let (customer, package, at) = (self.entries[place].customer, self.campaign.package, self.at.clone());
        self.store.write(|t| super::leave(t, customer, package, &at)).unwrap();
        let passed_ms = self.passed_ms;
        self.entries.retain(|e| e.customer != customer || e.lease_end.is_some_and(|end| end > passed_ms));
    }

    fn compare_lists(&self) {
        let places =
            "dial_row e JOIN campaign c ON c.list = e.place / 100000000000 WHERE 1 <>
                        (SELECT count(*) FROM dial_waiting w WHERE w.campaign = c.id AND e.place BETWEEN w.first AND w.last)
                      + (SELECT count(*) FROM dial_lease l WHERE l.place = e.place)";
        assert_eq!(count(self, places), 0, "each entry waits or is leased");
        assert_eq!(count(self, "dial_waiting WHERE last < first"), 0, "a run has places");
        for (state, leased) in [("waiting", false), ("leased", true)] {
            let filter = Filter::of_entries(&format!(r#"{{"where":{{"state":"{state}"}},"limit":1000}}"#)).unwrap();
            let listed = self.store.dial_list(&self.campaign, &filter, &utc(), &self.at).unwrap();
            let wanted: Vec<i64> = self.entries.iter().filter(|e| self.leased(e) == leased).map(|e| e.id).collect();
            assert_eq!(ids(&listed), wanted, "{state}");
            let listed = self.store.dial_list(&self.neighbour, &filter, &utc(), &self.at).unwrap();
            assert_eq!(ids(&listed), if leased { &[] } else { &self.neighbours[..] }, "of the neighbour, {state}");
        }
    }
}

fn utc() -> Zone {
    Zone::named("UTC").unwrap()
}

fn ids(data: &Value) -> Vec<i64> {
    data["entries"].as_array().unwrap().iter().map(|e| e["id"].as_i64().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_dial_list_is_a_sorted_vector_whatever_happens(steps in steps()) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
        }
    }
}

/// Writes many entries at once.
fn put_many(pair: &Pair, sql: &str) {
    pair.store.write(|t| t.execute_batch(sql).map_err(crate::store::storage)).unwrap();
}

fn count(pair: &Pair, of: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {of}");
    pair.store.read(|c| c.query_row(&sql, [], |row| row.get(0)).map_err(crate::store::storage)).unwrap()
}

fn next_ids(pair: &Pair, limit: usize) -> Vec<i64> {
    ids(&pair.store.dial_next(pair.campaign.id, limit, 1_000_000, &utc(), pair.clock()).unwrap())
}

#[test]
fn priorities_without_anything_due_are_put_to_sleep_once() {
    let mut pair = Pair::new();
    put_many(
        &pair,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO dial_row (place, customer, phone, priority, dial_time)
         SELECT 100000001000 + i, i, '1', i, 1000000 FROM n;
         INSERT INTO dial_waiting SELECT 1, priority, dial_time, place, place FROM dial_row;
         INSERT INTO dial_level SELECT 1, priority, NULL FROM dial_row;
         UPDATE store SET last_dial_entry = 21000;",
    );
    pair.import(&[(0, None), (-1, None), (-1, None)]);
    assert_eq!(next_ids(&pair, 2), [21_001, 21_002]);
    assert_eq!(count(&pair, "dial_level WHERE campaign = 1 AND asleep_until IS NULL"), 1, "only the one that has more");
    assert_eq!(next_ids(&pair, 2), [21_003]);
    assert_eq!(count(&pair, "dial_level WHERE campaign = 1 AND priority <= 0"), 0, "an empty one is forgotten");
    pair.at.wall_ms = 1_000_000_000;
    assert_eq!(next_ids(&pair, 2), [21_000, 20_999]);
}

#[test]
fn entries_that_follow_each_other_alike_are_one_run_however_they_come() {
    let mut pair = Pair::new();
    let runs = |pair: &Pair| {
        let sql = "SELECT group_concat(format('%d:%d-%s', priority, first % 1000,
                                               iif(last % 100000000000 = 99999999999, '', last % 1000)), ' ')
                   FROM (SELECT * FROM dial_waiting WHERE campaign = 1 ORDER BY first)";
        let read = |c: &rusqlite::Connection| c.query_row(sql, [], |row| row.get::<_, Option<String>>(0));
        pair.store.read(|c| read(c).map_err(crate::store::storage)).unwrap().unwrap_or_default()
    };
    let import = |pair: &mut Pair, calls: &[(i32, Option<i64>)]| {
        pair.import(calls);
        runs(pair)
    };
    assert_eq!(import(&mut pair, &[(0, None)]), "0:1-");
    pair.import_next_door();
    assert_eq!(import(&mut pair, &[(0, None), (0, None)]), "0:1-");
    assert_eq!(import(&mut pair, &[(0, None), (1, None), (0, None)]), "0:1-5 1:6-6 0:7-");
    assert_eq!(import(&mut pair, &[(2, None)]), "0:1-5 1:6-6 0:7-7 2:8-");
    // Dialled to its end, a run is open no more; in the middle, it stays so.
    assert_eq!(next_ids(&pair, 3), [8, 6, 1]);
    assert_eq!(import(&mut pair, &[(2, None), (2, None)]), "0:2-5 0:7-7 2:9-");
    assert_eq!(next_ids(&pair, 1), [9]);
    assert_eq!(import(&mut pair, &[(2, None)]), "0:2-5 0:7-7 2:10-");
    assert_eq!(next_ids(&pair, 2), [10, 11]);
    assert_eq!(import(&mut pair, &[(0, None)]), "0:2-5 0:7-7 0:12-", "the open run had nothing left");
    // A run that was put back is like the open one was, but not open.
    assert_eq!(next_ids(&pair, 9), [3, 4, 5, 7, 12]);
    let back = DialOutcome::Retry { dial_time: None, priority: None };
    pair.store.dial_done(&pair.campaign, 5, &back, &pair.at).unwrap();
    assert_eq!(import(&mut pair, &[(0, None)]), "0:5-5 0:13-");
}

#[test]
fn an_entry_too_many_is_on_no_other_list() {
    let pair = Pair::new();
    put_many(&pair, "PRAGMA ignore_check_constraints = ON; UPDATE store SET last_dial_entry = 99999999998");
    let put = |count| {
        pair.store.write(|t| {
            let entries = super::NewEntries::reserve(t, &pair.campaign, vec![(1, "1", Call::default()); count])?;
            entries.insert(t, &pair.campaign)
        })
    };
    assert!(put(2).unwrap_err().message.contains("ids"));
    put(1).unwrap();
    assert!(put(1).unwrap_err().message.contains("ids"));
}

#[test]
fn of_very_many_leases_that_run_out_at_once_the_oldest_come_back_first() {
    let pair = Pair::new();
    put_many(
        &pair,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
         INSERT INTO dial_row (place, customer, phone, priority) SELECT 100000000000 + i, i, '1', i FROM n;
         INSERT INTO dial_lease SELECT place, 1, 1 + customer / 1000 FROM dial_row;",
    );
    for (call, (first, out)) in [(10_000, 15_000), (20_000, 5_000), (25_000, 0)].into_iter().enumerate() {
        assert_eq!(next_ids(&pair, 1), [first], "call {call}");
        assert_eq!(count(&pair, "dial_lease WHERE lease_end < 1000"), out, "call {call}");
    }
}
