//! The CSV file of rejected rows: the title row as it was, each row's cells as they were, with the columns
//! `reject_line` and `reject_reason` added. Mended, it can be imported again as it is: the two columns are no fields
//! of a campaign and are ignored.
//!
//! * UTF-8 without a mark, commas, LF; a cell is quoted where it must be. No cell is changed, a formula neither.
//! * The two columns follow the title's last one. A row with fewer cells is filled up with empty ones, so that line
//!   and reason stand in their columns; the cells of a row that has more follow after the reason.
//! * A file that was itself made from rejected rows has the two columns already, or, edited, one of them, somewhere: they
//!   are left out, of the title and of each row, since two columns of one name can't be imported. A field of such a name
//!   stays: its values are the host's.
//! * It is written aside, in the same directory and with mode 0600 (it holds customers), and renamed when it is whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fault::{Fault, Key, shown};

/// The column of the record's first line in the file.
pub const LINE_COLUMN: &str = "reject_line";
/// The column that says why.
pub const REASON_COLUMN: &str = "reject_reason";

/// Makes the names of files written aside differ within a process.
static ASIDE: AtomicU64 = AtomicU64::new(0);

/// A file of rejected rows that is being written.
pub struct RejectsFile {
    path: PathBuf,
    aside: Aside,
    out: csv::Writer<File>,
    /// For each column of the title: whether it is written.
    kept: Vec<bool>,
}

impl RejectsFile {
    /// Begins the file with `title`: the title row's cells as they were, or the field names if there was none.
    pub fn create(path: &Path, title: &[String], is_field: impl Fn(&str) -> bool) -> Result<RejectsFile, Fault> {
        let path = &target(path)?;
        let failed = |error| unwritten(path, &error);
        let (aside, file) = Aside::create(path).map_err(failed)?;
        let kept: Vec<bool> = title.iter().map(|cell| !is_of_rejects(cell) || is_field(cell)).collect();
        let mut cells = title.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell.as_str()).peekable();
        // At the begin of the file a cell's own U+FEFF would be taken for a mark.
        let marked = cells.peek().is_some_and(|cell| cell.starts_with('\u{FEFF}'));
        let quotes = if marked { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut out = csv::WriterBuilder::new().flexible(true).quote_style(quotes).from_writer(file);
        out.write_record(cells.chain([LINE_COLUMN, REASON_COLUMN])).map_err(|error| failed(error.into()))?;
        Ok(RejectsFile { path: path.to_owned(), aside, out, kept })
    }

    /// Adds a rejected row.
    pub fn write<'a>(
        &mut self,
        cells: impl IntoIterator<Item = &'a str>,
        line: u64,
        reason: &str,
    ) -> Result<(), Fault> {
        let mut cells = cells.into_iter();
        let line = line.to_string();
        let Self { path, out, kept, .. } = self;
        // Takes the title's columns from `cells` and leaves the rest in it.
        let own = kept.iter().filter_map(|kept| {
            let cell = cells.next().unwrap_or_default();
            kept.then_some(cell)
        });
        let written = own
            .chain([line.as_str(), reason])
            .try_for_each(|cell| out.write_field(cell))
            .and_then(|()| cells.try_for_each(|cell| out.write_field(cell)))
            .and_then(|()| out.write_record(None::<&[u8]>));
        written.map_err(|error| unwritten(path, &error.into()))
    }

    /// Brings the file to the disk and to its name, in place of an older one.
    pub fn finish(self) -> Result<(), Fault> {
        let Self { path, aside, out, .. } = self;
        let failed = |error| unwritten(&path, &error);
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        fs::rename(&aside.path, &path).map_err(failed)?;
        // The new name survives a power cut only when its directory is on the disk too.
        #[cfg(unix)]
        File::open(directory(&path)).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(())
    }
}

/// The file that is written in the end: a symbolic link's own one. What is there and is no file is not replaced.
fn target(path: &Path) -> Result<PathBuf, Fault> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path).map_err(|error| unwritten(path, &error)),
        Ok(_) => {
            let shown = shown(&path.display().to_string());
            Err(Fault::new(Key::ParameterBad, format!("path {shown} is no file: give one, or a new name")))
        }
        Err(_) => Ok(path.to_owned()),
    }
}

/// Whether a title is that of a column which is added here.
pub fn is_of_rejects(title: &str) -> bool {
    [LINE_COLUMN, REASON_COLUMN].iter().any(|name| title.trim().eq_ignore_ascii_case(name))
}

/// The file written aside; dropped before it got its name, it is removed.
struct Aside {
    path: PathBuf,
}

impl Aside {
    fn create(target: &Path) -> io::Result<(Aside, File)> {
        let name = target.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
        loop {
            let mut aside = OsString::from(".");
            aside.push(name);
            aside.push(format!(".{}-{}.part", std::process::id(), ASIDE.fetch_add(1, Ordering::Relaxed)));
            let path = directory(target).join(aside);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            match options.open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => {
                    return Ok((Aside { path }, opened?));
                }
            }
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Nobody is left to be told, and once renamed it is not there.
        let _ = fs::remove_file(&self.path);
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Fault {
    let path = shown(&path.to_string_lossy());
    Fault::new(Key::of_disk(error), format!("the rejected rows can't be written to {path}: {error}"))
}
