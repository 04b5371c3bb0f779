//! Any fields, any title row, any rows: mapped as a naive reading maps them, or refused for a reason that holds.
#![no_main]

use import_cji::fault::shown;
use import_cji::field::{Field, FieldType, Fields, MOST_FIELDS, RESERVED, fold};
use import_cji::mapping::{Mapping, Wanted};
use import_cji::merge::{ChangePackage, DupDialList, Dupway, Rules};
use import_cji::request::Intake;
use import_cji::time::Zone;
use import_cji::value;
use libfuzzer_sys::fuzz_target;

/// `name|display|type`, `!` after the type: required, `*`: in the unique key.
fn field(text: &str) -> (Field, bool) {
    let mut parts = text.splitn(3, '|');
    let (name, display) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let kind = parts.next().unwrap_or_default();
    let field = Field {
        name: name.to_owned(),
        display: display.to_owned(),
        kind: match kind.as_bytes().first() {
            Some(b'p') => FieldType::Phone,
            Some(b'i') => FieldType::Integer,
            Some(b'd') => FieldType::Datetime,
            _ => FieldType::Text,
        },
        required: kind.contains('!'),
    };
    (field, kind.contains('*'))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

fn table(texts: &[&str]) -> Option<Fields> {
    let (fields, in_key): (Vec<Field>, Vec<bool>) = texts.iter().map(|text| field(text)).unzip();
    let key: Vec<String> = fields.iter().zip(&in_key).filter(|(_, key)| **key).map(|(f, _)| f.name.clone()).collect();
    let mut names: Vec<String> = fields.iter().map(|f| fold(&f.name)).collect();
    names.sort();
    names.dedup();
    let good = names.len() == fields.len()
        && fields.len() <= MOST_FIELDS
        && fields.iter().all(|f| is_name(&f.name))
        && (!key.is_empty() || fields.iter().any(|f| f.kind == FieldType::Phone));
    match Fields::new(fields, &key) {
        Ok(fields) => {
            assert!(good && !fields.key().is_empty());
            Some(fields)
        }
        Err(refusal) => {
            assert!(!good && !refusal.is_empty(), "{refusal}");
            None
        }
    }
}

/// The field that a title names: by its name, else the first by its display name.
fn named(fields: &Fields, title: &str) -> Option<usize> {
    let title = fold(title);
    let position = |of: fn(&Field) -> &str| fields.all().iter().position(|f| fold(of(f)) == title);
    let found = position(|f| &f.name).or_else(|| position(|f| &f.display));
    found.filter(|_| !title.is_empty())
}

struct Columns<'a> {
    /// By cell, the field that it fills.
    filled: Vec<Option<usize>>,
    titles: &'a [String],
}

impl Columns<'_> {
    fn cell_of(&self, field: usize) -> Option<usize> {
        self.filled.iter().position(|f| *f == Some(field))
    }

    /// The cell that `priority_field` or `dialtime_field` names; the error: there is none of the name at all.
    fn apart(&self, fields: &Fields, name: &str) -> Result<Option<usize>, ()> {
        match (name.is_empty(), named(fields, name)) {
            (true, _) => Ok(None),
            (_, Some(field)) => Ok(self.cell_of(field)),
            (_, None) => self.titles.iter().position(|title| fold(title) == fold(name)).map(Some).ok_or(()),
        }
    }

    /// Two titles of one name or for one field.
    fn are_twins(&self) -> bool {
        let same = |a: usize, b: usize| match (self.filled[a], self.filled[b]) {
            (Some(a), Some(b)) => a == b,
            (None, None) => !fold(&self.titles[a]).is_empty() && fold(&self.titles[a]) == fold(&self.titles[b]),
            _ => false,
        };
        (0..self.titles.len()).any(|a| (0..a).any(|b| same(a, b)))
    }
}

/// The values that the row's record has, by field; `None`: it is refused.
fn values(row: &[String], columns: &Columns<'_>, fields: &Fields, zone: &Zone, intake: &Intake) -> Option<Vec<String>> {
    let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map_or("", String::as_str);
    let number = named(fields, &intake.phone_field);
    let mut values = Vec::new();
    for (at, field) in fields.all().iter().enumerate() {
        let value = value::normalize(field.kind, cell(columns.cell_of(at)), zone).ok()?;
        let dialled = number != Some(at) || value.is_empty() || value::phone(&value).is_ok();
        if field.required && value.is_empty() || !dialled {
            return None;
        }
        values.push(value.into_owned());
    }
    let empty_key = fields.key().iter().all(|&at| values[at].is_empty());
    let priority = columns.apart(fields, &intake.priority_field).ok()?;
    let dial_time = columns.apart(fields, &intake.dialtime_field).ok()?;
    let called = value::priority(cell(priority)).is_ok() && value::dial_time(cell(dial_time), zone).is_ok();
    (!empty_key && called).then_some(values)
}

