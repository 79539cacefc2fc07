//! The inputs of `fuzz/seeds`, given to the targets without libFuzzer, the same ones in every run.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use briq_fuzz::targets;

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

/// Hands every input to a target, and names those that it does not survive.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let inputs = std::fs::read_dir(&folder).expect("every target has seeds");
    let survives = |path: &Path| {
        let bytes = std::fs::read(path).expect("it was listed");
        panic::catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_ok()
    };
    let paths = inputs.map(|input| input.expect("the folder is readable").path());
    let broken: Vec<_> = paths.filter(|path| !survives(path)).collect();
    assert!(broken.is_empty(), "{name} does not survive {broken:?}");
}
