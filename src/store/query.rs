//! A host's own question: one reading SQL statement on the documented tables.
//!
//! It has a connection of its own, where the authorizer lets nothing through but reading those tables, and bounds on
//! time, rows and memory. Big sorts go to a temporary file.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::{Store, open, storage, views};
use crate::fault::{Fault, Key};
use crate::json::told;
use crate::memory;

/// What one answer may cost.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    rows: usize,
    /// Of all its texts, and of any one value on the way.
    bytes: usize,
    time: Duration,
}

const BOUNDS: Bounds = Bounds { rows: 10_000, bytes: 64 << 20, time: Duration::from_secs(30) };

/// The tables and views that docs/schema.md promises, SQLite's own list of them, and what makes rows of an argument.
const READABLE: [&str; 15] = [
    "", // a column of a subquery
    "team",
    "customer_table",
    "field",
    "package",
    "campaign",
    "dial_entry",
    "dial_list",
    "job",
    "job_history",
    "job_reject",
    "sqlite_schema",
    "sqlite_master",
    "json_each",
    "json_tree",
];

/// The store's tables that are nobody's business. SQLite's own begin with `sqlite_`. Not `dial_row`: where the view
/// `dial_entry` is asked for no column, SQLite asks for that table in the question's own name.
const HIDDEN: [&str; 10] = [
    "login",
    "login_guess",
    "store",
    "dial_waiting",
    "dial_lease",
    "dial_level",
    "dial_open",
    "customer_index",
    "customer_index_segment",
    "customer_index_block",
];

/// Two of the views, and what they read beside the readable tables. Nothing of it is secret: a part of a question that bears
/// a view's name is taken for it.
const VIEWS: [&str; 2] = ["dial_entry", "dial_list"];
const READ_BY_VIEWS: [&str; 3] = ["dial_row", "dial_waiting", "dial_lease"];

/// Functions that reach out of the database.
const UNSAFE_FUNCTIONS: [&str; 2] = ["load_extension", "fts3_tokenizer"];

impl Store {
    /// Answers one `SELECT`, as the JSON of `cji_query`.
    pub fn query(&self, sql: &str, arguments: &str) -> Result<Value, Fault> {
        let arguments = read_arguments(arguments)?;
        let _alone = self.alone();
        let mut connection = open::reader(&self.place, self.durability)?;
        answer(&mut connection, sql, &arguments, BOUNDS)
    }
}

fn bad(what: impl AsRef<str>) -> Fault {
    Fault::new(Key::ParameterBad, format!("sql: {}", what.as_ref()))
}

fn answer(connection: &mut Connection, sql: &str, arguments: &[Sql], bounds: Bounds) -> Result<Value, Fault> {
    let failed = |error: rusqlite::Error| failed(error, bounds);
    guard(connection, bounds).map_err(failed)?;
    let mut statement = connection.prepare(sql).map_err(failed)?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(bad("one SELECT is needed, and nothing else is allowed"));
    }
    let (wanted, given) = (statement.parameter_count(), arguments.len());
    if wanted != given {
        let message = format!("arguments: {given} given, but sql has {wanted} parameters");
        return Err(Fault::new(Key::ParameterBad, message));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.query(params_from_iter(arguments)).map_err(failed)?;
    let (mut rows, room) = (Vec::new(), Cell::new(bounds.bytes));
    while let Some(row) = found.next().map_err(failed)? {
        if rows.len() == bounds.rows {
            return Err(bad(format!("more than {} rows; narrow the question, or ask page by page", bounds.rows)));
        }
        let mut cells = Vec::new();
        let room_for = rows.try_reserve(1).and_then(|()| cells.try_reserve_exact(columns.len()));
        room_for.map_err(|_| memory::none("the answer"))?;
        for column in 0..columns.len() {
            cells.push(cell(row.get_ref(column).map_err(failed)?, &room)?);
        }
        rows.push(Value::Array(cells));
    }
    Ok(Value::from_iter([("columns", Value::from(columns)), ("rows", Value::Array(rows))]))
}

fn guard(connection: &mut Connection, bounds: Bounds) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = FILE;")?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(bounds.bytes).unwrap_or(i32::MAX))?;
    let started = Instant::now();
    connection.progress_handler(10_000, Some(move || started.elapsed() > bounds.time))?;
    connection.authorizer(Some(|context: AuthContext<'_>| {
        let allowed = match context.action {
            AuthAction::Select | AuthAction::Recursive => true,
            AuthAction::Function { function_name } => !is_in(&UNSAFE_FUNCTIONS, function_name),
            AuthAction::Read { table_name, column_name } => {
                is_readable(table_name)
                    || is_name_of_a_question(table_name, column_name)
                    || context.accessor.is_some_and(|view| is_in(&VIEWS, view)) && is_in(&READ_BY_VIEWS, table_name)
            }
            _ => false,
        };
        if allowed { Authorization::Allow } else { Authorization::Deny }
    }))
}

