//! From a trained project to a package and back.

use std::path::PathBuf;

use briq_engine::golden;
use briq_model::{Backend, Silent, cast, engine, load};
use briq_package::Package;

use crate::backends::each;
use crate::recipes::{RECIPE, project};

fn packed(directory: &std::path::Path) -> PathBuf {
    let project = project(directory, RECIPE);
    let outcome = project.train(Backend::Flex, &mut Silent).unwrap();
    let target = directory.join("moons-1.0.0.briq");
    cast(&project, &outcome).unwrap().write(&target).unwrap();
    target
}

#[test]
fn casting_twice_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let first = std::fs::read(packed(directory.path())).unwrap();
    let project = project(directory.path(), RECIPE);
    let again = directory.path().join("again.briq");
    cast(&project, &project.outcome().unwrap()).unwrap().write(&again).unwrap();
    assert_eq!(first, std::fs::read(again).unwrap());
}

#[test]
fn a_package_proves_its_golden_examples_on_every_backend() {
    let directory = tempfile::tempdir().unwrap();
    let package = Package::open(&packed(directory.path())).unwrap();
    package.verify().unwrap();
    for backend in each() {
        let model = load(&package, backend).unwrap();
        assert_eq!((model.name.as_str(), model.version.as_str()), ("moons", "1.0.0"));
        assert_eq!(model.labels.as_deref(), Some(["lower".to_owned(), "upper".to_owned()].as_slice()));
        golden::replay(&model).unwrap();
    }
}

#[test]
fn a_package_answers_as_the_trained_network_did() {
    let directory = tempfile::tempdir().unwrap();
    let package = Package::open(&packed(directory.path())).unwrap();
    let project = project(directory.path(), RECIPE);
    let trained = project.outcome().unwrap().trained;
    let (_, part) = project.parts.held_out();
    let before = project.engine(&trained, Backend::Flex).unwrap().answer(&part.features, part.len()).unwrap();
    let after = engine(&package, Backend::Flex).unwrap().answer(&part.features, part.len()).unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_package_carries_recipe_figures_card_and_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let package = Package::open(&packed(directory.path())).unwrap();
    let text = |path: &str| package.text(&path.parse().unwrap()).unwrap().to_owned();
    assert_eq!(text("train/briq.toml"), RECIPE);
    assert!(text("README.md").starts_with("# moons 1.0.0"));
    for picture in ["train/curves.svg", "train/confusion.svg"] {
        assert!(text(picture).starts_with("<svg") && text(picture).trim_end().ends_with("</svg>"));
    }
    assert!(package.manifest().metrics.contains_key("accuracy"));
    assert_eq!(package.manifest().lineage.data[0].rows, 160);
}
