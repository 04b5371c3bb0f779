//! A file's columns: by its title row, or by position.

use std::collections::HashMap;

use super::{Mapping, by_field, list};
use crate::fault::{Fault, Key, shown};
use crate::field::{Field, Fields, fold};
use crate::file::Titles;
use crate::request::Intake;
use crate::time::Zone;

/// The most unknown columns that are named, more than any list has: the job and each report of its progress carry them.
const MOST_UNKNOWN: usize = 1_000;

/// The most cells of a row without titles that are shown, and looked at for slips.
const MOST_SHOWN: usize = 20;
/// The most characters of one that may be a slip.
const LONGEST_SLIP: usize = 64;
/// The most steps of comparing them with the names, about a tenth of a second: enough for a thousand fields of usual names.
const MOST_STEPS: usize = 1 << 25;

impl Titles for Fields {
    fn field(&self, title: &str) -> Option<usize> {
        self.find(title)
    }

    fn count(&self) -> usize {
        self.all().len()
    }
}

impl<'a> Mapping<'a> {
    /// The mapping of a file with a title row.
    pub fn by_title(title: &[String], fields: &'a Fields, zone: &'a Zone, intake: &Intake) -> Result<Self, Fault> {
        let names: Vec<&str> = title.iter().map(String::as_str).collect();
        let filled: Vec<Option<usize>> = names.iter().map(|name| fields.find(name)).collect();
        refuse_twins(&names, &filled, fields)?;
        refuse_gaps(&filled, fields)?;
        let width = names.iter().rposition(|name| !name.trim().is_empty()).map_or(0, |last| last + 1);
        let mut mapping = Self::build(fields, zone, intake, &filled, &names, Some(width))?;
        let mut unknown = names.iter().take(width).enumerate().filter(|(at, _)| {
            let used = filled.get(*at).copied().flatten().is_some();
            let apart = [&mapping.priority, &mapping.dial_time].into_iter().flatten().any(|named| named.cell == *at);
            !used && !apart
        });
        mapping.warnings.extend(unknown.by_ref().take(MOST_UNKNOWN).map(|(at, name)| match name.trim() {
            "" => format!("column {} has no title: ignored", at + 1),
            name => format!("column {} {} is no field of the campaign: ignored", at + 1, shown(name)),
        }));
        let more = unknown.count();
        if more > 0 {
            mapping.warnings.push(format!("… and {more} more: no fields of the campaign, ignored"));
        }
        Ok(mapping)
    }

    /// The mapping of a file without a title row, whose first row is `first`.
    pub fn by_position(
        first: &[String],
        fields: &'a Fields,
        zone: &'a Zone,
        intake: &Intake,
        campaign: i64,
    ) -> Result<Self, Fault> {
        let count = fields.all().len();
        let filled = first.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        if first.len() < count || filled > count {
            return Err(names_nothing(first, fields, campaign));
        }
        let cells: Vec<Option<usize>> = (0..count).map(Some).collect();
        let mut mapping = Self::build(fields, zone, intake, &cells, &[], Some(count))?;
        mapping.warnings =
            vec!["no title row: the columns were mapped by position, in the order of the campaign's fields".to_owned()];
        Ok(mapping)
    }
}

fn refuse_twins(names: &[&str], filled: &[Option<usize>], fields: &Fields) -> Result<(), Fault> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (at, (name, field)) in names.iter().zip(filled).enumerate() {
        if name.trim().is_empty() {
            continue;
        }
        let what = field
            .and_then(|f| fields.get(f))
            .map_or_else(|| format!("column {}", fold(name)), |f| format!("field {}", f.name));
        if let Some(before) = seen.insert(what.clone(), at) {
            let message = format!(
                "the title row has two columns for one {}: columns {} {} and {} {}",
                if field.is_some() { "field" } else { "name" },
                before + 1,
                shown(names.get(before).copied().unwrap_or_default().trim()),
                at + 1,
                shown(name.trim())
            );
            return Err(Fault::new(Key::HeaderUnfit, message));
        }
    }
    Ok(())
}

fn refuse_gaps(filled: &[Option<usize>], fields: &Fields) -> Result<(), Fault> {
    let cells = by_field(filled, fields);
    let has = |field: usize| cells.get(field).is_some_and(|cell| cell.is_some());
    for (at, field) in fields.all().iter().enumerate() {
        if field.required && !has(at) {
            let key = Key::RequiredMissing { display: field.display.clone(), field: field.name.clone() };
            let message =
                format!("the title row has no column for the required field {} ({})", field.name, field.display);
            return Err(Fault::new(key, message));
        }
    }
    for &at in fields.key() {
        if let Some(field) = fields.get(at).filter(|_| !has(at)) {
            let message =
                format!("the title row has no column for the unique key's field {} ({})", field.name, field.display);
            return Err(Fault::new(Key::HeaderUnfit, message));
        }
    }
    Ok(())
}

fn names_nothing(found: &[String], fields: &Fields, campaign: i64) -> Fault {
    let found: Vec<&str> = found.iter().take(MOST_SHOWN).map(|cell| cell.trim()).collect();
    let cells: Vec<String> = found.iter().map(|cell| shown(cell)).collect();
    let hints = meant(&found, fields);
    let mut message =
        format!("the title row names no field of campaign {campaign}: found {}; {}", cells.join(", "), list(fields));
    if !hints.is_empty() {
        message = format!("{message}; did you mean {}?", hints.join(", "));
    }
    Fault::new(Key::HeaderUnfit, message)
}

/// A text as it is compared.
struct Folded {
    text: String,
    /// In characters.
    length: usize,
}

