//! Customers, listed and changed by the host.

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde_json::{Map, Value, json};

use super::filter::{Filter, Scope, all_of, bad, cut_page};
use super::index::{self, Index, Kind};
use super::tables::table_name;
use super::{Campaign, Store, dial, quoted, storage};
use crate::fault::{Fault, Key, shown};
use crate::field::{FieldType, Fields};
use crate::fingerprint::Fingerprints;
use crate::memory;
use crate::record::Status;
use crate::time::{Moment, Seconds, Zone};
use crate::value;

/// What a host changes of a customer; checked but for what only the store knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomerChanges {
    /// The new status.
    pub status: Option<Status>,
    /// The new agent; `Some(None)`: none.
    pub agent: Option<Option<String>>,
    /// The new package; `Some(None)`: out of every one.
    pub package: Option<Option<i64>>,
    /// Fields by position, with their new values, normalized.
    pub fields: Vec<(usize, String)>,
}

impl Store {
    /// A page of a campaign's customers, as the JSON of `cji_customer_list`.
    pub fn customers(&self, campaign: &Campaign, filter: &Filter, zone: &Zone) -> Result<Value, Fault> {
        let mut question = Question::of(campaign, filter, zone)?;
        self.read(|c| {
            question.narrow(c, index::of(c, campaign)?, &self.fingerprints)?;
            let sql = question.sql(campaign, filter.limit);
            let mut select = c.prepare_cached(&sql).map_err(storage)?;
            let rows = select.query_map(params_from_iter(question.values), |row| customer(row, &campaign.fields, zone));
            let mut customers: Vec<Value> = rows.and_then(Iterator::collect).map_err(storage)?;
            let next = cut_page(&mut customers, filter.limit);
            Ok(Value::from_iter([("customers", Value::Array(customers)), ("next", next)]))
        })
    }

    /// Changes a customer of the campaign's customer table, all or nothing. One that leaves a package leaves the dial lists
    /// of its campaigns, as it does in an import.
    pub fn customer_set(
        &self,
        campaign: &Campaign,
        customer: i64,
        changes: &CustomerChanges,
        now: Seconds,
    ) -> Result<(), Fault> {
        let table = table_name(campaign.table);
        self.write(|t| {
            let sql = format!("SELECT package FROM {table} WHERE id = ?1");
            let found: Option<Option<i64>> =
                t.query_row(&sql, [customer], |row| row.get(0)).optional().map_err(storage)?;
            let Some(package) = found else {
                return Err(Fault::new(Key::RecordBad, format!("customer_id {customer}: there is no such customer")));
            };
            if let Some(left) = package.filter(|_| changes.package.is_some_and(|new| new != package)) {
                dial::leave(t, customer, left, &Moment::now())?;
            }
            if *changes == CustomerChanges::default() {
                return Ok(());
            }
            let mut sets = vec!["updated_at = ?2".to_owned()];
            let mut values = vec![Sql::Integer(customer), Sql::Integer(now)];
            let mut set = |column: &str, value: Sql| {
                values.push(value);
                sets.push(format!("{column} = ?{}", values.len()));
            };
            if let Some(status) = changes.status {
                set("status", Sql::Text(status.name().to_owned()));
            }
            if let Some(agent) = &changes.agent {
                set("agent", agent.clone().map_or(Sql::Null, Sql::Text));
            }
            if let Some(package) = changes.package {
                if let Some(package) = package {
                    let sql = "SELECT 1 FROM package WHERE id = ?1 AND customer_table = ?2";
                    let known = t.query_row(sql, params![package, campaign.table], |_| Ok(())).optional();
                    if known.map_err(storage)?.is_none() {
                        let message = format!("changes: package {package} is no package of the team's main table");
                        return Err(Fault::new(Key::RecordBad, message));
                    }
                }
                set("package", package.map_or(Sql::Null, Sql::Integer));
            }
            for (at, value) in &changes.fields {
                if let Some(field) = campaign.fields.get(*at) {
                    let value = match (field.kind, value.parse()) {
                        (FieldType::Integer, Ok(number)) => Sql::Integer(number),
                        (FieldType::Integer, Err(_)) => Sql::Null,
                        _ => Sql::Text(value.clone()),
                    };
                    set(&quoted(&field.name), value);
                }
            }
            let sql = format!("UPDATE {table} SET {} WHERE id = ?1", sets.join(", "));
            t.execute(&sql, params_from_iter(values)).map_err(storage)?;
            self.keep_indexes(t, campaign, customer, &changes.fields)
        })
    }
}

