//! Bytes that were changed: whatever comes in, a reader answers or refuses, and soon.

use std::time::{Duration, Instant};

use crate::sample;
use briq_import::{keras, pytorch, read_safetensors, sniff};

const SAMPLES: [&str; 7] =
    ["tiny.h5", "chunked.h5", "latest.h5", "tiny.keras", "tiny.pt", "tiny_legacy.pt", "checkpoint.pt"];

/// Changes of each sample.
const CHANGES: usize = 1500;

/// The longest that one reading may take, on a machine that does other things too.
const LONGEST: Duration = Duration::from_secs(20);

/// A generator whose numbers are the same in every run (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % bound
    }
}

fn read(bytes: &[u8]) {
    let _ = sniff(bytes);
    let _ = keras::read(bytes);
    let _ = pytorch::read(bytes);
    let _ = read_safetensors(bytes);
}

#[test]
fn no_change_of_a_file_panics_or_hangs() {
    let mut random = Random(11);
    for name in SAMPLES {
        let whole = sample(name);
        for change in 0..CHANGES {
            let mut bytes = whole.clone();
            for _ in 0..1 + change % 4 {
                let at = random.below(bytes.len());
                bytes[at] = [0x00, 0xff, bytes[at] ^ (1 << (change % 8)), random.below(256) as u8][change / 4 % 4];
            }
            if change % 7 == 0 {
                bytes.truncate(random.below(bytes.len()));
            }
            let started = Instant::now();
            read(&bytes);
            assert!(started.elapsed() < LONGEST, "{name}, change {change}");
        }
    }
}
