//! Digests: BLAKE3 inside Briq, SHA-256 where OCI and signatures ask for it.
//!
//! Both are written `ALGORITHM:HEX` with 64 lower-case hexadecimal digits, the form of an OCI digest.
//! This crate holds no hasher: whoever has the bytes computes, everyone else compares.

use std::fmt;
use std::str::FromStr;

use crate::error::SpecError;
use crate::text::written_as_string;

macro_rules! digest {
    ($type:ident, $prefix:literal, $what:literal, $name:literal, $description:literal, $pattern:literal) => {
        #[doc = $description]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type([u8; 32]);

        impl $type {
            /// The digest with these 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the digest.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The 64 hexadecimal digits, without the algorithm.
            pub fn to_hex(self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = SpecError;

            fn from_str(text: &str) -> Result<Self, SpecError> {
                let error = |reason: &str| SpecError::syntax($what, text, reason);
                let hex = text.strip_prefix($prefix).ok_or_else(|| error(concat!("it must begin with ", $prefix)))?;
                parse_hex(hex).map(Self).map_err(error)
            }
        }

        written_as_string!($type, $name, $description, $pattern);
    };
}

digest!(
    Blake3Digest,
    "blake3:",
    "BLAKE3 digest",
    "Blake3Digest",
    "A BLAKE3-256 digest, written `blake3:` and 64 hexadecimal digits.",
    "^blake3:[0-9a-f]{64}$"
);
digest!(
    Sha256Digest,
    "sha256:",
    "SHA-256 digest",
    "Sha256Digest",
    "A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.",
    "^sha256:[0-9a-f]{64}$"
);

fn parse_hex(hex: &str) -> Result<[u8; 32], &'static str> {
    let digits = hex.as_bytes();
    if digits.len() != 64 {
        return Err("it must have 64 hexadecimal digits");
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> Result<u8, &'static str> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err("its digits must be 0-9 and a-f"),
    }
}