impl Store {
    /// Takes a changed customer up in the indexes; refuses a unique key that is empty or another's.
    fn keep_indexes(
        &self,
        c: &Connection,
        campaign: &Campaign,
        customer: i64,
        changed: &[(usize, String)],
    ) -> Result<(), Fault> {
        let refused = |what: &str| {
            let key = campaign.fields.key_names().join(", ");
            Err(Fault::new(Key::RecordBad, format!("changes: {what} ({key}); nothing was changed")))
        };
        for index in index::of(c, campaign)? {
            if !index.fields.iter().any(|at| changed.iter().any(|(field, _)| field == at)) {
                continue;
            }
            let values = index::values(c, campaign, &index.fields, customer)?.unwrap_or_default();
            let fingerprint = self.fingerprints.of(values.iter().map(String::as_str));
            let is_empty = values.iter().all(String::is_empty);
            if index.kind == Kind::Unique {
                if is_empty {
                    return refused("the unique key would be empty");
                }
                for (_, other) in index.find(c, &[fingerprint])? {
                    if other != customer && index::values(c, campaign, &index.fields, other)?.as_ref() == Some(&values)
                    {
                        return refused("another customer has this unique key");
                    }
                }
            }
            if !is_empty {
                index.add(c, std::iter::once((fingerprint, customer)))?;
            }
        }
        Ok(())
    }
}

/// A filter as SQL.
#[derive(Debug)]
struct Question {
    /// The fields asked for, and their values as texts.
    fields: Vec<(usize, String)>,
    terms: Vec<String>,
    values: Vec<Sql>,
}

impl Question {
    fn of(campaign: &Campaign, filter: &Filter, zone: &Zone) -> Result<Self, Fault> {
        let mut question = Self { fields: Vec::new(), terms: Vec::new(), values: Vec::new() };
        question.add("id >", Sql::Integer(filter.after));
        if campaign.main_table && filter.scope == Scope::Package {
            question.add("package =", Sql::Integer(campaign.package));
        }
        if !campaign.main_table && filter.scope == Scope::MainTable {
            return Err(bad("scope main_table is for campaigns of the main table"));
        }
        for (name, wanted) in &filter.conditions {
            question.condition(campaign, name, wanted, zone)?;
        }
        Ok(question)
    }

    fn add(&mut self, term: &str, value: Sql) {
        self.values.push(value);
        self.terms.push(format!("{term} ?{}", self.values.len()));
    }

    fn condition(&mut self, campaign: &Campaign, name: &str, wanted: &Value, zone: &Zone) -> Result<(), Fault> {
        let text = match wanted {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null => None,
            _ => return Err(bad(format!("{} is compared with a text, a number or null", shown(name)))),
        };
        match (name, text) {
            ("status", Some(text)) => {
                let status = Status::named(&text).ok_or_else(|| bad(format!("{} is no status", shown(&text))))?;
                self.add("status =", Sql::Text(status.name().to_owned()));
                Ok(())
            }
            ("agent", text) => {
                self.add("agent IS", text.filter(|t| !t.is_empty()).map_or(Sql::Null, Sql::Text));
                Ok(())
            }
            (name, text) => self.field(campaign, name, &text.unwrap_or_default(), zone),
        }
    }

    fn field(&mut self, campaign: &Campaign, name: &str, wanted: &str, zone: &Zone) -> Result<(), Fault> {
        let fields = &campaign.fields;
        let named = fields.named(name).and_then(|at| fields.get(at).map(|field| (at, field)));
        let (at, field) = named.ok_or_else(|| bad(format!("{} is no field, status or agent", shown(name))))?;
        let value = value::normalize(field.kind, wanted, zone)
            .map_err(|refusal| bad(format!("{} {} {refusal}", field.name, shown(wanted))))?;
        let sql = match (field.kind, value.parse()) {
            (FieldType::Integer, Ok(number)) => Sql::Integer(number),
            (FieldType::Integer, Err(_)) => Sql::Null,
            _ => Sql::Text(value.to_string()),
        };
        self.add(&format!("{} IS", quoted(&field.name)), sql);
        self.fields.push((at, value.into_owned()));
        Ok(())
    }

    /// Narrows the question to those whom an index knows: by the unique key, or else by a phone.
    fn narrow(&mut self, c: &Connection, indexes: &[Index], fingerprints: &Fingerprints) -> Result<(), Fault> {
        let value = |at: usize| self.fields.iter().find(|(field, _)| *field == at).map(|(_, value)| value.as_str());
        for index in indexes {
            let Some(values) = index.fields.iter().map(|&at| value(at)).collect::<Option<Vec<_>>>() else { continue };
            // No index has those without a value.
            if values.iter().all(|value| value.is_empty()) {
                continue;
            }
            let found = index.find(c, &[fingerprints.of(values)])?;
            let ids: Vec<i64> = found.into_iter().map(|(_, customer)| customer).collect();
            self.values.push(Sql::Text(Value::from(ids).to_string()));
            self.terms.push(format!("id IN (SELECT value FROM json_each(?{}))", self.values.len()));
            return Ok(());
        }
        Ok(())
    }

