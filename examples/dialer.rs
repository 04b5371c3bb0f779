//! A small dialer: it takes the next numbers of a campaign, calls them, and reports what came of each.
//!
//! ```sh
//! cargo run --example dialer                        # a store in memory, with a few customers
//! cargo run --example dialer -- calls.db 1          # campaign 1 of this store
//! ```

use import_cji::engine::Engine;
use import_cji::reply::Reply;
use serde_json::{Value, json};

/// Longer than the longest call: when it runs out, the number is handed to the next who asks.
const LEASE_SECONDS: i32 = 600;

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let store = arguments.next();
    let engine = Engine::open(store.as_deref().unwrap_or(":memory:"), "").map_err(|refused| refused.message)?;
    let campaign = match store {
        Some(_) => arguments.next().ok_or("which campaign? give its id")?,
        None => fill(&engine)?,
    };
    let taken = data(engine.dial_next(&campaign, 5, LEASE_SECONDS))?;
    for entry in taken["entries"].as_array().into_iter().flatten() {
        let (id, customer) = (entry["id"].to_string(), entry["customer"].to_string());
        let phone = entry["phone"].as_str().unwrap_or_default();
        let (status, outcome) = match call(phone) {
            Answer::Sold => ("success", json!({"outcome": "done"})),
            Answer::Refused => ("error", json!({"outcome": "done"})),
            Answer::Nobody => {
                let tomorrow = tomorrow(&engine)?;
                ("pending", json!({"outcome": "retry", "dial_time": tomorrow, "priority": 1}))
            }
        };
        done(engine.customer_set(&campaign, &customer, &json!({"status": status}).to_string()))?;
        done(engine.dial_done(&campaign, &id, &outcome.to_string()))?;
        let again = outcome["dial_time"].as_str().map_or(String::new(), |at| format!(", again at {at}"));
        println!("called {phone:<12} {status}{again}");
    }
    let left = data(engine.campaign_get(&campaign))?;
    println!("{} numbers are left on the list", left["dial_list"]);
    engine.close();
    Ok(())
}

enum Answer {
    Sold,
    Refused,
    Nobody,
}

/// Pretends to call.
fn call(phone: &str) -> Answer {
    match phone.bytes().last() {
        Some(b'1' | b'4') => Answer::Sold,
        Some(b'3') => Answer::Nobody,
        _ => Answer::Refused,
    }
}

/// This time tomorrow, as the zone of this machine has it.
fn tomorrow(engine: &Engine) -> Result<String, String> {
    let asked = data(engine.query("SELECT datetime('now', 'localtime', '+1 day')", ""))?;
    Ok(asked["rows"][0][0].as_str().unwrap_or_default().to_owned())
}

/// A team, an agent, a campaign, and six customers on its dial list.
fn fill(engine: &Engine) -> Result<String, String> {
    done(engine.team_add("acme", "Acme Telesales"))?;
    done(engine.user_set("acme", "agent", "1001", "plaintext", "secret"))?;
    let campaign = done(engine.campaign_add("acme", r#"{"name":"Spring renewals"}"#))?;
    for n in 1..=6 {
        let record = format!("name=Customer {n}||phone1=1380013800{n}");
        let mut parameters = ["acme", "agent", "1001", "plaintext", "secret", "Campaign", &campaign, "data", &record]
            .iter()
            .copied()
            .chain([""; 13])
            .collect::<Vec<&str>>();
        // phone_field
        parameters[13] = "phone1";
        let parameters: Vec<&[u8]> = parameters.into_iter().map(str::as_bytes).collect();
        done(engine.import(parameters.as_slice().try_into().map_err(|_| "22 parameters")?))?;
    }
    Ok(campaign)
}

fn done(reply: Reply) -> Result<String, String> {
    if reply.done { Ok(reply.message) } else { Err(reply.message) }
}

fn data(reply: Reply) -> Result<Value, String> {
    let data = reply.data.clone().unwrap_or_default();
    done(reply).map(|_| data)
}
