//! The bytes of a spooled file: gzip undone, sizes counted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::GoesOn;
use crate::fault::{Fault, Key};

/// How much of the file is looked at to say what kind of file it is.
const HEAD: usize = 64 * 1024;
/// A `.csv.gz` that the server sends with `Content-Encoding: gzip` is packed twice.
const LAYERS: usize = 2;
/// The most that is read between two questions whether to go on.
const AT_ONCE: usize = 1 << 20;

/// The file's bytes from the first, never more than the limit.
pub(super) struct Bytes<'a> {
    head: Vec<u8>,
    given: usize,
    rest: Box<dyn Read + Send + 'a>,
    packed: bool,
}

impl<'a> Bytes<'a> {
    /// Opens the file, and undoes gzip where its magic number stands at the beginning.
    pub(super) fn open(path: &Path, limit: u64, goes_on: GoesOn<'a>) -> Result<Self, Fault> {
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Bytes::over(Counted::new(file, limit, "the file", goes_on), false)?;
        for _ in 0..LAYERS {
            if !is_gzip(&bytes.head) {
                break;
            }
            let unpacked = Counted::new(Gunzip::new(bytes), limit, "the unpacked file", goes_on);
            bytes = Bytes::over(unpacked, true)?;
        }
        Ok(bytes)
    }

    fn over(mut rest: impl Read + Send + 'a, packed: bool) -> Result<Self, Fault> {
        let mut head = Vec::with_capacity(HEAD);
        (&mut rest).take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;
        Ok(Bytes { head, given: 0, rest: Box::new(rest), packed })
    }

    /// The first bytes, as many as there are up to a bound; they will still be read.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether the file was packed by gzip.
    pub(super) fn packed(&self) -> bool {
        self.packed
    }

    /// Reads on; 0 only at the end of the file.
    pub(super) fn pull(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.read(into) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(unreadable),
            }
        }
    }
}

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.head.get(self.given..).unwrap_or_default();
        if left.is_empty() {
            return self.rest.read(into);
        }
        let n = left.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..n), left.get(..n)) {
            to.copy_from_slice(from);
        }
        self.given += n;
        Ok(n)
    }
}

/// Whether these first bytes are those of a gzip member.
pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b, 0x08])
}

/// A refusal travels through `Read` inside an `io::Error`; anything else is the disk's fault.
fn unreadable(error: io::Error) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => fault,
        Err(error) => Fault::new(Key::of_disk(&error), format!("the spooled file can't be read: {error}")),
    }
}

fn refusal(message: impl Into<String>) -> io::Error {
    io::Error::other(Fault::new(Key::NotCsv, message))
}

/// Passes bytes on and refuses to pass more than `limit`, or any where the reading is not to go on. It stands below and
/// above each layer of gzip: a layer may take in much that gives nothing, and give much of little.
struct Counted<'a, R> {
    inner: R,
    left: u64,
    limit: u64,
    what: &'static str,
    goes_on: GoesOn<'a>,
}

impl<'a, R> Counted<'a, R> {
    fn new(inner: R, limit: u64, what: &'static str, goes_on: GoesOn<'a>) -> Self {
        Self { inner, left: limit, limit, what, goes_on }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !(self.goes_on)() {
            let fault = Fault::new(Key::StorageForNow, "the reading of the spooled file was broken off");
            return Err(io::Error::other(fault));
        }
        let most = into.len().min(AT_ONCE);
        let n = self.inner.read(into.get_mut(..most).unwrap_or_default())?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(refusal(format!("{} is larger than max_file_bytes ({})", self.what, self.limit)));
            }
        }
        Ok(n)
    }
}

/// Undoes gzip of one or more members. Zeros after the last member are padding; other bytes there are damage.
struct Gunzip<R: Read> {
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Gunzip<R> {
    fn new(inner: R) -> Self {
        let packed = BufReader::with_capacity(HEAD, inner);
        Self { member: Some(GzDecoder::new(packed)) }
    }

    /// Goes on to the next member; `None` at the end of the file.
    fn next_member(&mut self) -> io::Result<Option<&mut GzDecoder<BufReader<R>>>> {
        let Some(member) = self.member.take() else {
            return Ok(None);
        };
        let mut packed = member.into_inner();
        let mut padding = false;
        loop {
            let ahead = packed.fill_buf()?;
            match ahead.first() {
                None => return Ok(None),
                Some(0) => {
                    padding = true;
                    let zeros = ahead.iter().take_while(|b| **b == 0).count();
                    packed.consume(zeros);
                }
                Some(0x1f) if !padding => break,
                Some(_) => {
                    return Err(refusal("the gzip file is damaged: other bytes follow its end"));
                }
            }
        }
        Ok(Some(self.member.insert(GzDecoder::new(packed))))
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let Some(mut member) = self.member.as_mut() else {
            return Ok(0);
        };
        loop {
            let n = member.read(into).map_err(damaged)?;
            if n > 0 {
                return Ok(n);
            }
            match self.next_member()? {
                Some(next) => member = next,
                None => return Ok(0),
            }
        }
    }
}

/// The decoder's complaints as a refusal; errors of the disk and refusals from below pass unchanged.
fn damaged(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() || error.get_ref().is_some_and(|inner| inner.is::<Fault>()) {
        return error;
    }
    match error.kind() {
        io::ErrorKind::Interrupted => error,
        io::ErrorKind::UnexpectedEof => refusal("the gzip file is cut off before its end"),
        _ => refusal(format!("the gzip file is damaged: {error}")),
    }
}
