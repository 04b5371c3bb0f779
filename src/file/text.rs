//! The file as UTF-8 text, a window at a time.

use std::collections::VecDeque;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use memchr::memchr;

use super::bytes::Bytes;
use crate::fault::Fault;

/// The least room that a decoder gets.
const LEAST: usize = 16;
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// A place where bytes were not text of the file's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Where it stands in the text, which has U+FFFD there.
    pub text: u64,
    /// Where it stands in the file, gzip undone.
    pub file: u64,
}

/// A moving window on the text. Of a UTF-8 file it holds the bytes as they are, checked by nobody yet; of any other,
/// valid UTF-8 with U+FFFD for what was broken.
pub(super) struct Text<'a> {
    bytes: Bytes<'a>,
    recoding: Option<Recoding>,
    window: Vec<u8>,
    from: usize,
    to: usize,
    offset: u64,
    /// The length of the mark before the text.
    mark: u64,
    chunk: usize,
    ended: bool,
    has_nul: bool,
}

/// What turns another encoding into UTF-8.
struct Recoding {
    decoder: Decoder,
    raw: Vec<u8>,
    from: usize,
    to: usize,
    /// Bytes of the file given to the decoder.
    taken: u64,
    /// Bytes of text that came out.
    given: u64,
    broken: VecDeque<Broken>,
    drained: bool,
}

impl<'a> Text<'a> {
    /// The text after `mark` bytes that are byte order marks, read by `chunk` bytes or more.
    pub(super) fn new(
        mut bytes: Bytes<'a>,
        encoding: &'static Encoding,
        mark: usize,
        chunk: usize,
    ) -> Result<Self, Fault> {
        let mut marks = vec![0; mark];
        let mut skipped = 0;
        while skipped < mark {
            match bytes.pull(marks.get_mut(skipped..).unwrap_or_default())? {
                0 => break,
                n => skipped += n,
            }
        }
        let recoding = (encoding != UTF_8).then(|| Recoding {
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: vec![0; chunk],
            from: 0,
            to: 0,
            taken: mark as u64,
            given: 0,
            broken: VecDeque::new(),
            drained: false,
        });
        Ok(Text {
            bytes,
            recoding,
            window: Vec::new(),
            from: 0,
            to: 0,
            offset: 0,
            mark: mark as u64,
            chunk: chunk.max(LEAST),
            ended: false,
            has_nul: false,
        })
    }

    /// The text read and not yet consumed.
    pub(super) fn window(&self) -> &[u8] {
        self.window.get(self.from..self.to).unwrap_or_default()
    }

    /// Whether nothing comes after the window.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// False where there is no NUL in what was read so far.
    pub(super) fn may_hold_nul(&self) -> bool {
        self.has_nul
    }

    /// Where the window begins, in bytes of text.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where a place in the window is, in bytes of text; `None`: the end of the text, which is beyond all places.
    pub(super) fn place(&self, at: Option<usize>) -> u64 {
        at.map_or(u64::MAX, |at| self.offset + at as u64)
    }

    /// Lets go of the window's first `n` bytes.
    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.to - self.from);
        self.from += n;
        self.offset += n as u64;
        if let Some(recoding) = &mut self.recoding {
            while recoding.broken.front().is_some_and(|broken| broken.text < self.offset) {
                recoding.broken.pop_front();
            }
        }
    }

    /// The first place among the window's first `n` bytes that the decoder replaced.
    pub(super) fn replaced(&self, n: usize) -> Option<usize> {
        let first = self.recoding.as_ref()?.broken.front()?;
        let at = usize::try_from(first.text.checked_sub(self.offset)?).ok()?;
        (at < n).then_some(at)
    }

    /// Where a broken place `at` in the window stands in the file, gzip undone, from 1.
    pub(super) fn place_in_file(&self, at: usize) -> u64 {
        let replaced = self.recoding.as_ref().and_then(|recoding| recoding.broken.front());
        1 + replaced.map_or(self.mark + self.offset + at as u64, |first| first.file)
    }

    /// Makes the window longer, unless the text has ended; a long window grows by its own length.
    pub(super) fn fill(&mut self) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let held = self.to - self.from;
        // A window that only grows is not copied: a long row comes in many pieces.
        if self.from > 0 {
            self.window.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, held);
        }
        let wanted = held + held.max(self.chunk);
        if self.window.len() < wanted {
            self.window.resize(wanted, 0);
        }
        let space = self.window.get_mut(held..).unwrap_or_default();
        let (n, ended) = match &mut self.recoding {
            None => {
                let n = self.bytes.pull(space)?;
                (n, n == 0)
            }
            Some(recoding) => recoding.fill(&mut self.bytes, space)?,
        };
        self.has_nul |= memchr(0, self.window.get(self.to..self.to + n).unwrap_or_default()).is_some();
        self.to += n;
        self.ended = ended;
        if ended {
            let kept = self.window().iter().rposition(|byte| *byte != DOS_END);
            self.to = self.from + kept.map_or(0, |last| last + 1);
        }
        Ok(())
    }
}

/// Old programs end a text file with Ctrl-Z.
pub(super) const DOS_END: u8 = 0x1A;

impl Recoding {
    /// Decodes into `space`: how much, and whether that was the last.
    fn fill(&mut self, bytes: &mut Bytes<'_>, space: &mut [u8]) -> Result<(usize, bool), Fault> {
        let mut written = 0;
        loop {
            if self.from == self.to && !self.drained {
                self.to = bytes.pull(&mut self.raw)?;
                self.from = 0;
                self.drained = self.to == 0;
            }
            let raw = self.raw.get(self.from..self.to).unwrap_or_default();
            // There is always room for a replacement after what the decoder wrote.
            let most = space.len().saturating_sub(REPLACEMENT.len()).max(written);
            let free = space.get_mut(written..most).unwrap_or_default();
            let (result, read, out) = self.decoder.decode_to_utf8_without_replacement(raw, free, self.drained);
            self.from += read;
            self.taken += read as u64;
            self.given += out as u64;
            written += out;
            match result {
                DecoderResult::InputEmpty if self.drained => return Ok((written, true)),
                DecoderResult::InputEmpty if written > 0 => return Ok((written, false)),
                DecoderResult::InputEmpty => {}
                DecoderResult::OutputFull => return Ok((written, false)),
                DecoderResult::Malformed(length, since) => {
                    let file = self.taken.saturating_sub(u64::from(length) + u64::from(since));
                    self.broken.push_back(Broken { text: self.given, file });
                    let Some(to) = space.get_mut(written..written + REPLACEMENT.len()) else {
                        return Ok((written, false));
                    };
                    to.copy_from_slice(REPLACEMENT);
                    written += REPLACEMENT.len();
                    self.given += REPLACEMENT.len() as u64;
                }
            }
        }
    }
}
