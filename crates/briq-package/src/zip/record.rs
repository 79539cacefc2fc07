//! The records of a Zip as bytes, each field fixed or determined by the entry.

use briq_spec::EntryPath;

/// Shards of weights begin at a multiple of this, a page of memory, so that they are mapped as they lie.
pub const SHARD_ALIGNMENT: u64 = 4096;

/// All other entries begin at a multiple of this, a cache line.
pub const SMALL_ALIGNMENT: u64 = 64;

pub(super) const LOCAL: u32 = 0x0403_4b50;
pub(super) const CENTRAL: u32 = 0x0201_4b50;
pub(super) const END: u32 = 0x0605_4b50;
pub(super) const END64: u32 = 0x0606_4b50;
pub(super) const LOCATOR64: u32 = 0x0706_4b50;

pub(super) const LOCAL_BYTES: usize = 30;
pub(super) const CENTRAL_BYTES: usize = 46;
pub(super) const END_BYTES: usize = 22;
pub(super) const END64_BYTES: usize = 56;
pub(super) const LOCATOR64_BYTES: usize = 20;

/// Extra fields: the sizes that 32 bits cannot hold, and padding.
pub(super) const ZIP64_FIELD: u16 = 0x0001;
const PADDING_FIELD: u16 = 0xd935;

/// Written in place of what does not fit; the value itself then stands in a Zip64 record.
pub(super) const MAX16: u64 = 0xffff;
pub(super) const MAX32: u64 = 0xffff_ffff;

/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
/// 1980-01-01 00:00:00, the first moment that the format knows: a package holds no time.
const TIME_AND_DATE: u32 = 0x0021_0000;
/// A regular file that its owner may write and all may read.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// Unix, so that the attributes are understood.
const MADE_ON: u16 = 3 << 8;

/// What the headers of an entry tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) path: EntryPath,
    pub(crate) size: u64,
    pub(crate) crc32: u32,
}

impl Item {
    fn alignment(&self) -> u64 {
        if self.path.as_str().ends_with(".safetensors") { SHARD_ALIGNMENT } else { SMALL_ALIGNMENT }
    }

    fn name(&self) -> &[u8] {
        self.path.as_str().as_bytes()
    }

    fn needs_zip64(&self) -> bool {
        self.size >= MAX32
    }

    /// Where the bytes of the entry begin when its local header begins at `header_at`; `None` past 2⁶⁴.
    pub(super) fn data_at(&self, header_at: u64) -> Option<u64> {
        let zip64 = if self.needs_zip64() { 20 } else { 0 };
        let least = LOCAL_BYTES + self.name().len() + zip64 + 6;
        header_at.checked_add(least as u64)?.checked_next_multiple_of(self.alignment())
    }

    fn version(&self) -> u16 {
        if self.needs_zip64() { 45 } else { 20 }
    }

    /// The local header, padded so that `data_at` bytes of the package precede the entry's own.
    pub(super) fn local_header(&self, header_at: u64, data_at: u64) -> Vec<u8> {
        let zip64 = self.local_zip64();
        let extra = data_at - header_at - (LOCAL_BYTES + self.name().len()) as u64;
        let mut bytes = Vec::with_capacity((data_at - header_at) as usize);
        put32(&mut bytes, LOCAL);
        self.put_shared(&mut bytes, extra as u16);
        bytes.extend(self.name());
        bytes.extend(&zip64);
        let padding = extra as usize - zip64.len() - 4;
        put16(&mut bytes, PADDING_FIELD);
        put16(&mut bytes, padding as u16);
        put16(&mut bytes, self.alignment() as u16);
        bytes.resize((data_at - header_at) as usize, 0);
        bytes
    }

    pub(super) fn central_header(&self, header_at: u64) -> Vec<u8> {
        let zip64 = self.central_zip64(header_at);
        let mut bytes = Vec::with_capacity(CENTRAL_BYTES + self.name().len() + zip64.len());
        put32(&mut bytes, CENTRAL);
        put16(&mut bytes, MADE_ON | 45);
        self.put_shared(&mut bytes, zip64.len() as u16);
        put16(&mut bytes, 0); // comment
        put16(&mut bytes, 0); // disk
        put16(&mut bytes, 0); // internal attributes
        put32(&mut bytes, ATTRIBUTES);
        put32(&mut bytes, header_at.min(MAX32) as u32);
        bytes.extend(self.name());
        bytes.extend(&zip64);
        bytes
    }

    /// The fields that local and central header share.
    fn put_shared(&self, bytes: &mut Vec<u8>, extra: u16) {
        put16(bytes, self.version());
        put16(bytes, FLAGS);
        put16(bytes, 0); // stored
        put32(bytes, TIME_AND_DATE);
        put32(bytes, self.crc32);
        put32(bytes, self.size.min(MAX32) as u32);
        put32(bytes, self.size.min(MAX32) as u32);
        put16(bytes, self.name().len() as u16);
        put16(bytes, extra);
    }

    fn local_zip64(&self) -> Vec<u8> {
        if self.needs_zip64() { zip64_field(&[self.size, self.size]) } else { Vec::new() }
    }

    fn central_zip64(&self, header_at: u64) -> Vec<u8> {
        match (self.needs_zip64(), header_at >= MAX32) {
            (false, false) => Vec::new(),
            (true, false) => zip64_field(&[self.size, self.size]),
            (false, true) => zip64_field(&[header_at]),
            (true, true) => zip64_field(&[self.size, self.size, header_at]),
        }
    }
}

fn zip64_field(values: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + 8 * values.len());
    put16(&mut bytes, ZIP64_FIELD);
    put16(&mut bytes, 8 * values.len() as u16);
    values.iter().for_each(|&value| put64(&mut bytes, value));
    bytes
}

/// What stands after the directory: its number of entries, its length, and where it begins.
pub(super) fn end_records(count: u64, size: u64, at: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if count >= MAX16 || size >= MAX32 || at >= MAX32 {
        put_end64(&mut bytes, count, size, at);
    }
    put32(&mut bytes, END);
    put32(&mut bytes, 0); // disks
    put16(&mut bytes, count.min(MAX16) as u16);
    put16(&mut bytes, count.min(MAX16) as u16);
    put32(&mut bytes, size.min(MAX32) as u32);
    put32(&mut bytes, at.min(MAX32) as u32);
    put16(&mut bytes, 0); // comment
    bytes
}

fn put_end64(bytes: &mut Vec<u8>, count: u64, size: u64, at: u64) {
    put32(bytes, END64);
    put64(bytes, END64_BYTES as u64 - 12);
    put16(bytes, MADE_ON | 45);
    put16(bytes, 45);
    put64(bytes, 0); // disks
    [count, count, size, at].into_iter().for_each(|value| put64(bytes, value));
    put32(bytes, LOCATOR64);
    put32(bytes, 0); // disk
    put64(bytes, at + size);
    put32(bytes, 1); // disks in all
}

fn put16(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend(value.to_le_bytes());
}

fn put32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_le_bytes());
}

fn put64(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend(value.to_le_bytes());
}
