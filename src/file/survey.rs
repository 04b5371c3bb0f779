//! One pass over the whole file before its first row is read: is it UTF-8, and if not, what do its other bytes look
//! like? It also proves that a gzip file is whole before anything of it is imported.

use memchr::{memchr, memrchr};

use super::bytes::Bytes;
use crate::fault::Fault;

/// The sample's size, over the whole file.
const SAMPLE: usize = 512 * 1024;
/// What is kept of one long line, on each side of the place that drew attention.
const REACH: usize = 2048;

/// What one pass over the file found.
#[derive(Default)]
pub(super) struct Survey {
    /// Bytes that are not ASCII.
    pub high: u64,
    /// Those of them that are not part of valid UTF-8.
    pub broken: u64,
    /// Lines that are not valid UTF-8, from all over the file.
    pub sample: Sample,
}

impl Survey {
    /// Reads the file to its end, by `chunk` bytes.
    pub(super) fn of(bytes: &mut Bytes<'_>, chunk: usize) -> Result<Survey, Fault> {
        let mut survey = Survey::default();
        let mut window = vec![0_u8; chunk];
        let mut filled = 0;
        loop {
            let n = bytes.pull(window.get_mut(filled..).unwrap_or_default())?;
            filled += n;
            let read = window.get(..filled).unwrap_or_default();
            let cut = if n == 0 { filled } else { last_whole(read, read.len() == window.len()) };
            survey.look(read.get(..cut).unwrap_or_default());
            window.copy_within(cut..filled, 0);
            filled -= cut;
            if n == 0 {
                return Ok(survey);
            }
        }
    }

    fn look(&mut self, text: &[u8]) {
        if text.is_ascii() {
            return;
        }
        if std::str::from_utf8(text).is_ok() {
            self.high += high_bytes(text);
            return;
        }
        let mut at = 0;
        let mut sampled = 0;
        for chunk in text.utf8_chunks() {
            let valid = chunk.valid();
            if !valid.is_ascii() {
                self.high += high_bytes(valid.as_bytes());
            }
            at += valid.len();
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let broken = high_bytes(invalid);
            self.high += broken;
            self.broken += broken;
            if at >= sampled {
                let line = line_around(text, at);
                sampled = line.end;
                self.sample.add(text.get(line).unwrap_or_default());
            }
            at += invalid.len();
        }
    }
}

fn high_bytes(bytes: &[u8]) -> u64 {
    // Counts of a byte each: the compiler makes vectors of them.
    bytes.chunks(255).map(|some| u64::from(some.iter().map(|byte| byte >> 7).sum::<u8>())).sum()
}

/// How much of `read` can be looked at alone: whole lines; of an endless line, whole characters.
fn last_whole(read: &[u8], full: bool) -> usize {
    if let Some(end) = memrchr(b'\n', read) {
        return end + 1;
    }
    if !full {
        return 0;
    }
    let open = read.iter().rev().take(4).take_while(|b| !b.is_ascii()).count();
    read.len() - open
}

/// The line around `at`, or as much of a long line as `REACH` allows, begun at a byte that is part of no character
/// of more bytes in any encoding.
fn line_around(text: &[u8], at: usize) -> std::ops::Range<usize> {
    let before = text.get(at.saturating_sub(REACH)..at).unwrap_or_default();
    let start = match memrchr(b'\n', before) {
        Some(i) => at - before.len() + i + 1,
        None if before.len() == at => 0,
        None => at - before.len() + before.iter().position(|b| *b < 0x30).unwrap_or(before.len()),
    };
    let after = text.get(at..text.len().min(at + REACH)).unwrap_or_default();
    let end = at + memchr(b'\n', after).map_or(after.len(), |i| i + 1);
    start..end
}

/// Lines from all over a file in bounded space: when it is full, every second line is dropped, and from then on only
/// every second one is taken.
#[derive(Default)]
pub(super) struct Sample {
    text: Vec<u8>,
    ends: Vec<usize>,
    seen: u64,
    thinning: u32,
}

impl Sample {
    fn add(&mut self, line: &[u8]) {
        let number = self.seen;
        self.seen += 1;
        if !number.is_multiple_of(1 << self.thinning.min(63)) {
            return;
        }
        self.push(line);
        if self.text.len() > SAMPLE {
            let full = std::mem::take(self);
            *self = Sample { seen: full.seen, thinning: full.thinning + 1, ..Sample::default() };
            for line in full.lines().step_by(2) {
                self.push(line);
            }
        }
    }

    fn push(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        self.ends.push(self.text.len());
    }

    /// The lines, each with a line end.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_that_are_not_ascii_are_counted() {
        for length in [0, 1, 254, 255, 256, 511, 100_000] {
            let mixed: Vec<u8> = (0..length).map(|n| if n % 3 == 1 { 0x41 } else { 0xE9 }).collect();
            assert_eq!(high_bytes(&mixed), length - (length + 1) / 3, "{length}");
            assert_eq!(high_bytes(&mixed.iter().map(|byte| byte | 0x80).collect::<Vec<_>>()), length);
        }
    }

    #[test]
    fn a_sample_is_bounded_and_from_all_over_the_file() {
        let mut sample = Sample::default();
        for number in 0..200_000 {
            sample.add(format!("line {number} and what makes it a little longer\n").as_bytes());
        }
        assert!(sample.text.len() <= SAMPLE && sample.text.len() > SAMPLE / 4);
        let number =
            |line: &[u8]| -> u64 { std::str::from_utf8(line).unwrap().split(' ').nth(1).unwrap().parse().unwrap() };
        let numbers: Vec<u64> = sample.lines().map(number).collect();
        let steps: Vec<u64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(numbers[0] == 0 && *numbers.last().unwrap() > 199_900, "{:?}", numbers.last());
        assert!(steps.iter().all(|step| *step == steps[0]), "{steps:?}");
    }
}
