/*
 * import_cji.h - call-centre import as an embedded library.
 *
 * Rows of CSV files on HTTP and FTP servers, and single records, become customers and a dial list
 * in a SQLite database, by one call of import_cji() with the 22 parameters of the vendor's
 * importCJI.
 *
 *     char *error = NULL;
 *     cji_engine *engine = cji_engine_open("calls.db", "", &error);
 *     if (engine == NULL) { puts(error); cji_text_free(error); return 1; }
 *     char *reply = import_cji(engine, "myteam", "agent", "1001", "plaintext", "secret",
 *             "Campaign", "1", "http", "http://192.168.1.88/leads.csv", "", "", "", "1",
 *             "phone1", "", "", "no", "no", "update", "ignoreDuplicate", "skip", "");
 *     puts(reply);
 *     cji_text_free(reply);
 *     cji_engine_close(engine);
 *
 * THE CONVENTIONS that every function keeps
 *
 * Texts. All text is UTF-8 and ends with NUL. A NULL text counts as "". Text that is not UTF-8 is a
 * failure that names the parameter. The library reads the texts it is given during the call only
 * and keeps no pointer to them; they must not change during the call.
 *
 * Ownership. Every `char *` that a function returns belongs to the caller, who frees it once, with
 * cji_text_free(). A `const char *` belongs to the library. In a language whose FFI turns `char *`
 * into a string of its own, declare the result as a plain pointer (ctypes: c_void_p; JNA: Pointer;
 * PHP: FFI::string() and then cji_text_free()), else the address is lost and the text leaks.
 *
 * Replies. A function that returns `char *` answers with a JSON object, never with NULL:
 * {"code":1,"message":"..."} when it is done, {"code":2,"message":"..."} when it failed; those that
 * read add "data" when it is done. "code" is a number. Ids in replies are numbers, ids in
 * parameters decimal text. import_ws(), import_event() and import_jsonp() have forms of their own.
 *
 * Failures. What failed has changed nothing, but for these. An import of a file keeps its job and its
 * finished chunks, and one whose job met a trouble that may pass (a full disk) goes on later.
 * cji_jobs_run_due() fails for the sake of such a job when it has run the others. A wrong password
 * is counted. cji_job_rejects() may have put its file in place, where the folder could not be synced.
 *
 * NULL engine. Every function answers with its failure reply.
 *
 * Threads. Every function may be called from any thread, and one handle is shared by all of them.
 * Only cji_engine_close() must be the last call on its handle, and alone. Loading the library opens
 * nothing and starts no thread. Threads that an import of a file starts end before its call does, and
 * the worker of cji_worker_start() ends with cji_worker_stop() or cji_engine_close(). One exception:
 * nothing can end the system's lookup of a host's name. A thread "cji-lookup" whose lookup hangs may
 * outlive the import and the handle, of which it uses nothing, until the lookup gives up. exit() does
 * not wait for it, and after dlclose() the shared library stays mapped. A program that links the
 * static library into a plugin must not unload that meanwhile.
 *
 * Processes. Any number of processes may have the same database open. A handle belongs to the
 * process that opened it: after fork() every call on it in the child answers with a failure, and
 * cji_engine_close() there only forgets it. Open engines after forking, not before.
 *
 * SQLite. The library carries a SQLite of its own. A program must not open the same database file
 * with a second copy of SQLite in the same process (Python's sqlite3, PHP's PDO, a linked
 * libsqlite3): when that copy closes the file, the file locks of this library are lost, by a rule of
 * POSIX locks, and the database can be damaged. Read through cji_query(), or from another process.
 * The static library shows SQLite's symbols: a program that has its own links the shared one.
 *
 * Callbacks. They run on the thread that the import runs on, and may call any function of the
 * library except cji_engine_close() (which does nothing there), cji_worker_stop() and
 * cji_jobs_run_due() (which answer with a failure there). Their text is valid during the call.
 * They must return: no C++ exception and no longjmp() may leave them.
 *
 * Quiet. No function ever unwinds, aborts, exits, prints, or reads an environment variable, but TZ
 * where the option "timezone" is not given.
 *
 * Times. All times in replies are "YYYY-MM-DD HH:MM:SS" in the engine's zone.
 *
 * Languages. C99 includes this header as it is. C++ includes it inside a linkage block:
 *     extern "C" {
 *     #include "import_cji.h"
 *     }
 * PHP reads it unmodified: FFI::cdef(file_get_contents("import_cji.h"), "libimport_cji.so.0").
 *
 * This file is generated from src/ffi; change it there.
 */

