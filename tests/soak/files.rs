//! The files that the soak's jobs import: what is in one can be told from its URL.

use crate::common::web::{Web, respond};
use crate::ledger::Dice;

/// A file of the server.
#[derive(Clone, Copy, Debug)]
pub struct Leads {
    pub first: u64,
    pub rows: u64,
    pub seed: u64,
}

/// What its rows are.
#[derive(Debug, Default)]
pub struct Content {
    pub text: String,
    /// The numbers of those that can be used.
    pub numbers: Vec<u64>,
    pub rejected: u64,
}

/// A phone for each number.
pub fn phone(number: u64) -> String {
    format!("138{number:09}")
}

impl Leads {
    pub fn url(&self, server: &str) -> String {
        server.replace("leads.csv", &format!("{}/{}/{}/leads.csv", self.first, self.rows, self.seed))
    }

    /// The file behind a URL or a request's line. `None`: there is none.
    pub fn of(text: &str) -> Option<Self> {
        let (path, _) = text.split_once("/leads.csv")?;
        let mut parts = path.rsplit('/').map(|part| part.parse().ok());
        let (seed, rows, first) = (parts.next()??, parts.next()??, parts.next()??);
        Some(Leads { first, rows, seed })
    }

    /// Numbers from `first` on, some twice, and some rows that can't be used.
    pub fn content(&self) -> Content {
        let mut dice = Dice(self.seed);
        let mut content = Content { text: "name,phone1,city,urgency\n".to_owned(), ..Content::default() };
        for n in 0..self.rows {
            let roll = dice.roll();
            let number = self.first + if roll.is_multiple_of(5) { dice.below(n + 1) } else { n };
            let urgency = dice.below(4);
            let row = match roll % 19 {
                0 => format!("Row {n} of {},nobody knows,Bonn,{urgency}\n", self.seed),
                1 => format!("Row {n} of {},{}\n", self.seed, phone(number)),
                _ => format!("Row {n} of {},{},Bonn,{urgency}\n", self.seed, phone(number)),
            };
            content.text.push_str(&row);
            if roll % 19 < 2 {
                content.rejected += 1;
            } else {
                content.numbers.push(number);
            }
        }
        content
    }
}

pub fn server() -> Web {
    Web::new(|request, stream| match Leads::of(request) {
        Some(leads) => respond(stream, "200 OK", "Content-Type: text/csv\r\n", leads.content().text.as_bytes()),
        None => respond(stream, "404 Not Found", "", b""),
    })
}
