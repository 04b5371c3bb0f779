//! JSON objects that hosts write: options, definitions, filters, changes, outcomes.

use serde::{Deserialize, Deserializer};

use crate::fault::{Fault, Key};

/// Reads a JSON object. A fault names `what` it is and the key that is wrong.
pub fn object<'t, T: Deserialize<'t>>(what: &str, text: &'t str) -> Result<T, Fault> {
    let bad = |why: String| Fault::new(Key::ParameterBad, format!("{what}: {why}"));
    // Serde would take an array for a struct's members in their order.
    if !text.trim_start().starts_with('{') {
        return Err(bad("a JSON object is needed".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            // No member in particular, or one that could not be read.
            "." | "?" => bad(error.inner().to_string()),
            path => bad(format!("{path}: {}", error.inner())),
        }
    })?;
    deserializer.end().map_err(|error| bad(error.to_string()))?;
    Ok(read)
}

/// The same where an empty text means an object without keys.
pub fn object_or_empty<'t, T: Deserialize<'t>>(what: &str, text: &'t str) -> Result<T, Fault> {
    object(what, if text.trim().is_empty() { "{}" } else { text })
}

/// For a key that may be left out: where it is there, `null` is a wrong type too.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        #[serde(default)]
        size: u32,
    }

    #[test]
    fn a_fault_names_the_key() {
        for (text, named) in [
            (r#"{"size":"x"}"#, "size"),
            (r#"{"size":-1}"#, "size"),
            (r#"{"colour":1}"#, "colour"),
            (r#"{"size":1,"size":2}"#, "size"),
            ("[1]", "object"),
            ("{} x", "trailing"),
            ("", "object"),
            ("{", "EOF"),
        ] {
            let fault = object::<Thing>("thing", text).unwrap_err();
            assert!(fault.message.starts_with("thing: ") && fault.message.contains(named), "{text}: {fault}");
        }
        assert_eq!(object_or_empty::<Thing>("thing", " ").unwrap().size, 0);
    }
}