#ifndef IMPORT_CJI_H
#define IMPORT_CJI_H

#include <stdint.h>

/**
 * The version of this header's contract: it grows when a function changes its type or its meaning.
 * Compare it with `cji_abi_version()` of the library that was loaded.
 */
#define CJI_ABI_VERSION 1

/**
 * One open store. `cji_engine_open` gives it, `cji_engine_close` ends it. All threads of a process
 * share one handle; another process opens its own.
 */
typedef struct cji_engine cji_engine;

/**
 * Takes the reply of an import that has ended, in the JSON form of `import_cji`. `reply` is valid
 * during the call; `user_data` is what was given to `cji_callback_set`, which see.
 */
typedef void (*cji_callback)(const char *reply, void *user_data);

/**
 * Takes a running job as the JSON that is the "data" of `cji_job_get`. `job` is valid during the
 * call. The answer 0 lets the job go on; any other cancels it. See `cji_progress_set`.
 */
typedef int32_t (*cji_progress)(const char *job, void *user_data);

/**
 * The version of the library, such as "0.1.0". The text is static: it is never freed.
 */
const char *cji_version(void);

/**
 * The `CJI_ABI_VERSION` that the loaded library was built with. A host that was compiled with
 * another one must not go on.
 */
uint32_t cji_abi_version(void);

/**
 * Frees a text that a function of this library returned as `char *`, or that `cji_engine_open`
 * left in `*error`.
 *
 * With NULL nothing happens. Each text is freed once, and only here: `free()` of the C library is
 * not its match. May be called after the engine is closed, and in a forked child.
 */
void cji_text_free(char *text);

/**
 * Opens a store, and makes it where there is none.
 *
 * `location`: the path of a SQLite database file, relative to the working directory of this call, as
 * paths in `options` are, or ":memory:" for a store that ends with the handle. A file that is not there is created with mode
 * 0600; its folder must be there. A file that is not SQLite, or a SQLite file of another program,
 * is refused and left as it is. Any number of processes and handles may have the same file open.
 *
 * `options`: "" or a JSON object. An unknown key or a value of a wrong type is a failure.
 *
 *   "timezone"           IANA name, such as "Europe/Berlin"; default: the system's. The zone of
 *                        `exetime`, `dialtime_field` and of all times in replies.
 *   "background"         default false: an immediate http or ftp import runs inside the call.
 *                        true: it is queued, and the worker or `cji_jobs_run_due` runs it.
 *   "messages"           "text" (default), or "backmsg": the message of an import is the vendor's
 *                        key, such as "BackMsg_83", instead of English text.
 *   "durability"         "full" (default): what a reply reports as done survives a power cut.
 *                        "normal": it survives a crash of the process.
 *   "connect_timeout_s"  how long the lookup of a server's name may take, and then once more how
 *                        long connecting to its addresses, all together; for each connection
 *                        anew, also after a redirect and in each try. Default 10.
 *   "idle_timeout_s"     the longest silence of the server on an open connection. Default 60.
 *   "total_timeout_s"    a whole fetch, with its redirects, further tries and the pauses between
 *                        them, but without the import of the file. Default 3600. All three are
 *                        in seconds, above 0; 0.5 is half a second.
 *   "retries"            further tries of a fetch that failed in a way that may pass; default 3.
 *   "max_file_bytes"     a larger file fails, before or after gzip is undone; default 4 GiB.
 *   "max_row_bytes"      a larger row is rejected; default 1 MiB.
 *   "allow_hosts"        list of host names, addresses and CIDR blocks that a fetch may reach;
 *                        default: all but link-local addresses.
 *   "ca_file"            PEM file of further roots for https and ftps, or of servers' own
 *                        certificates.
 *   "spool_dir"          folder where fetched files lie while they are imported; default: beside
 *                        the database, for ":memory:" the system's temporary folder.
 *
 * `error`: NULL, or where to leave the failure as `{"code":2,"message":"..."}`, a text that the
 * caller frees with `cji_text_free`. On success `*error` becomes NULL.
 *
 * Returns the handle, or NULL on failure. Opening starts no thread. Close the handle with
 * `cji_engine_close`.
 */