impl Folded {
    fn of(text: &str) -> Self {
        let text = fold(text);
        Self { length: text.chars().count(), text }
    }
}

/// The fields whose names or display names are nearly these texts, as far as `MOST_STEPS` lead.
fn meant<'f>(cells: &[&str], fields: &'f Fields) -> Vec<&'f str> {
    let folded = |field: &'f Field| (field.name.as_str(), [Folded::of(&field.name), Folded::of(&field.display)]);
    let fields: Vec<(&str, [Folded; 2])> = fields.all().iter().map(folded).collect();
    let mut left = MOST_STEPS;
    let mut meant = Vec::new();
    for cell in cells.iter().filter(|cell| cell.chars().nth(LONGEST_SLIP).is_none()) {
        let cell = Folded::of(cell);
        let mut best = ("", 0.0);
        for (name, text) in fields.iter().flat_map(|(name, texts)| texts.iter().map(move |text| (name, text))) {
            let (short, long) = (cell.length.min(text.length), cell.length.max(text.length));
            // No two texts are liker than their lengths.
            if short == 0 || short * 5 < long * 3 {
                continue;
            }
            let Some(rest) = left.checked_sub(short * long) else { return meant };
            left = rest;
            let likeness = strsim::normalized_damerau_levenshtein(&cell.text, &text.text);
            if likeness > best.1 {
                best = (name, likeness);
            }
        }
        if best.1 >= 0.6 {
            meant.push(best.0);
        }
    }
    meant
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::field::{FieldType, default_fields};
    use crate::merge::Rules;

    fn intake() -> Intake {
        let (phone_field, priority_field, dialtime_field) = Default::default();
        Intake { phone_field, priority_field, dialtime_field, rules: Rules::UPDATE }
    }

    #[test]
    fn unknown_columns_are_named_each_up_to_a_thousand_and_the_rest_is_counted() {
        let (fields, zone) = (Fields::new(default_fields(), &[]).unwrap(), Zone::named("UTC").unwrap());
        let warnings = |unknown: usize| {
            let mut title = texts(&["phone1", "name"]);
            title.extend((0..unknown).map(|n| format!("c{n}")));
            Mapping::by_title(&title, &fields, &zone, &intake()).unwrap().warnings
        };
        assert!(warnings(0).is_empty());
        let all = warnings(1_000);
        assert_eq!(all.len(), 1_000);
        assert_eq!(all[999], "column 1002 'c999' is no field of the campaign: ignored");
        for (unknown, last) in [(1_001, "… and 1 more:"), (150_000, "… and 149000 more:")] {
            let told = warnings(unknown);
            assert_eq!(told[..1_000], all);
            assert_eq!(told[1_000..], [format!("{last} no fields of the campaign, ignored")]);
        }
    }

    #[test]
    fn a_column_without_a_title_is_told_of_where_titled_ones_follow() {
        let (fields, zone) = (Fields::new(default_fields(), &[]).unwrap(), Zone::named("UTC").unwrap());
        let title = texts(&["name", "", "phone1", " ", ""]);
        let mapping = Mapping::by_title(&title, &fields, &zone, &intake()).unwrap();
        assert_eq!(mapping.warnings, ["column 2 has no title: ignored"]);
    }

    /// What is said of a file whose first row names nothing, where the fields have these names.
    fn refusal(names: &[String], cells: &[String]) -> String {
        let field = |name: &String| Field {
            name: name.clone(),
            display: format!("The {name}"),
            kind: FieldType::Text,
            required: false,
        };
        let fields = Fields::new(names.iter().map(field).collect(), &names[..1]).unwrap();
        let zone = Zone::named("UTC").unwrap();
        Mapping::by_position(cells, &fields, &zone, &intake(), 7).unwrap_err().message
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_title_that_is_nearly_a_fields_name_is_taken_for_a_slip_where_the_message_shows_it() {
        let names = texts(&["phone", "street", "b", "c", "d"]);
        let meant = |cells: &[String]| {
            refusal(&names, cells).split_once("; did you mean ").map_or_else(String::new, |(_, meant)| meant.to_owned())
        };
        assert_eq!(meant(&texts(&["FONE", " the straet ", "", "xyz"])), "phone, street?");
        assert_eq!(meant(&texts(&["", "xyz"])), "");
        let mut cells = vec!["xyz".to_owned(); 19];
        cells.push("Phonee".to_owned());
        assert_eq!(meant(&cells), "phone?");
        cells.insert(0, "xyz".to_owned());
        assert_eq!(meant(&cells), "");
    }

    #[test]
    fn slips_are_looked_for_in_little_time_whatever_the_titles() {
        let names: Vec<String> = (0..1_000).map(|n| format!("{}{n}", "name".repeat(14))).collect();
        let since = Instant::now();
        let cells: Vec<String> = (0..4_096).map(|n| format!("{n}{}", "eman".repeat(14))).collect();
        assert!(!refusal(&names, &cells).contains("did you mean"));
        let cells = vec!["long".repeat(1 << 18); 20];
        assert!(!refusal(&names, &cells).contains("did you mean"));
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    }

    #[test]
    fn a_title_row_takes_time_by_its_length_however_many_fields_it_fills() {
        let field =
            |n: usize| Field { name: format!("f{n}"), display: String::new(), kind: FieldType::Text, required: true };
        let fields = Fields::new((0..1_000).map(field).collect(), &["f0".to_owned()]).unwrap();
        let zone = Zone::named("UTC").unwrap();
        let mut title = vec![String::new(); 2_000_000];
        title.extend((0..1_000).map(|n| format!("f{n}")));
        let since = Instant::now();
        assert!(Mapping::by_title(&title, &fields, &zone, &intake()).is_ok());
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    }
}
