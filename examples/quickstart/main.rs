//! A CSV file on a web server becomes customers and a dial list, by one call of `import_cji`.
//!
//! ```text
//! cargo run --release --example quickstart                 a bundled file of 3,000 rows
//! cargo run --release --example quickstart -- leads.csv    a file of yours, whose title row names Name, Phone 1, …
//! ```
//!
//! It uses the functions of the C ABI, as a program in any language does; [`library`] carries texts to them and back.

mod library;
mod progress;
mod server;
mod show;

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use import_cji::ffi::{
    cji_campaign_add, cji_customer_list, cji_dial_next, cji_job_get, cji_progress_set, cji_query, cji_team_add,
    cji_user_set, import_cji,
};
use serde_json::Value;

use library::{Library, call};
use progress::Progress;
use show::{Table, thousands};

fn main() -> ExitCode {
    match quickstart(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn quickstart(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // Two columns of the bundled file are no fields of the campaign: they say when each number is to be called.
    let (file, priority, call_after) = match env::args_os().nth(1) {
        Some(path) => (fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?, "", ""),
        None => (include_bytes!("../data/leads.csv").to_vec(), "Priority", "Call after"),
    };
    let lines = file.split(|byte| *byte == b'\n').count();
    let url = server::serve(file)?;
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("calls.db");

    // A database, with a team, an agent who may import, and a campaign with the default fields.
    let library = Library::open(&database, r#"{"timezone":"UTC"}"#)?;
    call!(library, cji_team_add, "myteam", "My team")?;
    call!(library, cji_user_set, "myteam", "agent", "1001", "plaintext", "secret")?;
    let campaign = call!(library, cji_campaign_add, "myteam", r#"{"name":"Spring renewals"}"#)?.message;

    let progress = Progress::of(lines);
    library.taken(|engine| unsafe { cji_progress_set(engine, Some(Progress::tell), progress.user_data()) })?;
    let started = Instant::now();
    #[rustfmt::skip]
    let imported = call!(library, import_cji,
        "myteam",           // orgidentity
        "agent",            // usertype
        "1001",             // user
        "plaintext",        // pwdtype
        "secret",           // password
        "Campaign",         // modeltype
        &campaign,          // model_id
        "http",             // source
        &url,               // context
        "",                 // source_user:    the server asks for no login
        "",                 // source_pwd
        "",                 // exetime:        now
        "1",                // delrow:         the first line is the title row
        "Phone 1",          // phone_field:    put them on the dial list under this number
        priority,           // priority_field: larger numbers are called first
        call_after,         // dialtime_field: not before this time
        "no",               // emptyagent
        "no",               // resetstatus
        "update",           // dupway:         a duplicate's fields become the newer row's
        "ignoreDuplicate",  // dupdiallist:    nobody is on the dial list twice
        "skip",             // changepackage
        "",                 // callbackFuc
    );
    let took = started.elapsed();
    progress.finish();
    let imported = imported?;
    let job = &imported.message;

    writeln!(out, "\nimport_cji read {url} into {}", database.display())?;
    writeln!(out, "and answered after {:.2} s: {}", took.as_secs_f64(), imported.text)?;
    show_job(out, &call!(library, cji_job_get, job)?.data)?;
    show_rejects(out, &library, job)?;
    show_customers(out, &call!(library, cji_customer_list, &campaign, r#"{"limit":8}"#)?.data)?;
    let next = library.taken(|engine| unsafe {
        let campaign = library::text(&campaign);
        cji_dial_next(engine, campaign.as_ptr(), 8, 60)
    })?;
    show_dial_list(out, &next.data)?;
    writeln!(out)?;
    Ok(())
}

/// The counts: every row is one of inserted, updated, skipped, rejected.
fn show_job(out: &mut impl Write, job: &Value) -> io::Result<()> {
    let mut table = Table::new("What became of the rows", &["", "rows", ""]);
    for (count, meaning) in [
        ("read", "data rows of the file"),
        ("inserted", "new customers"),
        ("updated", "known customers with something new"),
        ("skipped", "known customers with nothing new"),
        ("rejected", "rows that can't be used"),
        ("dial_listed", "numbers put on the dial list"),
    ] {
        table.row([count.to_owned(), thousands(&job[count]), meaning.to_owned()]);
    }
    for warning in job["warnings"].as_array().into_iter().flatten() {
        table.note(warning.as_str().unwrap_or_default());
    }
    table.write(out)
}

/// The rows that can't be used: `cji_job_rejects` writes them to a CSV file, `cji_query` reads them.
fn show_rejects(out: &mut impl Write, library: &Library, job: &str) -> Result<(), Box<dyn Error>> {
    let sql = "SELECT line, reason FROM job_reject WHERE job = ? ORDER BY line LIMIT 20";
    let rejects = call!(library, cji_query, sql, format!("[{job}]"))?.data;
    let mut table = Table::new("Rejected rows", &["line", "reason"]);
    for row in rejects["rows"].as_array().into_iter().flatten() {
        table.row([show::cell(&row[0]), show::cell(&row[1])]);
    }
    table.write(out)?;
    Ok(())
}

fn show_customers(out: &mut impl Write, data: &Value) -> io::Result<()> {
    let mut table = Table::new("The first customers", &["id", "name", "phone1", "city", "memo", "status"]);
    for customer in data["customers"].as_array().into_iter().flatten() {
        let fields = &customer["fields"];
        let cells = [&customer["id"], &fields["name"], &fields["phone1"], &fields["city"], &fields["memo"]];
        table.row(cells.into_iter().chain([&customer["status"]]).map(show::cell));
    }
    table.write(out)
}

fn show_dial_list(out: &mut impl Write, data: &Value) -> io::Result<()> {
    let mut table = Table::new("What the dialer gets first", &["entry", "customer", "phone", "priority", "not before"]);
    for entry in data["entries"].as_array().into_iter().flatten() {
        let names = ["id", "customer", "phone", "priority", "dial_time"];
        table.row(names.map(|name| show::cell(&entry[name])));
    }
    table.write(out)
}