cji_engine *cji_engine_open(const char *location,
                            const char *options,
                            char **error);

/**
 * Closes a handle: waits for the running worker, if there is one, and lets go of the store.
 *
 * With NULL nothing happens. No other call on the handle may be running or follow; closing it
 * twice is undefined, as with `free()`. When this returns no callback of the handle runs or will
 * run. A job that the worker was in the middle of stays as its last finished chunk left it, and is
 * taken up again by the next worker or `cji_jobs_run_due` of any process.
 *
 * In a child of the process that opened the handle it only forgets the handle: the store is not
 * touched, and the handle's memory stays until the child ends. Inside a callback it does nothing,
 * and the handle stays open.
 */
void cji_engine_close(cji_engine *engine);

/**
 * Imports one record, or a CSV file from an HTTP or FTP server, into a campaign's customer package.
 *
 * All 22 parameters must be given; NULL counts as "". Listed values and field names are compared
 * without regard to case and surrounding white space; users, teams and passwords exactly. All
 * complaints about parameters come in one message, each naming its parameter, and nothing is
 * written then.
 *
 *  1 `orgidentity`     the team. Required.
 *  2 `usertype`        "agent" or "account". Required.
 *  3 `user`            the agent's number or the account's name. Required.
 *  4 `pwdtype`         "plaintext", or "md5": 32 hex digits of the password's MD5. Required.
 *  5 `password`        the password, in that form. Required.
 *  6 `modeltype`       "Campaign". Required.
 *  7 `model_id`        decimal id of a campaign of this team. Required.
 *  8 `source`          "data": one record. "http", "ftp": a CSV file. Required.
 *  9 `context`         data: a record, "field1=value1||field2=value2", by field or display name.
 *                      http: an http:// or https:// URL. ftp: an ftp:// or ftps:// URL. Required.
 * 10 `source_user`     login at the file server; it wins over a login in the URL. "": none (ftp:
 *                      anonymous).
 * 11 `source_pwd`      password at the file server. "": none.
 * 12 `exetime`         when to run an http or ftp import: "YYYY-MM-DD HH:MM:SS", also with "T", also
 *                      without seconds. "", "0000-00-00 00:00:00", "NULL", a past time: now.
 *                      Ignored for data.
 * 13 `delrow`          how many lines to remove from the top of the file. "": 0. Ignored for data.
 * 14 `phone_field`     field or display name: put the records on the dial list under this number.
 *                      "": no dial list.
 * 15 `priority_field`  field or display name, or the name of a column of the file or a piece of the
 *                      record: the dial list's priority, larger first. "": 0. Needs `phone_field`.
 * 16 `dialtime_field`  named likewise: the time before which the dialer does not call. "": now.
 *                      Needs `phone_field`.
 * 17 `emptyagent`      "yes": a duplicate's agent is cleared. "no", "": it stays.
 * 18 `resetstatus`     "yes": a duplicate's status becomes "open". "no", "": it stays.
 * 19 `dupway`          "update": a duplicate's fields become the record's, where the record has a
 *                      value. "skip", "": they stay.
 * 20 `dupdiallist`     whether a duplicate is put on the dial list. "ignoreDuplicate", "": no. "all":
 *                      yes. "ignoreSuccess": yes, unless its status is "success".
 * 21 `changepackage`   a duplicate of the main table that is in another package or in none. "skip",
 *                      "": the record is skipped. "unassignToCurrent": moved here from none.
 *                      "reassignToCurrent": moved here from any.
 * 22 `callbackFuc`     name of a callback set with `cji_callback_set`; it gets the reply, once, when
 *                      the import has ended. "": none.
 *
 * Returns `{"code":1,"message":"..."}` or `{"code":2,"message":"..."}`, never NULL; freed with
 * `cji_text_free`. Code 1: done, also where the rules meant that nothing had to be done, and where
 * rows of a file were rejected. Code 2: failed; the store is as it was, or, of a file, as the last
 * finished chunk left it. The message is for http and ftp, on success, the job id in decimal and
 * nothing else; for data what was done, such as "customer 5 added; on the dial list".
 *
 * After ten wrong passwords for a user, from whatever process, further attempts for it wait, at most
 * for five seconds, or are refused: "too many wrong passwords for this user; try again in 6 s". A
 * login that the process has let in before does not wait.
 */
