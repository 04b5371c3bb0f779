//! The dial list: paged by id here; dialled in its order in `levels`, leased and given back in `lease`.

mod lease;
mod levels;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params_from_iter};
use serde_json::{Value, json};

use levels::Run;

use super::bulk::{Bound, Bulk};
use super::filter::{Filter, bad, cut_page};
use super::image::{Image, TooLarge};
use super::{Campaign, Store, lease_clock, storage};
use crate::catalog::decimal;
use crate::fault::{Fault, Key, shown};
use crate::field::fold;
use crate::record::Call;
use crate::time::{Moment, Zone};
use crate::value;

/// What a dialer says of an entry that it leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialOutcome {
    /// Removed.
    Done,
    /// Put back.
    Retry {
        /// Not before, in seconds since 1970; `None`: due at once.
        dial_time: Option<i64>,
        /// `None`: the same priority.
        priority: Option<i32>,
    },
}

/// An entry's place in the table is its list's number times this, and its id, which is less: so each list lies together.
const IDS: i64 = 100_000_000_000;

/// The places of a campaign's list. Its own id 0 nobody has.
fn places(campaign: &Campaign) -> RangeInclusive<i64> {
    let first = campaign.list.saturating_mul(IDS);
    first..=first.saturating_add(IDS - 1)
}

/// The place of the entry of this id on a campaign's list; for an id that no entry can have, one that no entry has.
fn place(campaign: &Campaign, id: i64) -> i64 {
    places(campaign).start().saturating_add(if (0..IDS).contains(&id) { id } else { 0 })
}

/// The entries' table, and its index.
pub(super) const TABLE: &str = "dial_row";
pub(super) const INDEX: &str = "dial_row_customer";

/// What entries have in the column of that name.
fn may_move(campaign: &Campaign) -> Bound<'static> {
    campaign.main_table.then_some(1).into()
}

/// How many entries a campaign's list has.
pub(super) fn count(c: &Connection, campaign: &Campaign) -> Result<i64, Fault> {
    let places = places(campaign);
    let mut count = c.prepare_cached("SELECT count(*) FROM dial_row WHERE place BETWEEN ?1 AND ?2").map_err(storage)?;
    count.query_row([places.start(), places.end()], |row| row.get(0)).map_err(storage)
}

/// An entry as a dialer takes it.
#[derive(Debug)]
pub(super) struct Entry {
    place: i64,
    customer: i64,
    phone: String,
    priority: i64,
    dial_time: Option<i64>,
}

impl Entry {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (customer, phone, priority) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Self { place: row.get(0)?, customer, phone, priority, dial_time: row.get(4)? })
    }

    fn json(&self, state: &str, zone: &Zone) -> Value {
        json!({
            "id": self.place % IDS,
            "customer": self.customer,
            "phone": self.phone,
            "priority": self.priority,
            "dial_time": self.dial_time.map(|at| zone.show(at)),
            "state": state,
        })
    }
}

impl Store {
    /// A page of a campaign's dial list, as the JSON of `cji_dial_list`. An entry whose lease has run out is a waiting one.
    pub fn dial_list(&self, campaign: &Campaign, filter: &Filter, zone: &Zone, at: &Moment) -> Result<Value, Fault> {
        let question = Question::of(filter, campaign.main_table)?;
        let sql = question.sql(filter.limit);
        self.read(|c| {
            let now = lease_clock::shows(c, at)?;
            let places = places(campaign);
            let after = place(campaign, filter.after.clamp(0, IDS - 1));
            let head = [after, *places.end(), now].map(Sql::Integer);
            let mut select = c.prepare_cached(&sql).map_err(storage)?;
            let rows = select.query_map(params_from_iter(head.into_iter().chain(question.values)), |row| {
                let state = if row.get(5)? { "leased" } else { "waiting" };
                Ok(Entry::read(row)?.json(state, zone))
            });
            let mut entries: Vec<Value> = rows.and_then(Iterator::collect).map_err(storage)?;
            let next = cut_page(&mut entries, filter.limit);
            Ok(json!({ "entries": entries, "next": next }))
        })
    }
}

