//! Jobs: their row, their lease, their progress, their rejected rows.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::filter::{Filter, bad};
use super::runs::begin;
use super::{Lease, Store, storage};
use crate::fault::{Fault, Key, shown};
use crate::request::Intake;
use crate::time::Seconds;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Waits for its time, or for someone who runs it.
    Scheduled,
    /// Is being run, or was when its process died.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended otherwise.
    Failed,
    /// Was cancelled.
    Cancelled,
}

impl JobState {
    const ALL: [JobState; 5] =
        [JobState::Scheduled, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];

    /// The name in replies and in the store.
    pub fn name(self) -> &'static str {
        match self {
            JobState::Scheduled => "scheduled",
            JobState::Running => "running",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// True where the job has ended.
    pub fn is_end(self) -> bool {
        !matches!(self, JobState::Scheduled | JobState::Running)
    }
}

/// A job that is to be made.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// Into which campaign.
    pub campaign: i64,
    /// How the file is fetched: `http` or `ftp`.
    pub source: &'a str,
    /// From where, without login.
    pub url: &'a str,
    /// True: its login is kept beside the spool.
    pub has_login: bool,
    /// What is done with each record.
    pub intake: &'a Intake,
    /// Lines to remove from the top.
    pub delrow: u64,
    /// The name of its callback.
    pub callback: &'a str,
    /// When it is due.
    pub run_at: Seconds,
}

/// How far a job is: committed with each chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Data rows done: `inserted + updated + skipped + rejected`. The job's place among its rows, in their order.
    pub read: u64,
    /// New customers.
    pub inserted: u64,
    /// Duplicates that something was done to.
    pub updated: u64,
    /// Duplicates that nothing was done to.
    pub skipped: u64,
    /// Rows that can't be used.
    pub rejected: u64,
    /// New entries of the dial list.
    pub dial_listed: u64,
}

/// In which order a job does the rows of its file: repeats come with the first row of their key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Of so many rows; those after them are done as they come.
    pub rows: u64,
    /// A hash of that order.
    pub digest: u64,
}

/// A job as the store has it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is a column of the table job, described in schema.sql")]
pub struct Job {
    pub id: i64,
    pub campaign: i64,
    pub source: String,
    pub url: String,
    pub has_login: bool,
    pub intake: Intake,
    pub delrow: u64,
    pub callback: String,
    pub state: JobState,
    pub run_at: Seconds,
    pub started_at: Option<Seconds>,
    pub finished_at: Option<Seconds>,
    pub bytes_total: Option<u64>,
    pub bytes_read: u64,
    pub spool: Option<String>,
    pub charset: Option<String>,
    pub progress: Progress,
    pub order: Order,
    pub title: Option<Vec<String>>,
    pub message: String,
    pub warnings: Vec<String>,
    pub cancel_asked: bool,
}

/// A row that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Its first line in the file, from 1.
    pub line: u64,
    /// Its cells, as a JSON array of texts.
    pub cells: String,
    /// Why.
    pub reason: String,
}

const COLUMNS: &str = "id, campaign, source, url, has_login, intake, delrow, callback, state, run_at, started_at, \
     finished_at, bytes_total, bytes_read, spool, charset, read, inserted, updated, skipped, rejected, dial_listed, \
     title, message, warnings, cancel_asked, order_rows, order_digest";

