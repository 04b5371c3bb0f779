//! The filters of the listing functions: `{"where": {…}, "after": 0, "limit": 100}`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fault::{Fault, Key};
use crate::json::{self, present};

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
struct PageText {
    #[serde(default, rename = "where")]
    conditions: Map<String, Value>,
    #[serde(default)]
    after: u64,
    #[serde(default, deserialize_with = "present")]
    limit: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    scope: Option<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobsText {
    campaign: Option<Value>,
    state: Option<Value>,
    #[serde(default)]
    after: u64,
    #[serde(default, deserialize_with = "present")]
    limit: Option<i64>,
}

impl Filter {
    /// Reads the filter of customers; empty: the first page of all.
    pub fn of_customers(text: &str) -> Result<Self, Fault> {
        let read: PageText = json::object_or_empty("filter", text)?;
        Self::of_page(read)
    }

    /// Reads the filter of dial list entries.
    pub fn of_entries(text: &str) -> Result<Self, Fault> {
        let read: PageText = json::object_or_empty("filter", text)?;
        match read.scope {
            None => Self::of_page(read),
            Some(_) => Err(bad("scope is a key of cji_customer_list alone")),
        }
    }

    fn of_page(read: PageText) -> Result<Self, Fault> {
        let (limit, scope) = (limit(read.limit)?, read.scope.unwrap_or_default());
        Ok(Self { conditions: read.conditions, after: i64::try_from(read.after).unwrap_or(i64::MAX), limit, scope })
    }

    /// Reads the filter of jobs.
    pub fn of_jobs(text: &str) -> Result<Self, Fault> {
        let read: JobsText = json::object_or_empty("filter", text)?;
        let pairs = [("campaign", read.campaign), ("state", read.state)];
        let conditions = pairs.into_iter().filter_map(|(k, v)| v.map(|v| (k.to_owned(), v))).collect();
        Ok(Self {
            conditions,
            after: i64::try_from(read.after).unwrap_or(i64::MAX),
            limit: limit(read.limit)?,
            scope: Scope::Package,
        })
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
