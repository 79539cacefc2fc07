//! A parcel.

use briq_package::Package;
use briq_package::codec::{self, Coding, Rule};
use briq_package::parcel::Parcel;

use crate::sample;

/// What is said to be longer is not expanded, which would only fill the disk.
const LONGEST: u64 = 4 << 20;

/// Opens it, and expands it alone and from a base; and reads coded numbers.
pub fn delta(bytes: &[u8]) {
    numbers(bytes);
    // The digest at the end is set right, as whoever makes a parcel would do.
    let mut parcel = bytes.to_vec();
    let digest = *blake3::hash(bytes).as_bytes();
    parcel.extend(digest);
    let Ok(parcel) = Parcel::from_bytes(parcel) else { return };
    if parcel.manifest().entries.iter().any(|entry| entry.size > LONGEST) {
        return;
    }
    let target = sample::place("expanded.briq");
    for base in [None, Some(&*sample::PACKAGE)] {
        if parcel.expand(base, &target).is_ok() {
            let package = Package::open(&target).expect("what is expanded is a package");
            assert_eq!(package.digest(), parcel.digest());
            assert!(package.verify().is_ok(), "what is expanded does not verify");
        }
    }
}

/// Reads the bytes as numbers of every width; the first byte says how many.
fn numbers(bytes: &[u8]) {
    let Some((&count, coded)) = bytes.split_first() else { return };
    for width in [1, 2, 4, 8] {
        for rule in [Rule::Xor, Rule::Difference] {
            let length = width * usize::from(count);
            let coding = Coding { width, rule };
            let Ok(numbers) = codec::decode(coding, coded, None, length) else { continue };
            let again = codec::encode(coding, &numbers, None);
            assert_eq!(codec::decode(coding, &again, None, length).as_ref(), Ok(&numbers));
        }
    }
}
