//! What imports filled: customers and the dial list, as hosts read and change them.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Engine, id, reply};
use crate::catalog::decimal;
use crate::fault::{Fault, Key, shown};
use crate::field::Fields;
use crate::json::{self, members, present};
use crate::record::Status;
use crate::reply::Reply;
use crate::store::{CustomerChanges, DialOutcome, Filter};
use crate::time::{Moment, Zone, now};
use crate::value;

/// The most entries that one call leases.
const MOST_LEASED: i32 = 10_000;

impl Engine {
    /// `cji_customer_list`.
    pub fn customer_list(&self, campaign_id: &str, filter: &str) -> Reply {
        let shared = &self.shared;
        reply(shared.campaign(campaign_id).and_then(|campaign| {
            let filter = Filter::of_customers(filter)?;
            Ok(Reply::data(shared.store.customers(&campaign, &filter, &shared.options.zone)?))
        }))
    }

    /// `cji_customer_set`.
    pub fn customer_set(&self, campaign_id: &str, customer_id: &str, changes: &str) -> Reply {
        let shared = &self.shared;
        reply(shared.campaign(campaign_id).and_then(|campaign| {
            let customer = id("customer_id", customer_id)?;
            let changes = read_changes(changes, &campaign.fields, campaign.main_table, &shared.options.zone)?;
            shared.store.customer_set(&campaign, customer, &changes, now())?;
            Ok(Reply::done(""))
        }))
    }

    /// `cji_dial_list`.
    pub fn dial_list(&self, campaign_id: &str, filter: &str) -> Reply {
        let shared = &self.shared;
        reply(shared.campaign(campaign_id).and_then(|campaign| {
            let filter = Filter::of_entries(filter)?;
            Ok(Reply::data(shared.store.dial_list(&campaign, &filter, &shared.options.zone, &Moment::now())?))
        }))
    }

    /// `cji_dial_next`.
    pub fn dial_next(&self, campaign_id: &str, limit: i32, lease_seconds: i32) -> Reply {
        let shared = &self.shared;
        reply(shared.campaign(campaign_id).and_then(|campaign| {
            let wrong = |what: String| Err(Fault::new(Key::ParameterBad, what));
            if !(1..=MOST_LEASED).contains(&limit) {
                return wrong(format!("limit {limit} is not within 1 and {MOST_LEASED}"));
            }
            if lease_seconds < 1 {
                return wrong(format!("lease_seconds {lease_seconds} is not 1 or more"));
            }
            let limit = usize::try_from(limit).unwrap_or(0);
            let lease_ms = i64::from(lease_seconds) * 1_000;
            Ok(Reply::data(shared.store.dial_next(campaign.id, limit, lease_ms, &shared.options.zone, Moment::now)?))
        }))
    }

    /// `cji_dial_done`.
    pub fn dial_done(&self, campaign_id: &str, entry_id: &str, outcome: &str) -> Reply {
        let shared = &self.shared;
        reply(shared.campaign(campaign_id).and_then(|campaign| {
            let entry = id("entry_id", entry_id)?;
            let outcome = read_outcome(outcome, &shared.options.zone)?;
            shared.store.dial_done(&campaign, entry, &outcome, &Moment::now())?;
            Ok(Reply::done(""))
        }))
    }

    /// `cji_query`.
    pub fn query(&self, sql: &str, arguments: &str) -> Reply {
        reply(self.shared.store.query(sql, arguments).map(Reply::data))
    }
}

fn bad(what: impl AsRef<str>) -> Fault {
    Fault::new(Key::ParameterBad, format!("changes: {}", what.as_ref()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangesText {
    #[serde(default, deserialize_with = "present")]
    status: Option<String>,
    // Of these `null` is a value too.
    #[serde(default, deserialize_with = "present")]
    agent: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    package: Option<Value>,
    #[serde(default, deserialize_with = "members")]
    fields: Map<String, Value>,
}

fn read_changes(text: &str, fields: &Fields, main_table: bool, zone: &Zone) -> Result<CustomerChanges, Fault> {
    let read: ChangesText = json::object("changes", text)?;
    let status = match read.status {
        Some(text) => Some(Status::named(&text).ok_or_else(|| bad(format!("{} is no status", shown(&text))))?),
        None => None,
    };
    let package = match read.package {
        None => None,
        Some(_) if !main_table => return Err(bad("package: only customers of a main table change theirs")),
        Some(Value::Null) => Some(None),
        Some(value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(Some(decimal(&text).ok_or_else(|| bad(format!("package {} is no id", shown(&text))))?))
        }
    };
    let agent = match read.agent {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text).filter(|text| !text.is_empty())),
        Some(_) => return Err(bad("agent: a text or null is needed")),
    };
    Ok(CustomerChanges { status, agent, package, fields: read_fields(read.fields, fields, zone)? })
}

fn read_fields(values: Map<String, Value>, fields: &Fields, zone: &Zone) -> Result<Vec<(usize, String)>, Fault> {
    let mut read: Vec<(usize, String)> = Vec::with_capacity(values.len());
    for (name, value) in values {
        let at = fields.find(&name).ok_or_else(|| bad(format!("{} is no field of the campaign", shown(&name))))?;
        if read.iter().any(|(other, _)| *other == at) {
            return Err(bad(format!("{} is named twice", shown(&name))));
        }
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            _ => return Err(bad(format!("{} is neither a text, a whole number nor null", shown(&name)))),
        };
        let Some(field) = fields.get(at) else { continue };
        if text.contains('\0') {
            return Err(bad(format!("{} holds a NUL", field.name)));
        }
        let value = value::normalize(field.kind, &text, zone)
            .map_err(|refusal| bad(format!("{} {} {refusal}", field.name, shown(&text))))?;
        if value.is_empty() && field.required {
            return Err(bad(format!("the required field {} can't be empty", field.name)));
        }
        read.push((at, value.into_owned()));
    }
    Ok(read)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeText {
    outcome: String,
    dial_time: Option<String>,
    priority: Option<i64>,
}

fn read_outcome(text: &str, zone: &Zone) -> Result<DialOutcome, Fault> {
    let bad = |what: String| Fault::new(Key::ParameterBad, format!("outcome: {what}"));
    let read: OutcomeText = json::object("outcome", text)?;
    match read.outcome.as_str() {
        "done" if read.dial_time.is_none() && read.priority.is_none() => Ok(DialOutcome::Done),
        "done" => Err(bad("dial_time and priority go with retry alone".to_owned())),
        "retry" => {
            let text = read.dial_time.unwrap_or_default();
            let dial_time = value::dial_time(&text, zone);
            let dial_time = dial_time.map_err(|refusal| bad(format!("dial_time {} {refusal}", shown(&text))))?;
            let priority = read.priority.map(i32::try_from).transpose();
            let priority = priority.map_err(|_| bad("priority is not a whole number of 32 bits".to_owned()))?;
            Ok(DialOutcome::Retry { dial_time, priority })
        }
        other => Err(bad(format!("{} is neither done nor retry", shown(other)))),
    }
}
