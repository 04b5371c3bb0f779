//! A single record: `field1=value1||field2=value2` ("A record" in docs/behaviour.md).

use std::collections::HashSet;

use super::Mapping;
use crate::fault::{Fault, Key, shown};
use crate::field::{Fields, fold};
use crate::request::Intake;
use crate::time::Zone;

/// One `name=value` of a record, trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'r> {
    /// Before the first `=`.
    pub name: &'r str,
    /// After it; may hold `=` and single `|`.
    pub value: &'r str,
}

/// More pieces than a campaign can have fields, a priority and a dial time: two of them name the same, or nothing.
const TOO_MANY: usize = 1_100;

/// Splits a record into its pieces; of one that has too many, into enough to tell.
pub fn pieces(record: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    for text in record.split("||") {
        if text.trim().is_empty() {
            continue;
        }
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Fault::new(Key::RecordBad, format!("context: the piece {} holds no '='", shown(text.trim())))
        })?;
        if pieces.len() == TOO_MANY {
            break;
        }
        pieces.push(Piece { name: name.trim(), value: value.trim() });
    }
    if pieces.is_empty() {
        return Err(Fault::new(Key::ContextEmpty, "context: the record holds nothing; give field=value||field=value"));
    }
    Ok(pieces)
}

impl<'a> Mapping<'a> {
    /// The mapping of one record.
    pub fn of_record(pieces: &[Piece<'_>], fields: &'a Fields, zone: &'a Zone, intake: &Intake) -> Result<Self, Fault> {
        let names: Vec<&str> = pieces.iter().map(|p| p.name).collect();
        let apart = [fold(&intake.priority_field), fold(&intake.dialtime_field)];
        let mut seen = HashSet::new();
        let mut filled = Vec::with_capacity(names.len());
        for &Piece { name, value } in pieces {
            let field = fields.find(name);
            if field.is_none() && (name.is_empty() || !apart.contains(&fold(name))) {
                let what = if name.is_empty() {
                    format!("the piece {} names nothing", shown(&format!("={value}")))
                } else {
                    format!("{} is no field of the campaign", shown(name))
                };
                let message = format!("context: {what}; {}", super::list(fields));
                return Err(Fault::new(Key::RecordBad, message));
            }
            let is_first = if field.is_some() { !filled.contains(&field) } else { seen.insert(fold(name)) };
            if !is_first {
                let message = format!("context: {} names a field that another piece fills already", shown(name));
                return Err(Fault::new(Key::RecordBad, message));
            }
            filled.push(field);
        }
        Self::build(fields, zone, intake, &filled, &names, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_split_at_double_bars_then_at_the_first_equals_sign() {
        let split = |record| -> Vec<(String, String)> {
            pieces(record).unwrap().iter().map(|p| (p.name.to_owned(), p.value.to_owned())).collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(split("name=Joe||phone1=138xxxx88x8"), [pair("name", "Joe"), pair("phone1", "138xxxx88x8")]);
        assert_eq!(split("|| a = b=c|d ||  ||e="), [pair("a", "b=c|d"), pair("e", "")]);
        assert_eq!(split("a=1|||b=2"), [pair("a", "1"), pair("|b", "2")]);
    }

    #[test]
    fn what_is_no_record() {
        assert_eq!(pieces("||  ||").unwrap_err().key, Key::ContextEmpty);
        let fault = pieces("a=1||joe").unwrap_err();
        assert!(fault.message.contains("'joe'"), "{fault}");
    }
}
