//! Whether a store is sound, and whether what was reported is in it.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::scenes::{LOGIN, Scene, open, store};
use crate::common::content::content;
use crate::common::{Library, data, done};

/// What a reply reported as done. None of them ever becomes false in a scene.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    Version(i64),
    Team(String),
    User(String),
    Disabled(String),
    Campaign(i64),
    MainTable { fields: usize },
    Record { phone: String },
    Agent { customer: usize, agent: String },
    Leased(Vec<i64>),
    Called(i64),
    Job { id: i64, state: String },
    Rejects,
}

/// The store of a folder, past the library.
pub fn look(folder: &Path) -> Connection {
    let connection = Connection::open_with_flags(store(folder), OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the store");
    connection.busy_timeout(std::time::Duration::from_secs(60)).expect("patience");
    connection
}

/// The one number that a question answers with.
pub fn number(c: &Connection, sql: &str, values: impl Params) -> i64 {
    c.query_row(sql, values, |row| row.get(0)).unwrap_or_else(|error| panic!("{error}: {sql}"))
}

impl Fact {
    /// True where the store has it.
    pub fn holds(&self, folder: &Path, c: &Connection, library: &Library) -> bool {
        let count = |sql: &str, value: &str| number(c, sql, [value]) == 1;
        match self {
            Fact::Version(version) => number(c, "PRAGMA user_version", []) == *version,
            Fact::Team(name) => count("SELECT count(*) FROM team WHERE orgidentity = ?1", name),
            Fact::User(user) => count("SELECT count(*) FROM login WHERE user = ?1", user),
            Fact::Disabled(user) => count("SELECT count(*) FROM login WHERE user = ?1 AND disabled", user),
            Fact::Campaign(id) => library.campaign_get(id.to_string())["code"] == 1,
            Fact::MainTable { fields } => {
                let sql = "SELECT count(*) FROM field f JOIN team t ON f.customer_table = t.main_table";
                number(c, sql, []) >= i64::try_from(*fields).unwrap()
            }
            Fact::Record { phone } => {
                let listed = library.customer_list("1", json!({"where": {"phone1": phone}}).to_string());
                let customer = listed["data"]["customers"][0]["id"].as_i64();
                // Its entry may have been called since.
                let given = number(c, "SELECT last_dial_entry FROM store", []);
                customer.is_some() && listed["data"]["customers"].as_array().is_some_and(|c| c.len() == 1) && given > 0
            }
            Fact::Agent { customer, agent } => {
                let sql = "SELECT count(*) FROM customers_1 WHERE id = ?1 AND agent = ?2";
                let of_version_1 = "SELECT count(*) FROM customer_table WHERE id = 1";
                number(c, of_version_1, []) == 1 && number(c, sql, (customer.cast_signed() as i64, agent)) == 1
            }
            Fact::Leased(ids) => {
                let waits = "SELECT count(*) FROM dial_entry e JOIN dial_waiting w ON w.campaign = e.campaign
                             AND e.place BETWEEN w.first AND w.last WHERE e.id = ?1";
                ids.iter().all(|id| was_given(c, *id) && number(c, waits, [id]) == 0)
            }
            Fact::Called(id) => {
                was_given(c, *id) && number(c, "SELECT count(*) FROM dial_entry WHERE id = ?1", [id]) == 0
            }
            Fact::Job { id, state } => {
                let found = library.job_get(id.to_string())["data"]["state"].clone();
                let goes_on = found == "scheduled" && state == "scheduled";
                if goes_on && has_login(c, *id) && login(folder, c, *id) != format!("{}\0{}", LOGIN.0, LOGIN.1) {
                    return false;
                }
                found == state.as_str() || state == "scheduled" && found.is_string()
            }
            Fact::Rejects => {
                fs::read_to_string(folder.join("rejects.csv")).is_ok_and(|text| text.lines().count() % 10 == 1)
            }
        }
    }
}

/// Of an entry that is not there yet, nothing was ever true.
fn was_given(c: &Connection, entry: i64) -> bool {
    number(c, "SELECT last_dial_entry FROM store", []) >= entry
}

fn has_login(c: &Connection, job: i64) -> bool {
    number(c, "SELECT has_login FROM job WHERE id = ?1", [job]) == 1
}

fn login(folder: &Path, c: &Connection, job: i64) -> String {
    let name: String = c.query_row("SELECT name FROM store", [], |row| row.get(0)).expect("a name");
    fs::read_to_string(folder.join(format!("import-cji-{name}-{job}.login"))).unwrap_or_default()
}

/// What is never true in a sound store: rows found are faults.
const NEVER: [(&str, &str); 10] = [
    (
        "an entry is neither waiting nor leased, or both",
        "SELECT e.id FROM dial_entry e WHERE 1 <>
             (SELECT count(*) FROM dial_waiting w WHERE w.campaign = e.campaign AND w.priority = e.priority
              AND w.due = ifnull(e.dial_time, -100000000000) AND e.place BETWEEN w.first AND w.last)
           + (SELECT count(*) FROM dial_lease l WHERE l.campaign = e.campaign AND l.place = e.place)",
    ),
    (
        "a lease has no entry",
        "SELECT l.place FROM dial_lease l LEFT JOIN dial_entry e ON e.campaign = l.campaign AND e.place = l.place WHERE e.id IS NULL",
    ),
    (
        "a run reaches into another list",
        "SELECT w.first FROM dial_waiting w JOIN campaign c ON c.id = w.campaign
         WHERE w.last < w.first OR w.first / 100000000000 <> c.list OR w.last / 100000000000 <> c.list",
    ),
    (
        "an entry or its lease is on no list",
        "SELECT place FROM (SELECT place FROM dial_row UNION ALL SELECT place FROM dial_lease)
         WHERE place / 100000000000 NOT IN (SELECT list FROM campaign)",
    ),
    (
        "a waiting priority is not known, or sleeps too long",
        "SELECT w.first FROM dial_waiting w LEFT JOIN dial_level l ON l.campaign = w.campaign AND l.priority = w.priority
         WHERE l.campaign IS NULL OR l.asleep_until > w.due",
    ),
    ("an entry's id is given twice", "SELECT id FROM dial_entry WHERE id > (SELECT last_dial_entry FROM store)"),
    ("a job's counts disagree", "SELECT id FROM job WHERE read <> inserted + updated + skipped + rejected"),
    (
        "a job's rejected rows are not as many as it counts",
        "SELECT id FROM job j WHERE rejected <> (SELECT count(*) FROM job_reject r WHERE r.job = j.id)",
    ),
    ("the database is broken", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    ("a row's parent is missing", "SELECT \"table\" FROM pragma_foreign_key_check"),
];

/// The store must be sound: nothing is half written.
pub fn is_sound(c: &Connection, library: &Library) -> Result<(), String> {
    for (fault, sql) in NEVER {
        let failed = |error| format!("{fault}: {error}");
        let found = c.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0)).optional().map_err(failed)?;
        if let Some(found) = found {
            return Err(format!("{fault}: {found:?}"));
        }
    }
    let mut campaigns =
        c.prepare("SELECT c.id, p.customer_table FROM campaign c JOIN package p ON p.id = c.package").unwrap();
    let campaigns: Vec<(i64, i64)> =
        campaigns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect).unwrap();
    for (campaign, table) in campaigns {
        let lost = format!(
            "SELECT count(*) FROM dial_entry WHERE campaign = {campaign} AND customer NOT IN (SELECT id FROM customers_{table})"
        );
        if number(c, &lost, []) > 0 {
            return Err("an entry has no customer".to_owned());
        }
        customers_are_found(c, library, campaign, table)?;
    }
    Ok(())
}

