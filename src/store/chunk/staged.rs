//! Many new rows at once: they are lent to SQLite as a database, from which it copies their records.

use std::ops::Range;

use rusqlite::OptionalExtension;

use super::super::bulk::Bound;
use super::super::dial::{self, NewEntries};
use super::super::image::{Image, Piece, Record};
use super::super::tables::table_name;
use super::super::{execute, storage};
use super::apply::NewCustomers;
use super::{Customers, Hold};
use crate::fault::Fault;
use crate::field::FieldType;
use crate::merge::Slot;
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
        let columns = self.columns(&table, customers)?;
        let index = format!("{table}_package");
        let (Some(table_sql), Some(entries_sql)) = (self.made_by(&table)?, self.made_by(dial::TABLE)?) else {
            return Ok(false);
        };
        // Not looked for in vain: that reads the whole schema, which grows with the campaigns.
        let index_sql = if self.campaign.main_table { self.made_by(&index)? } else { None };
        let entries_index_sql = self.made_by(dial::INDEX)?;
        // What a row has beside its texts; should it be too little, it costs a copy.
        let beside = columns.iter().map(Column::beside).sum::<usize>() + 12;
        let bytes = customers.batch.bytes() + customers.len() * beside + entries.len() * 48;
        let Hold::Alone(alone) = &mut self.chunk.hold else { return Ok(false) };
        let Ok(mut image) = Image::new(alone.memory(), bytes) else { return Ok(false) };
        let together = together(&columns);
        let rows = customers.rows().map(|(id, slot)| {
            let columns = if slot.is_some_and(Slot::has_one_source) { &together } else { &columns };
            (id, columns.iter().map(move |column| customers.piece(slot, column)))
        });
        let write = || {
            image.table(&table, &table_sql, rows)?;
            if let Some(index_sql) = index_sql {
                let key = |(id, _)| [self.campaign.package, id].map(Bound::Integer).into_iter();
                image.index(&index, &table, &index_sql, customers.rows().map(key))?;
            }
            entries.write(&mut image, self.campaign, &entries_sql, entries_index_sql.as_deref())
        };
        let Ok(image) = write().and_then(|()| image.finish()) else { return Ok(false) };
        if !alone.lend(image)? {
            return Ok(false);
        }
        let c = alone.connection();
        // `*`: between two tables that are made alike, with indexes alike, SQLite copies whole records.
        for table in [&table, dial::TABLE] {
            execute(c, &format!("INSERT INTO main.{table} SELECT * FROM lent.{table}"))?;
        }
        Ok(true)
    }

    /// The statement that made a table or an index; `None`: there is none of that name.
    fn made_by(&self, name: &str) -> Result<Option<String>, Fault> {
        let sql = "SELECT sql FROM main.sqlite_schema WHERE name = ?1";
        let mut select = self.chunk.c().prepare_cached(sql).map_err(storage)?;
        select.query_row([name], |row| row.get(0)).optional().map_err(storage)
    }

    /// Where a new customer's value of each column but the id comes from.
    fn columns(&self, table: &str, new: &NewCustomers<'_>) -> Result<Vec<Column>, Fault> {
        let c = self.chunk.c();
        // As they lie in the table. A statement's own column names would be those of when it was prepared.
        let names = "SELECT name FROM pragma_table_info(?1, 'main') ORDER BY cid LIMIT -1 OFFSET 1";
        let mut names = c.prepare_cached(names).map_err(storage)?;
        let names = names.query_map([table], |row| row.get::<_, String>(0)).and_then(Iterator::collect);
        let names: Vec<String> = names.map_err(storage)?;
        let mut columns = Vec::new();
        for name in &names {
            let same = match name.as_str() {
                "package" => Bound::Integer(self.campaign.package),
                "status" => Bound::Text(Status::Open.name()),
                "agent" => Bound::None,
                "created_at" | "updated_at" => Bound::Integer(new.now),
                name => {
                    let at = new.fields.named(name);
                    let is_number =
                        at.and_then(|at| new.fields.get(at)).is_some_and(|field| field.kind == FieldType::Integer);
                    match at.and_then(|at| new.batch.columns.iter().position(|column| *column == at)) {
                        Some(column) => {
                            columns.push(if is_number {
                                Column::Number(column)
                            } else {
                                Column::Texts(column..column + 1)
                            });
                            continue;
                        }
                        None if is_number => Bound::None,
                        None => Bound::Text(""),
                    }
                }
            };
            match columns.last_mut() {
                Some(Column::Same(values)) => values.add(same),
                _ => columns.push(Column::Same(Record::of(same))),
            }
        }
        Ok(columns)
    }
}