/// Entries on their way onto a campaign's list: customers, numbers and calls, in their order.
#[derive(Debug)]
pub(super) struct NewEntries<'e> {
    first: i64,
    entries: Vec<(i64, &'e str, Call)>,
}

impl<'e> NewEntries<'e> {
    /// Gives the entries their ids, and so their places.
    pub fn reserve(c: &Connection, campaign: &Campaign, entries: Vec<(i64, &'e str, Call)>) -> Result<Self, Fault> {
        if entries.is_empty() {
            return Ok(Self { first: 0, entries });
        }
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        // Not by `RETURNING`, for which SQLite makes a table each time: it trebles what a number costs.
        let mut given = c.prepare_cached("SELECT last_dial_entry FROM store").map_err(storage)?;
        let given: i64 = given.query_row([], |row| row.get(0)).map_err(storage)?;
        let last = given.saturating_add(count);
        // As the table's own check says, which stores of version 1 lack.
        if last >= IDS {
            return Err(Fault::new(Key::Storage, "the store has given all ids that entries of dial lists can have"));
        }
        let mut reserve = c.prepare_cached("UPDATE store SET last_dial_entry = ?1").map_err(storage)?;
        reserve.execute([last]).map_err(storage)?;
        Ok(Self { first: place(campaign, last - count + 1), entries })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Writes them by statements.
    pub fn insert(&self, c: &Connection, campaign: &Campaign) -> Result<(), Fault> {
        let columns = "may_move, place, customer, phone, priority, dial_time";
        let shared = [may_move(campaign)];
        let one = |row: usize| {
            self.row(row).into_iter().flat_map(|(place, values)| std::iter::once(Bound::Integer(place)).chain(values))
        };
        Bulk { table: TABLE, columns, shared: &shared, own: 5 }.insert(c, self.len(), one)
    }

    /// Writes them into a database that is to be lent. `table`, `index`: the statements that made their table and its index.
    pub fn write(
        &self,
        image: &mut Image,
        campaign: &Campaign,
        table: &str,
        index: Option<&str>,
    ) -> Result<(), TooLarge> {
        let last = may_move(campaign);
        let rows = (0..self.len()).filter_map(|row| self.row(row));
        let rows = rows.map(|(place, [a, b, c, d])| (place, [a, b, c, d, last].into_iter()));
        image.table(TABLE, table, rows)?;
        let Some(index) = index else { return Ok(()) };
        let mut keys: Vec<(i64, i64)> = Vec::new();
        if campaign.main_table {
            keys.extend((self.first..).zip(&self.entries).map(|(place, &(customer, ..))| (customer, place)));
            keys.sort_unstable();
        }
        let keys = keys.into_iter().map(|(customer, place)| [customer, place].map(Bound::Integer).into_iter());
        image.index(INDEX, TABLE, index, keys)
    }

    fn row(&self, row: usize) -> Option<(i64, [Bound<'e>; 4])> {
        let &(customer, phone, call) = self.entries.get(row)?;
        let place = self.first.checked_add(i64::try_from(row).ok()?)?;
        let values =
            [Bound::Integer(customer), Bound::Text(phone), Bound::Integer(call.priority.into()), call.dial_time.into()];
        Some((place, values))
    }

    /// Lets them wait for a dialler.
    pub fn wait(&self, c: &Connection, campaign: &Campaign) -> Result<(), Fault> {
        let mut runs: Vec<Run> = Vec::new();
        for (place, &(_, _, call)) in (self.first..).zip(&self.entries) {
            let run = Run::of(place, call.priority.into(), call.dial_time);
            if !runs.last_mut().is_some_and(|last| last.takes(run)) {
                runs.push(run);
            }
        }
        levels::append(c, campaign.id, *places(campaign).end(), runs)
    }
}

/// Removes a customer's waiting entries from the lists of the campaigns that work this package.
pub(super) fn leave(c: &Connection, customer: i64, package: i64, at: &Moment) -> Result<(), Fault> {
    let now = lease_clock::shows(c, at)?;
    // SQLite by itself would read the whole list, by its row ids.
    let sql = "DELETE FROM dial_row WHERE place IN (
                   SELECT e.place FROM campaign c CROSS JOIN dial_row e INDEXED BY dial_row_customer
                   WHERE c.package = ?2 AND e.may_move AND e.customer = ?1
                   AND e.place BETWEEN c.list * ?4 AND c.list * ?4 + ?4 - 1
                   AND NOT EXISTS (SELECT 1 FROM dial_lease l WHERE l.place = e.place AND l.lease_end > ?3))
               RETURNING place";
    let mut delete = c.prepare_cached(sql).map_err(storage)?;
    let gone = delete.query_map([customer, package, now, IDS], |row| row.get(0));
    let gone: Vec<i64> = gone.and_then(Iterator::collect).map_err(storage)?;
    // Those in dial_waiting are passed over there.
    gone.into_iter().try_for_each(|place| lease::forget(c, place))
}

/// A filter as SQL: ?1 is the place to go on after, ?2 the list's last one, ?3 the time of the lease clock; then come
/// `values`.
#[derive(Debug)]
struct Question {
    from: &'static str,
    terms: Vec<String>,
    values: Vec<Sql>,
}

/// All entries, with their leases if they have one.
const ALL: &str = "dial_row e LEFT JOIN dial_lease l ON l.place = e.place";
/// Where customers may move from package to package, their entries have an index.
const OF_A_CUSTOMER: &str = "dial_row e INDEXED BY dial_row_customer LEFT JOIN dial_lease l ON l.place = e.place";
/// They are few beside the waiting ones.
const LEASED: &str = "dial_lease l CROSS JOIN dial_row e ON l.place = e.place";

impl Question {
    fn of(filter: &Filter, main_table: bool) -> Result<Self, Fault> {
        let mut question = Self { from: ALL, terms: Vec::new(), values: Vec::new() };
        for (name, wanted) in &filter.conditions {
            let text = match wanted {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Err(bad(format!("{} is compared with a text or a number", shown(name)))),
            };
            question.add(name, &text)?;
            if name == "customer" && main_table {
                question.terms.push("e.may_move".to_owned());
                question.from = OF_A_CUSTOMER;
            }
        }
        question.terms.push(format!("{0} > ?1 AND {0} <= ?2", question.key()));
        Ok(question)
    }

    fn add(&mut self, name: &str, wanted: &str) -> Result<(), Fault> {
        match name {
            "phone" => {
                let phone = value::phone(wanted).map_err(|r| bad(format!("phone {} {r}", shown(wanted))))?;
                self.equal("e.phone", Sql::Text(phone.into_owned()));
            }
            "customer" => {
                let id = decimal(wanted).ok_or_else(|| bad(format!("customer {} is no id", shown(wanted))))?;
                self.equal("e.customer", Sql::Integer(id));
            }
            "state" => match fold(wanted).as_str() {
                "waiting" => self.terms.push("ifnull(l.lease_end, 0) <= ?3".to_owned()),
                "leased" => {
                    self.terms.push("l.lease_end > ?3".to_owned());
                    if self.from == ALL {
                        self.from = LEASED;
                    }
                }
                _ => return Err(bad(format!("state {} is neither waiting nor leased", shown(wanted)))),
            },
            _ => return Err(bad(format!("{} is not phone, state or customer", shown(name)))),
        }
        Ok(())
    }

    fn equal(&mut self, column: &str, value: Sql) {
        self.values.push(value);
        self.terms.push(format!("{column} = ?{}", self.values.len() + 3));
    }

    /// The place, by which the entries are read.
    fn key(&self) -> &'static str {
        if self.from == LEASED { "l.place" } else { "e.place" }
    }

    fn sql(&self, limit: u32) -> String {
        format!(
            "SELECT e.place, e.customer, e.phone, e.priority, e.dial_time, ifnull(l.lease_end, 0) > ?3 FROM {}
             WHERE {} ORDER BY {} LIMIT {}",
            self.from,
            self.terms.join(" AND "),
            self.key(),
            limit + 1
        )
    }
}
