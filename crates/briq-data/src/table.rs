//! Reading a table.

mod cells;
mod labels;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;

use self::labels::LabelReader;
use crate::{DataError, DataErrorKind, Dataset, LabelColumn, ReadOptions};

/// The largest table that is read, in bytes of text (unpacked): a small gzip file may hold a very large one.
pub const MAX_TABLE_BYTES: u64 = 4 << 30;

/// Comma- or tab-separated text, plain or gzip.
#[derive(Debug)]
pub struct Table;

impl Table {
    /// Reads a file: gzip if it begins as gzip does, tab-separated if its name ends in `.tsv` or `.tsv.gz`.
    ///
    /// # Errors
    /// The first mistake in the file, with its line and column; see [`DataErrorKind`].
    pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Dataset, DataError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| opening(error).within(path))?;
        Self::read_from(BufReader::new(file), path, options)
    }

    /// Reads from anything; `path` is what messages call it, and what decides on tabs.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_from(source: impl Read, path: impl AsRef<Path>, options: &ReadOptions) -> Result<Dataset, DataError> {
        let path = path.as_ref();
        let (text, digest) = text(source).map_err(|error| error.within(path))?;
        let delimiter = options.delimiter.unwrap_or_else(|| delimiter(path));
        let mut data = parse(&text, delimiter, options).map_err(|error| error.within(path))?;
        data.digest = digest;
        Ok(data)
    }
}

fn opening(error: io::Error) -> DataError {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let kind = if missing { DataErrorKind::NotFound } else { DataErrorKind::Io };
    DataError::new(kind, "cannot open the table").because(error)
}

fn delimiter(path: &Path) -> u8 {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    if name.ends_with(".tsv") || name.ends_with(".tsv.gz") { b'\t' } else { b',' }
}

/// The whole text, and the digest of the bytes it came from.
fn text(mut source: impl Read) -> Result<(Vec<u8>, [u8; 32]), DataError> {
    let failed = |error| DataError::new(DataErrorKind::Io, "cannot read the table").because(error);
    let mut stored = Vec::new();
    source.by_ref().take(MAX_TABLE_BYTES + 1).read_to_end(&mut stored).map_err(failed)?;
    let digest = *blake3::hash(&stored).as_bytes();
    let mut text = stored;
    if text.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let unpacking = |error| DataError::new(DataErrorKind::Encoding, "cannot unpack the table").because(error);
        MultiGzDecoder::new(text.as_slice()).take(MAX_TABLE_BYTES + 1).read_to_end(&mut unpacked).map_err(unpacking)?;
        text = unpacked;
    }
    if text.len() as u64 > MAX_TABLE_BYTES {
        let reason = format!("the table has more than {MAX_TABLE_BYTES} bytes");
        return Err(DataError::new(DataErrorKind::Limit, reason));
    }
    Ok((text, digest))
}

fn parse(text: &[u8], delimiter: u8, options: &ReadOptions) -> Result<Dataset, DataError> {
    let body = skip(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text), options.skip_lines);
    let mut records = Records::new(body, delimiter, options.skip_lines);
    let header = if options.header { records.next()?.map(|(record, _)| record.clone()) } else { None };
    let mut building: Option<Building> = None;
    while let Some((record, line)) = records.next()? {
        let building = match &mut building {
            Some(building) => building,
            none => none.insert(Building::new(record, line, header.as_ref(), options)?),
        };
        building.row(record, line)?;
    }
    let empty = || DataError::new(DataErrorKind::Empty, "the table has no rows");
    building.ok_or_else(empty)?.finish()
}

/// What follows the first `lines` lines.
fn skip(mut text: &[u8], lines: usize) -> &[u8] {
    for _ in 0..lines {
        let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
        text = &text[end..];
    }
    text
}

/// The rows of a text with the lines that they begin on.
///
/// The lines are counted here: the reader's own count is taken before it passes over empty lines and before the second
/// half of a `\r\n`.
struct Records<'t> {
    text: &'t [u8],
    reader: csv::Reader<&'t [u8]>,
    record: StringRecord,
    /// Up to where lines have been counted, and the line there.
    counted: usize,
    line: u64,
}

impl<'t> Records<'t> {
    fn new(text: &'t [u8], delimiter: u8, skipped: usize) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(delimiter).has_headers(false).flexible(true).trim(Trim::All);
        let reader = builder.from_reader(text);
        Self { text, reader, record: StringRecord::new(), counted: 0, line: skipped as u64 + 1 }
    }

