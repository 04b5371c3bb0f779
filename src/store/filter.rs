//! The filters of the listing functions: `{"where": {…}, "after": 0, "limit": 100}`.

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::{Map, Value};

use crate::catalog::decimal;
use crate::fault::{Fault, Key, shown};
use crate::json::{self, members, present};

const DEFAULT_LIMIT: u32 = 100;
const MOST: u32 = 1_000;

/// A page of a list: equality only, by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Names and the values that they must have.
    pub conditions: Map<String, Value>,
    /// Only ids after this one.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
    /// Of a main table: only the campaign's package, or all.
    pub scope: Scope,
}

/// Whose customers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those of the campaign's package.
    #[default]
    Package,
    /// All of the team's main table.
    MainTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomersText {
    #[serde(default, rename = "where", deserialize_with = "members")]
    conditions: Map<String, Value>,
    #[serde(default, deserialize_with = "after")]
    after: i64,
    #[serde(default, deserialize_with = "present")]
    limit: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    scope: Option<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntriesText {
    #[serde(default, rename = "where", deserialize_with = "members")]
    conditions: Map<String, Value>,
    #[serde(default, deserialize_with = "after")]
    after: i64,
    #[serde(default, deserialize_with = "present")]
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobsText {
    campaign: Option<Value>,
    state: Option<Value>,
    #[serde(default, deserialize_with = "after")]
    after: i64,
    #[serde(default, deserialize_with = "present")]
    limit: Option<i64>,
}

impl Filter {
    /// Reads the filter of customers; empty: the first page of all.
    pub fn of_customers(text: &str) -> Result<Self, Fault> {
        let read: CustomersText = json::object_or_empty("filter", text)?;
        let (limit, scope) = (limit(read.limit)?, read.scope.unwrap_or_default());
        Ok(Self { conditions: read.conditions, after: read.after, limit, scope })
    }

    /// Reads the filter of dial list entries.
    pub fn of_entries(text: &str) -> Result<Self, Fault> {
        let read: EntriesText = json::object_or_empty("filter", text)?;
        Ok(Self { conditions: read.conditions, after: read.after, limit: limit(read.limit)?, scope: Scope::Package })
    }

    /// Reads the filter of jobs.
    pub fn of_jobs(text: &str) -> Result<Self, Fault> {
        let read: JobsText = json::object_or_empty("filter", text)?;
        let pairs = [("campaign", read.campaign), ("state", read.state)];
        let conditions = pairs.into_iter().filter_map(|(k, v)| v.map(|v| (k.to_owned(), v))).collect();
        Ok(Self { conditions, after: read.after, limit: limit(read.limit)?, scope: Scope::Package })
    }
}

/// An id, as a number or as text, as ids are everywhere; or 0.
fn after<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an id is needed, as a number or a text")]
    enum After {
        Number(u64),
        Text(String),
    }
    match After::deserialize(deserializer)? {
        After::Number(number) => Ok(i64::try_from(number).unwrap_or(i64::MAX)),
        After::Text(text) => {
            decimal(&text).ok_or_else(|| de::Error::custom(format!("{} is not a decimal id", shown(&text))))
        }
    }
}

fn limit(limit: Option<i64>) -> Result<u32, Fault> {
    match limit {
        None => Ok(DEFAULT_LIMIT),
        // A page is cut at the most, and `next` leads on: nothing is lost.
        Some(limit) if limit > 0 => Ok(u32::try_from(limit).unwrap_or(MOST).min(MOST)),
        Some(limit) => Err(bad(format!("limit {limit} is not 1 or more"))),
    }
}

/// All of these terms as SQL. In groups: of a chain of a thousand SQLite says that it is too deep.
pub fn all_of(terms: &[String]) -> String {
    let groups: Vec<String> = terms.chunks(100).map(|terms| format!("({})", terms.join(" AND "))).collect();
    groups.join(" AND ")
}

/// A filter that can't be used.
pub fn bad(what: impl AsRef<str>) -> Fault {
    Fault::new(Key::ParameterBad, format!("filter: {}", what.as_ref()))
}

/// Cuts the one row more that was read to see whether there is another page; gives the id to go on after, or null.
pub fn cut_page(rows: &mut Vec<Value>, limit: u32) -> Value {
    if rows.len() <= limit as usize {
        return Value::Null;
    }
    rows.truncate(limit as usize);
    rows.last().and_then(|last| last.get("id")).cloned().unwrap_or_default()
}
