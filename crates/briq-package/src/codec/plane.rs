//! Takes numbers apart into planes of bytes, and puts them together.
//!
//! Both go by tiles that stay in the processor's first cache: one pass over a tile for each plane, in loops that the
//! compiler makes vectors of.

use super::Rule;
use super::number::Number;

/// How many numbers are in a tile.
const TILE: usize = 512;

/// What numbers differ by from their base – zeros where there is none –, plane by plane.
pub(super) fn split<N: Number>(rule: Rule, numbers: &[u8], base: Option<&[u8]>, planes: &mut [u8]) {
    let count = numbers.len() / N::WIDTH;
    let mut tile = [N::default(); TILE];
    for (index, numbers) in numbers.chunks(TILE * N::WIDTH).enumerate() {
        let at = index * TILE;
        let tile = &mut tile[..numbers.len() / N::WIDTH];
        let base = base.map(|base| &base[at * N::WIDTH..][..numbers.len()]);
        with_base(base, tile.iter_mut().zip(numbers.chunks_exact(N::WIDTH)), |(told, number), base| {
            *told = N::read(number).told(rule, base);
        });
        for plane in 0..N::WIDTH {
            let bytes = &mut planes[plane * count + at..][..tile.len()];
            bytes.iter_mut().zip(&*tile).for_each(|(byte, told)| *byte = told.byte(plane));
        }
    }
}

/// The numbers that differ from their base by what the planes say; a plane that is missing has zeros alone.
pub(super) fn join<N: Number>(rule: Rule, planes: &[Option<&[u8]>], base: Option<&[u8]>, numbers: &mut [u8]) {
    let mut tile = [N::default(); TILE];
    for (index, numbers) in numbers.chunks_mut(TILE * N::WIDTH).enumerate() {
        let at = index * TILE;
        let tile = &mut tile[..numbers.len() / N::WIDTH];
        tile.fill(N::default());
        for (plane, bytes) in planes.iter().enumerate() {
            let Some(bytes) = bytes else { continue };
            let bytes = &bytes[at..][..tile.len()];
            tile.iter_mut().zip(bytes).for_each(|(told, &byte)| *told = told.with(plane, byte));
        }
        let base = base.map(|base| &base[at * N::WIDTH..][..numbers.len()]);
        with_base(base, tile.iter().zip(numbers.chunks_exact_mut(N::WIDTH)), |(told, number), base| {
            told.untold(rule, base).write(number);
        });
    }
}

/// Does something for each number of a tile and that of its base.
#[inline]
fn with_base<N: Number, T>(base: Option<&[u8]>, numbers: impl Iterator<Item = T>, each: impl Fn(T, N)) {
    match base {
        Some(base) => numbers.zip(base.chunks_exact(N::WIDTH)).for_each(|(number, base)| each(number, N::read(base))),
        None => numbers.for_each(|number| each(number, N::default())),
    }
}