char *import_cji(cji_engine *engine,
                 const char *orgidentity,
                 const char *usertype,
                 const char *user,
                 const char *pwdtype,
                 const char *password,
                 const char *modeltype,
                 const char *model_id,
                 const char *source,
                 const char *context,
                 const char *source_user,
                 const char *source_pwd,
                 const char *exetime,
                 const char *delrow,
                 const char *phone_field,
                 const char *priority_field,
                 const char *dialtime_field,
                 const char *emptyagent,
                 const char *resetstatus,
                 const char *dupway,
                 const char *dupdiallist,
                 const char *changepackage,
                 const char *callbackFuc);

/**
 * The same import with 21 parameters, those of `import_cji` without `callbackFuc`, answered in the
 * form of the vendor's web service.
 *
 * Returns `|Retuen|1|Retuen|message` or `|Retuen|2|Retuen|message`, spelled so by the vendor, never
 * NULL; freed with `cji_text_free`. The message never contains `|Retuen|`.
 */
char *import_ws(cji_engine *engine,
                const char *orgidentity,
                const char *usertype,
                const char *user,
                const char *pwdtype,
                const char *password,
                const char *modeltype,
                const char *model_id,
                const char *source,
                const char *context,
                const char *source_user,
                const char *source_pwd,
                const char *exetime,
                const char *delrow,
                const char *phone_field,
                const char *priority_field,
                const char *dialtime_field,
                const char *emptyagent,
                const char *resetstatus,
                const char *dupway,
                const char *dupdiallist,
                const char *changepackage);

/**
 * The same import from a query string, answered in the form of the vendor's web service.
 *
 * `query`: `application/x-www-form-urlencoded` in UTF-8, such as
 * "EVENT=Import&orgidentity=myteam&usertype=agent&...": what stands after the "?" of the URL, with
 * the parameters by their names. `EVENT` must be "Import". A parameter given twice is a failure, one
 * left out counts as "", an unknown one is ignored.
 *
 * Returns as `import_ws`.
 */
char *import_event(cji_engine *engine,
                   const char *query);

/**
 * The same import from a query string, answered as a script for the browser.
 *
 * `query`: as for `import_event`, but with "callback=jQuery1_2" instead of `EVENT`. `callback` must
 * match `[A-Za-z_$][A-Za-z0-9_$.]{0,127}`.
 *
 * Returns `jQuery1_2({"code":1,"message":"..."})`, in which `<`, `>`, `&`, U+2028 and U+2029 are
 * escaped, so that it may stand in a page's script; never NULL; freed with `cji_text_free`. Where
 * `callback` can't be called the reply is the bare JSON failure.
 */
char *import_jsonp(cji_engine *engine, const char *query);

/**
 * Adds a team, or gives a team that is there a new name.
 *
 * The functions of the catalogue are the host's own: they ask for no password.
 *
 * `orgidentity`: how imports name the team; not empty. `name`: any text, for people.
 *
 * Returns a reply.
 */
char *cji_team_add(cji_engine *engine, const char *orgidentity, const char *name);

/**
 * Adds a user to a team, or changes its password; a disabled user is enabled again.
 *
 * `orgidentity`: a team that is there. `usertype`: "agent" or "account"; the two are told apart even
 * where their names are the same. `user`: the agent's number or the account's name; not empty.
 * `pwdtype`: "plaintext", or "md5": 32 hex digits of the password's MD5. `password`: not empty. What
 * is stored is neither, but a slow salted hash; both forms can be checked against it.
 *
 * Returns a reply.
 */
char *cji_user_set(cji_engine *engine,
                   const char *orgidentity,
                   const char *usertype,
                   const char *user,
                   const char *pwdtype,
                   const char *password);

