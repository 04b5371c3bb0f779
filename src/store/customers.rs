//! Customers, listed and changed by the host.

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{OptionalExtension, Row, params, params_from_iter};
use serde_json::{Map, Value, json};

use super::filter::{Filter, Scope, bad, cut_page};
use super::tables::{index_name, key_term, table_name};
use super::{Campaign, Store, dial, quoted, storage};
use crate::fault::{Fault, Key, shown};
use crate::field::{FieldType, Fields};
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
    /// A page of a campaign's customers, as the contract's JSON.
    pub fn customers(&self, campaign: &Campaign, filter: &Filter, zone: &Zone) -> Result<Value, Fault> {
        let question = Question::of(campaign, filter, zone)?;
        let sql = question.sql(campaign, filter.limit);
        self.read(|c| {
            let mut select = c.prepare_cached(&sql).map_err(storage)?;
            let rows = select.query_map(params_from_iter(question.values), |row| customer(row, &campaign.fields, zone));
            let mut customers: Vec<Value> = rows.and_then(Iterator::collect).map_err(storage)?;
            let next = cut_page(&mut customers, filter.limit);
            Ok(json!({ "customers": customers, "next": next }))
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
            match t.execute(&sql, params_from_iter(values)) {
                Ok(_) => {}
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    let key = campaign.fields.key_names().join(", ");
                    let message = format!("changes: another customer has this unique key ({key}); nothing was changed");
                    return Err(Fault::new(Key::RecordBad, message));
                }
                Err(error) => return Err(storage(error)),
            }
            let empty: Vec<String> = campaign
                .fields
                .key()
                .iter()
                .filter_map(|&at| campaign.fields.get(at))
                .map(|f| format!("{} = ''", key_term(f)))
                .collect();
            let sql = format!("SELECT {} FROM {table} WHERE id = ?1", empty.join(" AND "));
            if t.query_row(&sql, [customer], |row| row.get(0)).map_err(storage)? {
                let key = campaign.fields.key_names().join(", ");
                let message = format!("changes: the unique key ({key}) would be empty; nothing was changed");
                return Err(Fault::new(Key::RecordBad, message));
            }
            Ok(())
        })
    }
}

/// A filter as SQL, by the index that it asks for: SQLite, which knows nothing of the numbers, might choose another.
#[derive(Debug)]
struct Question {
    /// The fields asked for, and the phone among them that has an index of its own.
    fields: Vec<usize>,
    phone: Option<usize>,
    terms: Vec<String>,
    values: Vec<Sql>,
}

impl Question {
    fn of(campaign: &Campaign, filter: &Filter, zone: &Zone) -> Result<Self, Fault> {
        let mut question = Self { fields: Vec::new(), phone: None, terms: Vec::new(), values: Vec::new() };
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
        let in_key = fields.key().contains(&at);
        let column = if in_key { key_term(field) } else { quoted(&field.name) };
        if fields.key().first() != Some(&at) && !value.is_empty() && index_name(campaign.table, fields, at).is_some() {
            // As the index has it, which leaves the empty ones out.
            self.terms.push(format!("{column} <> ''"));
            self.phone = Some(at);
        }
        let value = match (field.kind, value.parse()) {
            (FieldType::Integer, Ok(number)) => Sql::Integer(number),
            (FieldType::Integer, Err(_)) if !in_key => Sql::Null,
            _ => Sql::Text(value.into_owned()),
        };
        self.add(&format!("{column} IS"), value);
        self.fields.push(at);
        Ok(())
    }

    /// The index for the fields asked for: of the whole key, of a phone, of the key's first field.
    fn index(&self, campaign: &Campaign) -> Option<String> {
        let key = campaign.fields.key();
        let whole = key.iter().all(|at| self.fields.contains(at));
        let first = key.first().copied().filter(|at| self.fields.contains(at));
        let by = if whole { first } else { self.phone.or(first) };
        by.and_then(|at| index_name(campaign.table, &campaign.fields, at))
    }

    fn sql(&self, campaign: &Campaign, limit: u32) -> String {
        let fields: Vec<String> = campaign.fields.all().iter().map(|f| quoted(&f.name)).collect();
        format!(
            "SELECT id, package, status, agent, created_at, updated_at, {} FROM {} {} WHERE {} ORDER BY id LIMIT {}",
            fields.join(", "),
            table_name(campaign.table),
            self.index(campaign).map_or_else(String::new, |index| format!("INDEXED BY {}", quoted(&index))),
            self.terms.join(" AND "),
            limit + 1
        )
    }
}

