//! Who may import: passwords kept as Argon2id of their MD5, compared in constant time, remembered per process.

use std::collections::HashMap;
use std::sync::RwLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
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

/// The verifier to store for a password.
pub fn verifier(login: &Login) -> Result<String, Fault> {
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password(login.md5.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| Fault::new(Key::Storage, format!("the password can't be hashed: {error}")))
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
    let Ok(parsed) = PasswordHash::new(verifier) else { return false };
    if Argon2::default().verify_password(md5.as_bytes(), &parsed).is_err() {
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