    fn sql(&self, campaign: &Campaign, limit: u32) -> String {
        let fields: Vec<String> = campaign.fields.all().iter().map(|f| quoted(&f.name)).collect();
        format!(
            "SELECT id, package, status, agent, created_at, updated_at, {} FROM {} WHERE {} ORDER BY id LIMIT {}",
            fields.join(", "),
            table_name(campaign.table),
            all_of(&self.terms),
            limit + 1
        )
    }
}

fn customer(row: &Row<'_>, fields: &Fields, zone: &Zone) -> rusqlite::Result<Value> {
    let mut values = Map::new();
    for (at, field) in fields.all().iter().enumerate() {
        let value = match row.get_ref(at + 6)? {
            ValueRef::Integer(number) => Value::from(number),
            ValueRef::Text(text) => match memory::copy(&String::from_utf8_lossy(text)) {
                Some(text) => Value::String(text),
                None => return Err(no_memory()),
            },
            _ => Value::Null,
        };
        values.insert(field.name.clone(), value);
    }
    let mut customer = json!({
        "id": row.get::<_, i64>(0)?,
        "package": row.get::<_, Option<i64>>(1)?,
        "status": row.get::<_, String>(2)?,
        "agent": row.get::<_, Option<String>>(3)?,
        "fields": null,
        "created_at": zone.show(row.get(4)?),
        "updated_at": zone.show(row.get(5)?),
    });
    // Moved, since the macro would copy them.
    if let Some(fields) = customer.get_mut("fields") {
        *fields = Value::Object(values);
    }
    Ok(customer)
}

/// As SQLite says it.
fn no_memory() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOMEM), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::store::Durability;

    /// Whether an index narrows this filter, in a campaign of these fields, and how SQLite answers it then.
    fn plan(definition: &str, filter: &str) -> (bool, String) {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        store.team_add("team", "").unwrap();
        let definition = catalog::campaign(definition).unwrap();
        let campaign = store.campaign(store.campaign_add("team", &definition).unwrap()).unwrap().unwrap();
        let filter = Filter::of_customers(&format!(r#"{{"where":{filter}}}"#)).unwrap();
        let mut question = Question::of(&campaign, &filter, &Zone::named("UTC").unwrap()).unwrap();
        let steps = |c: &Connection| {
            let terms = question.terms.len();
            question.narrow(c, index::of(c, &campaign)?, store.fingerprints())?;
            let sql = format!("EXPLAIN QUERY PLAN {}", question.sql(&campaign, filter.limit));
            let mut select = c.prepare(&sql).map_err(storage)?;
            let rows = select.query_map(params_from_iter(&question.values), |row| row.get::<_, String>(3));
            let rows = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>).map_err(storage)?;
            Ok((question.terms.len() > terms, rows.join("; ")))
        };
        store.read(steps).unwrap()
    }

    #[test]
    fn the_key_and_phones_are_found_by_their_indexes() {
        const DEFAULT: &str = r#"{"name":"A"}"#;
        const MAIN: &str = r#"{"name":"A","main_table":true}"#;
        const NUMBER: &str = r#"{"name":"A","fields":[{"name":"number","type":"integer"}],"unique_key":["number"]}"#;
        const TWO: &str =
            r#"{"name":"A","fields":[{"name":"city"},{"name":"Tel","type":"phone"}],"unique_key":["city","tel"]}"#;
        for (definition, filter) in [
            (DEFAULT, r#"{"phone1":"138"}"#),
            (DEFAULT, r#"{"phone2":"138"}"#),
            (DEFAULT, r#"{"phone2":138,"phone1":"139"}"#),
            (DEFAULT, r#"{"status":"open","phone2":"138","name":"Joe"}"#),
            (MAIN, r#"{"phone1":"138"}"#),
            (MAIN, r#"{"phone2":"138"}"#),
            (NUMBER, r#"{"number":7}"#),
            (TWO, r#"{"city":"Bonn","TEL":"138"}"#),
            (TWO, r#"{"city":"Bonn","tel":""}"#),
            (TWO, r#"{"tel":"138"}"#),
        ] {
            let (is_narrowed, plan) = plan(definition, filter);
            assert!(is_narrowed && plan.contains("rowid=?)"), "{filter}: {plan}");
        }
    }

    #[test]
    fn what_has_no_index_is_read_in_the_order_of_ids() {
        for filter in ["{}", r#"{"name":"Joe"}"#, r#"{"phone2":""}"#, r#"{"agent":null}"#] {
            let plan = plan(r#"{"name":"A"}"#, filter);
            assert_eq!(plan, (false, "SEARCH customers_1 USING INTEGER PRIMARY KEY (rowid>?)".to_owned()), "{filter}");
        }
        let (_, plan) = plan(r#"{"name":"A","main_table":true}"#, "{}");
        assert!(plan.contains("USING INDEX customers_1_package (package=?"), "{plan}");
    }
}
