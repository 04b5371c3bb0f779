//! Many rows by few statements. A statement that writes one row has to find its place in the table anew each time; one that
//! writes many goes on from where the last row went, which for rows in order is three times as fast.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Statement, ToSql};

use super::storage;
use crate::fault::Fault;

/// The rows of one statement, and the most values.
const MOST_ROWS: usize = 32;
const MOST_VALUES: usize = 4_096;

/// A value on its way into a statement, without a copy.
#[derive(Clone, Copy, Debug)]
pub enum Bound<'v> {
    /// A text.
    Text(&'v str),
    /// A whole number.
    Integer(i64),
    /// NULL.
    None,
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Bound::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Bound::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Bound::None => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl From<Option<i64>> for Bound<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Bound::None, Bound::Integer)
    }
}

/// Rows for one table.
#[derive(Debug)]
pub struct Bulk<'s> {
    /// The table.
    pub table: &'s str,
    /// The columns with a value that all rows have, and then those with one for each row; as SQL.
    pub columns: &'s str,
    /// The values that all rows have.
    pub shared: &'s [Bound<'s>],
    /// How many values each row has of its own.
    pub own: usize,
}

impl Bulk<'_> {
    /// Inserts rows. `row` gives a row's own values.
    pub fn insert<'v, V: Iterator<Item = Bound<'v>>>(
        &self,
        c: &Connection,
        count: usize,
        row: impl Fn(usize) -> V,
    ) -> Result<(), Fault> {
        let at_once = (MOST_VALUES / (self.shared.len() + self.own).max(1)).clamp(1, MOST_ROWS);
        let whole = count - count % at_once;
        self.run(c, at_once, 0..whole, &row)?;
        self.run(c, 1, whole..count, &row)
    }

    fn run<'v, V: Iterator<Item = Bound<'v>>>(
        &self,
        c: &Connection,
        at_once: usize,
        mut rows: std::ops::Range<usize>,
        row: impl Fn(usize) -> V,
    ) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = c.prepare_cached(&self.sql(at_once)).map_err(storage)?;
        bind(&mut statement, 1, self.shared.iter().copied())?;
        while !rows.is_empty() {
            let values = rows.by_ref().take(at_once).flat_map(&row);
            bind(&mut statement, self.shared.len() + 1, values)?;
            statement.raw_execute().map_err(storage)?;
        }
        Ok(())
    }

    fn sql(&self, rows: usize) -> String {
        let mut row = String::with_capacity(4 * self.shared.len() + 2 * self.own);
        for number in 1..=self.shared.len() {
            row.push('?');
            row.push_str(&number.to_string());
            row.push(',');
        }
        // "?" alone is the number after the greatest so far.
        row.push_str(&"?,".repeat(self.own));
        row.pop();
        let rows = std::iter::repeat_n(&*row, rows).collect::<Vec<_>>().join("),(");
        ["INSERT INTO ", self.table, " (", self.columns, ") VALUES (", &rows, ")"].concat()
    }
}

fn bind<'v>(statement: &mut Statement<'_>, first: usize, values: impl Iterator<Item = Bound<'v>>) -> Result<(), Fault> {
    (first..).zip(values).try_for_each(|(at, value)| statement.raw_bind_parameter(at, value).map_err(storage))
}
