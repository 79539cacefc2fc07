//! How one blob is put together: which parts are on this machine, and which must be fetched.

use std::collections::HashMap;
use std::ops::Range;

use briq_package::chunks::Chunk;

/// Parts that are here but shorter than this are fetched with what stands before and behind them: a request costs more.
pub(crate) const GAP_BYTES: u64 = 64 << 10;
/// The most that one request brings, so that several are under way and little is lost with one.
pub(crate) const RANGE_BYTES: u64 = 4 << 20;

/// Where a chunk lies on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the sources.
    pub(crate) source: usize,
    /// Its first byte in the source.
    pub(crate) offset: u64,
}

/// A part of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its bytes in the blob.
    pub(crate) range: Range<u64>,
    /// Where they are; `None` when they must be fetched.
    pub(crate) place: Option<Place>,
}

/// All parts of a blob, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe(Vec<Piece>);

impl Recipe {
    /// The recipe of a blob of these chunks; `None` when nothing of it is here.
    pub(crate) fn of(chunks: &[Chunk], places: &HashMap<Chunk, Place>) -> Option<Self> {
        let mut end = 0;
        let pieces = chunks.iter().map(|chunk| {
            let range = end..end + u64::from(chunk.length);
            end = range.end;
            Piece { range, place: places.get(chunk).copied() }
        });
        let runs = join(pieces);
        let last = runs.len().saturating_sub(1);
        let worth = |at: usize, piece: Piece| match piece.length() < GAP_BYTES && 0 < at && at < last {
            true => Piece { place: None, ..piece },
            false => piece,
        };
        let runs = join(runs.into_iter().enumerate().map(|(at, piece)| worth(at, piece)));
        runs.iter().any(|piece| piece.place.is_some()).then_some(Self(runs))
    }

    /// How many bytes must be fetched.
    pub(crate) fn absent(&self) -> u64 {
        self.0.iter().filter(|piece| piece.place.is_none()).map(Piece::length).sum()
    }

    /// What is left when the first `offset` bytes are there, in parts of at most [`RANGE_BYTES`].
    pub(crate) fn rest(&self, offset: u64) -> impl Iterator<Item = Piece> {
        let left = self.0.iter().filter(move |piece| piece.range.end > offset);
        left.flat_map(move |piece| piece.from(offset).split())
    }
}

impl Piece {
    fn length(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn from(&self, offset: u64) -> Self {
        let start = self.range.start.max(offset);
        let moved = start - self.range.start;
        let place = self.place.map(|place| Place { offset: place.offset + moved, ..place });
        Self { range: start..self.range.end, place }
    }

    fn until(&self, end: u64) -> Self {
        Self { range: self.range.start..self.range.end.min(end), place: self.place }
    }

    fn split(self) -> impl Iterator<Item = Self> {
        let starts = std::iter::successors(Some(self.range.start), |start| start.checked_add(RANGE_BYTES));
        let end = self.range.end;
        starts.take_while(move |start| *start < end).map(move |start| self.from(start).until(start + RANGE_BYTES))
    }

    /// Whether the other piece, which stands behind this one, goes on where this one ends.
    fn leads_to(&self, next: &Self) -> bool {
        match (self.place, next.place) {
            (None, None) => true,
            (Some(own), Some(other)) => own.source == other.source && own.offset + self.length() == other.offset,
            _ => false,
        }
    }
}

/// Makes one piece of those that go on in each other.
fn join(pieces: impl Iterator<Item = Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if last.leads_to(&piece) => last.range.end = piece.range.end,
            _ => joined.push(piece),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use briq_package::chunks::Chunk;
    use briq_spec::Blake3Digest;

    use super::{Place, RANGE_BYTES, Recipe};

    const KIB: u32 = 1 << 10;

    /// Where it begins and ends, and the source and offset of what is here.
    type Step = (u64, u64, Option<(usize, u64)>);

    /// `(name, KiB)` for each chunk, `(name, source, KiB)` for each that is here; the rest of the recipe from an offset.
    fn recipe(chunks: &[(u8, u32)], here: &[(u8, usize, u64)], offset: u64) -> Vec<Step> {
        let chunk =
            |name: u8, length: u32| Chunk { length: length * KIB, digest: Blake3Digest::from_bytes([name; 32]) };
        let listed: Vec<_> = chunks.iter().map(|(name, length)| chunk(*name, *length)).collect();
        let place = |(name, source, offset): &(u8, usize, u64)| {
            let found = listed.iter().find(|chunk| chunk.digest.as_bytes()[0] == *name).expect("it is listed");
            (*found, Place { source: *source, offset: offset << 10 })
        };
        let places: HashMap<_, _> = here.iter().map(place).collect();
        let Some(recipe) = Recipe::of(&listed, &places) else { return Vec::new() };
        let shown = recipe.rest(offset << 10).map(|piece| {
            let place = piece.place.map(|place| (place.source, place.offset >> 10));
            (piece.range.start >> 10, piece.range.end >> 10, place)
        });
        shown.collect()
    }

    #[test]
    fn joins_what_lies_together() {
        let chunks = [(1, 100), (2, 200), (3, 300), (4, 400), (5, 500)];
        let here = [(2, 0, 1000), (3, 0, 1200), (4, 7, 1500)];
        let expected = [(0, 100, None), (100, 600, Some((0, 1000))), (600, 1000, Some((7, 1500))), (1000, 1500, None)];
        assert_eq!(recipe(&chunks, &here, 0), expected);
        assert_eq!(recipe(&chunks, &here, 250)[0], (250, 600, Some((0, 1150))));
        assert_eq!(recipe(&chunks, &here, 1500), []);
        assert_eq!(recipe(&chunks, &[], 0), []);
    }

    #[test]
    fn counts_what_must_be_fetched() {
        let chunk = |name, length| Chunk { length, digest: Blake3Digest::from_bytes([name; 32]) };
        let chunks = [chunk(1, 100 * KIB), chunk(2, 200 * KIB), chunk(3, 300 * KIB)];
        let places = HashMap::from([(chunks[1], Place { source: 0, offset: 0 })]);
        assert_eq!(Recipe::of(&chunks, &places).map(|recipe| recipe.absent()), Some(400 << 10));
    }

    #[test]
    fn fetches_over_short_gaps() {
        let chunks = [(1, 10), (2, 100), (3, 63), (4, 100), (5, 64), (6, 1)];
        let here = [(1, 0, 0), (3, 0, 500), (5, 0, 700), (6, 0, 900)];
        let expected = [(0, 10, Some((0, 0))), (10, 273, None), (273, 337, Some((0, 700))), (337, 338, Some((0, 900)))];
        assert_eq!(recipe(&chunks, &here, 0), expected);
    }

    #[test]
    fn asks_for_little_at_once() {
        let chunks = [(1, 9000), (2, 5000)];
        let most = RANGE_BYTES >> 10;
        let expected = [
            (0, most, None),
            (most, 2 * most, None),
            (2 * most, 9000, None),
            (9000, 9000 + most, Some((0, 0))),
            (9000 + most, 14000, Some((0, most))),
        ];
        assert_eq!(recipe(&chunks, &[(2, 0, 0)], 0), expected);
    }
}
