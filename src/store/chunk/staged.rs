//! Many new rows at once: they are lent to SQLite as a database, from which it copies their records.

use super::super::bulk::Bound;
use super::super::dial::NewEntries;
use super::super::image::Image;
use super::super::tables::table_name;
use super::super::{execute, storage};
use super::apply::NewCustomers;
use super::{Customers, Hold};
use crate::fault::Fault;
use crate::field::FieldType;
use crate::record::Status;

/// From how many rows on it is worth its while: a loan costs as much as to bind the values of about a hundred.
const WORTH_IT: usize = 200;

impl Customers<'_, '_> {
    /// Lends the rows to the transaction and copies them. False: they are too few or too large, or the transaction has other
    /// writes too; nothing was written.
    pub(super) fn copy(&mut self, customers: &NewCustomers<'_>, entries: &NewEntries<'_>) -> Result<bool, Fault> {
        if customers.len() + entries.len() < WORTH_IT || !matches!(self.chunk.hold, Hold::Alone(_)) {
            return Ok(false);
        }
        let table = table_name(self.campaign.table);
        let (sql, columns) = self.layout(&table, customers)?;
        let Ok(mut image) = Image::new(customers.batch.bytes()) else { return Ok(false) };
        let rows = customers.rows().map(|(id, slot)| {
            let values = columns.iter().map(move |column| match column {
                Column::Same(value) => *value,
                Column::OfBatch(column) => customers.value(slot, *column),
            });
            (id, values)
        });
        let written = image.table(&table, &sql, rows).and_then(|()| entries.write(&mut image));
        let Ok(image) = written.and_then(|()| image.finish()) else { return Ok(false) };
        let Hold::Alone(alone) = &mut self.chunk.hold else { return Ok(false) };
        if !alone.lend(&image)? {
            return Ok(false);
        }
        drop(image);
        let c = alone.connection();
        // `*`: between two tables that are made alike SQLite copies whole records.
        execute(c, &format!("INSERT INTO main.{table} SELECT * FROM lent.{table}"))?;
        NewEntries::copy(c, self.campaign)?;
        Ok(true)
    }

    /// The statement that made the customer table, and where a new customer's value of each column but the id comes from.
    fn layout<'v>(&self, table: &str, new: &NewCustomers<'v>) -> Result<(String, Vec<Column<'v>>), Fault> {
        let c = self.chunk.c();
        let mut select = c.prepare_cached("SELECT sql FROM main.sqlite_schema WHERE name = ?1").map_err(storage)?;
        let sql = select.query_row([table], |row| row.get(0)).map_err(storage)?;
        // As they lie in the table. A statement's own column names would be those of when it was prepared.
        let names = "SELECT name FROM pragma_table_info(?1, 'main') ORDER BY cid LIMIT -1 OFFSET 1";
        let mut names = c.prepare_cached(names).map_err(storage)?;
        let names = names.query_map([table], |row| row.get::<_, String>(0)).and_then(Iterator::collect);
        let names: Vec<String> = names.map_err(storage)?;
        let columns = names.iter().map(|name| match name.as_str() {
            "package" => Column::Same(Bound::Integer(self.campaign.package)),
            "status" => Column::Same(Bound::Text(Status::Open.name())),
            "agent" => Column::Same(Bound::None),
            "created_at" | "updated_at" => Column::Same(Bound::Integer(new.now)),
            name => {
                let field = new.fields.named(name);
                match field.and_then(|field| new.batch.columns.iter().position(|column| *column == field)) {
                    Some(column) => Column::OfBatch(column),
                    None => Column::Same(match field.and_then(|at| new.fields.get(at)).map(|field| field.kind) {
                        Some(FieldType::Integer) => Bound::None,
                        _ => Bound::Text(""),
                    }),
                }
            }
        });
        Ok((sql, columns.collect()))
    }
}

/// Where a column's value comes from.
#[derive(Debug)]
enum Column<'v> {
    /// All rows have the same.
    Same(Bound<'v>),
    /// A column of the batch.
    OfBatch(usize),
}
