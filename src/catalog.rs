//! Definitions of campaigns and main tables, as hosts write them.

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::fault::{Fault, Key, shown};
use crate::field::{Field, FieldType, Fields, default_fields, fold};
use crate::json::{self, present};

/// A campaign that is to be added, checked.
#[derive(Debug)]
pub struct CampaignDefinition {
    /// What people call it.
    pub name: String,
    /// The wanted id.
    pub id: Option<i64>,
    /// Which customers it works.
    pub customers: Customers,
}

/// Which customers a new campaign works.
#[derive(Debug)]
pub enum Customers {
    /// A new package with a table of its own.
    Own(Fields),
    /// A new package of the team's main table.
    Main,
    /// An existing package; `main_table`: what the definition says of its kind, if anything.
    Join {
        /// Its id.
        package: i64,
        /// What the definition says.
        main_table: Option<bool>,
    },
}

/// The largest id of a campaign: every language's numbers hold it exactly.
pub const MOST_ID: i64 = (1 << 53) - 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CampaignText {
    name: String,
    #[serde(default, deserialize_with = "id")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    main_table: Option<bool>,
    #[serde(default, deserialize_with = "id")]
    package: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    fields: Option<Vec<FieldText>>,
    #[serde(default, deserialize_with = "present")]
    unique_key: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableText {
    #[serde(default, deserialize_with = "present")]
    fields: Option<Vec<FieldText>>,
    #[serde(default, deserialize_with = "present")]
    unique_key: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldText {
    name: String,
    #[serde(default, deserialize_with = "present")]
    display: Option<String>,
    #[serde(rename = "type", default)]
    kind: FieldType,
    #[serde(default)]
    required: bool,
}

/// Reads the definition of a campaign.
pub fn campaign(text: &str) -> Result<CampaignDefinition, Fault> {
    let read: CampaignText = json::object("definition", text)?;
    if read.name.trim().is_empty() {
        return Err(bad("name is empty"));
    }
    let shared = read.main_table == Some(true) || read.package.is_some();
    if shared && (read.fields.is_some() || read.unique_key.is_some()) {
        return Err(bad("fields and unique_key do not go with main_table or package, whose fields they have already"));
    }
    let customers = match (read.package, read.main_table) {
        (Some(package), main_table) => Customers::Join { package, main_table },
        (None, Some(true)) => Customers::Main,
        (None, _) => Customers::Own(TableDefinition::of(read.fields, read.unique_key)?.fields(None)?),
    };
    Ok(CampaignDefinition { name: read.name, id: read.id, customers })
}

/// Reads the definition of a main table.
pub fn main_table(text: &str) -> Result<TableDefinition, Fault> {
    let read: TableText = json::object_or_empty("definition", text)?;
    TableDefinition::of(read.fields, read.unique_key)
}

/// The definition of a table, which may leave things out.
#[derive(Clone, Debug, Default)]
pub struct TableDefinition {
    fields: Option<Vec<Field>>,
    key: Option<Vec<String>>,
}

impl TableDefinition {
    fn of(fields: Option<Vec<FieldText>>, key: Option<Vec<String>>) -> Result<Self, Fault> {
        if key.as_ref().is_some_and(Vec::is_empty) {
            return Err(bad("unique_key is empty: name one or more fields"));
        }
        Ok(Self { fields: fields.map(|fields| fields.into_iter().map(field).collect()), key })
    }

    /// The fields of the table, checked. What is left out is as it was `before`, or else the default.
    pub fn fields(&self, before: Option<&Fields>) -> Result<Fields, Fault> {
        let fields = match (&self.fields, before) {
            (Some(fields), _) => fields.clone(),
            (None, Some(before)) => before.all().to_vec(),
            (None, None) => default_fields(),
        };
        let is_there = |name: &&str| fields.iter().any(|field| fold(&field.name) == fold(name));
        let old = before.map(Fields::key_names).filter(|key| key.iter().all(is_there)).unwrap_or_default();
        let old: Vec<String> = old.into_iter().map(str::to_owned).collect();
        Fields::new(fields, self.key.as_ref().unwrap_or(&old)).map_err(bad)
    }
}

fn field(text: FieldText) -> Field {
    let display = text.display.filter(|d| !d.trim().is_empty());
    Field {
        display: display.unwrap_or_else(|| text.name.clone()),
        name: text.name,
        kind: text.kind,
        required: text.required,
    }
}

/// A decimal id, as a number or as text.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a decimal id is needed, as a number or a text")]
    enum Id {
        Number(i64),
        Text(String),
    }
    let (id, text) = match Id::deserialize(deserializer)? {
        Id::Number(number) => (Some(number), number.to_string()),
        Id::Text(text) => (decimal(&text), text),
    };
    match id.filter(|id| (1..=MOST_ID).contains(id)) {
        Some(id) => Ok(Some(id)),
        None => Err(de::Error::custom(format!("{} is not a decimal id from 1 to {MOST_ID}", shown(&text)))),
    }
}

/// A decimal id of a campaign, customer, entry or job.
pub fn decimal(text: &str) -> Option<i64> {
    let text = text.trim();
    Some(text).filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok())
}

fn bad(what: impl AsRef<str>) -> Fault {
    Fault::new(Key::ParameterBad, format!("definition: {}", what.as_ref()))
}
