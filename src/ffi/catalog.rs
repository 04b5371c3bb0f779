//! The catalogue: who may import, and into what.

use std::ffi::c_char;

use super::guard;
use super::handle::cji_engine;
use super::text::utf8;

/// Adds a team, or gives a team that is there a new name.
///
/// The functions of the catalogue are the host's own: they ask for no password.
///
/// `orgidentity`: how imports name the team; not empty. `name`: any text, for people.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_team_add(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    name: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.team_add(utf8(orgidentity, "orgidentity")?, utf8(name, "name")?))) }
}

/// Adds a user to a team, or changes its password; a disabled user is enabled again.
///
/// `orgidentity`: a team that is there. `usertype`: "agent" or "account"; the two are told apart even
/// where their names are the same. `user`: the agent's number or the account's name; not empty.
/// `pwdtype`: "plaintext", or "md5": 32 hex digits of the password's MD5. `password`: not empty. What
/// is stored is neither, but a slow salted hash; both forms can be checked against it.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_user_set(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    usertype: *const c_char,
    user: *const c_char,
    pwdtype: *const c_char,
    password: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            let (orgidentity, usertype) = (utf8(orgidentity, "orgidentity")?, utf8(usertype, "usertype")?);
            let (user, pwdtype) = (utf8(user, "user")?, utf8(pwdtype, "pwdtype")?);
            Ok(engine.user_set(orgidentity, usertype, user, pwdtype, utf8(password, "password")?))
        })
    }
}

/// Disables a user: from now on its imports are refused, in every process, until `cji_user_set`
/// enables it again.
///
/// `orgidentity`, `usertype`, `user`: a user that is there.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_user_disable(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    usertype: *const c_char,
    user: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            let (orgidentity, usertype) = (utf8(orgidentity, "orgidentity")?, utf8(usertype, "usertype")?);
            Ok(engine.user_disable(orgidentity, usertype, utf8(user, "user")?))
        })
    }
}

/// Defines the fields and the unique key of a team's main table, or defines them anew.
///
/// `orgidentity`: a team that is there. `definition`: "" or a JSON object with "fields" and
/// "unique_key" as in `cji_campaign_add`, both optional; what is left out stays as it is, or is the
/// default in a first definition. To add a field give all of them.
///
/// A table without customers is made anew. In one with customers the key can't change; a field that
/// the definition leaves out, or gives another type, loses its column if no customer has a value in
/// it, else the call is a failure and changes nothing; display names and "required" may change.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_main_table_define(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    definition: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            Ok(engine.main_table_define(utf8(orgidentity, "orgidentity")?, utf8(definition, "definition")?))
        })
    }
}

/// Adds a campaign to a team.
///
/// `orgidentity`: a team that is there. `definition`: a JSON object, in which only "name" is
/// required and an unknown key is a failure:
///
///   "name"        any text, for people.
///   "id"          a wanted campaign id, decimal; one that exists is a failure. Campaign ids are
///                 unique over all teams.
///   "main_table"  true: the campaign's package is a part of the team's main table, which is defined
///                 by default if there is none. Default false: the package has its own table.
///   "package"     join this package of the team instead of a new one; it brings its table and key.
///   "fields"      at most 1000 of {"name", "display", "type", "required"}; not with "main_table" or
///                 "package". "name": `[A-Za-z][A-Za-z0-9_]*`, unique without regard to case, and none
///                 of id, package, status, agent, created_at, updated_at. "display": any text;
///                 default the name. "type": "text" (default), "phone", "integer", "datetime".
///                 "required": default false. Default fields: name, phone1, phone2, email, company,
///                 address, city, memo, where phone1 and phone2 are phones.
///   "unique_key"  one or more field names: two records with the same values in them are duplicates.
///                 Default ["phone1"], or the first field of type phone; fields without a phone need
///                 one.
///
/// Returns a reply; its message is the campaign's id and nothing else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_campaign_add(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    definition: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            Ok(engine.campaign_add(utf8(orgidentity, "orgidentity")?, utf8(definition, "definition")?))
        })
    }
}

/// Reads a campaign.
///
/// `campaign_id`: decimal.
///
/// Returns a reply whose "data" is {"id", "team", "name", "main_table", "package", "fields",
/// "unique_key", "customers", "dial_list"}; the last two are counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_campaign_get(engine: *mut cji_engine, campaign_id: *const c_char) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.campaign_get(utf8(campaign_id, "campaign_id")?))) }
}