fn is_in(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_readable(table: &str) -> bool {
    let customers = table.strip_prefix("customers_").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    customers || views::is_name(table) || is_in(&READABLE, table)
}

/// True for what may be the question's own name for a part of it, of which it reads rows but no column: SQLite does not tell
/// it from a table.
fn is_name_of_a_question(table: &str, column: &str) -> bool {
    let own = table.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
    column.is_empty() && !own && !is_in(&HIDDEN, table)
}

/// A value as JSON that says exactly the same, taken off the room that is left.
fn cell(value: ValueRef<'_>, room: &Cell<usize>) -> Result<Value, Fault> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => match Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => return Err(bad("an infinite number has no form in JSON")),
        },
        ValueRef::Text(text) => {
            let left = room.get().checked_sub(text.len());
            room.set(left.ok_or_else(|| bad("the answer is too large; narrow the question, or ask page by page"))?);
            let text = std::str::from_utf8(text).map_err(|_| bad("a text is not UTF-8; use hex()"))?;
            Value::String(memory::copy(text).ok_or_else(|| memory::none("the answer"))?)
        }
        ValueRef::Blob(_) => return Err(bad("a blob has no form in JSON; use hex()")),
    })
}

fn read_arguments(text: &str) -> Result<Vec<Sql>, Fault> {
    let bad = |what: &str| Fault::new(Key::ParameterBad, format!("arguments: {what}"));
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    if !text.trim_start().starts_with('[') {
        return Err(bad("a JSON array is needed"));
    }
    memory::ask_for_json("arguments", text)?;
    // As they are written: a number read as a double would already be rounded.
    let list: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| bad(&told("", &error)))?;
    let argument = |raw: &&RawValue| {
        let text = raw.get();
        let whole = text.strip_prefix('-').unwrap_or(text);
        if whole.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Sql::Integer).map_err(|_| bad(&format!("{text} is no whole number of 64 bits")));
        }
        match serde_json::from_str(text).map_err(|error| bad(&told("", &error)))? {
            Value::Null => Ok(Sql::Null),
            Value::Bool(on) => Ok(Sql::Integer(i64::from(on))),
            Value::String(text) => Ok(Sql::Text(text)),
            Value::Number(number) => {
                number.as_f64().map(Sql::Real).ok_or_else(|| bad(&format!("{number} is too large")))
            }
            Value::Array(_) | Value::Object(_) => Err(bad("only texts, numbers, true, false and null")),
        }
    };
    list.iter().map(argument).collect()
}

fn failed(error: rusqlite::Error, bounds: Bounds) -> Fault {
    use rusqlite::ErrorCode as Code;
    bad(match (error.sqlite_error_code(), &error) {
        // What the question is not to blame for.
        (Some(Code::SystemIoFailure | Code::DatabaseCorrupt | Code::CannotOpen | Code::OutOfMemory), _) => {
            return storage(error);
        }
        (Some(Code::OperationInterrupted), _) => format!("took longer than {} seconds", bounds.time.as_secs_f32()),
        (Some(Code::AuthorizationForStatementDenied), _) => {
            format!("{error}: only reading the documented tables is allowed")
        }
        (_, rusqlite::Error::MultipleStatement) => "one SELECT is needed, and nothing after it".to_owned(),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    fn ask(sql: &str, bounds: Bounds) -> Result<Value, Fault> {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        answer(&mut open::reader(&store.place, store.durability).unwrap(), sql, &[], bounds)
    }

    #[test]
    fn a_question_that_never_ends_is_stopped() {
        let counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let numbers = "WITH n AS (SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]'))";
        let tables = (0..16).map(|n| format!("n n{n}")).collect::<Vec<_>>().join(", ");
        let joins = format!("{numbers} SELECT count(*) FROM {tables}");
        let sort = format!("{numbers} SELECT n1.value FROM {tables} ORDER BY 1");
        for endless in [counting, &joins, &sort] {
            let started = Instant::now();
            let refused = ask(endless, Bounds { time: Duration::from_millis(50), ..BOUNDS }).unwrap_err();
            assert!(refused.message.contains("longer than 0.05 seconds"), "{refused}");
            assert!(started.elapsed() < Duration::from_secs(20));
        }
    }

    #[test]
    fn an_answer_has_room_for_so_much_text() {
        let bounds = Bounds { bytes: 100_000, ..BOUNDS };
        let texts = |count: u32, length: u32| {
            format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
                 SELECT printf('%.{length}c', 'x') FROM n"
            )
        };
        ask(&texts(10, 10_000), bounds).unwrap();
        assert!(ask(&texts(11, 10_000), bounds).unwrap_err().message.contains("too large"));
        assert!(ask(&texts(1, 100_001), bounds).unwrap_err().message.contains("too big"));
    }
}