impl Store {
    /// Makes a job; with a lease it is running at once, under that lease, which begins when everything else is done.
    ///
    /// `keep` is called with the new id before anyone can see the job; where it fails, there is no job.
    pub fn job_add(
        &self,
        new: &NewJob<'_>,
        lease: Option<&mut Lease>,
        now: Seconds,
        keep: impl FnOnce(i64) -> Result<(), Fault>,
    ) -> Result<Job, Fault> {
        let intake = serde_json::to_string(new.intake).map_err(|e| Fault::new(Key::JobNotMade, e.to_string()))?;
        let state = if lease.is_some() { JobState::Running } else { JobState::Scheduled };
        let delrow = i64::try_from(new.delrow).unwrap_or(i64::MAX);
        self.write(|t| {
            let id = t.query_row(
                "INSERT INTO job (campaign, source, url, has_login, intake, delrow, callback, state, run_at, started_at,
                                  lease_holder)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
                params![
                    new.campaign,
                    new.source,
                    new.url,
                    new.has_login,
                    intake,
                    delrow,
                    new.callback,
                    state.name(),
                    new.run_at,
                    lease.as_ref().map(|_| now),
                    lease.as_ref().map_or("", |lease| &lease.holder),
                ],
                |row| row.get(0),
            );
            let id = id.map_err(storage)?;
            keep(id)?;
            if let Some(lease) = lease {
                begin(t, id, lease)?;
            }
            job(t, id)?.ok_or_else(|| Fault::new(Key::JobNotMade, "the job is gone"))
        })
    }

    /// The job of this id.
    pub fn job(&self, id: i64) -> Result<Option<Job>, Fault> {
        self.read(|c| job(c, id))
    }

    /// A page of jobs, by id; one more than the filter's limit where there are more.
    pub fn jobs(&self, filter: &Filter) -> Result<Vec<Job>, Fault> {
        let mut terms = vec!["id > ?1".to_owned()];
        let mut values = vec![Sql::Integer(filter.after)];
        let mut campaign = None;
        for (name, wanted) in &filter.conditions {
            let text = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
            let value = match name.as_str() {
                "campaign" => {
                    campaign = crate::catalog::decimal(&text);
                    campaign.map(Sql::Integer)
                }
                _ => JobState::named(&crate::field::fold(&text)).map(|s| Sql::Text(s.name().to_owned())),
            };
            values.push(value.ok_or_else(|| bad(format!("{name} {} is none", shown(&text))))?);
            terms.push(format!("{name} = ?{}", values.len()));
        }
        let sql =
            format!("SELECT {COLUMNS} FROM job WHERE {} ORDER BY id LIMIT {}", terms.join(" AND "), filter.limit + 1);
        self.read(|c| {
            if let Some(campaign) = campaign {
                let known = c.query_row("SELECT 1 FROM campaign WHERE id = ?1", [campaign], |_| Ok(())).optional();
                if known.map_err(storage)?.is_none() {
                    return Err(bad(format!("campaign {campaign} is none")));
                }
            }
            let mut select = c.prepare_cached(&sql).map_err(storage)?;
            let rows = select.query_map(params_from_iter(values), read_job);
            rows.and_then(Iterator::collect).map_err(storage)
        })
    }

    /// The first rejected rows of a job after this line: so many as take little memory, and none at the end.
    pub fn rejects(&self, job: i64, after: u64) -> Result<Vec<Reject>, Fault> {
        const MOST: usize = 500;
        const MOST_BYTES: usize = 4 << 20;
        self.read(|c| {
            let sql = "SELECT line, cells, reason FROM job_reject WHERE job = ?1 AND line > ?2 ORDER BY line";
            let mut select = c.prepare_cached(sql).map_err(storage)?;
            let read =
                |row: &Row<'_>| Ok(Reject { line: unsigned(row.get(0)?), cells: row.get(1)?, reason: row.get(2)? });
            let (mut page, mut bytes) = (Vec::new(), 0);
            for reject in select.query_map(params![job, signed(after)], read).map_err(storage)? {
                let reject = reject.map_err(storage)?;
                bytes += reject.cells.len() + reject.reason.len();
                page.push(reject);
                if page.len() == MOST || bytes > MOST_BYTES {
                    break;
                }
            }
            Ok(page)
        })
    }
}

/// The job of this id, as this connection sees it.
pub(super) fn job(c: &Connection, id: i64) -> Result<Option<Job>, Fault> {
    let mut select = c.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE id = ?1")).map_err(storage)?;
    select.query_row([id], read_job).optional().map_err(storage)
}

fn read_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let count = |at: usize| row.get::<_, i64>(at).map(unsigned);
    let list = |text: String| serde_json::from_str::<Vec<String>>(&text).unwrap_or_default();
    let intake: String = row.get(5)?;
    let state: String = row.get(8)?;
    let broken = |at: usize| rusqlite::Error::InvalidColumnType(at, COLUMNS.to_owned(), rusqlite::types::Type::Text);
    Ok(Job {
        id: row.get(0)?,
        campaign: row.get(1)?,
        source: row.get(2)?,
        url: row.get(3)?,
        has_login: row.get(4)?,
        intake: serde_json::from_str(&intake).map_err(|_| broken(5))?,
        delrow: count(6)?,
        callback: row.get(7)?,
        state: JobState::named(&state).ok_or_else(|| broken(8))?,
        run_at: row.get(9)?,
        started_at: row.get(10)?,
        finished_at: row.get(11)?,
        bytes_total: row.get::<_, Option<i64>>(12)?.map(unsigned),
        bytes_read: count(13)?,
        spool: row.get(14)?,
        charset: row.get(15)?,
        progress: Progress {
            read: count(16)?,
            inserted: count(17)?,
            updated: count(18)?,
            skipped: count(19)?,
            rejected: count(20)?,
            dial_listed: count(21)?,
        },
        order: Order { rows: count(26)?, digest: row.get::<_, i64>(27)?.cast_unsigned() },
        title: row.get::<_, Option<String>>(22)?.map(list),
        message: row.get(23)?,
        warnings: list(row.get(24)?),
        cancel_asked: row.get(25)?,
    })
}

pub(super) fn json(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    #[test]
    fn rejected_rows_are_read_so_many_at_a_time_as_take_little_memory() {
        let store = Store::open(":memory:", Durability::Full).unwrap();
        let fill = "PRAGMA foreign_keys = OFF;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
            INSERT INTO job_reject SELECT 1, i, printf('%.*c', 1000000, 'x'), 'large' FROM n;
            WITH RECURSIVE n(i) AS (SELECT 13 UNION ALL SELECT i + 1 FROM n WHERE i < 1013)
            INSERT INTO job_reject SELECT 1, i, '[]', 'small' FROM n;";
        let before = store.writer.lock();
        before.execute_batch(fill).unwrap();
        drop(before);
        let (mut after, mut pages, mut lines) = (0, Vec::new(), Vec::new());
        loop {
            let page = store.rejects(1, after).unwrap();
            let Some(last) = page.last() else { break };
            after = last.line;
            pages.push(page.len());
            lines.extend(page.into_iter().map(|reject| reject.line));
        }
        assert_eq!(pages, [5, 5, 500, 500, 3]);
        assert_eq!(lines, (1..=1013).collect::<Vec<_>>());
    }
}
