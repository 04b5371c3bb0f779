//! The fields of a customer table: names, display names, types, the unique key.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use unicase::UniCase;

use crate::fault::shown;

/// The most fields that a customer table may have.
pub const MOST_FIELDS: usize = 1_000;

/// Names that every customer table has already.
pub const RESERVED: [&str; 6] = ["id", "package", "status", "agent", "created_at", "updated_at"];

/// What a field holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Any text.
    #[default]
    Text,
    /// A telephone number, normalized.
    Phone,
    /// A whole number of 64 bits.
    Integer,
    /// `YYYY-MM-DD HH:MM:SS` in the engine's zone.
    Datetime,
}

impl FieldType {
    /// The name in definitions and in the store.
    pub fn name(self) -> &'static str {
        match self {
            FieldType::Text => "text",
            FieldType::Phone => "phone",
            FieldType::Integer => "integer",
            FieldType::Datetime => "datetime",
        }
    }

    /// The type of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Text, Self::Phone, Self::Integer, Self::Datetime].into_iter().find(|t| t.name() == name)
    }
}

/// One field of a customer table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What people call it.
    pub display: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// True: a record without it is refused.
    pub required: bool,
}

/// The fields of one customer table, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    fields: Vec<Field>,
    key: Vec<usize>,
    names: HashMap<String, usize>,
    displays: HashMap<String, usize>,
}

impl Fields {
    /// Checks names, displays and key. An empty `key` means the default: `phone1`, or else the first
    /// phone.
    pub fn new(fields: Vec<Field>, key: &[String]) -> Result<Self, String> {
        if fields.is_empty() {
            return Err("fields: at least one field is needed".to_owned());
        }
        if fields.len() > MOST_FIELDS {
            return Err(format!("fields: {} fields, at most {MOST_FIELDS} are allowed", fields.len()));
        }
        let mut names = HashMap::new();
        let mut displays = HashMap::new();
        for (at, field) in fields.iter().enumerate() {
            check_name(&field.name)?;
            if names.insert(fold(&field.name), at).is_some() {
                return Err(format!("fields: two fields are named {}", shown(&field.name)));
            }
        }
        for (at, field) in fields.iter().enumerate() {
            // "display: any text": of two alike, the first field's is meant.
            displays.entry(fold(&field.display)).or_insert(at);
        }
        let mut table = Self { fields, key: Vec::new(), names, displays };
        table.key = table.key_positions(key)?;
        Ok(table)
    }

    fn key_positions(&self, key: &[String]) -> Result<Vec<usize>, String> {
        if key.is_empty() {
            let phone = self.fields.iter().position(|f| f.kind == FieldType::Phone);
            let default = self.names.get("phone1").copied().filter(|_| phone.is_some());
            return default
                .or(phone)
                .map(|at| vec![at])
                .ok_or_else(|| "unique_key: fields without a phone need one".to_owned());
        }
        let mut positions = Vec::with_capacity(key.len());
        let mut seen = HashSet::new();
        for name in key {
            let at = self
                .names
                .get(&fold(name))
                .copied()
                .ok_or_else(|| format!("unique_key: {} is no field", shown(name)))?;
            if !seen.insert(at) {
                return Err(format!("unique_key: {} is named twice", shown(name)));
            }
            positions.push(at);
        }
        Ok(positions)
    }

    /// The field at this position.
    pub fn get(&self, at: usize) -> Option<&Field> {
        self.fields.get(at)
    }

    /// All fields, in order.
    pub fn all(&self) -> &[Field] {
        &self.fields
    }

    /// The positions of the unique key's fields, in the key's order.
    pub fn key(&self) -> &[usize] {
        &self.key
    }

    /// The names of the unique key's fields.
    pub fn key_names(&self) -> Vec<&str> {
        self.key.iter().filter_map(|&at| self.fields.get(at)).map(|f| f.name.as_str()).collect()
    }

    /// The field that `text` names: by its name first, else by its display name; without regard to case and to white
    /// space around it.
    pub fn find(&self, text: &str) -> Option<usize> {
        let folded = fold(text);
        if folded.is_empty() {
            return None;
        }
        self.names.get(&folded).or_else(|| self.displays.get(&folded)).copied()
    }

    /// The field of exactly this name, without regard to case.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.names.get(&fold(name)).copied()
    }
}

/// How listed values and field names are compared: trimmed, and in Unicode's folded case.
pub fn fold(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() { text.to_ascii_lowercase() } else { UniCase::unicode(text).to_folded_case() }
}

fn check_name(name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let well_formed =
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !well_formed {
        return Err(format!("fields: the name {} is not of the form [A-Za-z][A-Za-z0-9_]*", shown(name)));
    }
    if RESERVED.iter().any(|r| r.eq_ignore_ascii_case(name)) {
        return Err(format!("fields: the name {} is reserved", shown(name)));
    }
    Ok(())
}

/// The fields of a campaign whose definition has none.
pub fn default_fields() -> Vec<Field> {
    [
        ("name", "Name", FieldType::Text),
        ("phone1", "Phone 1", FieldType::Phone),
        ("phone2", "Phone 2", FieldType::Phone),
        ("email", "Email", FieldType::Text),
        ("company", "Company", FieldType::Text),
        ("address", "Address", FieldType::Text),
        ("city", "City", FieldType::Text),
        ("memo", "Memo", FieldType::Text),
    ]
    .into_iter()
    .map(|(name, display, kind)| Field { name: name.to_owned(), display: display.to_owned(), kind, required: false })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, display: &str, kind: FieldType) -> Field {
        Field { name: name.into(), display: display.into(), kind, required: false }
    }

    #[test]
    fn names_come_before_displays_and_case_does_not_count() {
        let fields =
            Fields::new(vec![field("phone1", "Straße", FieldType::Phone), field("name", "Имя", FieldType::Text)], &[])
                .unwrap();
        assert_eq!(fields.find(" PHONE1\t"), Some(0));
        assert_eq!(fields.find("STRASSE"), Some(0));
        assert_eq!(fields.find("имя"), Some(1));
        assert_eq!(fields.find("ИМЯ"), Some(1));
        assert_eq!(fields.find("phone2"), None);
        assert_eq!(fields.find("  "), None);
    }

    #[test]
    fn the_default_key_is_phone1_else_the_first_phone() {
        let with =
            Fields::new(vec![field("tel", "tel", FieldType::Phone), field("Phone1", "x", FieldType::Phone)], &[]);
        assert_eq!(with.unwrap().key(), [1]);
        let without = Fields::new(vec![field("a", "a", FieldType::Text), field("tel", "tel", FieldType::Phone)], &[]);
        assert_eq!(without.unwrap().key(), [1]);
        let none = Fields::new(vec![field("a", "a", FieldType::Text)], &[]);
        assert!(none.unwrap_err().contains("unique_key"));
    }

    #[test]
    fn bad_names_are_refused_by_name() {
        for name in ["", "1a", "a b", "é", "ID", "Status", "a-b", "a\"b"] {
            let refused = Fields::new(vec![field(name, "x", FieldType::Phone)], &[]).unwrap_err();
            assert!(refused.contains(&shown(name)), "{refused}");
        }
        assert!(Fields::new(vec![field("a", "x", FieldType::Phone), field("A", "y", FieldType::Text)], &[]).is_err());
    }
}
