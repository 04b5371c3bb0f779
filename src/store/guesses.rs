//! Wrong passwords, counted: a row for each bucket of logins. Logins that do not exist have their buckets too, so guessing
//! at them is counted alike, and can't make the table grow.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, lease_clock, storage};
use crate::fault::Fault;
use crate::request::Login;
use crate::time::Moment;

/// How many buckets there are.
const BUCKETS: u64 = 4_096;

/// The wrong passwords of one bucket, as of now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Guesses {
    /// How many they were when they were counted last.
    pub failures: f64,
    /// How long ago that was.
    pub age_ms: i64,
    /// How long no further password is looked at; not more than 0: no longer.
    pub busy_ms: i64,
}

impl Store {
    /// The bucket of a login. The fingerprint's key is the store's own: nobody else knows who is in one bucket with whom.
    pub fn guess_bucket(&self, login: &Login) -> i64 {
        let texts = ["login", &login.orgidentity, login.usertype.name(), &login.user];
        i64::try_from(self.fingerprints.of(texts) % BUCKETS).unwrap_or_default()
    }

    /// What was counted in a bucket.
    pub fn guesses(&self, bucket: i64) -> Result<Guesses, Fault> {
        self.read(|c| read(c, bucket, lease_clock::shows(c, &Moment::now())?))
    }

    /// Counts anew in a bucket; from then on the age is 0.
    pub fn guesses_change<T: Send + 'static>(
        &self,
        bucket: i64,
        change: impl Fn(&mut Guesses) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.write_in_group(move |c| {
            let now_ms = lease_clock::keep(c, &Moment::now())?;
            let mut guesses = read(c, bucket, now_ms)?;
            let told = change(&mut guesses);
            let sql = "INSERT INTO login_guess (bucket, failures, counted_at, free_at) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET failures = excluded.failures, counted_at = excluded.counted_at,
                           free_at = excluded.free_at";
            let mut insert = c.prepare_cached(sql).map_err(storage)?;
            let free_at_ms = now_ms.saturating_add(guesses.busy_ms);
            insert.execute(params![bucket, guesses.failures, now_ms, free_at_ms]).map_err(storage)?;
            Ok(told)
        })
    }
}

fn read(c: &Connection, bucket: i64, now_ms: i64) -> Result<Guesses, Fault> {
    let sql = "SELECT failures, counted_at, free_at FROM login_guess WHERE bucket = ?1";
    let mut select = c.prepare_cached(sql).map_err(storage)?;
    let found = select.query_row([bucket], |row| {
        let (counted_at_ms, free_at_ms): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(Guesses {
            failures: row.get(0)?,
            age_ms: now_ms.saturating_sub(counted_at_ms),
            busy_ms: free_at_ms.saturating_sub(now_ms),
        })
    });
    Ok(found.optional().map_err(storage)?.unwrap_or_default())
}
