//! A file's columns: by its title row, or by position.

use std::collections::HashMap;

use super::{Mapping, list};
use crate::fault::{Fault, Key, shown};
use crate::field::{Fields, fold};
use crate::file::Titles;
use crate::request::Intake;
use crate::time::Zone;

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
        let unused: Vec<String> = names
            .iter()
            .enumerate()
            .filter(|(at, name)| {
                let used = filled.get(*at).copied().flatten().is_some();
                let apart =
                    [&mapping.priority, &mapping.dial_time].into_iter().flatten().any(|named| named.cell == *at);
                !used && !apart && !name.trim().is_empty()
            })
            .map(|(at, name)| format!("column {} {} is no field of the campaign: ignored", at + 1, shown(name.trim())))
            .collect();
        mapping.warnings.extend(unused);
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
    let has = |field: usize| filled.contains(&Some(field));
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
    let cells: Vec<String> = found.iter().take(20).map(|cell| shown(cell.trim())).collect();
    let hints: Vec<String> = found.iter().filter_map(|cell| nearest(cell, fields)).collect();
    let mut message =
        format!("the title row names no field of campaign {campaign}: found {}; {}", cells.join(", "), list(fields));
    if !hints.is_empty() {
        message = format!("{message}; did you mean {}?", hints.join(", "));
    }
    Fault::new(Key::HeaderUnfit, message)
}

/// The field whose name or display name is nearly the cell's text.
fn nearest(cell: &str, fields: &Fields) -> Option<String> {
    let cell = fold(cell);
    if cell.chars().count() > 64 {
        return None;
    }
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&cell, &fold(name));
    let score = |f: &crate::field::Field| likeness(&f.name).max(likeness(&f.display));
    let best = fields.all().iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) >= 0.6).then(|| best.name.clone())
}
