//! The vendor's four surfaces of one import.

use std::ffi::c_char;
use std::ptr;

use super::handle::cji_engine;
use super::{guard, text};
use crate::engine::{PARAMETERS, jsonp_refusal};
use crate::reply::Reply;

/// Imports one record, or a CSV file from an HTTP or FTP server, into a campaign's customer package.
///
/// All 22 parameters must be given; NULL counts as "". Listed values and field names are compared
/// without regard to case and surrounding white space; users, teams and passwords exactly. All
/// complaints about parameters come in one message, each naming its parameter, and nothing is
/// written then.
///
///  1 `orgidentity`     the team. Required.
///  2 `usertype`        "agent" or "account". Required.
///  3 `user`            the agent's number or the account's name. Required.
///  4 `pwdtype`         "plaintext", or "md5": 32 hex digits of the password's MD5. Required.
///  5 `password`        the password, in that form. Required.
///  6 `modeltype`       "Campaign". Required.
///  7 `model_id`        decimal id of a campaign of this team. Required.
///  8 `source`          "data": one record. "http", "ftp": a CSV file. Required.
///  9 `context`         data: a record, "field1=value1||field2=value2", by field or display name.
///                      http: an http:// or https:// URL. ftp: an ftp:// or ftps:// URL. Required.
/// 10 `source_user`     login at the file server; it wins over a login in the URL. "": none (ftp:
///                      anonymous).
/// 11 `source_pwd`      password at the file server. "": none.
/// 12 `exetime`         when to run an http or ftp import: "YYYY-MM-DD HH:MM:SS", also with "T", also
///                      without seconds. "", "0000-00-00 00:00:00", "NULL", a past time: now.
///                      Ignored for data.
/// 13 `delrow`          how many lines to remove from the top of the file. "": 0. Ignored for data.
/// 14 `phone_field`     field or display name: put the records on the dial list under this number.
///                      "": no dial list.
/// 15 `priority_field`  field or display name, or the name of a column of the file or a piece of the
///                      record: the dial list's priority, larger first. "": 0. Needs `phone_field`.
/// 16 `dialtime_field`  named likewise: the time before which the dialer does not call. "": now.
///                      Needs `phone_field`.
/// 17 `emptyagent`      "yes": a duplicate's agent is cleared. "no", "": it stays.
/// 18 `resetstatus`     "yes": a duplicate's status becomes "open". "no", "": it stays.
/// 19 `dupway`          "update": a duplicate's fields become the record's, where the record has a
///                      value. "skip", "": they stay.
/// 20 `dupdiallist`     whether a duplicate is put on the dial list. "ignoreDuplicate", "": no. "all":
///                      yes. "ignoreSuccess": yes, unless its status is "success".
/// 21 `changepackage`   a duplicate of the main table that is in another package or in none. "skip",
///                      "": the record is skipped. "unassignToCurrent": moved here from none.
///                      "reassignToCurrent": moved here from any.
/// 22 `callbackFuc`     name of a callback set with `cji_callback_set`; it gets the reply, once, when
///                      the import has ended. "": none.
///
/// Returns `{"code":1,"message":"..."}` or `{"code":2,"message":"..."}`, never NULL; freed with
/// `cji_text_free`. Code 1: done, also where the rules meant that nothing had to be done, and where
/// rows of a file were rejected. Code 2: failed; the store is as it was, or, of a file, as the last
/// finished chunk left it. The message is for http and ftp, on success, the job id in decimal and
/// nothing else; for data what was done, such as "customer 5 added; on the dial list".
///
/// After ten wrong passwords for a user, from whatever process, further attempts for it wait, at most
/// for five seconds, or are refused: "too many wrong passwords for this user; try again in 6 s". A
/// login that the process has let in before does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn import_cji(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    usertype: *const c_char,
    user: *const c_char,
    pwdtype: *const c_char,
    password: *const c_char,
    modeltype: *const c_char,
    model_id: *const c_char,
    source: *const c_char,
    context: *const c_char,
    source_user: *const c_char,
    source_pwd: *const c_char,
    exetime: *const c_char,
    delrow: *const c_char,
    phone_field: *const c_char,
    priority_field: *const c_char,
    dialtime_field: *const c_char,
    emptyagent: *const c_char,
    resetstatus: *const c_char,
    dupway: *const c_char,
    dupdiallist: *const c_char,
    changepackage: *const c_char,
    callbackFuc: *const c_char,
) -> *mut c_char {
    let parameters = [
        orgidentity,
        usertype,
        user,
        pwdtype,
        password,
        modeltype,
        model_id,
        source,
        context,
        source_user,
        source_pwd,
        exetime,
        delrow,
        phone_field,
        priority_field,
        dialtime_field,
        emptyagent,
        resetstatus,
        dupway,
        dupdiallist,
        changepackage,
        callbackFuc,
    ];
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { import(engine, Reply::to_json, parameters) }
}