/**
 * Disables a user: from now on its imports are refused, in every process, until `cji_user_set`
 * enables it again.
 *
 * `orgidentity`, `usertype`, `user`: a user that is there.
 *
 * Returns a reply.
 */
char *cji_user_disable(cji_engine *engine,
                       const char *orgidentity,
                       const char *usertype,
                       const char *user);

/**
 * Defines the fields and the unique key of a team's main table, or defines them anew.
 *
 * `orgidentity`: a team that is there. `definition`: "" or a JSON object with "fields" and
 * "unique_key" as in `cji_campaign_add`, both optional; what is left out stays as it is, or is the
 * default in a first definition. To add a field give all of them.
 *
 * A table without customers is made anew. In one with customers the key can't change; a field that
 * the definition leaves out, or gives another type, loses its column if no customer has a value in
 * it, else the call is a failure and changes nothing; display names and "required" may change.
 *
 * Returns a reply.
 */
char *cji_main_table_define(cji_engine *engine, const char *orgidentity, const char *definition);

/**
 * Adds a campaign to a team.
 *
 * `orgidentity`: a team that is there. `definition`: a JSON object, in which only "name" is
 * required and an unknown key is a failure:
 *
 *   "name"        any text, for people.
 *   "id"          a wanted campaign id, decimal; one that exists is a failure. Campaign ids are
 *                 unique over all teams.
 *   "main_table"  true: the campaign's package is a part of the team's main table, which is defined
 *                 by default if there is none. Default false: the package has its own table.
 *   "package"     join this package of the team instead of a new one; it brings its table and key.
 *   "fields"      at most 1000 of {"name", "display", "type", "required"}; not with "main_table" or
 *                 "package". "name": `[A-Za-z][A-Za-z0-9_]*`, unique without regard to case, and none
 *                 of id, package, status, agent, created_at, updated_at. "display": any text;
 *                 default the name. "type": "text" (default), "phone", "integer", "datetime".
 *                 "required": default false. Default fields: name, phone1, phone2, email, company,
 *                 address, city, memo, where phone1 and phone2 are phones.
 *   "unique_key"  one or more field names: two records with the same values in them are duplicates.
 *                 Default ["phone1"], or the first field of type phone; fields without a phone need
 *                 one.
 *
 * Returns a reply; its message is the campaign's id and nothing else.
 */
char *cji_campaign_add(cji_engine *engine,
                       const char *orgidentity,
                       const char *definition);

/**
 * Reads a campaign.
 *
 * `campaign_id`: decimal.
 *
 * Returns a reply whose "data" is {"id", "team", "name", "main_table", "package", "fields",
 * "unique_key", "customers", "dial_list"}; the last two are counts.
 */
char *cji_campaign_get(cji_engine *engine, const char *campaign_id);

/**
 * Reads a job: one import from http or ftp. What it says is true while the job runs.
 *
 * `job_id`: decimal, the message of the import.
 *
 * Returns a reply whose "data" is {"id", "campaign", "source", "url" (without login), "state",
 * "run_at", "started_at", "finished_at", "bytes_total" (null: unknown), "bytes_read", "read",
 * "inserted", "updated", "skipped", "rejected", "dial_listed", "message", "warnings": []}.
 * "state" is "scheduled", "running", "succeeded", "failed" or "cancelled". Every data row is counted
 * once: read = inserted + updated + skipped + rejected.
 */
char *cji_job_get(cji_engine *engine,
                  const char *job_id);

/**
 * Lists jobs by id.
 *
 * `filter`: "" or a JSON object with any of "campaign" (id), "state", "after" (a job id), "limit"
 * (default 100, at most 1000); an unknown key is a failure.
 *
 * Returns a reply whose "data" is {"jobs": [...], "next"}; "next" is the "after" of the next page,
 * null at the end.
 */
char *cji_job_list(cji_engine *engine, const char *filter);

/**
 * Cancels a job that is scheduled or running, whichever process runs it.
 *
 * `job_id`: decimal. The job keeps its finished chunks. Its own reply is code 2, "job 7: cancelled",
 * given to its callback by whoever ran or cancelled it.
 *
 * Returns a reply.
 */
