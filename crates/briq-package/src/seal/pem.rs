//! PEM (RFC 7468): what keys and certificates are written in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::SealError;

/// The longest text that is searched for keys and certificates.
const MAX_PEM_BYTES: usize = 4 << 20;

/// One block: what it is called, and its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Vec<u8>,
}

/// Every block of a text, in order; what stands between them is passed over.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, SealError> {
    if text.len() > MAX_PEM_BYTES {
        return Err(SealError::key(format!("it has {} bytes, and at most {MAX_PEM_BYTES} are read", text.len())));
    }
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((label, body, behind)) = next(rest)? {
        found.push(Block { label: label.to_owned(), der: decode(label, body)? });
        rest = behind;
    }
    Ok(found)
}

/// The label and the body of the first block, and what stands behind it.
fn next(text: &str) -> Result<Option<(&str, &str, &str)>, SealError> {
    const BEGIN: &str = "-----BEGIN ";
    let Some(at) = text.find(BEGIN) else { return Ok(None) };
    let unfinished = || SealError::key("its PEM breaks off");
    let (label, text) = text[at + BEGIN.len()..].split_once("-----").ok_or_else(unfinished)?;
    let (body, behind) = text.split_once(&format!("-----END {label}-----")).ok_or_else(unfinished)?;
    Ok(Some((label, body, behind)))
}

fn decode(label: &str, body: &str) -> Result<Vec<u8>, SealError> {
    if body.contains(':') {
        return Err(SealError::key(format!("its {label} has headers, the old form of encryption"))
            .with_hint("convert it with `openssl pkcs8 -topk8 -in OLD -out NEW`"));
    }
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).map_err(|source| SealError::key(format!("its {label} is not base64")).because(source))
}

/// Writes a block, in lines of 64 letters.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII"));
    let mut text = format!("-----BEGIN {label}-----\n");
    lines.for_each(|line| text.extend([line, "\n"]));
    text + &format!("-----END {label}-----\n")
}
