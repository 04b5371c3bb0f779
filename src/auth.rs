//! Who may import: passwords kept as Argon2id of their MD5, compared in constant time, remembered per process.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::RwLock;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::fault::{Fault, Key};
use crate::request::{Login, UserType};
use crate::store::Store;

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

/// True where the MD5 is the one that the verifier was made of.
fn verifies(md5: &str, verifier: &str) -> bool {
    let Ok(stored) = PasswordHash::new(verifier) else { return false };
    let (Some(salt), Some(wanted), Ok(params)) = (&stored.salt, &stored.hash, Params::try_from(&stored)) else {
        return false;
    };
    let mut hash = vec![0; wanted.as_bytes().len()];
    argon2id(md5, salt, &params, &mut hash).is_ok() && hash.ct_eq(wanted.as_bytes()).into()
}

/// Lets a login in: gives its team's id. Every refusal has the same words and takes the same time, whatever was wrong.
pub fn admit(store: &Store, login: &Login) -> Result<i64, Fault> {
    let found = store.credential(&login.orgidentity, login.usertype, &login.user)?;
    let key = match (&found, login.usertype) {
        (None, _) => Key::TeamUnknown,
        (Some(_), UserType::Agent) => Key::AgentWrong,
        (Some(_), UserType::Account) => Key::AccountWrong,
    };
    let (team, credential) = found.map_or((None, None), |(team, credential)| (Some(team), credential));
    let enabled = credential.as_ref().is_some_and(|c| !c.disabled);
    let verifier = credential.as_ref().map_or(NOBODY, |c| c.verifier.as_str());
    // Asked in any case: a login that does not exist takes as long as one whose password is wrong.
    let fits = fits(verifier, login.md5.as_str());
    match team.filter(|_| fits && enabled) {
        Some(team) => Ok(team),
        None => Err(Fault::new(key, "orgidentity, user or password is wrong, or the user is disabled")),
    }
}

/// True where the MD5 is the one behind the verifier.
fn fits(verifier: &str, md5: &str) -> bool {
    let digest = digest(verifier, md5);
    // `try_`: a child forked while another thread held the lock finds it held for ever, and must not wait.
    if let Ok(remembered) = REMEMBERED.try_read() {
        let known = remembered.as_ref().and_then(|r| r.get(verifier));
        if known.is_some_and(|known| known.ct_eq(&digest).into()) {
            return true;
        }
    }
    if !verifies(md5, verifier) {
        return false;
    }
    if let Ok(mut remembered) = REMEMBERED.try_write() {
        let remembered = remembered.get_or_insert_with(HashMap::new);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(verifier.to_owned(), digest);
    }
    true
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
        let stored = verifier(&login("secret")).unwrap();
        assert!(stored.starts_with("$argon2id$") && !stored.contains("secret"));
        for _ in 0..2 {
            assert!(fits(&stored, &login("secret").md5));
            assert!(!fits(&stored, &login("Secret").md5));
        }
        assert!(!fits(NOBODY, &login("secret").md5));
        assert!(PasswordHash::new(NOBODY).is_ok(), "it must cost what a real one costs");
    }
}
