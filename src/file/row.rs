//! One row: its cells as text, in buffers that are used again for the next row.

use memchr::{memchr, memchr_iter};

/// One record of the file.
#[derive(Clone, Debug, Default)]
pub struct Row {
    text: String,
    /// Each cell's begin and end in the text.
    cells: Vec<(u32, u32)>,
    line: u64,
    defect: String,
    is_cut: bool,
}

impl Row {
    /// An empty row.
    pub fn new() -> Row {
        Row::default()
    }

    /// The first physical line of the record in the file, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// What it takes in memory, about: a cell may be empty.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.defect.len() + self.cells.len() * size_of::<(u32, u32)>()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// A cell as it was written, its quotes undone; `""` past the last.
    pub fn cell(&self, index: usize) -> &str {
        self.cells.get(index).map_or("", |span| self.slice(*span))
    }

    /// The cells in their order.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.cells.iter().map(|span| self.slice(*span))
    }

    /// Why the row can't be used whatever its cells mean; they then hold what could be read.
    pub fn defect(&self) -> Option<&str> {
        (!self.defect.is_empty()).then_some(self.defect.as_str())
    }

    /// Whether the row was longer than a row may be.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn slice(&self, (from, to): (u32, u32)) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }

    pub(super) fn begin(&mut self, line: u64) {
        self.text.clear();
        self.cells.clear();
        self.defect.clear();
        self.line = line;
        self.is_cut = false;
    }

    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    pub(super) fn add_defect(&mut self, reason: &str) {
        if !self.defect.is_empty() {
            self.defect.push_str("; ");
        }
        self.defect.push_str(reason);
    }

    /// Adds the cells of `text`, whose quotes are text.
    pub(super) fn add_plain(&mut self, text: &str, delimiter: u8) {
        let base = self.text.len();
        self.text.push_str(text);
        let mut from = base;
        for i in memchr_iter(delimiter, text.as_bytes()) {
            self.add_span(from, base + i);
            from = base + i + 1;
        }
        self.add_span(from, self.text.len());
    }

    /// Adds the cells of a record's `text`, by the rules of [`super::scan`]; a cell that is still open at the end
    /// ends there.
    pub(super) fn add(&mut self, text: &str, delimiter: u8) {
        let bytes = text.as_bytes();
        if memchr(b'"', bytes).is_none() {
            return self.add_plain(text, delimiter);
        }
        let mut at = 0;
        loop {
            let from = self.text.len();
            if bytes.get(at) == Some(&b'"') {
                at = self.unquote(text, at + 1);
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr(delimiter, rest).map_or(bytes.len(), |i| at + i);
            self.text.push_str(text.get(at..end).unwrap_or_default());
            self.add_span(from, self.text.len());
            if end == bytes.len() {
                return;
            }
            at = end + 1;
        }
    }

    /// Adds what stands in quotes from `at` on; where it ends, after the quote.
    fn unquote(&mut self, text: &str, mut at: usize) -> usize {
        let bytes = text.as_bytes();
        loop {
            let Some(i) = memchr(b'"', bytes.get(at..).unwrap_or_default()) else {
                self.text.push_str(text.get(at..).unwrap_or_default());
                return bytes.len();
            };
            let quote = at + i;
            if bytes.get(quote + 1) != Some(&b'"') {
                self.text.push_str(text.get(at..quote).unwrap_or_default());
                return quote + 1;
            }
            // The first of the two quotes is kept.
            self.text.push_str(text.get(at..=quote).unwrap_or_default());
            at = quote + 2;
        }
    }

    fn add_span(&mut self, from: usize, to: usize) {
        // A row's text is bounded far below 4 GiB.
        let span = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.cells.push((span(from), span(to)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        let mut row = Row::new();
        row.begin(1);
        row.add(text, b',');
        row.cells().map(str::to_owned).collect()
    }

    #[test]
    fn quotes_are_undone() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[""]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            (",", &["", ""]),
            ("a,b,", &["a", "b", ""]),
            (r#""a","b""#, &["a", "b"]),
            (r#""a,b",c"#, &["a,b", "c"]),
            (r#""""#, &[""]),
            (r#""""""#, &["\""]),
            (r#""say ""hi""",b"#, &["say \"hi\"", "b"]),
            ("\"a\nb\",c", &["a\nb", "c"]),
            (r#"5" pipe,b"#, &["5\" pipe", "b"]),
            (r#" "a",b"#, &[" \"a\"", "b"]),
            (r#""Joe" Miller,b"#, &["Joe Miller", "b"]),
            (r#""Joe" "Miller",b"#, &["Joe \"Miller\"", "b"]),
            (r#"a,"open, b"#, &["a", "open, b"]),
            (r#""",x"#, &["", "x"]),
            (r#""é,""ü""",東"#, &["é,\"ü\"", "東"]),
        ];
        for (text, expected) in cases {
            assert_eq!(cells(text), *expected, "{text}");
        }
    }
}
