//! Weights that nothing can compress, in files that any reader of safetensors opens.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

/// The name of a shard.
pub(super) fn name(number: usize, count: usize) -> String {
    format!("weights-{:05}-of-{count:05}.safetensors", number + 1)
}

/// Where they lie.
pub(super) fn folder(folder: &Path) -> PathBuf {
    folder.join("source")
}

/// Their files, in order.
pub(super) fn files(base: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder(base)).context("read the folder of weights")?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Writes so many bytes of numbers, divided among so many files.
pub(super) fn write(base: &Path, bytes: usize, count: usize) -> Result<()> {
    let folder = folder(base);
    fs::create_dir(&folder)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..count {
        let words = (bytes / count / 8).max(1);
        let file = folder.join(name(number, count));
        write_one(&file, words, &mut state).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

fn write_one(path: &Path, words: usize, state: &mut u64) -> Result<()> {
    let data = json!({"dtype": "F32", "shape": [2 * words], "data_offsets": [0, 8 * words]});
    let header = json!({"weight": data}).to_string();
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for _ in 0..words {
        // Marsaglia's xorshift with 64 bits. No number is infinite: every fourth byte holds sign and exponent.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        file.write_all(&(*state & 0xbfff_ffff_bfff_ffff).to_le_bytes())?;
    }
    file.into_inner()?.sync_all()?;
    Ok(())
}
