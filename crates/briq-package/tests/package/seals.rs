use std::fs;

use briq_package::{Package, PackageErrorKind, Seal};

use super::kit::{self, path};

fn seal(name: &str) -> Seal {
    Seal { path: path(name), bytes: name.into() }
}

#[test]
fn sealing_leaves_the_identity() {
    let (folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let sealed = folder.path().join("sealed.briq");
    let written = package.assemble_sealed(&sealed, &[seal("signatures/b"), seal("signatures/a")]).unwrap();
    assert_eq!(written.digest, package.digest());
    let reopened = Package::open(&sealed).unwrap();
    reopened.verify().unwrap();
    assert_eq!(reopened.seals(), [seal("signatures/a"), seal("signatures/b")]);
    assert_eq!(package.seals(), []);
    let again = folder.path().join("again.briq");
    reopened.assemble(&again).unwrap();
    assert_eq!(fs::read(again).unwrap(), fs::read(&sealed).unwrap());
    reopened.assemble_sealed(&sealed, &[]).unwrap();
    assert_eq!(fs::read(&sealed).unwrap(), fs::read(&target).unwrap());
}

#[test]
fn rejects_what_is_no_seal() {
    let (folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let check = |seals: &[Seal], kind: PackageErrorKind, reason: &str| {
        let error = package.assemble_sealed(&folder.path().join("x.briq"), seals).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.kind(), kind);
    };
    check(&[seal("a")], PackageErrorKind::Invalid, "seals lie under signatures/");
    check(&[seal("signatures/a"), seal("signatures/a")], PackageErrorKind::Invalid, "there twice");
    check(&[seal("signatures/a"), seal("signatures/a/b")], PackageErrorKind::Invalid, "lies below another seal");
    let many: Vec<Seal> = (0..65).map(|number| seal(&format!("signatures/{number}"))).collect();
    check(&many, PackageErrorKind::Limit, "65 seals, and at most 64");
}
