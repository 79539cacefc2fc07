use std::fs;

use briq_package::Package;

use super::kit::{self, path};

#[test]
fn every_file_comes_out() {
    let (folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let out = folder.path().join("deep/out");
    package.unpack(&out).unwrap();
    assert_eq!(fs::read(out.join("briq.json")).unwrap(), package.manifest_bytes());
    for (name, bytes) in kit::contents() {
        assert_eq!(fs::read(out.join(name)).unwrap(), bytes);
    }
    assert_eq!(kit::names(&out), ["assets", "briq.json", "model.onnx", kit::SHARD]);
    assert_eq!(kit::names(&folder.path().join("deep")), ["out"]);
}

#[test]
fn an_empty_folder_is_filled() {
    let (folder, target) = kit::packed();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    Package::open(&target).unwrap().unpack(&out).unwrap();
    assert!(out.join("briq.json").exists());
}

#[test]
fn rejects_a_folder_in_use() {
    let (folder, target) = kit::packed();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine"), "").unwrap();
    let error = Package::open(&target).unwrap().unpack(&out).unwrap_err();
    assert!(error.to_string().contains("it is there already, and not empty"), "{error}");
    assert_eq!(kit::names(&out), ["mine"]);
    let error = Package::open(&target).unwrap().unpack(&target).unwrap_err();
    assert!(error.to_string().contains("it is there already, and no folder"), "{error}");
}

#[test]
fn rejects_a_corrupt_package_and_leaves_nothing() {
    let (folder, target) = kit::packed();
    let mut bytes = fs::read(&target).unwrap();
    bytes[4096] ^= 1;
    fs::write(&target, bytes).unwrap();
    let error = Package::open(&target).unwrap().unpack(&folder.path().join("out")).unwrap_err();
    assert!(error.is_corrupt());
    assert_eq!(kit::names(folder.path()), ["digits-1.0.0.briq"]);
    assert!(Package::open(&target).unwrap().read(&path("model.onnx")).is_ok());
}
