//! Packages on their way: compressed, told from a base, and expanded to the very same file.

use std::fs;

use briq_tests::{Briq, Serving};

/// A home with `old.briq` and `new.briq`, which differ by some steps of training.
fn two_versions() -> Briq {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    let recipe = briq.folder().join("iris/briq.toml");
    let text = fs::read_to_string(&recipe).expect("the project has a recipe");
    for (epochs, version, file) in [(1, "1.0.0", "old.briq"), (2, "1.0.1", "new.briq")] {
        let line = |line: &str| match line.split_once('=').map(|(key, _)| key.trim()) {
            Some("epochs") => format!("epochs = {epochs}"),
            Some("version") => format!("version = \"{version}\""),
            _ => line.to_owned(),
        };
        fs::write(&recipe, text.lines().map(line).collect::<Vec<_>>().join("\n")).expect("it is ours");
        briq.run(["train", "iris"]).succeeds();
        briq.run(["pack", "iris", "-o", file]).succeeds();
    }
    briq
}

#[test]
fn a_parcel_expands_to_the_very_package() {
    let briq = two_versions();
    let read = |name: &str| fs::read(briq.folder().join(name)).expect("it was written");
    let packed = briq.run(["pack", "iris", "--compress", "-o", "new.briqz", "--json"]).succeeds().json();
    assert_eq!(packed["compressed"]["package"], read("new.briq").len());
    assert_eq!(packed["size"], read("new.briqz").len());
    briq.run(["expand", "new.briqz", "-o", "expanded.briq"]).succeeds();
    assert_eq!(read("expanded.briq"), read("new.briq"));
    let verified = briq.run(["verify", "new.briqz", "--json"]).succeeds().json();
    assert_eq!(verified["digest"], packed["digest"], "a verb takes a parcel for its package");
    let folder = fs::read_dir(briq.folder()).expect("the folder is ours").flatten();
    assert!(folder.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".briq-")));
}

#[test]
fn a_delta_is_small_and_finds_its_base_in_the_store() {
    let briq = two_versions();
    let read = |name: &str| fs::read(briq.folder().join(name)).expect("it was written");
    let delta = briq.run(["delta", "old.briq", "new.briq", "-o", "step.briqz", "--json"]).succeeds().json();
    let base = delta["base"].as_str().expect("a delta names its base").to_owned();
    briq.run(["expand", "step.briqz", "-o", "expanded.briq"]).exits(3).says(&base);
    briq.run(["expand", "step.briqz", "--base", "new.briq", "-o", "expanded.briq"]).exits(1).says(&base);
    assert!(!briq.folder().join("expanded.briq").exists());
    briq.run(["expand", "step.briqz", "--base", "old.briq", "-o", "expanded.briq"]).succeeds();
    assert_eq!(read("expanded.briq"), read("new.briq"));
    briq.run(["publish", "old.briq"]).succeeds();
    briq.run(["publish", "step.briqz"]).succeeds();
    let resolved = briq.run(["resolve", "iris@^1", "--json"]).succeeds().json();
    assert_eq!(resolved["digest"], delta["digest"]);
}

#[test]
fn a_delta_is_put_beside_what_is_published() {
    let briq = two_versions();
    let root = briq.folder().join("registry").display().to_string();
    let (_registry, address) =
        Serving::start(&briq, &["registry", "serve", "--listen", "127.0.0.1:0", "--root", &root]);
    let team = format!("http://{address}/team");
    briq.run(["publish", "old.briq", "--registry", &team]).succeeds();
    let publish = ["publish", "new.briq", "--registry", &team, "--delta-from", "old.briq", "--json"];
    let published = briq.run(publish).succeeds().json();
    let size = fs::metadata(briq.folder().join("new.briq")).expect("it was written").len();
    assert!(published["delta"].as_u64().is_some_and(|delta| 0 < delta && delta < size), "{published}");
    assert_eq!(briq.run(publish).succeeds().json()["delta"], published["delta"], "it is not made twice");
    briq.run(["publish", "new.briq", "--delta-from", "old.briq"]).exits(2);
}
