//! Teams, logins, packages, campaigns and the customer tables' definitions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::index::{self, Index};
use super::tables::{create_table, redefine, table_fields, table_name};
use super::{Store, dial, storage, views};
use crate::catalog::{CampaignDefinition, Customers, MOST_ID, TableDefinition};
use crate::fault::{Fault, Key, shown};
use crate::field::Fields;
use crate::request::UserType;

/// A campaign with all that an import into it needs.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: i64,
    /// Its team's id.
    pub team: i64,
    /// Its team's identity string.
    pub orgidentity: String,
    /// What people call it.
    pub name: String,
    /// The package that it works.
    pub package: i64,
    /// True: the package is a part of the team's main table.
    pub main_table: bool,
    /// The customer table's number.
    pub table: i64,
    /// The customer table's fields.
    pub fields: Fields,
    /// The number of its dial list.
    pub(super) list: i64,
    /// How its customers are found.
    pub(super) indexes: Vec<Index>,
    /// How often its customer table had been defined anew when it was read.
    pub definitions: i64,
}

/// The campaigns that were read already. All that can change of one are its fields, when its main table is defined anew.
#[derive(Debug, Default)]
pub struct Campaigns(Mutex<HashMap<i64, Arc<Campaign>>>);

impl Campaigns {
    /// The most that are kept.
    const MOST: usize = 1_000;

    fn last(&self, id: i64) -> Option<Arc<Campaign>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn keep(&self, campaign: Campaign) -> Arc<Campaign> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        let campaign = Arc::new(campaign);
        known.insert(campaign.id, Arc::clone(&campaign));
        campaign
    }
}

/// What is kept of a login.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The Argon2id verifier.
    pub verifier: String,
    /// True: refused.
    pub disabled: bool,
}

fn bad(message: impl Into<String>) -> Fault {
    Fault::new(Key::ParameterBad, message)
}

impl Store {
    /// Adds a team, or changes its name.
    pub fn team_add(&self, orgidentity: &str, name: &str) -> Result<i64, Fault> {
        self.write(|t| {
            t.query_row(
                "INSERT INTO team (orgidentity, name) VALUES (?1, ?2)
                 ON CONFLICT (orgidentity) DO UPDATE SET name = excluded.name RETURNING id",
                params![orgidentity, name],
                |row| row.get(0),
            )
            .map_err(storage)
        })
    }

    /// The team's id.
    pub fn team(&self, orgidentity: &str) -> Result<Option<i64>, Fault> {
        self.read(|c| team(c, orgidentity))
    }

    /// Adds a login, or changes its verifier; enabled in any case.
    pub fn login_set(&self, orgidentity: &str, usertype: UserType, user: &str, verifier: &str) -> Result<(), Fault> {
        self.write(|t| {
            let team = known_team(t, orgidentity)?;
            t.execute(
                "INSERT INTO login (team, usertype, user, verifier, disabled) VALUES (?1, ?2, ?3, ?4, 0)
                 ON CONFLICT DO UPDATE SET verifier = excluded.verifier, disabled = 0",
                params![team, usertype.name(), user, verifier],
            )
            .map(drop)
            .map_err(storage)
        })
    }

    /// Disables a login.
    pub fn login_disable(&self, orgidentity: &str, usertype: UserType, user: &str) -> Result<(), Fault> {
        self.write(|t| {
            let team = known_team(t, orgidentity)?;
            let changed = t
                .execute(
                    "UPDATE login SET disabled = 1 WHERE team = ?1 AND usertype = ?2 AND user = ?3",
                    params![team, usertype.name(), user],
                )
                .map_err(storage)?;
            match changed {
                0 => Err(bad(format!("user: the team has no {} {}", usertype.name(), shown(user)))),
                _ => Ok(()),
            }
        })
    }

    /// The team's id and the login's credential, as far as they exist.
    pub fn credential(
        &self,
        orgidentity: &str,
        usertype: UserType,
        user: &str,
    ) -> Result<Option<(i64, Option<Credential>)>, Fault> {
        self.read(|c| credential(c, orgidentity, usertype, user))
    }

