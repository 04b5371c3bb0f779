//! The measured file: rows of the eight default fields, about 104 bytes each, the same bytes each time.
//!
//! - `phone1`, the unique key, is random: rows come in no order.
//! - Each tenth row repeats the key of an earlier row, any. It has another address, and one of e-mail, company and memo
//!   is empty: with `update` the stored one stays.
//! - Three rows in ten have a `phone2`.
//! - One row in eight has a quoted address with a comma, one in sixteen a name that is not ASCII.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};

use serde_json::{Value, json};

use crate::given::Given;

pub const TITLE: [&str; 8] = ["name", "phone1", "phone2", "email", "company", "address", "city", "memo"];

pub type Row = [String; 8];

/// Rows `0..count` of a file whose customers are those from `first` on: files whose ranges do not overlap share none.
pub fn rows(first: u64, count: u64) -> impl Iterator<Item = Row> {
    (0..count).map(move |at| at_of(first, at))
}

/// A row of its own, of this customer.
pub fn row(customer: u64) -> Row {
    at_of(customer, 0)
}

/// The customers that rows leave behind, by `phone1`: an empty value never replaces another.
#[derive(Default)]
pub struct Customers(pub HashMap<String, Row>);

impl Customers {
    /// Takes the rows in, one after the other, as `dupway` = `update` says; tells how many were inserted, how many changed
    /// a customer, and how many changed nothing.
    pub fn import(&mut self, rows: impl Iterator<Item = Row>) -> [u64; 3] {
        let [mut inserted, mut updated, mut skipped] = [0; 3];
        for row in rows {
            let Some(stored) = self.0.get_mut(&row[1]) else {
                self.0.insert(row[1].clone(), row);
                inserted += 1;
                continue;
            };
            let mut changed = false;
            for (old, new) in stored.iter_mut().zip(row).filter(|(old, new)| !new.is_empty() && *old != new) {
                *old = new;
                changed = true;
            }
            if changed { updated += 1 } else { skipped += 1 }
        }
        [inserted, updated, skipped]
    }
}

/// How many different keys so many rows have.
pub fn keys(count: u64) -> u64 {
    count - count / 10
}

/// The record that `source` = `data` takes.
pub fn record(row: &Row) -> String {
    let pieces = TITLE.iter().zip(row).filter(|(_, value)| !value.is_empty());
    pieces.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("||")
}

/// The whole file.
pub fn csv(first: u64, count: u64, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{}", TITLE.join(","))?;
    for row in rows(first, count) {
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                out.write_all(b",")?;
            }
            match value.contains(',') {
                true => write!(out, "\"{value}\"")?,
                false => out.write_all(value.as_bytes())?,
            }
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// `rows ROWS FILE`
pub fn write_file(given: &Given) -> Value {
    let count: u64 = given.place(0, "ROWS").parse().expect("a number");
    let path = given.place(1, "FILE");
    let file = File::create(path).expect("a file");
    csv(0, count, &mut BufWriter::with_capacity(1 << 20, file)).expect("a written file");
    let bytes = std::fs::metadata(path).expect("the file").len();
    json!({"rows": count, "customers": keys(count), "bytes": bytes})
}

/// A file's row.
fn at_of(first: u64, at: u64) -> Row {
    let random = mixed((first + at) ^ SEED);
    let pick = |list: &[&'static str], shift: u32| list[(random >> shift) as usize % list.len()];
    let repeats = repeats(at);
    let customer = if repeats { first + repeated(first, at) } else { first + at };
    let number = customer % 100_000;
    let given_name = if random.is_multiple_of(16) { pick(&FOREIGN, 8) } else { pick(&FIRST_NAMES, 8) };
    let family_name = pick(&FAMILY_NAMES, 16);
    let phone1 = phone(10_000_000_000, customer);
    let phone2 = if random % 10 < 3 { phone(20_000_000_000, customer + NUMBERS) } else { String::new() };
    let email = format!("{}{number}@mail.example", family_name.to_lowercase());
    let company = format!("{family_name} {}", pick(&BUSINESS, 24));
    let house = random >> 32 & 0xff;
    let address = match random >> 5 & 7 {
        0 => format!("{house} {}, Floor {}", pick(&STREETS, 40), house % 9),
        _ => format!("{house} {}", pick(&STREETS, 40)),
    };
    let (city, memo) = (pick(&CITIES, 48).to_owned(), pick(&MEMOS, 54).to_owned());
    let mut row = [format!("{given_name} {family_name}"), phone1, phone2, email, company, address, city, memo];
    if repeats {
        row[[3, 4, 7][(random >> 3) as usize % 3]].clear();
    }
    row
}

fn repeats(at: u64) -> bool {
    at % 10 == 9
}

/// The row, earlier than this one, whose key this one has.
fn repeated(first: u64, at: u64) -> u64 {
    let mut earlier = at;
    while repeats(earlier) {
        earlier = mixed(earlier ^ first ^ !SEED) % earlier;
    }
    earlier
}

const SEED: u64 = 0x0063_6a69;
const NUMBERS: u64 = 9_000_000_000;

/// A number for each customer, no two alike, in no order: a permutation of 34 bits, walked until it is in range.
fn phone(least: u64, customer: u64) -> String {
    const HALF: u64 = (1 << 17) - 1;
    let mut number = customer;
    loop {
        let (mut left, mut right) = (number >> 17, number & HALF);
        for round in 0..4 {
            (left, right) = (right, left ^ (mixed((right << 8 | round) ^ SEED) & HALF));
        }
        number = left << 17 | right;
        if number < NUMBERS {
            return (least + number).to_string();
        }
    }
}

/// Sebastiano Vigna's splitmix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const FIRST_NAMES: [&str; 12] =
    ["Anna", "Ben", "Chloe", "Daniel", "Emma", "Felix", "Grace", "Henry", "Isla", "Jack", "Katharina", "Leo"];
const FOREIGN: [&str; 5] = ["Jürgen", "Zoë", "Łukasz", "李伟", "Søren"];
const FAMILY_NAMES: [&str; 12] = [
    "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Robinson", "Wright", "Thompson",
    "Evans",
];
const BUSINESS: [&str; 6] = ["Ltd", "and Sons", "Trading", "Services", "Holdings", "Group"];
const STREETS: [&str; 8] =
    ["High Street", "Station Road", "Main Street", "Park Avenue", "Church Lane", "Mill Road", "The Green", "Long Row"];
const CITIES: [&str; 8] = ["London", "Leeds", "Bristol", "Sheffield", "Cardiff", "Glasgow", "Leicester", "Edinburgh"];
const MEMOS: [&str; 6] = ["called in May", "wants an offer", "new lead", "from the fair", "ask again", "by letter"];