fn customer(row: &Row<'_>, fields: &Fields, zone: &Zone) -> rusqlite::Result<Value> {
    let mut values = Map::new();
    for (at, field) in fields.all().iter().enumerate() {
        let value = match row.get_ref(at + 6)? {
            ValueRef::Integer(number) => Value::from(number),
            ValueRef::Text(text) => Value::from(String::from_utf8_lossy(text)),
            _ => Value::Null,
        };
        values.insert(field.name.clone(), value);
    }
    Ok(json!({
        "id": row.get::<_, i64>(0)?,
        "package": row.get::<_, Option<i64>>(1)?,
        "status": row.get::<_, String>(2)?,
        "agent": row.get::<_, Option<String>>(3)?,
        "fields": values,
        "created_at": zone.show(row.get(4)?),
        "updated_at": zone.show(row.get(5)?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::store::Durability;

    /// How SQLite answers this filter in a campaign of these fields.
    fn plan(definition: &str, filter: &str) -> String {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        store.team_add("team", "").unwrap();
        let definition = catalog::campaign(definition).unwrap();
        let campaign = store.campaign(store.campaign_add("team", &definition).unwrap()).unwrap().unwrap();
        let filter = Filter::of_customers(&format!(r#"{{"where":{filter}}}"#)).unwrap();
        let question = Question::of(&campaign, &filter, &Zone::named("UTC").unwrap()).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", question.sql(&campaign, filter.limit));
        let steps = |c: &rusqlite::Connection| {
            let mut select = c.prepare(&sql).map_err(storage)?;
            let rows = select.query_map(params_from_iter(&question.values), |row| row.get::<_, String>(3));
            rows.and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>).map_err(storage)
        };
        store.read(steps).unwrap().join("; ")
    }

    #[test]
    fn the_key_and_phones_are_found_by_their_indexes() {
        const DEFAULT: &str = r#"{"name":"A"}"#;
        const MAIN: &str = r#"{"name":"A","main_table":true}"#;
        const NUMBER: &str = r#"{"name":"A","fields":[{"name":"number","type":"integer"}],"unique_key":["number"]}"#;
        const TWO: &str =
            r#"{"name":"A","fields":[{"name":"city"},{"name":"Tel","type":"phone"}],"unique_key":["city","tel"]}"#;
        for (definition, filter, index) in [
            (DEFAULT, r#"{"phone1":"138"}"#, "customers_1_key (phone1=?"),
            (DEFAULT, r#"{"phone2":"138"}"#, "customers_1_by_phone2 (phone2=?"),
            (DEFAULT, r#"{"phone2":138,"phone1":"139"}"#, "customers_1_key (phone1=?"),
            (DEFAULT, r#"{"status":"open","phone2":"138","name":"Joe"}"#, "customers_1_by_phone2 (phone2=?"),
            (MAIN, r#"{"phone1":"138"}"#, "customers_1_key (phone1=?"),
            (MAIN, r#"{"phone2":"138"}"#, "customers_1_by_phone2 (phone2=?"),
            (MAIN, "{}", "customers_1_package (package=?"),
            (NUMBER, r#"{"number":7}"#, "customers_1_key (<expr>=?"),
            (TWO, r#"{"city":"Bonn","TEL":"138"}"#, "customers_1_key (city=? AND Tel=?"),
            (TWO, r#"{"tel":"138"}"#, "customers_1_by_Tel (Tel=?"),
            (TWO, r#"{"city":"Bonn"}"#, "customers_1_key (city=?"),
        ] {
            let plan = plan(definition, filter);
            assert!(plan.contains(&format!("USING INDEX {index}")), "{filter}: {plan}");
        }
    }

    #[test]
    fn what_has_no_index_is_read_in_the_order_of_ids() {
        for filter in ["{}", r#"{"name":"Joe"}"#, r#"{"phone2":""}"#, r#"{"agent":null}"#] {
            let plan = plan(r#"{"name":"A"}"#, filter);
            assert_eq!(plan, "SEARCH customers_1 USING INTEGER PRIMARY KEY (rowid>?)", "{filter}");
        }
    }
}
