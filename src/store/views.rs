//! The views: what hosts ask most, under the names that people know. views.sql has those of all campaigns; each campaign
//! has one of its customers, `campaign_<id>_customers`, whose columns are the customer's own and then the fields by their
//! display names.

use rusqlite::Connection;

use super::tables::table_name;
use super::{quoted, storage};
use crate::fault::Fault;
use crate::field::{Field, Fields, RESERVED, fold};

/// Gives a new campaign its view.
pub fn create(c: &Connection, campaign: i64, table: i64, package: i64, fields: &Fields) -> Result<(), Fault> {
    let column = |(at, field): (usize, &Field)| format!("{} AS {}", quoted(&field.name), column(fields, at, field));
    let columns: Vec<String> = fields.all().iter().enumerate().map(column).collect();
    let sql = format!(
        "CREATE VIEW {} AS SELECT {}, {} FROM {} WHERE package = {package}",
        name(campaign),
        RESERVED.join(", "),
        columns.join(", "),
        table_name(table)
    );
    c.execute_batch(&sql).map_err(storage)
}

/// Takes the views of a customer table away, since they hold its columns.
pub fn drop_all(c: &Connection, table: i64) -> Result<(), Fault> {
    let drop = |(campaign, _): (i64, i64)| c.execute_batch(&format!("DROP VIEW {}", name(campaign))).map_err(storage);
    campaigns(c, table)?.into_iter().try_for_each(drop)
}

/// Gives the campaigns of a customer table their views again.
pub fn create_all(c: &Connection, table: i64, fields: &Fields) -> Result<(), Fault> {
    let create = |(campaign, package)| create(c, campaign, table, package, fields);
    campaigns(c, table)?.into_iter().try_for_each(create)
}

fn campaigns(c: &Connection, table: i64) -> Result<Vec<(i64, i64)>, Fault> {
    let sql = "SELECT c.id, c.package FROM package p JOIN campaign c ON c.package = p.id WHERE p.customer_table = ?1";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let rows = select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.and_then(Iterator::collect).map_err(storage)
}

fn name(campaign: i64) -> String {
    format!("campaign_{campaign}_customers")
}

/// True for the name of a campaign's view.
pub fn is_name(name: &str) -> bool {
    let id = name.strip_prefix("campaign_").and_then(|rest| rest.strip_suffix("_customers"));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// The display name, where it names this field alone and can stand beside the customer's own columns; else the field's name.
fn column(fields: &Fields, at: usize, field: &Field) -> String {
    let taken = fields.find(&field.display) != Some(at)
        || RESERVED.contains(&fold(&field.display).as_str())
        || field.display.contains('\0');
    quoted(if taken { &field.name } else { &field.display })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_known_by_its_name() {
        assert!(is_name(&name(12)));
        for other in ["campaign_12_customers2", "campaign__customers", "campaign_x_customers", "login", "campaign"] {
            assert!(!is_name(other), "{other}");
        }
    }
}
