//! Packages to push.

use std::path::Path;
use std::sync::Arc;

use briq_package::{Draft, Package};
use briq_spec::{DataType, PackageName, Variant};
use briq_store::Store;

/// How a package differs from the others.
pub(crate) struct Sample<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) weights: Vec<u8>,
    pub(crate) datatype: DataType,
    pub(crate) base: Option<String>,
    pub(crate) variant: Option<Variant>,
}

impl Default for Sample<'_> {
    fn default() -> Self {
        let weights = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        Self { name: "team/digits", version: "1.0.0", weights, datatype: DataType::Fp32, base: None, variant: None }
    }
}

impl Sample<'_> {
    pub(crate) fn write(&self, folder: &Path) -> Arc<Package> {
        let mut manifest = briq_package::example::manifest();
        manifest.name = self.name.parse().unwrap();
        manifest.version = self.version.parse().unwrap();
        manifest.signature.inputs[0].datatype = self.datatype;
        manifest.lineage.base = self.base.clone();
        manifest.variant = self.variant.clone();
        let mut draft = Draft::new(manifest);
        draft.add_bytes("model.onnx".parse().unwrap(), b"the structure".to_vec()).unwrap();
        draft.add_bytes("weights-00001-of-00001.safetensors".parse().unwrap(), self.weights.clone()).unwrap();
        draft.add_bytes("README.md".parse().unwrap(), Vec::new()).unwrap();
        let path = folder.join(format!("{}-{}-{}.briq", self.name.replace('/', "-"), self.version, self.weights.len()));
        let _ = std::fs::remove_file(&path);
        draft.write(&path).unwrap();
        Arc::new(Package::open(&path).unwrap())
    }
}

pub(crate) fn version(folder: &Path, version: &str) -> Arc<Package> {
    Sample { version, weights: version.as_bytes().repeat(1000), ..Sample::default() }.write(folder)
}

/// Bytes without a pattern, other ones for each seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(|| next().to_le_bytes()).flatten().take(length).collect()
}

/// A shard of tensors of one length, one for each seed, whose header has a note.
pub(crate) fn shard(note: &str, seeds: &[u64], length: usize) -> Vec<u8> {
    let tensor = |number: usize| {
        let (from, to) = (number * length, (number + 1) * length);
        format!(r#""t{number}":{{"dtype":"U8","shape":[{length}],"data_offsets":[{from},{to}]}}"#)
    };
    let members: Vec<_> = (0..seeds.len()).map(tensor).collect();
    let header = format!(r#"{{"__metadata__":{{"note":"{note}"}},{}}}"#, members.join(","));
    let tensors: Vec<u8> = seeds.iter().flat_map(|seed| noise(*seed, length)).collect();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &tensors].concat()
}

pub(crate) fn digits() -> PackageName {
    "team/digits".parse().unwrap()
}

pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store)
}