/// "no customer without its index entry": each is found by its unique key, alone.
fn customers_are_found(c: &Connection, library: &Library, campaign: i64, table: i64) -> Result<(), String> {
    const MOST: usize = 150;
    let got = library.campaign_get(campaign.to_string());
    let scope = if data(&got)["main_table"] == true { "main_table" } else { "package" };
    let key: Vec<String> = serde_json::from_value(data(&got)["unique_key"].clone()).unwrap();
    let sql = format!("SELECT id, json_array({}) FROM customers_{table} ORDER BY id", key.join(", "));
    let mut select = c.prepare(&sql).unwrap();
    let rows: Vec<(i64, String)> =
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect).unwrap();
    let step = rows.len() / MOST + 1;
    for (id, values) in rows.iter().rev().step_by(step) {
        let values: Vec<Value> = serde_json::from_str(values).unwrap();
        let wanted: serde_json::Map<String, Value> = key.iter().cloned().zip(values).collect();
        let listed = library.customer_list(campaign.to_string(), json!({"where": wanted, "scope": scope}).to_string());
        let found = data(&listed)["customers"].as_array().unwrap();
        if found.len() != 1 || found[0]["id"] != *id {
            return Err(format!("customer {id} of campaign {campaign}, {wanted:?}, is found as {found:?}"));
        }
    }
    Ok(())
}

