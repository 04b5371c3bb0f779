//! Tables whose columns stand one below the other in every script.

use std::io::{self, Write};

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A cell takes so many places at most.
const WIDEST: usize = 72;

/// A table with a title.
pub struct Table {
    title: &'static str,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(title: &'static str, columns: &[&str]) -> Self {
        Table { title, rows: vec![columns.iter().map(ToString::to_string).collect()], notes: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| cut(&cell)).collect());
    }

    /// Adds a line below the rows.
    pub fn note(&mut self, note: &str) {
        self.notes.push(format!("note: {note}"));
    }

    /// Writes it, numbers to the right.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = self.rows[0].len();
        let column = |at: usize| self.rows.iter().map(move |row| row[at].as_str());
        let widths: Vec<usize> =
            (0..columns).map(|at| column(at).map(UnicodeWidthStr::width).max().unwrap_or(0)).collect();
        let numbers: Vec<bool> = (0..columns).map(|at| column(at).skip(1).all(is_number)).collect();
        writeln!(out, "\n{}\n", self.title)?;
        if self.rows.len() == 1 {
            writeln!(out, "  none")?;
            return Ok(());
        }
        for row in self.rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())) {
            let mut line = String::new();
            for ((cell, width), number) in row.iter().zip(&widths).zip(&numbers) {
                let gap = " ".repeat(width - cell.width());
                line += &if *number { format!("  {gap}{cell}") } else { format!("  {cell}{gap}") };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        for note in &self.notes {
            writeln!(out, "  {note}")?;
        }
        Ok(())
    }
}

/// A value of a reply as a cell.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A count with its thousands apart.
pub fn thousands(count: &Value) -> String {
    let digits = count.as_u64().unwrap_or(0).to_string();
    let first = digits.len() % 3;
    digits.char_indices().fold(String::new(), |mut text, (at, digit)| {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
        text
    })
}

fn is_number(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
}

/// One line, not too wide; a line break becomes `⏎`.
fn cut(cell: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for c in cell.chars().map(|c| if c == '\n' { '⏎' } else { c }).filter(|c| !c.is_control()) {
        width += c.width().unwrap_or(0);
        if width >= WIDEST {
            text.push('…');
            break;
        }
        text.push(c);
    }
    text
}