fn rows(
    mapping: &Mapping<'_>,
    columns: &Columns<'_>,
    rows: &[Vec<String>],
    fields: &Fields,
    zone: &Zone,
    intake: &Intake,
) {
    let mut batch = mapping.batch();
    for row in rows {
        let filled = row.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        if mapping.ragged(row.len(), filled).is_some() {
            continue;
        }
        let before = batch.len();
        let cell = |at: usize| row.get(at).map_or("", String::as_str);
        let drafted = mapping.draft(cell, &mut batch, Wanted::All);
        let mut sketch = mapping.batch();
        assert_eq!(mapping.draft(cell, &mut sketch, Wanted::Key), drafted);
        let last = batch.len().wrapping_sub(1);
        assert!(drafted.is_err() || sketch.key_of(0).eq(batch.key_of(last)));
        let wanted = values(row, columns, fields, zone, intake);
        assert_eq!(drafted.is_ok(), wanted.is_some(), "{drafted:?}");
        let Some(wanted) = wanted else {
            assert_eq!(batch.len(), before);
            continue;
        };
        assert_eq!(batch.len(), before + 1);
        for (at, value) in wanted.iter().enumerate() {
            match batch.columns.iter().position(|&field| field == at) {
                Some(column) => assert_eq!(batch.value(before, column), value),
                None => assert!(value.is_empty()),
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n').map(|line| line.split('\t').collect::<Vec<&str>>());
    let Some(fields) = lines.next().and_then(|texts| table(&texts)) else { return };
    let names = lines.next().unwrap_or_default();
    let name = |at: usize| names.get(at).map_or_else(String::new, |name| name.trim().to_owned());
    let intake = Intake {
        phone_field: name(0),
        priority_field: name(1),
        dialtime_field: name(2),
        rules: Rules {
            empty_agent: false,
            reset_status: false,
            dupway: Dupway::Skip,
            dial_list: DupDialList::IgnoreDuplicate,
            change_package: ChangePackage::Skip,
        },
    };
    let zone = Zone::named(&name(3)).or_else(|| Zone::named("Europe/Berlin")).expect("a zone");
    let all: Vec<Vec<String>> = lines.map(|cells| cells.iter().map(|&cell| cell.to_owned()).collect()).collect();
    let Some((title, rest)) = all.split_first() else { return };
    for title in title {
        assert_eq!(fields.find(title), named(&fields, title));
    }

    let columns = Columns { filled: title.iter().map(|title| named(&fields, title)).collect(), titles: title };
    let gap = (0..fields.all().len())
        .any(|at| columns.cell_of(at).is_none() && (fields.all()[at].required || fields.key().contains(&at)));
    let unknown = |columns: &Columns<'_>| {
        !intake.phone_field.is_empty() && named(&fields, &intake.phone_field).is_none()
            || columns.apart(&fields, &intake.priority_field).is_err()
            || columns.apart(&fields, &intake.dialtime_field).is_err()
    };
    match Mapping::by_title(title, &fields, &zone, &intake) {
        Ok(mapping) => {
            assert!(!gap && !columns.are_twins() && !unknown(&columns));
            let apart = [&intake.priority_field, &intake.dialtime_field].map(|name| columns.apart(&fields, name));
            // More than a thousand are not named.
            let titled = title.iter().enumerate().take(1_000).filter(|(_, cell)| !cell.trim().is_empty());
            for (at, cell) in titled {
                let used = columns.filled[at].is_some() || apart.contains(&Ok(Some(at)));
                let told = format!("column {} {} ", at + 1, shown(cell.trim()));
                assert_eq!(used, !mapping.warnings.iter().any(|warning| warning.starts_with(&told)), "{told}");
            }
            rows(&mapping, &columns, rest, &fields, &zone, &intake);
        }
        Err(fault) => {
            assert!(gap || columns.are_twins() || unknown(&columns), "{fault}");
            assert!(!fault.message.is_empty());
        }
    }

    let count = fields.all().len();
    let filled = title.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
    let columns = Columns { filled: (0..count).map(Some).collect(), titles: &[] };
    match Mapping::by_position(title, &fields, &zone, &intake, 7) {
        Ok(mapping) => {
            assert!(title.len() >= count && filled <= count && !unknown(&columns));
            rows(&mapping, &columns, &all, &fields, &zone, &intake);
        }
        Err(fault) => assert!(title.len() < count || filled > count || unknown(&columns), "{fault}"),
    }
});