char *cji_job_cancel(cji_engine *engine,
                     const char *job_id);

/**
 * Writes the rejected rows of a job as a CSV file: mend it, and import it again as it is.
 *
 * `job_id`: decimal. `path`: of the file to write, relative to the working directory; its folder
 * must be there. The file is written beside its place, with mode 0600, and renamed when it is
 * whole. A file that is there already is replaced; a link stays, and the file that it leads to is
 * replaced. Refused are the store's own files, and what is there and is no regular file, such as a
 * folder or a device.
 *
 * It is UTF-8: the title row as it was (the field names, if there was none), then each rejected
 * row's fields as they were, with the columns `reject_line` (the record's first line in the file,
 * from 1) and `reject_reason` added at the end, in place of such columns that the file had itself.
 * Of a job that runs it has the rows rejected so far: call it again when the job has ended. Where
 * none was rejected it has the title alone.
 *
 * Returns a reply; its message is such as "3 rejected rows written to rejects.csv". It may be a
 * failure after the file is in its place, where the folder can't be brought to the disk.
 */
char *cji_job_rejects(cji_engine *engine, const char *job_id, const char *path);

/**
 * Runs the jobs that are due, on this thread, and returns when none is left.
 *
 * Meant for hosts that cannot take callbacks on a foreign thread (PHP, synchronous Node): they call
 * this instead of starting a worker. Inside a callback it is a failure.
 *
 * Returns a reply; its message is how many jobs it ran. A job that met a trouble which may pass, such
 * as a full disk, has not ended and goes on when it is taken up again: then the others are run, and the
 * reply is a failure that says which and why.
 */
char *cji_jobs_run_due(cji_engine *engine);

/**
 * Starts the worker: one background thread of this process that runs due jobs, each within a second
 * of its time. A handle has one worker: a second start is a failure.
 *
 * Callbacks of the jobs come on that thread. It ends with `cji_worker_stop` or `cji_engine_close`.
 *
 * Returns a reply.
 */
char *cji_worker_start(cji_engine *engine);

/**
 * Stops the worker, and returns when it has stopped. A job that it is in the middle of stays as its
 * last finished chunk left it, and is taken up again later. With no worker nothing happens. Inside
 * a callback it is a failure.
 *
 * Returns a reply.
 */
char *cji_worker_stop(cji_engine *engine);

/**
 * Sets a callback under the name that imports give as `callbackFuc`.
 *
 * `name`: not empty; white space around it does not count. `callback`: NULL takes the name away; a
 * name that is set already gets the new one. `user_data`: given back in each call; the library never
 * looks at it.
 *
 * When an import that passed the parameter checks has ended, well or not, its callback gets the
 * reply, once: before the call returns if the import ran inside it, else on the thread that ran the
 * job, in the process that ran it. So with a worker it comes on a foreign thread, and may come on
 * several threads at once. A name that nobody set in that process is not an error; the job's
 * "warnings" say so.
 *
 * The function and `user_data` must stay usable until the handle is closed, even after they are
 * replaced: a call may be under way on another thread. A callback may call any function of the
 * library except `cji_engine_close`, `cji_worker_stop` and `cji_jobs_run_due`. It must return: no
 * C++ exception and no longjmp() may leave it.
 *
 * Returns a reply.
 */
char *cji_callback_set(cji_engine *engine,
                       const char *name,
                       cji_callback callback,
                       void *user_data);

/**
 * Sets the function that watches running jobs.
 *
 * `progress`: called at most ten times a second and at the end of a job, on the thread that runs it;
 * any answer but 0 cancels the job. NULL: no more progress is told. `user_data`: given back in each
 * call. Lifetime and re-entrancy are as for `cji_callback_set`. The job waits for it: if it takes more
 * than four seconds, another process' worker may take the job over.
 *
 * Returns a reply.
 */
char *cji_progress_set(cji_engine *engine,
                       cji_progress progress,
                       void *user_data);

