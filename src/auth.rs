//! Who may import: passwords kept as Argon2id of their MD5, compared in constant time, remembered per process; guessing at
//! them is slow.

mod admitted;
mod gate;
mod guessing;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, RwLock};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::fault::{Fault, Key};
use crate::memory;
use crate::request::{Login, UserType};
use crate::store::{Credential, Store};

pub use admitted::Admission;
use admitted::Admitted;
use guessing::Guessing;

/// A verifier that no password fits, for logins that do not exist: they must take as long as the others.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aW1wb3J0LWNqaS1ub2JvZHk$\
     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The most logins remembered; at the limit all are forgotten, and verified once more.
const MOST_REMEMBERED: usize = 10_000;

/// Verified logins by verifier, with a digest of the MD5 that fitted it. A changed password has another verifier, so an
/// old one is never met again. Neither MD5 nor password is kept.
static REMEMBERED: RwLock<Option<HashMap<String, [u8; 16]>>> = RwLock::new(None);

/// More than any allocator keeps for later (glibc: at most 32 MiB).
const TO_THE_SYSTEM: usize = 33 << 20;

/// The verifier to store for a password.
pub fn verifier(login: &Login) -> Result<String, Fault> {
    let failed = |error: &dyn Display| Fault::new(Key::Storage, format!("the password can't be hashed: {error}"));
    let (mut salt, mut hash) = ([0; 16], [0; Params::DEFAULT_OUTPUT_LEN]);
    getrandom::fill(&mut salt).map_err(|error| failed(&error))?;
    let params = Params::default();
    argon2id(&login.md5, &salt, &params, &mut hash).map_err(|error| failed(&error))?;
    let verifier = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&params).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(&salt).map_err(|error| failed(&error))?),
        hash: Some(Output::new(&hash).map_err(|error| failed(&error))?),
    };
    Ok(verifier.to_string())
}

/// Hashes in memory that goes back to the system at once. The 19 MiB would else lie in the host's heap, where small
/// allocations settle in them, so that each further hash takes 19 MiB more.
fn argon2id(md5: &str, salt: &[u8], params: &Params, hash: &mut [u8]) -> argon2::Result<()> {
    let mut blocks: Vec<Block> = Vec::new();
    let count = params.block_count();
    blocks.try_reserve_exact(count.max(TO_THE_SYSTEM / size_of::<Block>())).map_err(|_| argon2::Error::OutOfMemory)?;
    blocks.resize(count, Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::default(), params.clone());
    argon2.hash_password_into_with_memory(md5.as_bytes(), salt, hash, &mut blocks)
}

/// True where the MD5 is the one that the verifier was made of; fails where there is no memory to see that.
fn verifies(md5: &str, verifier: &str) -> Result<bool, Fault> {
    let Ok(stored) = PasswordHash::new(verifier) else { return Ok(false) };
    let (Some(salt), Some(wanted), Ok(params)) = (&stored.salt, &stored.hash, Params::try_from(&stored)) else {
        return Ok(false);
    };
    let mut hash = vec![0; wanted.as_bytes().len()];
    match argon2id(md5, salt, &params, &mut hash) {
        Err(argon2::Error::OutOfMemory) => Err(memory::none("the password's verification")),
        hashed => Ok(hashed.is_ok() && hash.ct_eq(wanted.as_bytes()).into()),
    }
}

/// The door of one engine.
#[derive(Debug, Default)]
pub struct Door {
    guessing: Guessing,
    admitted: Admitted,
}

