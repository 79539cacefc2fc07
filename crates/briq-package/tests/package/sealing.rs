//! Sealing, and what is not believed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use briq_package::seal::{self, PrivateKey, PublicKey, SEAL_ENTRY, SealErrorKind, Trust};
use briq_package::{Draft, Package, Seal};
use serde_json::{Value, json};

use super::keys::{self, authority, private, trust};
use super::kit::{self, path};

/// The package of the kit, sealed by a key, and the seal.
fn sealed(key: &PrivateKey) -> (tempfile::TempDir, Package, Vec<u8>) {
    let (folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let seal = seal::seal(&package, key).unwrap();
    package.assemble_sealed(&target, std::slice::from_ref(&seal)).unwrap();
    let package = Package::open(&target).unwrap();
    (folder, package, seal.bytes)
}

fn refused(result: Result<seal::Signer, seal::SealError>, kind: SealErrorKind, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

/// The seal with its payload changed and signed anew, as somebody with the key could.
fn resealed(seal: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::DecodePrivateKey as _;
    let der = keys::P256.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let key = p256::ecdsa::SigningKey::from_pkcs8_der(&STANDARD.decode(der).unwrap()).unwrap();
    let mut bundle: Value = serde_json::from_slice(seal).unwrap();
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    change(&mut statement);
    let payload = serde_json::to_vec(&statement).unwrap();
    let head = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
    let signature: p256::ecdsa::Signature = key.sign(&[head.as_bytes(), &payload].concat());
    bundle["dsseEnvelope"]["payload"] = json!(STANDARD.encode(&payload));
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = json!(STANDARD.encode(signature.to_der()));
    serde_json::to_vec(&bundle).unwrap()
}

/// The statement's subject made to agree with its list.
fn summed(statement: &mut Value) {
    use sha2::Digest as _;
    let mut whole = sha2::Sha256::new();
    for resource in statement["predicate"]["resources"].as_array().unwrap() {
        let hex = resource["digest"].as_str().unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        whole.update(bytes.collect::<Vec<u8>>());
    }
    let digest: String = whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    statement["subject"][0]["digest"]["sha256"] = json!(digest);
}

#[test]
fn every_kind_of_key_seals() {
    let encrypted = PrivateKey::from_pem(keys::P256_ENCRYPTED, Some(b"brick")).unwrap();
    for (key, public) in [
        (private(keys::P256), keys::P256_PUBLIC),
        (private(keys::P384), keys::P384_PUBLIC),
        (private(keys::P384_SEC1), keys::P384_PUBLIC),
        (encrypted, keys::P256_PUBLIC),
    ] {
        let (_folder, package, _) = sealed(&key);
        package.verify().unwrap();
        let signer = seal::verify(&package, &trust(public)).unwrap();
        assert_eq!(signer.key, PublicKey::from_pem(public).unwrap().id());
        assert_eq!(signer.subject, None);
    }
}

#[test]
fn the_same_key_gives_the_same_seal() {
    let (folder, package, first) = sealed(&private(keys::P256));
    assert_eq!(seal::seal(&package, &private(keys::P256)).unwrap().bytes, first);
    let (_other, unsealed) = kit::packed();
    assert_eq!(package.digest(), Package::open(&unsealed).unwrap().digest());
    drop(folder);
}

#[test]
fn a_chain_of_certificates_says_whose_key_it_is() {
    let (_folder, package, seal) = sealed(&keys::certified());
    let signer = seal::verify(&package, &authority(keys::ROOT)).unwrap();
    let subject = signer.subject.unwrap();
    assert!(subject.contains("CN=signer") && subject.contains("O=Briq tests"), "{subject}");
    assert_eq!(seal::claim(&seal).unwrap().key, signer.key);
    // Who trusts the key itself needs no authority.
    seal::verify(&package, &trust(keys::P256_PUBLIC)).unwrap();
    let both = trust(keys::P384_PUBLIC).with_authorities(seal::Certificates::from_pem(keys::ROOT).unwrap());
    seal::verify(&package, &both).unwrap();
}

#[test]
fn rejects_certificates_that_lead_nowhere() {
    let (_folder, package, _) = sealed(&keys::certified());
    refused(seal::verify(&package, &authority(keys::OTHER_ROOT)), SealErrorKind::Untrusted, "leads to no authority");
    refused(seal::verify(&package, &trust(keys::P384_PUBLIC)), SealErrorKind::Untrusted, "which is not trusted");
    let (_folder, package, _) = sealed(&private(keys::P256).with_certificates(keys::NO_SIGNER_CHAIN).unwrap());
    refused(seal::verify(&package, &authority(keys::ROOT)), SealErrorKind::Untrusted, "is not for signatures");
    // The certificate between signer and root is left out.
    let alone = &keys::CHAIN[..keys::CHAIN.find("-----END").unwrap() + 26];
    let (_folder, package, _) = sealed(&private(keys::P256).with_certificates(alone).unwrap());
    refused(seal::verify(&package, &authority(keys::ROOT)), SealErrorKind::Untrusted, "leads to no authority");
    seal::verify(&package, &authority(&[keys::ROOT, include_str!("pem/intermediate.pem")].concat())).unwrap();
}

#[test]
fn rejects_keys_that_cannot_seal() {
    let check = |pem: &str, password: Option<&[u8]>, kind: SealErrorKind, text: &str| {
        let error = PrivateKey::from_pem(pem, password).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    };
    check(keys::P521, None, SealErrorKind::Key, "not one on NIST P-256 or P-384");
    check(keys::ED25519, None, SealErrorKind::Key, "not one on NIST P-256 or P-384");
    check(keys::P256_OLD, Some(b"brick"), SealErrorKind::Key, "the old form of encryption");
    check(keys::P256_ENCRYPTED, None, SealErrorKind::Password, "under a password");
    check(keys::P256_ENCRYPTED, Some(b"brock"), SealErrorKind::Password, "does not open");
    check(keys::P256_PUBLIC, None, SealErrorKind::Key, "no private key, but PUBLIC KEY");
    check("", None, SealErrorKind::Key, "no private key");
    check("-----BEGIN PRIVATE KEY-----\nAAAA", None, SealErrorKind::Key, "breaks off");
    check("-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----", None, SealErrorKind::Key, "not base64");
    let error = private(keys::P384).with_certificates(keys::CHAIN).unwrap_err();
    assert!(error.to_string().contains("for another key"), "{error}");
    assert!(PublicKey::from_pem(keys::P256).unwrap_err().to_string().contains("no public key, but PRIVATE KEY"));
}

#[test]
fn rejects_what_is_unsealed_or_sealed_by_others() {
    let (_folder, target) = kit::packed();
    let unsealed = Package::open(&target).unwrap();
    refused(seal::verify(&unsealed, &trust(keys::P256_PUBLIC)), SealErrorKind::Unsealed, "digits 1.0.0 is not sealed");
    let (_folder, package, _) = sealed(&private(keys::P256));
    let error = seal::verify(&package, &trust(keys::P384_PUBLIC)).unwrap_err();
    assert!(error.is_refused() && error.hint().is_some());
    assert!(error.to_string().starts_with("signatures/model.sig: it is sealed by key "), "{error}");
    refused(seal::verify(&package, &Trust::default()), SealErrorKind::Untrusted, "nobody is trusted");
}

#[test]
fn rejects_a_seal_of_another_package() {
    let (folder, package, seal) = sealed(&private(keys::P256));
    let trusted = trust(keys::P256_PUBLIC);
    let changed = |name: &str, contents: Vec<(&str, Vec<u8>)>| {
        let mut draft = Draft::new(briq_package::example::manifest());
        contents.into_iter().for_each(|(name, bytes)| draft.add_bytes(path(name), bytes).unwrap());
        let target = folder.path().join(name);
        draft.write(&target).unwrap();
        Package::open(&target).unwrap()
    };
    let mut tampered = kit::contents();
    tampered[3].1 = b"Structure".to_vec();
    let mut extra = kit::contents();
    extra.push(("zusatz", Vec::new()));
    let mut missing = kit::contents();
    missing.remove(0);
    for (name, contents) in [("tampered", tampered), ("extra", extra), ("missing", missing)] {
        let other = changed(name, contents);
        let error = seal::verify_detached(&other, &seal, &trusted).unwrap_err();
        assert!(error.is_corrupt(), "{name}: {error}");
        // The manifest comes first, and holds the digests of all others.
        assert!(
            error.to_string().contains("is missing") || error.to_string().contains("is not what was sealed"),
            "{error}"
        );
    }
    seal::verify_detached(&package, &seal, &trusted).unwrap();
}

/// Statements that somebody with the key made, and that do not cover the package.
#[test]
fn rejects_statements_that_leave_something_out() {
    let (_folder, package, seal) = sealed(&private(keys::P256));
    let check = |kind: SealErrorKind, text: &str, change: &dyn Fn(&mut Value)| {
        let changed = resealed(&seal, |statement| change(statement));
        refused(seal::verify_detached(&package, &changed, &trust(keys::P256_PUBLIC)), kind, text);
    };
    use SealErrorKind::{Malformed, Mismatch};
    let resources = |statement: &mut Value, change: &dyn Fn(&mut Vec<Value>)| {
        change(statement["predicate"]["resources"].as_array_mut().unwrap());
        summed(statement);
    };
    check(Mismatch, "says nothing of assets/empty", &|s| resources(s, &|list| drop(list.remove(0))));
    check(Mismatch, "says nothing of", &|s| {
        s["predicate"]["serialization"]["ignore_paths"] = json!(["assets", "signatures"]);
        resources(s, &|list| list.retain(|one| !one["name"].as_str().unwrap().starts_with("assets")));
    });
    check(Mismatch, "missing or listed twice", &|s| resources(s, &|list| list.push(list[0].clone())));
    check(Mismatch, "missing or listed twice", &|s| resources(s, &|list| list[0]["name"] = json!("../model.onnx")));
    check(Mismatch, "is not what was sealed", &|s| resources(s, &|list| list[0]["digest"] = json!("00".repeat(32))));
    check(Malformed, "by blake2, not by", &|s| resources(s, &|list| list[0]["algorithm"] = json!("blake2")));
    check(Malformed, "not hexadecimal", &|s| s["predicate"]["resources"][0]["digest"] = json!("äö"));
    check(Malformed, "not the digest of what it lists", &|s| s["subject"][0]["digest"]["sha256"] = json!("00"));
    check(Malformed, "0 subjects", &|s| s["subject"] = json!([]));
    check(Malformed, "\"shards\"", &|s| s["predicate"]["serialization"]["method"] = json!("shards"));
    check(Malformed, "v2.0", &|s| s["predicateType"] = json!("https://model_signing/signature/v2.0"));
    check(Malformed, "Statement/v0.1", &|s| s["_type"] = json!("https://in-toto.io/Statement/v0.1"));
    check(Malformed, "not a statement about a model", &|s| *s = json!({}));
}

/// BLAKE3 is in the manifest too, so seals that know the files by it hold as well.
#[test]
fn a_statement_may_know_files_by_blake3() {
    let (_folder, package, seal) = sealed(&private(keys::P256));
    let seal = resealed(&seal, |statement| {
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            let entry = package.entries().iter().find(|entry| entry.path.as_str() == resource["name"]);
            let digest = entry.map_or(package.digest(), |entry| entry.blake3).to_hex();
            (resource["algorithm"], resource["digest"]) = (json!("blake3"), json!(digest));
        }
        summed(statement);
    });
    seal::verify_detached(&package, &seal, &trust(keys::P256_PUBLIC)).unwrap();
}

#[test]
fn rejects_bundles_of_other_forms() {
    let (_folder, package, seal) = sealed(&private(keys::P256));
    let check = |kind: SealErrorKind, text: &str, change: &dyn Fn(&mut Value)| {
        let mut bundle: Value = serde_json::from_slice(&seal).unwrap();
        change(&mut bundle);
        let bytes = serde_json::to_vec(&bundle).unwrap();
        refused(seal::verify_detached(&package, &bytes, &trust(keys::P256_PUBLIC)), kind, text);
    };
    use SealErrorKind::{Malformed, Mismatch, Untrusted};
    check(Malformed, "not a Sigstore bundle", &|b| *b = json!([1]));
    check(Malformed, "v0.9", &|b| b["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.9+json"));
    check(Malformed, "no DSSE envelope", &|b| drop(b.as_object_mut().unwrap().remove("dsseEnvelope")));
    check(Malformed, "its payload is", &|b| b["dsseEnvelope"]["payloadType"] = json!("text/plain"));
    check(Malformed, "payload is not base64", &|b| b["dsseEnvelope"]["payload"] = json!("?"));
    check(Malformed, "0 signatures", &|b| b["dsseEnvelope"]["signatures"] = json!([]));
    check(Malformed, "2 signatures", &|b| {
        let one = b["dsseEnvelope"]["signatures"][0].clone();
        b["dsseEnvelope"]["signatures"].as_array_mut().unwrap().push(one);
    });
    check(Mismatch, "does not match what it says", &|b| {
        b["dsseEnvelope"]["signatures"][0]["sig"] = json!("MAYCAQECAQE=")
    });
    check(Mismatch, "does not match what it says", &|b| b["dsseEnvelope"]["payload"] = json!("e30="));
    check(Untrusted, "is not trusted", &|b| b["verificationMaterial"]["publicKey"]["hint"] = json!("00"));
    check(Malformed, "neither a key nor", &|b| b["verificationMaterial"] = json!({"certificate": {"rawBytes": ""}}));
    check(Malformed, "holds no certificate", &|b| {
        b["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": []}});
    });
    let nameless = |bundle: &mut Value| bundle["verificationMaterial"] = json!({"publicKey": {}});
    let mut bundle: Value = serde_json::from_slice(&seal).unwrap();
    nameless(&mut bundle);
    seal::verify_detached(&package, &serde_json::to_vec(&bundle).unwrap(), &trust(keys::P256_PUBLIC)).unwrap();
}

/// One seal that holds is enough, whatever stands beside it.
#[test]
fn one_of_several_seals_is_enough() {
    let (_folder, package, bytes) = sealed(&private(keys::P256));
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("two.briq");
    let other = Seal { path: path("signatures/a.sig"), bytes: b"nonsense".to_vec() };
    package.assemble_sealed(&file, &[other, Seal { path: path(SEAL_ENTRY), bytes }]).unwrap();
    let package = Package::open(&file).unwrap();
    seal::verify(&package, &trust(keys::P256_PUBLIC)).unwrap();
    refused(seal::verify(&package, &trust(keys::P384_PUBLIC)), SealErrorKind::Malformed, "signatures/a.sig: ");
}