    /// Adds a campaign; returns its id.
    pub fn campaign_add(&self, orgidentity: &str, definition: &CampaignDefinition) -> Result<i64, Fault> {
        self.write(|t| {
            let team = known_team(t, orgidentity)?;
            if let Some(id) = definition.id {
                let sql = "SELECT 1 FROM campaign WHERE id = ?1";
                if t.query_row(sql, [id], |_| Ok(())).optional().map_err(storage)?.is_some() {
                    return Err(bad(format!("definition: id {id} is another campaign's")));
                }
            }
            let package = match &definition.customers {
                Customers::Own(fields) => {
                    let table = create_table(t, team, fields, false)?;
                    create_package(t, team, table)?
                }
                Customers::Main => {
                    let table = match main_table(t, team)? {
                        Some(table) => table,
                        None => create_main_table(t, team, &TableDefinition::default().fields(None)?)?,
                    };
                    create_package(t, team, table)?
                }
                Customers::Join { package, main_table } => joined_package(t, team, *package, *main_table)?,
            };
            let sql = "INSERT INTO campaign (id, team, package, name, list)
                       VALUES (?1, ?2, ?3, ?4, (SELECT ifnull(max(list), 0) + 1 FROM campaign)) RETURNING id";
            let id = definition.id.map_or_else(|| free_id(t), Ok)?;
            let row = params![id, team, package, definition.name];
            let id = t.query_row(sql, row, |row| row.get(0)).map_err(storage)?;
            let sql = "SELECT customer_table FROM package WHERE id = ?1";
            let table = t.query_row(sql, [package], |row| row.get(0)).map_err(storage)?;
            views::create(t, id, table, package, &table_fields(t, table)?)?;
            Ok(id)
        })
    }

    /// Defines a team's main table, or defines it anew.
    pub fn main_table_define(&self, orgidentity: &str, definition: &TableDefinition) -> Result<(), Fault> {
        self.write(|t| {
            let team = known_team(t, orgidentity)?;
            let Some(table) = main_table(t, team)? else {
                return create_main_table(t, team, &definition.fields(None)?).map(drop);
            };
            let old = table_fields(t, table)?;
            let new = definition.fields(Some(&old))?;
            if new == old {
                return Ok(());
            }
            redefine(t, table, &old, &new)?;
            let sql = "UPDATE customer_table SET definitions = definitions + 1 WHERE id = ?1";
            t.execute(sql, [table]).map(drop).map_err(storage)
        })
    }

    /// The campaign of this id.
    pub fn campaign(&self, id: i64) -> Result<Option<Arc<Campaign>>, Fault> {
        self.read(|c| match self.campaigns.last(id) {
            Some(known) if index::is_as_read(c, &known)? => Ok(Some(known)),
            _ => Ok(campaign(c, id)?.map(|campaign| self.campaigns.keep(campaign))),
        })
    }

    /// The campaign of this id as it was read last, if it was: a chunk tells whether it is still so.
    pub fn campaign_before(&self, id: i64) -> Option<Arc<Campaign>> {
        self.campaigns.last(id)
    }

    /// How many customers a campaign's package has, and how many entries its dial list.
    pub fn campaign_counts(&self, campaign: &Campaign) -> Result<(i64, i64), Fault> {
        let table = table_name(campaign.table);
        let customers = if campaign.main_table {
            format!("SELECT count(*) FROM {table} WHERE package = ?1")
        } else {
            // Ids are given one after the other, and no customer is ever removed.
            format!("SELECT ifnull(max(id), 0) FROM {table} WHERE ?1 > 0")
        };
        self.read(|c| {
            let customers = c.query_row(&customers, [campaign.package], |row| row.get(0)).map_err(storage)?;
            Ok((customers, dial::count(c, campaign)?))
        })
    }
}

/// The team's id and the login's credential, as far as they exist.
pub(super) fn credential(
    c: &Connection,
    orgidentity: &str,
    usertype: UserType,
    user: &str,
) -> Result<Option<(i64, Option<Credential>)>, Fault> {
    let sql = "SELECT t.id, l.verifier, l.disabled FROM team t
               LEFT JOIN login l ON l.team = t.id AND l.usertype = ?2 AND l.user = ?3 WHERE t.orgidentity = ?1";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let found = select.query_row([orgidentity, usertype.name(), user], |row| {
        let verifier: Option<String> = row.get(1)?;
        let disabled: Option<bool> = row.get(2)?;
        let credential = verifier.zip(disabled).map(|(verifier, disabled)| Credential { verifier, disabled });
        Ok((row.get(0)?, credential))
    });
    found.optional().map_err(storage)
}

