//! What the import filled: customers, the dial list, and the store read by SQL.

use std::ffi::c_char;

use super::guard;
use super::handle::cji_engine;
use super::text::utf8;

/// Lists the customers of a campaign's package by id.
///
/// `campaign_id`: decimal. `filter`: "" or a JSON object with any of these keys; an unknown one is a
/// failure:
///
///   "where"  equality only: field names (phones are normalized), "status", "agent". null, or "",
///            finds what is empty: no agent, a field without a value.
///   "after"  list from the first id above this one. Default 0.
///   "limit"  default 100, at most 1000.
///   "scope"  "main_table": all customers of the team's main table; for a main-table campaign only.
///
/// An index finds customers by the whole unique key or by a field of type phone, where the value is
/// not empty. With any other "where" customers are read by id until `limit` of them are found: where
/// few are, that is the whole package or, with "scope", the whole table.
///
/// Returns a reply whose "data" is {"customers": [{"id", "package", "status", "agent", "fields":
/// {...}, "created_at", "updated_at"}], "next"}; "next" is the "after" of the next page, null at the
/// end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_customer_list(
    engine: *mut cji_engine,
    campaign_id: *const c_char,
    filter: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            Ok(engine.customer_list(utf8(campaign_id, "campaign_id")?, utf8(filter, "filter")?))
        })
    }
}

/// Changes a customer.
///
/// `campaign_id`, `customer_id`: decimal. `changes`: a JSON object with any of "status" ("open",
/// "pending", "error", "success", and the vendor's "errorclosed", "sucessclosed", "successclosed"),
/// "agent" (null: none), "package" (an id as number or text; null: out of it; main table only),
/// "fields" (an object). An unknown key, or a unique key that another customer has, changes nothing
/// and fails.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_customer_set(
    engine: *mut cji_engine,
    campaign_id: *const c_char,
    customer_id: *const c_char,
    changes: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            let (campaign_id, customer_id) = (utf8(campaign_id, "campaign_id")?, utf8(customer_id, "customer_id")?);
            Ok(engine.customer_set(campaign_id, customer_id, utf8(changes, "changes")?))
        })
    }
}

/// Lists the entries of a campaign's dial list by id.
///
/// `campaign_id`: decimal. `filter`: as for `cji_customer_list`, without "scope"; "where" takes
/// "phone", "state" ("waiting", "leased") and "customer" (an id).
///
/// Returns a reply whose "data" is {"entries": [{"id", "customer", "phone", "priority", "dial_time",
/// "state"}], "next"}.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_dial_list(
    engine: *mut cji_engine,
    campaign_id: *const c_char,
    filter: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| Ok(engine.dial_list(utf8(campaign_id, "campaign_id")?, utf8(filter, "filter")?)))
    }
}

/// Leases the next entries of a campaign's dial list that are due, for a dialer to call.
///
/// The order is: priority descending, dial time ascending with none first, then insertion. No two
/// callers, threads or processes ever get the same entry while its lease runs.
///
/// `campaign_id`: decimal. `limit`: at most so many entries, 1 to 10000. `lease_seconds`, above 0: a
/// lease that runs out before `cji_dial_done` gives the entry back. It runs on when the process ends
/// or the machine restarts, and no clock that is set moves its end. Make it longer than the longest
/// call: an entry whose lease ran out may be another's, and `cji_dial_done` can't tell who asks.
///
/// Returns a reply whose "data" is {"entries": [...]}, as in `cji_dial_list`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_dial_next(
    engine: *mut cji_engine,
    campaign_id: *const c_char,
    limit: i32,
    lease_seconds: i32,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| Ok(engine.dial_next(utf8(campaign_id, "campaign_id")?, limit, lease_seconds)))
    }
}

/// Ends the lease of an entry.
///
/// `campaign_id`, `entry_id`: decimal, a leased entry of this campaign; else a failure that changes
/// nothing. `outcome`: `{"outcome":"done"}` removes the entry;
/// `{"outcome":"retry","dial_time":"2030-01-31 09:00:00","priority":3}` puts it back, where both keys
/// are optional: due at once, the same priority.
///
/// Returns a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_dial_done(
    engine: *mut cji_engine,
    campaign_id: *const c_char,
    entry_id: *const c_char,
    outcome: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe {
        guard::json(engine, |engine| {
            let (campaign_id, entry_id) = (utf8(campaign_id, "campaign_id")?, utf8(entry_id, "entry_id")?);
            Ok(engine.dial_done(campaign_id, entry_id, utf8(outcome, "outcome")?))
        })
    }
}

/// Reads the store by SQL, so that no host needs a second copy of SQLite on the file.
///
/// `sql`: one SELECT with `?` parameters on the documented tables and views (docs/schema.md), such as
/// "dial_list", "job_history" and "campaign_12_customers". Anything that writes, attaches, or reads
/// credentials or file-server logins is a failure. `arguments`: "" or a JSON array with the values of
/// the parameters: texts, numbers, true, false, null.
///
/// Returns a reply whose "data" is {"columns": [...], "rows": [[...], ...]}. Failures that say so are
/// more than 10000 rows, texts of more than 64 MiB together, more than 30 seconds, and a value that
/// JSON has no form for: a blob, a text that is not UTF-8 (`hex()` shows both), an infinite number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cji_query(
    engine: *mut cji_engine,
    sql: *const c_char,
    arguments: *const c_char,
) -> *mut c_char {
    // SAFETY: the caller keeps the promises of the header's first page.
    unsafe { guard::json(engine, |engine| Ok(engine.query(utf8(sql, "sql")?, utf8(arguments, "arguments")?))) }
}
