//! Which column or piece fills which field; cells to values.

mod draft;
mod pieces;
mod title;

use std::borrow::Cow;

use crate::fault::{Fault, Key, shown};
use crate::field::{FieldType, Fields, fold};
use crate::request::{Complaints, Intake, Parameter};
use crate::time::Zone;

pub use draft::Wanted;
pub use pieces::{Piece, pieces};

/// How the cells of one file, or the pieces of one record, become the columns of a batch.
#[derive(Debug)]
pub struct Mapping<'a> {
    fields: &'a Fields,
    zone: &'a Zone,
    /// The columns of the batch; those that no cell fills stand after the others.
    columns: Vec<Column>,
    priority: Option<Named>,
    dial_time: Option<Named>,
    /// The number's column in the batch.
    number: Option<usize>,
    /// The cells that a row must have; `None`: a record, whose pieces were counted already.
    width: Option<usize>,
    /// What the user should know of the columns.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
struct Column {
    field: usize,
    cell: Option<usize>,
    /// Whatever its text is, no row is refused for it; and it is not of the key.
    takes_any: bool,
}

/// A cell that is used for the dial list alone, or too.
#[derive(Debug)]
struct Named {
    cell: usize,
    name: String,
}

/// The field of `phone_field`; `None`: no dial list.
pub fn phone_field(intake: &Intake, fields: &Fields) -> Result<Option<usize>, Fault> {
    let mut complaints = Complaints::default();
    let field = number_field(intake, fields, &mut complaints);
    complaints.into_fault().map_or(Ok(field), Err)
}

fn number_field(intake: &Intake, fields: &Fields, complaints: &mut Complaints) -> Option<usize> {
    let name = &intake.phone_field;
    let field = fields.find(name);
    if field.is_none() && !name.is_empty() {
        let what = format!("{} is no field of the campaign; {}", shown(name), list(fields));
        complaints.add(Parameter::PhoneField, Key::ParameterBad, what);
    }
    field
}

impl<'a> Mapping<'a> {
    /// `filled`: by cell, the field that it fills; `names`: by cell, its name, where the cells have names.
    fn build(
        fields: &'a Fields,
        zone: &'a Zone,
        intake: &Intake,
        filled: &[Option<usize>],
        names: &[&str],
        width: Option<usize>,
    ) -> Result<Self, Fault> {
        let mut complaints = Complaints::default();
        let mut warnings = Vec::new();
        let cells = by_field(filled, fields);
        let cell_of = |field: usize| cells.get(field).copied().flatten();
        let mut unfilled = |parameter: Parameter, field: usize| {
            if width.is_some() && cell_of(field).is_none() {
                let name = fields.get(field).map_or("", |f| f.name.as_str());
                warnings.push(format!("{} {name} has no column in the file", parameter.name()));
            }
        };
        let number = number_field(intake, fields, &mut complaints);
        if let Some(field) = number {
            unfilled(Parameter::PhoneField, field);
        }
        let mut named = |parameter: Parameter, name: &str| -> Option<Named> {
            if name.is_empty() {
                return None;
            }
            let cell = if let Some(field) = fields.find(name) {
                unfilled(parameter, field);
                cell_of(field)?
            } else if let Some(cell) = cell_named(names, name) {
                cell
            } else {
                let what = "is neither a field of the campaign nor a name in what is imported";
                complaints.add(parameter, Key::ParameterBad, format!("{} {what}; {}", shown(name), list(fields)));
                return None;
            };
            let name = names.get(cell).map_or(name, |name| name.trim());
            Some(Named { cell, name: name.to_owned() })
        };
        let priority = named(Parameter::PriorityField, &intake.priority_field);
        let dial_time = named(Parameter::DialtimeField, &intake.dialtime_field);
        if let Some(fault) = complaints.into_fault() {
            return Err(fault);
        }
        let column = |field: usize, cell: Option<usize>| {
            let takes_any = fields.get(field).is_some_and(|field| field.kind == FieldType::Text && !field.required);
            Column { field, cell, takes_any: takes_any && !fields.key().contains(&field) }
        };
        let mut columns: Vec<Column> =
            (0..fields.all().len()).filter_map(|field| cell_of(field).map(|cell| column(field, Some(cell)))).collect();
        for &field in fields.key().iter().chain(&number) {
            if !columns.iter().any(|c| c.field == field) {
                columns.push(column(field, None));
            }
        }
        let number = number.and_then(|field| columns.iter().position(|c| c.field == field));
        Ok(Self { fields, zone, columns, priority, dial_time, number, width, warnings })
    }

    /// The number as it is dialled, whatever type its field has; `None`: there is none.
    pub fn dialled(text: &str) -> Option<Cow<'_, str>> {
        crate::value::phone(text).ok().filter(|p| !p.is_empty())
    }

    fn number_is_checked(&self, column: &Column) -> bool {
        self.fields.get(column.field).is_some_and(|f| f.kind == FieldType::Phone)
    }
}

/// By field, the first cell that fills it: a title row may have a million cells.
fn by_field(filled: &[Option<usize>], fields: &Fields) -> Vec<Option<usize>> {
    let mut cells = vec![None; fields.all().len()];
    for (cell, field) in filled.iter().enumerate() {
        if let Some(first) = field.and_then(|field| cells.get_mut(field)) {
            first.get_or_insert(cell);
        }
    }
    cells
}

fn cell_named(names: &[&str], name: &str) -> Option<usize> {
    let name = fold(name);
    names.iter().position(|n| fold(n) == name)
}

/// The fields, as a message lists them.
fn list(fields: &Fields) -> String {
    const MOST: usize = 30;
    let mut names: Vec<String> =
        fields.all().iter().take(MOST).map(|f| format!("{} ({})", f.name, f.display)).collect();
    if fields.all().len() > MOST {
        names.push("…".to_owned());
    }
    format!("the fields are {}", names.join(", "))
}