    fn next(&mut self) -> Result<Option<(&StringRecord, u64)>, DataError> {
        let begin = self.reader.position().byte() as usize;
        let read = self.reader.read_record(&mut self.record);
        self.count(begin);
        match read {
            Ok(true) => Ok(Some((&self.record, self.line))),
            Ok(false) => Ok(None),
            Err(error) => Err(encoding(error, self.line)),
        }
    }

    /// Counts lines up to the first character of the row that the reader began at `begin`.
    fn count(&mut self, begin: usize) {
        let rest = self.text.get(begin..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = self.text.get(self.counted..begin + blank).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted = begin + blank;
    }
}

/// What the reader itself refuses: with ragged rows allowed, only text that is not UTF-8.
fn encoding(error: csv::Error, line: u64) -> DataError {
    DataError::new(DataErrorKind::Encoding, "the text is not UTF-8").at_line(line).because(error)
}

/// A dataset in the making.
struct Building {
    data: Dataset,
    /// Columns of the file, the label's included.
    width: usize,
    label: Option<usize>,
    labels: LabelReader,
}

impl Building {
    fn new(
        first: &StringRecord,
        line: u64,
        header: Option<&StringRecord>,
        options: &ReadOptions,
    ) -> Result<Self, DataError> {
        let width = header.map_or(first.len(), StringRecord::len);
        let label = label_column(width, header, options)?;
        let columns = width - usize::from(label.is_some());
        if columns == 0 {
            let reason = "the table has no feature column beside the label";
            return Err(DataError::new(DataErrorKind::NoSuchColumn, reason)
                .at_line(line)
                .advise("check the delimiter: a comma, or a tab for files called `.tsv`"));
        }
        let name = |column: usize| match header.and_then(|header| header.get(column)) {
            Some(name) => name.to_owned(),
            None => format!("column {}", column + 1),
        };
        let column_names = (0..width).filter(|column| Some(*column) != label).map(name).collect();
        let data = Dataset {
            features: Vec::new(),
            rows: 0,
            columns,
            column_names,
            labels: None,
            source_lines: Vec::new(),
            digest: [0; 32],
        };
        Ok(Self { data, width, label, labels: LabelReader::new(options) })
    }

    fn row(&mut self, record: &StringRecord, line: u64) -> Result<(), DataError> {
        if record.len() != self.width {
            return Err(ragged(record.len(), self.width, line));
        }
        for (column, field) in record.iter().enumerate() {
            let outcome = if Some(column) == self.label {
                self.labels.read(field)
            } else {
                cells::number(field).map(|number| self.data.features.push(number))
            };
            outcome.map_err(|error| error.at(line, column + 1))?;
        }
        self.data.rows += 1;
        self.data.source_lines.push(line);
        Ok(())
    }

    fn finish(mut self) -> Result<Dataset, DataError> {
        if let Some(label) = self.label {
            self.data.labels = Some(self.labels.finish(label + 1)?);
        }
        Ok(self.data)
    }
}

fn ragged(found: usize, expected: usize, line: u64) -> DataError {
    let reason = format!("the row has {found} columns, {expected} are expected");
    let error = DataError::new(DataErrorKind::RaggedRow, reason).at(line, found.min(expected) + 1);
    if found == 1 { error.advise("a lone column may mean another delimiter") } else { error }
}

/// Where the label is, from 0.
fn label_column(
    width: usize,
    header: Option<&StringRecord>,
    options: &ReadOptions,
) -> Result<Option<usize>, DataError> {
    let refuse = |reason: String| DataError::new(DataErrorKind::NoSuchColumn, reason);
    match &options.label {
        LabelColumn::None => Ok(None),
        LabelColumn::First => Ok(Some(0)),
        LabelColumn::Last => Ok(Some(width - 1)),
        LabelColumn::Index(index) if *index < width => Ok(Some(*index)),
        LabelColumn::Index(index) => Err(refuse(format!("label column {index} is not below {width}"))),
        LabelColumn::Name(name) => {
            let header = header.ok_or_else(|| {
                refuse(format!("label column `{name}` needs a header, and none is declared"))
                    .advise("set `header = true`")
            })?;
            let found = header.iter().position(|column| column == name);
            let names = header.iter().collect::<Vec<_>>().join(", ");
            let missing = || refuse(format!("no column is called `{name}`")).advise(format!("the header has {names}"));
            found.map(Some).ok_or_else(missing)
        }
    }
}