impl<'v> NewCustomers<'v> {
    fn piece(&self, slot: Option<&Slot>, column: &'v Column) -> Piece<'v, impl Iterator<Item = usize> + use<'v>> {
        match column {
            Column::Same(values) => Piece::Same(values),
            Column::Number(column) => Piece::One(self.value(slot, *column)),
            Column::Texts(columns) => match slot.and_then(|slot| slot.source(columns.start)) {
                Some(record) => {
                    let (texts, lengths) = self.batch.values(record, columns.clone());
                    Piece::Texts(texts, lengths)
                }
                None => Piece::One(Bound::Text("")),
            },
        }
    }
}

/// Where a column's value comes from.
#[derive(Clone, Debug)]
enum Column {
    /// Columns in which all rows have the same.
    Same(Record),
    /// A column of the batch, of whole numbers.
    Number(usize),
    /// Columns of the batch, of texts; one each.
    Texts(Range<usize>),
}

impl Column {
    /// What it takes in a record beside the batch's texts, about.
    fn beside(&self) -> usize {
        match self {
            Self::Same(values) => values.bytes(),
            Self::Number(_) => 4,
            Self::Texts(_) => 2,
        }
    }
}

/// The same columns, for rows whose values all come from one record: where texts lie side by side in the batch too, they are
/// taken at once.
fn together(columns: &[Column]) -> Vec<Column> {
    let mut together: Vec<Column> = Vec::new();
    for column in columns {
        match (together.last_mut(), column) {
            (Some(Column::Texts(before)), Column::Texts(next)) if before.end == next.start => before.end = next.end,
            _ => together.push(column.clone()),
        }
    }
    together
}

#[cfg(test)]
mod tests {
    use crate::catalog;
    use crate::intake::take;
    use crate::merge::{DupDialList, Rules, group};
    use crate::record::{Batch, Call};
    use crate::store::{Durability, Memory, Scouted, Store};

    /// A table that has what the other lacks, be it an index or a column's default, is filled value by value.
    #[test]
    fn sqlite_copies_whole_records_of_customers_entries_and_their_indexes() {
        for (main_table, extra) in [(false, ""), (true, ""), (false, "DROP INDEX dial_row_customer")] {
            let store = Store::open(":memory:", Durability::Full).unwrap();
            store.write(|t| t.execute_batch(extra).map_err(crate::store::storage)).unwrap();
            store.team_add("team", "").unwrap();
            let definition = format!(r#"{{"name":"A campaign","main_table":{main_table}}}"#);
            let id = store.campaign_add("team", &catalog::campaign(&definition).unwrap()).unwrap();
            let campaign = store.campaign(id).unwrap().unwrap();
            // The default fields' phone1 is the key and the number. Some customers come twice on the list.
            let mut batch = Batch::new(vec![1], vec![0], Some(0));
            for n in 0..20_000 {
                batch.push(&format!("138{:08}", n % 15_000));
                batch.end_record(Call::default());
            }
            let groups = group(&batch, store.fingerprints());
            let rules = Rules { dial_list: DupDialList::All, ..Rules::UPDATE };
            let mut memory = Memory::default();
            let explained = store.chunk(&mut memory, |chunk| {
                take(chunk, &campaign, &batch, &groups, &Scouted::default(), rules, 0)?;
                let explain = |table: &str| -> Vec<String> {
                    let sql = format!("EXPLAIN INSERT INTO main.{table} SELECT * FROM lent.{table}");
                    let mut explain = chunk.c().prepare(&sql).unwrap();
                    explain.query_map([], |row| row.get(1)).and_then(Iterator::collect).unwrap()
                };
                Ok([explain("dial_row"), explain(&format!("customers_{}", campaign.table))])
            });
            for operations in explained.unwrap().0 {
                let has = |operation: &str| operations.iter().any(|name| name == operation);
                assert!(has("RowCell") && !has("MakeRecord"), "{main_table}: {operations:?}");
            }
            let number = |sql: &str| store.read(|c| Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()));
            let sound = store.read(|c| Ok(c.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))));
            assert_eq!(sound.unwrap(), Ok("ok".to_owned()));
            assert_eq!(number("SELECT count(*) FROM dial_entry"), Ok(20_000));
            if extra.is_empty() {
                let by = "INDEXED BY dial_row_customer WHERE may_move AND customer < 99999";
                let found = number(&format!("SELECT count(*) FROM dial_row {by}"));
                assert_eq!(found, Ok(if main_table { 20_000 } else { 0 }));
            }
        }
    }
}
