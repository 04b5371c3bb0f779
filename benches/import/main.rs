//! How fast imports are: each command measures one thing, checks that the result is right, and prints one line of JSON.
//!
//! `cargo bench --bench import -- COMMAND …`
//!
//! - `bulk URL DATABASE [--durability full|normal] [--dupway update|skip] [--phone FIELD] [--again yes]`: a file into
//!   customers and a dial list, by one call of `import_cji`.
//! - `growth [--rows 100000] [--customers 10000000] [--rounds 3]`: rows into an empty store and into a large one, and the
//!   same rows again.
//! - `single DATABASE [--durability full|normal] [--calls 300] [--rounds 10] [--threads 8] [--seconds 1]`: records one at a
//!   time, against the same two writes without this library, and from many threads at once. Adds to the store.
//! - `open DATABASE [--times 300]`: opens and closes a store.
//! - `large CUSTOMERS`: tells where a store of so many customers is; it is made once, by importing.
//!
//! and for `benches/compare` and `benches/guard`:
//!
//! - `records COUNT DATABASE [--threads 1]`: records one at a time, of so many threads.
//! - `rows ROWS FILE`: writes the measured file, the same bytes each time.
//! - `serve FILE`: serves it on the loopback until the standard input ends.
//! - `cost PROGRAM …`: runs a program; its time, its processor time and its memory come after what it prints.

mod bulk;
mod cost;
mod given;
mod growth;
mod host;
mod machine;
mod open;
mod records;
mod rows;
mod single;
mod stores;
mod web;

use given::Given;

fn main() {
    // Cargo adds a word of its own.
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    words.retain(|word| word != "--bench");
    let Some((command, rest)) = words.split_first() else {
        // `cargo bench` without a command measures nothing.
        println!("cargo bench --bench import -- bulk|growth|single|open …; see benches/import/main.rs");
        return;
    };
    if command == "cost" {
        return cost::cost(rest);
    }
    let given = Given::new(rest);
    let figures = match command.as_str() {
        "bulk" => bulk::bulk(&given),
        "growth" => growth::growth(&given),
        "single" => single::single(&given),
        "open" => open::open(&given),
        "large" => stores::tell_large(&given),
        "records" => records::records(&given),
        "rows" => rows::write_file(&given),
        "serve" => return web::serve_until_told(&given),
        _ => panic!("no command {command}"),
    };
    println!("{figures}");
}
