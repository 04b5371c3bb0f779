//! A row's draft.

use crate::file::Row;
use crate::mapping::{Mapping, Wanted};
use crate::record::Batch;
use crate::value::is_blank;

/// Adds a row's draft to a batch, or tells why the row can't be used.
pub fn draft(row: &Row, mapping: &Mapping<'_>, batch: &mut Batch, wanted: Wanted) -> Result<(), String> {
    if let Some(defect) = row.defect() {
        return Err(defect.to_owned());
    }
    let filled = row.cells().rposition(|cell| !is_blank(cell)).map_or(0, |at| at + 1);
    match mapping.ragged(row.len(), filled) {
        Some(reason) => Err(reason),
        None => mapping.draft(|at| row.cell(at), batch, wanted).map_err(|fault| fault.message),
    }
}
