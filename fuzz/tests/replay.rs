//! A short run of fuzzing without libFuzzer: the inputs of `fuzz/seeds`, and some near to each, the same ones in every run.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use briq_fuzz::targets;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Inputs that are made of each seed.
const NEAR: u64 = 16;

/// A test of every target, by its name.
macro_rules! replayed {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), targets::$target);
            }
        )*
    };
}

replayed!(
    delta index keras keys lock lora manifest onnx package policy provenance pytorch recipe reference seal shard
);

/// Hands every input to a target, with those near to it, and names those that it does not survive.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let inputs = std::fs::read_dir(&folder).expect("every target has seeds");
    let broken: Vec<_> = inputs
        .flat_map(|input| {
            let path = input.expect("the folder is readable").path();
            let bytes = std::fs::read(&path).expect("it was listed");
            (0..=NEAR).map(move |number| (path.clone(), number, near(&bytes, number)))
        })
        .filter(|(.., bytes)| panic::catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err())
        .map(|(path, number, _)| (path, number))
        .collect();
    assert!(broken.is_empty(), "{name} does not survive {broken:?}");
}

/// The seed itself for 0; else changed in one to four places: a bit, a byte, a part that goes, comes twice or is cut off.
fn near(seed: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let mut random = ChaCha8Rng::seed_from_u64(number);
    for _ in 0..number.min(1 + number % 4) {
        let Some(last) = bytes.len().checked_sub(1) else { break };
        let at = random.random_range(0..=last);
        let end = random.random_range(at..=last.min(at + 64));
        match random.random_range(0..5) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            _ => bytes.truncate(at),
        }
    }
    bytes
}