/**
 * Lists the customers of a campaign's package by id.
 *
 * `campaign_id`: decimal. `filter`: "" or a JSON object with any of these keys; an unknown one is a
 * failure:
 *
 *   "where"  equality only: field names (phones are normalized), "status", "agent". null, or "",
 *            finds what is empty: no agent, a field without a value.
 *   "after"  list from the first id above this one. Default 0.
 *   "limit"  default 100, at most 1000.
 *   "scope"  "main_table": all customers of the team's main table; for a main-table campaign only.
 *
 * An index finds customers by the whole unique key or by a field of type phone, where the value is
 * not empty. With any other "where" customers are read by id until `limit` of them are found: where
 * few are, that is the whole package or, with "scope", the whole table.
 *
 * Returns a reply whose "data" is {"customers": [{"id", "package", "status", "agent", "fields":
 * {...}, "created_at", "updated_at"}], "next"}; "next" is the "after" of the next page, null at the
 * end.
 */
char *cji_customer_list(cji_engine *engine, const char *campaign_id, const char *filter);

/**
 * Changes a customer.
 *
 * `campaign_id`, `customer_id`: decimal. `changes`: a JSON object with any of "status" ("open",
 * "pending", "error", "success", and the vendor's "errorclosed", "sucessclosed", "successclosed"),
 * "agent" (null: none), "package" (an id as number or text; null: out of it; main table only),
 * "fields" (an object). An unknown key, or a unique key that another customer has, changes nothing
 * and fails.
 *
 * Returns a reply.
 */
char *cji_customer_set(cji_engine *engine,
                       const char *campaign_id,
                       const char *customer_id,
                       const char *changes);

/**
 * Lists the entries of a campaign's dial list by id.
 *
 * `campaign_id`: decimal. `filter`: as for `cji_customer_list`, without "scope"; "where" takes
 * "phone", "state" ("waiting", "leased") and "customer" (an id).
 *
 * Returns a reply whose "data" is {"entries": [{"id", "customer", "phone", "priority", "dial_time",
 * "state"}], "next"}.
 */
char *cji_dial_list(cji_engine *engine, const char *campaign_id, const char *filter);

/**
 * Leases the next entries of a campaign's dial list that are due, for a dialer to call.
 *
 * The order is: priority descending, dial time ascending with none first, then insertion. No two
 * callers, threads or processes ever get the same entry while its lease runs.
 *
 * `campaign_id`: decimal. `limit`: at most so many entries, 1 to 10000. `lease_seconds`, above 0: a
 * lease that runs out before `cji_dial_done` gives the entry back. It runs on when the process ends
 * or the machine restarts, and no clock that is set moves its end. Make it longer than the longest
 * call: an entry whose lease ran out may be another's, and `cji_dial_done` can't tell who asks.
 *
 * Returns a reply whose "data" is {"entries": [...]}, as in `cji_dial_list`.
 */
char *cji_dial_next(cji_engine *engine,
                    const char *campaign_id,
                    int32_t limit,
                    int32_t lease_seconds);

/**
 * Ends the lease of an entry.
 *
 * `campaign_id`, `entry_id`: decimal, a leased entry of this campaign; else a failure that changes
 * nothing. `outcome`: `{"outcome":"done"}` removes the entry;
 * `{"outcome":"retry","dial_time":"2030-01-31 09:00:00","priority":3}` puts it back, where both keys
 * are optional: due at once, the same priority.
 *
 * Returns a reply.
 */
char *cji_dial_done(cji_engine *engine,
                    const char *campaign_id,
                    const char *entry_id,
                    const char *outcome);

/**
 * Reads the store by SQL, so that no host needs a second copy of SQLite on the file.
 *
 * `sql`: one SELECT with `?` parameters on the documented tables and views (docs/schema.md), such as
 * "dial_list", "job_history" and "campaign_12_customers". Anything that writes, attaches, or reads
 * credentials or file-server logins is a failure. `arguments`: "" or a JSON array with the values of
 * the parameters: texts, numbers, true, false, null.
 *
 * Returns a reply whose "data" is {"columns": [...], "rows": [[...], ...]}. Failures that say so are
 * more than 10000 rows, texts of more than 64 MiB together, more than 30 seconds, and a value that
 * JSON has no form for: a blob, a text that is not UTF-8 (`hex()` shows both), an infinite number.
 */
char *cji_query(cji_engine *engine,
                const char *sql,
                const char *arguments);

#endif  /* IMPORT_CJI_H */
