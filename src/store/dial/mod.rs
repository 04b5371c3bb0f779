//! The dial list: paged by id here; dialled in its order in `levels`, leased and given back in `lease`.

mod lease;
mod levels;
#[cfg(test)]
mod tests;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params, params_from_iter};
use serde_json::{Value, json};

use levels::Run;

use super::bulk::{Bound, Bulk};
use super::filter::{Filter, bad, cut_page};
use super::image::{Image, TooLarge};
use super::{Campaign, Store, lease_clock, storage};
use crate::catalog::decimal;
use crate::fault::{Fault, shown};
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

/// An entry as a dialer takes it.
#[derive(Debug)]
pub(super) struct Entry {
    id: i64,
    customer: i64,
    phone: String,
    priority: i64,
    dial_time: Option<i64>,
}

impl Entry {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (customer, phone, priority) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Self { id: row.get(0)?, customer, phone, priority, dial_time: row.get(4)? })
    }

    fn json(&self, state: &str, zone: &Zone) -> Value {
        json!({
            "id": self.id,
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
            let head = [campaign.id, filter.after, now].map(Sql::Integer);
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
    /// Gives the entries their ids.
    pub fn reserve(c: &Connection, entries: Vec<(i64, &'e str, Call)>) -> Result<Self, Fault> {
        if entries.is_empty() {
            return Ok(Self { first: 0, entries });
        }
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let sql = "UPDATE store SET last_dial_entry = last_dial_entry + ?1 RETURNING last_dial_entry";
        let mut reserve = c.prepare_cached(sql).map_err(storage)?;
        let last: i64 = reserve.query_row([count], |row| row.get(0)).map_err(storage)?;
        Ok(Self { first: last - count + 1, entries })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Writes them by statements.
    pub fn insert(&self, c: &Connection, campaign: &Campaign) -> Result<(), Fault> {
        let columns = ["campaign", "may_move", "id", "customer", "phone", "priority", "dial_time"].map(str::to_owned);
        let shared = [Bound::Integer(campaign.id), campaign.main_table.then_some(1).into()];
        let one = |row: usize| {
            self.row(row).into_iter().flat_map(|(id, values)| std::iter::once(Bound::Integer(id)).chain(values))
        };
        Bulk { table: "dial_entry", columns: &columns, shared: &shared }.insert(c, self.len(), one)
    }

    /// Writes them into a database that is to be lent.
    pub fn write(&self, image: &mut Image) -> Result<(), TooLarge> {
        let sql = "CREATE TABLE entry (id INTEGER PRIMARY KEY, customer, phone, priority, dial_time)";
        let rows = (0..self.len()).filter_map(|row| self.row(row)).map(|(id, values)| (id, values.into_iter()));
        image.table("entry", sql, rows)
    }

    /// Copies them from there.
    pub fn copy(c: &Connection, campaign: &Campaign) -> Result<(), Fault> {
        let sql = "INSERT INTO dial_entry (campaign, may_move, id, customer, phone, priority, dial_time)
                   SELECT ?1, ?2, id, customer, phone, priority, dial_time FROM lent.entry";
        let mut insert = c.prepare_cached(sql).map_err(storage)?;
        insert.execute(params![campaign.id, campaign.main_table.then_some(1)]).map(drop).map_err(storage)
    }

    fn row(&self, row: usize) -> Option<(i64, [Bound<'e>; 4])> {
        let &(customer, phone, call) = self.entries.get(row)?;
        let id = self.first + row.cast_signed() as i64;
        let values =
            [Bound::Integer(customer), Bound::Text(phone), Bound::Integer(call.priority.into()), call.dial_time.into()];
        Some((id, values))
    }

    /// Lets them wait for a dialler.
    pub fn wait(&self, c: &Connection, campaign: &Campaign) -> Result<(), Fault> {
        let mut runs: Vec<Run> = Vec::new();
        for (id, &(_, _, call)) in (self.first..).zip(&self.entries) {
            let run = Run::of(id, call.priority.into(), call.dial_time);
            if !runs.last_mut().is_some_and(|last| last.takes(run)) {
                runs.push(run);
            }
        }
        levels::put(c, campaign.id, runs)
    }
}

/// Removes a customer's waiting entries from the lists of the campaigns that work this package.
pub(super) fn leave(c: &Connection, customer: i64, package: i64, at: &Moment) -> Result<(), Fault> {
    let now = lease_clock::shows(c, at)?;
    // SQLite by itself would read the whole list, by its primary key.
    let sql = "DELETE FROM dial_entry INDEXED BY dial_entry_customer WHERE may_move AND customer = ?1
               AND campaign IN (SELECT id FROM campaign WHERE package = ?2)
               AND NOT EXISTS (SELECT 1 FROM dial_lease l WHERE l.campaign = dial_entry.campaign
                               AND l.id = dial_entry.id AND l.lease_end > ?3)
               RETURNING campaign, id";
    let mut delete = c.prepare_cached(sql).map_err(storage)?;
    let gone = delete.query_map([customer, package, now], |row| Ok((row.get(0)?, row.get(1)?)));
    let gone: Vec<(i64, i64)> = gone.and_then(Iterator::collect).map_err(storage)?;
    // Those in dial_waiting are passed over there.
    gone.into_iter().try_for_each(|(campaign, entry)| lease::forget(c, campaign, entry))
}

/// A filter as SQL: ?1 is the campaign, ?2 the id to go on after, ?3 the time of the lease clock; then come `values`.
#[derive(Debug)]
struct Question {
    from: &'static str,
    terms: Vec<String>,
    values: Vec<Sql>,
}

/// All entries, with their leases if they have one.
const ALL: &str = "dial_entry e LEFT JOIN dial_lease l ON l.campaign = e.campaign AND l.id = e.id";
/// Where customers may move from package to package, their entries have an index.
const OF_A_CUSTOMER: &str = "dial_entry e INDEXED BY dial_entry_customer
                             LEFT JOIN dial_lease l ON l.campaign = e.campaign AND l.id = e.id";
/// They are few beside the waiting ones.
const LEASED: &str = "dial_lease l CROSS JOIN dial_entry e ON l.campaign = e.campaign AND l.id = e.id";

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
        let key =
            if question.from == LEASED { "l.campaign = ?1 AND l.id > ?2" } else { "e.campaign = ?1 AND e.id > ?2" };
        question.terms.push(key.to_owned());
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

    fn sql(&self, limit: u32) -> String {
        let by = if self.from == LEASED { "l.id" } else { "e.id" };
        format!(
            "SELECT e.id, e.customer, e.phone, e.priority, e.dial_time, ifnull(l.lease_end, 0) > ?3 FROM {}
             WHERE {} ORDER BY {by} LIMIT {}",
            self.from,
            self.terms.join(" AND "),
            limit + 1
        )
    }
}