fn team(c: &Connection, orgidentity: &str) -> Result<Option<i64>, Fault> {
    let mut statement = c.prepare_cached("SELECT id FROM team WHERE orgidentity = ?1").map_err(storage)?;
    statement.query_row([orgidentity], |row| row.get(0)).optional().map_err(storage)
}

fn known_team(c: &Connection, orgidentity: &str) -> Result<i64, Fault> {
    team(c, orgidentity)?
        .ok_or_else(|| Fault::new(Key::TeamUnknown, format!("orgidentity {} is no team", shown(orgidentity))))
}

fn main_table(c: &Connection, team: i64) -> Result<Option<i64>, Fault> {
    c.query_row("SELECT main_table FROM team WHERE id = ?1", [team], |row| row.get(0)).map_err(storage)
}

/// The id after the largest one; where that is the last, the lowest that is free.
fn free_id(c: &Connection) -> Result<i64, Fault> {
    let sql = "SELECT ifnull(max(id), 0) + 1 FROM campaign";
    let next: i64 = c.query_row(sql, [], |row| row.get(0)).map_err(storage)?;
    if next <= MOST_ID {
        return Ok(next);
    }
    let sql = "SELECT min(id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM campaign)
               WHERE id + 1 NOT IN (SELECT id FROM campaign)";
    c.query_row(sql, [], |row| row.get(0)).map_err(storage)
}

fn create_package(c: &Connection, team: i64, table: i64) -> Result<i64, Fault> {
    let sql = "INSERT INTO package (team, customer_table) VALUES (?1, ?2) RETURNING id";
    c.query_row(sql, [team, table], |row| row.get(0)).map_err(storage)
}

fn joined_package(c: &Connection, team: i64, package: i64, main_table: Option<bool>) -> Result<i64, Fault> {
    let sql = "SELECT p.customer_table IS t.main_table FROM package p JOIN team t ON t.id = p.team
               WHERE p.id = ?1 AND p.team = ?2";
    let is_main: Option<bool> = c.query_row(sql, [package, team], |row| row.get(0)).optional().map_err(storage)?;
    match (is_main, main_table) {
        (None, _) => Err(bad(format!("definition: the team has no package {package}"))),
        (Some(is), Some(said)) if is != said => {
            Err(bad(format!("definition: main_table is {said}, but package {package} says otherwise")))
        }
        (Some(_), _) => Ok(package),
    }
}

/// The campaign of this id.
pub fn campaign(c: &Connection, id: i64) -> Result<Option<Campaign>, Fault> {
    let sql = "SELECT c.id, c.team, t.orgidentity, c.name, c.package, p.customer_table,
                      p.customer_table IS t.main_table, c.list, k.definitions
               FROM campaign c JOIN team t ON t.id = c.team JOIN package p ON p.id = c.package
               JOIN customer_table k ON k.id = p.customer_table WHERE c.id = ?1";
    let mut statement = c.prepare_cached(sql).map_err(storage)?;
    let found = statement
        .query_row([id], |row| {
            Ok(Campaign {
                id: row.get(0)?,
                team: row.get(1)?,
                orgidentity: row.get(2)?,
                name: row.get(3)?,
                package: row.get(4)?,
                table: row.get(5)?,
                main_table: row.get(6)?,
                fields: Fields::default(),
                indexes: Vec::new(),
                list: row.get(7)?,
                definitions: row.get(8)?,
            })
        })
        .optional()
        .map_err(storage)?;
    match found {
        None => Ok(None),
        Some(campaign) => {
            let fields = table_fields(c, campaign.table)?;
            let indexes = index::of_table(c, campaign.table, &fields)?;
            Ok(Some(Campaign { fields, indexes, ..campaign }))
        }
    }
}

fn create_main_table(c: &Connection, team: i64, fields: &Fields) -> Result<i64, Fault> {
    let table = create_table(c, team, fields, true)?;
    c.execute("UPDATE team SET main_table = ?2 WHERE id = ?1", [team, table]).map_err(storage)?;
    Ok(table)
}