/// What a scene's job and its upgrade leave in the end; none where there is nothing that could go on.
pub fn ended(scene: Scene, home: &Path, library: &Library) -> Option<String> {
    done(&library.jobs_run_due());
    // What was not done yet when the scene ended differs.
    let other = match (scene, scene.job()) {
        (_, Some(job)) => format!("DELETE FROM job_reject WHERE job <> {job}; DELETE FROM job WHERE id <> {job}"),
        (Scene::Upgrade, None) => "UPDATE customers_1 SET agent = NULL".to_owned(),
        _ => return None,
    };
    look(home).execute_batch(&other).expect("a change");
    Some(content(&store(home)))
}

/// Judges what is left of a scene.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    pub scene: Scene,
    pub durability: &'a str,
    /// What an uninterrupted one leaves in the end.
    pub whole: Option<&'a str>,
}

impl Judge<'_> {
    /// Tells what is wrong. `all`: every fact must be there; else the newest may be lost.
    pub fn judge(&self, home: &Path, facts: &[(usize, Fact)], all: bool) -> Result<(), String> {
        let library = open(home, self.durability).map_err(|refused| format!("it can't be opened: {refused}"))?;
        let c = look(home);
        is_sound(&c, &library)?;
        let mut lost: Vec<&(usize, Fact)> = Vec::new();
        // The file of rejected rows is on the disk in any case.
        for fact in facts.iter().filter(|(_, fact)| all || *fact != Fact::Rejects) {
            let missing = lost.iter().find(|(thread, _)| *thread == fact.0);
            match (fact.1.holds(home, &c, &library), missing) {
                (true, None) => {}
                (false, _) if all => return Err(format!("{fact:?} was reported, and is lost")),
                (false, _) => lost.push(fact),
                (true, Some(missing)) => return Err(format!("{fact:?} is there, but {missing:?} before it is lost")),
            }
        }
        drop(c);
        self.goes_on(home, &library)?;
        is_sound(&look(home), &library).map_err(|fault| format!("afterwards {fault}"))
    }

    fn goes_on(&self, home: &Path, library: &Library) -> Result<(), String> {
        let added = library.team_add("another", "");
        if added["code"] != 1 {
            return Err(format!("it does not go on: {added}"));
        }
        let begun = self.scene.job().is_none_or(|job| library.job_get(job.to_string())["code"] == 1);
        let Some(whole) = self.whole.filter(|_| begun) else { return Ok(()) };
        let ended = ended(self.scene, home, library).unwrap_or_default();
        let differ = ended.lines().zip(whole.lines()).find(|(ended, whole)| ended != whole);
        let shown = |line: &str| line.chars().take(400).collect::<String>();
        match (ended == whole, differ) {
            (true, _) => Ok(()),
            (false, None) => Err("its end has more or less than the one of an uninterrupted run".to_owned()),
            (false, Some((ended, whole))) => {
                Err(format!("its end is\n{}\nand uninterrupted\n{}", shown(ended), shown(whole)))
            }
        }
    }
}
