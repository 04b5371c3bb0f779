//! JSON objects that hosts write: options, definitions, filters, changes, outcomes.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Error, Map, Value};

use crate::fault::{Fault, Key, shown};
use crate::memory;

/// Reads a JSON object. A fault names `what` it is and the key that is wrong.
pub fn object<'t, T: Deserialize<'t>>(what: &str, text: &'t str) -> Result<T, Fault> {
    let bad = |why: String| Fault::new(Key::ParameterBad, format!("{what}: {why}"));
    // Serde would take an array for a struct's members in their order.
    if !text.trim_start().starts_with('{') {
        return Err(bad("a JSON object is needed".to_owned()));
    }
    memory::ask_for_json(what, text)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        bad(told(&path, error.inner()))
    })?;
    deserializer.end().map_err(|error| bad(told("", &error)))?;
    Ok(read)
}

/// What is wrong with JSON, in words of our own.
pub fn told(path: &str, error: &Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let text = text.strip_suffix(&place).unwrap_or(&text);
    match error.classify() {
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io => {
            format!("this is no JSON: {text} at line {}, column {}", error.line(), error.column())
        }
        Category::Data => {
            // No member in particular, or one that could not be read.
            let at = if matches!(path, "." | "?") { "" } else { path };
            wrong(at, text).unwrap_or_else(|| if at.is_empty() { text.to_owned() } else { format!("{at}: {text}") })
        }
    }
}

/// Serde's sentence about the member at `path`, where it is one of those that derived code makes.
fn wrong(path: &str, text: &str) -> Option<String> {
    let name = |rest: &str| rest.split('`').nth(1).map(str::to_owned);
    // Another's name may hold a backtick itself.
    let theirs = |rest: &str| rest.strip_prefix('`')?.strip_suffix('`').map(shown);
    if let Some(rest) = text.strip_prefix("missing field ") {
        let parent = if path.is_empty() { String::new() } else { format!("{path}: ") };
        return Some(format!("{parent}{} is missing", name(rest)?));
    }
    if let Some(rest) = text.strip_prefix("duplicate field ") {
        return Some(format!("{} is given twice", name(rest)?));
    }
    if let Some(rest) = text.strip_prefix("unknown field ") {
        let (unknown, known) = rest.rsplit_once(", expected ")?;
        return Some(format!("{} is no key here; there {}", theirs(unknown)?, listed(known, "is", "are")));
    }
    if let Some(rest) = text.strip_prefix("unknown variant ") {
        let (unknown, known) = rest.rsplit_once(", expected ")?;
        return Some(format!("{path}: {} is not {}", theirs(unknown)?, listed(known, "", "one of").trim_start()));
    }
    let rest = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "))?;
    let (found, needed) = rest.rsplit_once(", expected ")?;
    let needed = match needed {
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "f64" => "a number",
        "i64" => "a whole number",
        "u32" | "u64" => "a whole number from 0 on",
        _ if needed == "a map" || needed.starts_with("struct ") => "an object",
        _ => return None,
    };
    let found = match found.split_once(' ').map_or(found, |(kind, _)| kind) {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" | "floating" => found.split('`').nth(1)?,
        "sequence" => "a list",
        "map" => "an object",
        "null" => "null",
        _ => return None,
    };
    let member = if path.is_empty() { String::new() } else { format!("{path}: ") };
    Some(format!("{member}{needed} is needed, not {found}"))
}

/// Serde's ``one of `a`, `b` ``, `` `a` or `b` `` or `` `a` `` after the word for one or many.
fn listed(known: &str, one: &str, many: &str) -> String {
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    match names.as_slice() {
        [] => "are none".to_owned(),
        [name] => format!("{one} {name}"),
        names => format!("{many} {}", names.join(", ")),
    }
}

/// The same where an empty text means an object without keys.
pub fn object_or_empty<'t, T: Deserialize<'t>>(what: &str, text: &'t str) -> Result<T, Fault> {
    object(what, if text.trim().is_empty() { "{}" } else { text })
}

/// For a key that may be left out: where it is there, `null` is a wrong type too.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The members of an object whose keys are not known here. Of a key given twice serde's own map takes the last value.
pub fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut members = Map::new();
            while let Some(key) = access.next_key::<String>()? {
                if members.contains_key(&key) {
                    return Err(de::Error::custom(format!("{} is given twice", shown(&key))));
                }
                let value = access.next_value()?;
                members.insert(key, value);
            }
            Ok(members)
        }
    }

    deserializer.deserialize_map(Members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        #[default]
        Round,
        Square,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Thing {
        size: u32,
        after: i64,
        weight: f64,
        on: bool,
        #[serde(deserialize_with = "present")]
        name: Option<String>,
        parts: Vec<Part>,
        kind: Kind,
        #[serde(deserialize_with = "members")]
        more: Map<String, Value>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[expect(dead_code, reason = "only its absence is looked for")]
        id: String,
    }

    #[test]
    fn a_fault_names_the_key_and_what_is_wanted() {
        for (text, told) in [
            (r#"{"size":"x"}"#, "size: a whole number from 0 on is needed, not a text"),
            (r#"{"size":-1}"#, "size: a whole number from 0 on is needed, not -1"),
            (r#"{"size":4294967296}"#, "size: a whole number from 0 on is needed, not 4294967296"),
            (r#"{"after":1.5}"#, "after: a whole number is needed, not 1.5"),
            (r#"{"weight":true}"#, "weight: a number is needed, not true or false"),
            (r#"{"on":"yes"}"#, "on: true or false is needed, not a text"),
            (r#"{"name":5}"#, "name: a text is needed, not 5"),
            (r#"{"name":null}"#, "name: a text is needed, not null"),
            (r#"{"name":{"a":1}}"#, "name: a text is needed, not an object"),
            (r#"{"parts":{}}"#, "parts: a list is needed, not an object"),
            (r#"{"parts":[{"id":"1"},"x"]}"#, "parts[1]: an object is needed, not a text"),
            (r#"{"parts":[{"id":[]}]}"#, "parts[0].id: a text is needed, not a list"),
            (r#"{"parts":[{}]}"#, "parts[0]: id is missing"),
            (r#"{"parts":[{"od":1}]}"#, "'od' is no key here; there is id"),
            (r#"{"more":[]}"#, "more: an object is needed, not a list"),
            (r#"{"more":{"a":1,"b":2,"a":3}}"#, "more: 'a' is given twice"),
            (r#"{"kind":"flat"}"#, "kind: 'flat' is not one of round, square"),
            (r#"{"colour":1}"#, "'colour' is no key here; there are size, after, weight, on, name, parts, kind, more"),
            (r#"{"size":1,"size":2}"#, "size is given twice"),
            ("[1]", "a JSON object is needed"),
            ("", "a JSON object is needed"),
            ("{} x", "this is no JSON: trailing characters at line 1, column 4"),
            (r#"{"size" 1}"#, "this is no JSON: expected `:` at line 1, column 9"),
            ("{", "the JSON ends too early"),
        ] {
            let fault = object::<Thing>("thing", text).unwrap_err();
            assert_eq!(fault.message, format!("thing: {told}"), "{text}");
        }
        let empty = object_or_empty::<Thing>("thing", " ").unwrap();
        assert_eq!((empty.size, empty.after, empty.on, empty.parts.len()), (0, 0, false, 0));
        assert!(empty.weight == 0.0 && empty.name.is_none() && empty.more.is_empty(), "{empty:?}");
    }
}
