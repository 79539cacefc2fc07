//! Where an entry is cut.

use std::collections::HashMap;
use std::ops::Range;

use briq_spec::EntryPath;
use fastcdc::v2020::FastCDC;
use serde::Deserialize;

/// Pieces of a large tensor: a small part of what one request brings, and a list of them is a 30,000th of the bytes.
pub const PIECE_BYTES: usize = 1 << 20;
/// Tensors of at least so many bytes are cut from where they begin; smaller ones by content, several together.
pub const LARGE_TENSOR_BYTES: usize = 256 << 10;
/// What is cut by content: the shortest chunk but the last, the usual and the longest one, all even as FastCDC wants.
const SHORTEST: usize = 16 << 10;
const USUAL: usize = 64 << 10;
const LONGEST: usize = 256 << 10;
/// Shards with a longer header are cut by content alone.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// What matters of one member of a shard's header; the metadata has none of it.
#[derive(Deserialize)]
struct Member {
    #[serde(default)]
    data_offsets: Option<[u64; 2]>,
}

/// Adjacent ranges that cover all bytes; none is empty.
pub(super) fn ranges(path: &EntryPath, bytes: &[u8]) -> Vec<Range<usize>> {
    let places = if path.as_str().ends_with(".safetensors") { places(bytes) } else { None };
    let mut cuts = Cuts { bytes, ranges: Vec::new(), next: 0 };
    if let Some(places) = places {
        // The first place is the end of the header.
        cuts.by_content(places[0]);
        for tensor in places.windows(2).filter(|pair| pair[1] - pair[0] >= LARGE_TENSOR_BYTES) {
            cuts.by_content(tensor[0]);
            cuts.in_pieces(tensor[1]);
        }
    }
    cuts.by_content(bytes.len());
    cuts.ranges
}

/// Collects ranges from the first byte on.
struct Cuts<'a> {
    bytes: &'a [u8],
    ranges: Vec<Range<usize>>,
    next: usize,
}

impl Cuts<'_> {
    /// Up to `end`, where the content says.
    fn by_content(&mut self, end: usize) {
        let from = self.next;
        let chunks = FastCDC::new(&self.bytes[from..end], SHORTEST, USUAL, LONGEST);
        self.ranges.extend(chunks.map(|chunk| from + chunk.offset..from + chunk.offset + chunk.length));
        self.next = end;
    }

    /// Up to `end`, in pieces of one length.
    fn in_pieces(&mut self, end: usize) {
        let starts = (self.next..end).step_by(PIECE_BYTES);
        self.ranges.extend(starts.map(|start| start..end.min(start + PIECE_BYTES)));
        self.next = end;
    }
}

/// Where the header ends and where tensors begin and end, ascending, the last of them the end of the file; `None`
/// for what is not a shard. Offsets that make no sense are harmless: they are cuts like others.
fn places(bytes: &[u8]) -> Option<Vec<usize>> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let data = usize::try_from(length.checked_add(8)?).ok()?;
    let header = bytes.get(8..data).filter(|_| length <= MAX_HEADER_BYTES)?;
    let members: HashMap<String, Member> = serde_json::from_slice(header).ok()?;
    let offsets = members.values().filter_map(|member| member.data_offsets).flatten();
    let inside = offsets.filter_map(|offset| data.checked_add(usize::try_from(offset).ok()?));
    let ends = [data, bytes.len()];
    let mut places: Vec<usize> = inside.filter(|place| *place < bytes.len()).chain(ends).collect();
    places.sort_unstable();
    places.dedup();
    Some(places)
}
