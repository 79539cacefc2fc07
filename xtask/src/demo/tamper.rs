//! A version that is sound in every byte, and wrong: new weights, packed with the expected outputs of the old ones.

use std::path::Path;

use anyhow::{Context, Result};
use briq_package::{Draft, Package};
use briq_spec::provenance::PROVENANCE_ENTRY;

/// Writes `to`: version 1.2.0 with everything of `network`, but the golden outputs of `outputs`.
pub(super) fn swap_golden_outputs(network: &Path, outputs: &Path, to: &Path) -> Result<()> {
    let (network, outputs) = (Package::open(network)?, Package::open(outputs)?);
    let golden = network.manifest().golden.as_ref().context("a package with golden examples")?;
    let mut draft = Draft::new(network.manifest().clone());
    draft.manifest_mut().version = "1.2.0".parse()?;
    // It would be another package that tells how it was made.
    for entry in network.entries().iter().filter(|entry| entry.path.as_str() != PROVENANCE_ENTRY) {
        let source = if entry.path == golden.outputs { &outputs } else { &network };
        draft.add_bytes(entry.path.clone(), source.read(&entry.path)?.to_vec())?;
    }
    draft.write(to)?;
    Ok(())
}
