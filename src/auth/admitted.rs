//! Who was let in before. A record of theirs is not preceded by a look at their login: the transaction that writes it looks
//! whether they may still come in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::is_remembered;
use crate::fault::Fault;
use crate::request::{Login, UserType};
use crate::store::Chunk;

/// The most that are kept.
const MOST: usize = 1_000;

/// A login as it was let in.
#[derive(Debug)]
pub struct Admission {
    orgidentity: String,
    usertype: UserType,
    user: String,
    /// Its team's id.
    pub team: i64,
    verifier: String,
}

impl Admission {
    /// True where the login is still what it was, as this transaction sees it.
    pub fn holds(&self, chunk: &Chunk<'_>) -> Result<bool, Fault> {
        let now = chunk.credential(&self.orgidentity, self.usertype, &self.user)?;
        Ok(now.is_some_and(|(team, credential)| {
            let credential = credential.filter(|credential| !credential.disabled);
            team == self.team && credential.is_some_and(|credential| credential.verifier == self.verifier)
        }))
    }
}

/// The logins that one engine let in.
#[derive(Debug, Default)]
pub(super) struct Admitted(Mutex<HashMap<String, Arc<Admission>>>);

impl Admitted {
    /// Keeps a login that was let in.
    pub fn keep(&self, login: &Login, team: i64, verifier: &str) {
        let Login { orgidentity, usertype, user, .. } = login;
        let (orgidentity, user, verifier) = (orgidentity.clone(), user.clone(), verifier.to_owned());
        let admission = Arc::new(Admission { orgidentity, usertype: *usertype, user, team, verifier });
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key(login), admission);
    }

    /// This login as it was let in, if the password is the one that was verified then.
    pub fn find(&self, login: &Login) -> Option<Arc<Admission>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key(login)).cloned();
        known.filter(|known| is_remembered(&known.verifier, &login.md5))
    }

    /// Forgets a login that may not come in any more as it did.
    pub fn forget(&self, login: &Login) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(login));
    }
}

/// Parameters hold no NUL.
fn key(login: &Login) -> String {
    [&login.orgidentity, "\0", login.usertype.name(), "\0", &login.user].concat()
}