impl Door {
    /// Lets a login in: gives its team's id. Every refusal takes the same time, whatever was wrong, and has the same words,
    /// also where there were too many before it.
    pub fn admit(&self, store: &Store, login: &Login) -> Result<i64, Fault> {
        let known = Known::of(store, login)?;
        if let Some(team) = known.team.filter(|_| is_remembered(&known.verifier, &login.md5)) {
            self.admitted.keep(login, team, &known.verifier);
            return Ok(team);
        }
        let attempt = self.guessing.attempt(store, store.guess_bucket(login)).map_err(|wait| {
            let seconds = wait.as_millis().div_ceil(1_000);
            let message = format!("too many wrong passwords for this user; try again in {seconds} s");
            Fault::new(known.refusal(login.usertype), message)
        })?;
        // Anew: while one waited, the user may have been disabled, or have got another password.
        let known = Known::of(store, login)?;
        // Another thread may have let it in meanwhile.
        let fits = is_remembered(&known.verifier, &login.md5) || verifies(&login.md5, &known.verifier)?;
        attempt.end(fits);
        match known.team {
            Some(team) if fits => {
                remember(&known.verifier, &login.md5);
                self.admitted.keep(login, team, &known.verifier);
                Ok(team)
            }
            _ => {
                let message = "orgidentity, user or password is wrong, or the user is disabled";
                Err(Fault::new(known.refusal(login.usertype), message))
            }
        }
    }

    /// How this login was let in before, which may hold no more.
    pub fn admitted(&self, login: &Login) -> Option<Arc<Admission>> {
        self.admitted.find(login)
    }

    /// Forgets that; the next one is asked like any other.
    pub fn forget(&self, login: &Login) {
        self.admitted.forget(login);
    }
}

/// What the store knows of who asks.
struct Known {
    team: Option<i64>,
    /// `NOBODY` for who may not come in whatever the password is: that takes as long as a wrong one.
    verifier: String,
}

impl Known {
    fn of(store: &Store, login: &Login) -> Result<Self, Fault> {
        let found = store.credential(&login.orgidentity, login.usertype, &login.user)?;
        let (team, credential) = found.map_or((None, None), |(team, credential)| (Some(team), credential));
        let enabled: Option<Credential> = credential.filter(|credential| !credential.disabled);
        Ok(Self { team, verifier: enabled.map_or_else(|| NOBODY.to_owned(), |credential| credential.verifier) })
    }

    /// The vendor's key of a refusal.
    fn refusal(&self, usertype: UserType) -> Key {
        match (self.team, usertype) {
            (None, _) => Key::TeamUnknown,
            (Some(_), UserType::Agent) => Key::AgentWrong,
            (Some(_), UserType::Account) => Key::AccountWrong,
        }
    }
}

/// True where this process has found before that the MD5 fits the verifier.
fn is_remembered(verifier: &str, md5: &str) -> bool {
    // `try_`: a child forked while another thread held the lock finds it held for ever, and must not wait.
    let Ok(remembered) = REMEMBERED.try_read() else { return false };
    let known = remembered.as_ref().and_then(|logins| logins.get(verifier));
    known.is_some_and(|known| known.ct_eq(&digest(verifier, md5)).into())
}

fn remember(verifier: &str, md5: &str) {
    let Ok(mut remembered) = REMEMBERED.try_write() else { return };
    let remembered = remembered.get_or_insert_with(HashMap::new);
    if remembered.len() >= MOST_REMEMBERED {
        remembered.clear();
    }
    remembered.insert(verifier.to_owned(), digest(verifier, md5));
}

fn digest(verifier: &str, md5: &str) -> [u8; 16] {
    Md5::new().chain_update(verifier).chain_update(b"\0").chain_update(md5).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::parse_login;

    fn login(password: &str) -> Login {
        parse_login("t", "agent", "7", "plaintext", password).unwrap()
    }

    #[test]
    fn a_password_fits_its_verifier_alone_and_is_then_remembered() {
        let known = verifier(&login("secret")).unwrap();
        assert!(known.starts_with("$argon2id$") && !known.contains("secret"));
        assert!(verifies(&login("secret").md5, &known).unwrap() && !is_remembered(&known, &login("secret").md5));
        remember(&known, &login("secret").md5);
        assert!(is_remembered(&known, &login("secret").md5));
        assert!(!verifies(&login("Secret").md5, &known).unwrap() && !is_remembered(&known, &login("Secret").md5));
        assert!(!verifies(&login("secret").md5, NOBODY).unwrap());
        assert!(PasswordHash::new(NOBODY).is_ok(), "it must cost what a real one costs");
    }
}