/// The same import with 21 parameters, those of `import_cji` without `callbackFuc`, answered in the
/// form of the vendor's web service.
///
/// Returns `|Retuen|1|Retuen|message` or `|Retuen|2|Retuen|message`, spelled so by the vendor, never
/// NULL; freed with `cji_text_free`. The message never contains `|Retuen|`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn import_ws(
    engine: *mut cji_engine,
    orgidentity: *const c_char,
    usertype: *const c_char,
    user: *const c_char,
    pwdtype: *const c_char,
    password: *const c_char,
    modeltype: *const c_char,
    model_id: *const c_char,
    source: *const c_char,
    context: *const c_char,
    source_user: *const c_char,
    source_pwd: *const c_char,
    exetime: *const c_char,
    delrow: *const c_char,
    phone_field: *const c_char,
    priority_field: *const c_char,
    dialtime_field: *const c_char,
    emptyagent: *const c_char,
    resetstatus: *const c_char,
    dupway: *const c_char,
    dupdiallist: *const c_char,
    changepackage: *const c_char,
) -> *mut c_char {
    let parameters = [
        orgidentity,
        usertype,
        user,
        pwdtype,
        password,
        modeltype,
        model_id,
        source,
        context,
        source_user,
        source_pwd,
        exetime,
        delrow,
        phone_field,
        priority_field,
        dialtime_field,
        emptyagent,
        resetstatus,
        dupway,
        dupdiallist,
        changepackage,
        ptr::null(),
    ];
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { import(engine, Reply::to_ws, parameters) }
}

/// # Safety
/// As for every export.
unsafe fn import(
    engine: *const cji_engine,
    form: fn(&Reply) -> String,
    parameters: [*const c_char; PARAMETERS],
) -> *mut c_char {
    // SAFETY: the same promises. UTF-8 is checked by the engine, together with all else about the parameters.
    unsafe {
        guard::answer(engine, form, |engine| {
            let parameters = parameters.map(|parameter| text::bytes(parameter));
            Ok(form(&engine.import(&parameters)))
        })
    }
}

/// The same import from a query string, answered in the form of the vendor's web service.
///
/// `query`: `application/x-www-form-urlencoded` in UTF-8, such as
/// "EVENT=Import&orgidentity=myteam&usertype=agent&...": what stands after the "?" of the URL, with
/// the parameters by their names. `EVENT` must be "Import". A parameter given twice is a failure, one
/// left out counts as "", an unknown one is ignored.
///
/// Returns as `import_ws`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn import_event(engine: *mut cji_engine, query: *const c_char) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::answer(engine, Reply::to_ws, |engine| Ok(engine.import_event(text::bytes(query)))) }
}

/// The same import from a query string, answered as a script for the browser.
///
/// `query`: as for `import_event`, but with "callback=jQuery1_2" instead of `EVENT`. `callback` must
/// match `[A-Za-z_$][A-Za-z0-9_$.]{0,127}`.
///
/// Returns `jQuery1_2({"code":1,"message":"..."})`, in which `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped, so that it may stand in a page's script; never NULL; freed with `cji_text_free`. Where
/// `callback` can't be called the reply is the bare JSON failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn import_jsonp(engine: *mut cji_engine, query: *const c_char) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        let query = text::bytes(query);
        let refused = |refusal: &Reply| {
            guard::caught(|| Ok(jsonp_refusal(query, refusal))).unwrap_or_else(|failure| failure.to_page_json())
        };
        guard::answer(engine, refused, |engine| Ok(engine.import_jsonp(query)))
    }
}
