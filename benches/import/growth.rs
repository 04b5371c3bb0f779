//! `growth`: what a row costs in a store of millions, against an empty one.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use crate::bulk::measured;
use crate::given::Given;
use crate::host::{Host, Import};
use crate::machine::{hundredths, load, median, seconds, thousandths};
use crate::rows::{self, Customers, Row};
use crate::{stores, web};

/// The measured rows' customers come behind those of the large store.
const FIRST: u64 = 100_000_000;

/// What is imported, in this order: the rows, and twice the same again.
const TURNS: [(&str, &str); 3] = [("new", "update"), ("again_update", "update"), ("again_skip", "skip")];

pub fn growth(given: &Given) -> Value {
    let (count, customers): (u64, u64) = (given.number("rows", 100_000), given.number("customers", 10_000_000));
    let rounds: u64 = given.number("rounds", 3);
    let folder = stores::folder();
    let large = folder.join("growth-large.db");
    stores::copy(&stores::large(customers), &large);
    // Seconds by store and turn, a number for each round.
    let mut took: [[Vec<f64>; 3]; 2] = Default::default();
    for round in 0..rounds {
        let first = FIRST + round * count;
        let empty = folder.join("growth-empty.db");
        stores::remove(&empty);
        let file = written(&folder, first, count);
        let url = web::serve(&file);
        let mut customers = Customers::default();
        let counts = [(); 2].map(|()| customers.import(rows::rows(first, count)));
        for (store, took) in [&empty, &large].into_iter().zip(&mut took) {
            let store = store.to_str().expect("UTF-8");
            drop(Host::at(store, "full"));
            for ((turn, dupway), took) in TURNS.into_iter().zip(took) {
                let host = Host::open(store, "full");
                host.log_in();
                let figures = measured(&host, &Import { dupway, ..Import::file(&url) });
                check(turn, &figures, counts);
                // Closed within the measured time: what is still in the WAL then goes into the database.
                let begun = Instant::now();
                drop(host);
                took.push(thousandths(figures["seconds"].as_f64().expect("a number") + seconds(begun)));
            }
            sample(&Host::open(store, "full"), &customers);
        }
        stores::remove(&empty);
        stores::remove(&file);
    }
    stores::remove(&large);
    told(took, count, customers)
}

fn written(folder: &Path, first: u64, count: u64) -> PathBuf {
    let path = folder.join("growth.csv");
    let file = File::create(&path).expect("a file");
    rows::csv(first, count, &mut BufWriter::with_capacity(1 << 20, file)).expect("a written file");
    path
}

/// `counts`: how many rows insert, update and change nothing the first time, and the second.
fn check(turn: &str, figures: &Value, counts: [[u64; 3]; 2]) {
    let [inserted, updated, skipped] = match turn {
        "new" => counts[0],
        "again_update" => counts[1],
        _ => [0, 0, counts[1].iter().sum()],
    };
    let wanted = [inserted, updated, skipped, 0, inserted];
    for (name, number) in ["inserted", "updated", "skipped", "rejected", "dial_listed"].into_iter().zip(wanted) {
        assert_eq!(figures[name], number, "{turn}: {name} of {figures}");
    }
}

/// Some of the customers are what the rows say.
fn sample(host: &Host, customers: &Customers) {
    for row in customers.0.values().step_by(97) {
        same(&host.customer(&row[1]), row);
    }
}

/// A stored customer has the fields of this row.
pub fn same(customer: &Value, row: &Row) {
    for (name, value) in rows::TITLE.iter().zip(row) {
        assert_eq!(customer["fields"][name], **value, "{name} of {customer}");
    }
}

fn told(mut took: [[Vec<f64>; 3]; 2], count: u64, customers: u64) -> Value {
    let mut figures = json!({"rows": count, "customers": customers, "rounds": took[0][0].len(), "load": load()});
    let mut per_row = [[0.0; 3]; 2];
    for (store, (name, took)) in ["empty", "large"].into_iter().zip(&mut took).enumerate() {
        for (turn, took) in took.iter_mut().enumerate() {
            per_row[store][turn] = median(took) * 1e6 / count as f64;
            figures[name][TURNS[turn].0] = json!({"us_per_row": hundredths(per_row[store][turn]), "seconds": took});
        }
    }
    // Asked: at most 1.5.
    figures["large_to_empty"] = json!(hundredths(per_row[1][0] / per_row[0][0]));
    // Asked: at most 1.
    for (turn, (name, _)) in TURNS.iter().enumerate().skip(1) {
        figures[format!("{name}_to_new")] =
            json!([hundredths(per_row[0][turn] / per_row[0][0]), hundredths(per_row[1][turn] / per_row[1][0])]);
    }
    figures
}
