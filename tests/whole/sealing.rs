//! Who vouches for a package: sealing, checking, and what a policy keeps out.

use std::fs;

use briq_tests::{Briq, peers};
use serde_json::Value;

const KEYS: [(&str, &str); 7] = [
    ("key.pem", include_str!("../../crates/briq-package/tests/package/pem/p256.pem")),
    ("public.pem", include_str!("../../crates/briq-package/tests/package/pem/p256.pub.pem")),
    ("encrypted.pem", include_str!("../../crates/briq-package/tests/package/pem/p256-encrypted.pem")),
    ("other.pem", include_str!("../../crates/briq-package/tests/package/pem/p384.pub.pem")),
    ("chain.pem", include_str!("../../crates/briq-package/tests/package/pem/chain.pem")),
    ("root.pem", include_str!("../../crates/briq-package/tests/package/pem/root.pem")),
    ("password", "brick\n"),
];

/// A home with `iris.briq`, trained in a moment, and keys.
fn packed() -> Briq {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    let recipe = briq.folder().join("iris/briq.toml");
    let text = fs::read_to_string(&recipe).expect("the project has a recipe");
    let line = |line: &str| if line.starts_with("epochs") { "epochs = 1".to_owned() } else { line.to_owned() };
    fs::write(recipe, text.lines().map(line).collect::<Vec<_>>().join("\n")).expect("it is ours");
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    KEYS.iter().for_each(|(name, text)| write(&briq, name, text));
    briq
}

fn write(briq: &Briq, name: &str, text: &str) {
    fs::write(briq.folder().join(name), text).expect("the folder is ours");
}

/// The package with a manifest that tells another SHA-256 of the model card than it has, and is right in all else.
fn lying(file: &[u8]) -> Vec<u8> {
    let position = |text: &[u8], from: usize| {
        from + file[from..].windows(text.len()).position(|found| found == text).expect("it is there")
    };
    let begin = position(b"{\n  \"format\"", 0);
    let length = u32::from_le_bytes(file[22..26].try_into().expect("four bytes")) as usize;
    let digit = position(b"\"sha256:", position(b"\"README.md\"", begin)) + 8;
    let mut told = file.to_vec();
    told[digit] = if told[digit] == b'0' { b'1' } else { b'0' };
    let checksum = crc32fast::hash(&told[begin..begin + length]).to_le_bytes();
    for at in [14, position(b"PK\x01\x02", begin + length) + 16] {
        told[at..at + 4].copy_from_slice(&checksum);
    }
    told
}

#[test]
fn where_somebody_is_to_be_believed_every_claim_is_checked() {
    let briq = packed();
    let file = fs::read(briq.folder().join("iris.briq")).expect("it was packed");
    fs::write(briq.folder().join("lying.briq"), lying(&file)).expect("the folder is ours");
    briq.run(["verify", "lying.briq"]).succeeds();
    for demand in [["--full"].as_slice(), &["--key", "public.pem"]] {
        let outcome = briq.run(["verify", "lying.briq"].iter().chain(demand));
        outcome.exits(5).says("do not match its SHA-256 digest");
    }
}

#[test]
fn a_sealed_package_is_checked_by_key_and_by_chain() {
    let briq = packed();
    let plain = briq.run(["verify", "iris.briq", "--json"]).succeeds().json();
    assert_eq!(plain["seals"], serde_json::json!([]));
    briq.run(["verify", "iris.briq", "--key", "public.pem"]).exits(8).says("is not sealed").says("briq sign");
    briq.run(["sign", "iris.briq", "--key", "key.pem"]).succeeds();
    let sealed = briq.run(["verify", "iris.briq", "--key", "public.pem", "--json"]).succeeds().json();
    assert_eq!(sealed["digest"], plain["digest"], "sealing leaves the identity");
    assert_eq!(sealed["seals"][0]["verified"], true);
    let claimed = briq.run(["verify", "iris.briq", "--json"]).succeeds().json();
    assert_eq!(
        (&claimed["seals"][0]["verified"], &claimed["seals"][0]["key"]),
        (&Value::Bool(false), &sealed["seals"][0]["key"])
    );
    briq.run(["verify", "iris.briq", "--key", "other.pem"]).exits(8).says("not trusted");
    briq.run(["verify", "iris.briq", "--key", "key.pem"]).exits(4).says("no public key");
    briq.run(["verify", "iris.briq", "--signature", "key.pem"]).exits(2);

    briq.run(["sign", "iris.briq", "--key", "encrypted.pem"]).exits(4).says("under a password").says("--password-file");
    let arguments =
        ["sign", "iris.briq", "--key", "encrypted.pem", "--password-file", "password", "--certificate", "chain.pem"];
    briq.run(arguments).succeeds();
    let chained = briq.run(["verify", "iris.briq", "--certificate-chain", "root.pem", "--json"]).succeeds().json();
    assert!(chained["seals"][0]["subject"].as_str().is_some_and(|subject| subject.contains("CN=signer")));
}

#[test]
fn a_seal_of_other_bytes_is_damage() {
    let briq = packed();
    briq.run(["sign", "iris.briq", "--key", "key.pem", "-o", "sealed.briq"]).succeeds();
    briq.run(["verify", "iris.briq"]).succeeds();
    briq.run(["unpack", "sealed.briq", "-o", "sealed"]).succeeds();
    let seal = briq.folder().join("sealed/signatures/model.sig");
    let arguments = ["verify", "iris.briq", "--key", "public.pem", "--signature"].map(String::from);
    let with = |file: &std::path::Path| briq.run(arguments.iter().cloned().chain([file.display().to_string()]));
    with(&seal).succeeds();
    let recipe = briq.folder().join("iris/briq.toml");
    let text = fs::read_to_string(&recipe).expect("it is there").replace("epochs = 1", "epochs = 2");
    fs::write(recipe, text).expect("it is ours");
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    with(&seal).exits(5).says("is not what was sealed");
    fs::write(&seal, "{}").expect("it is ours");
    with(&seal).exits(5).says("not a Sigstore bundle");
}

#[test]
fn a_seal_survives_publishing_and_pulling() {
    let briq = packed();
    briq.run(["publish", "iris.briq"]).succeeds();
    briq.run(["verify", "iris", "--key", "public.pem"]).exits(8);
    briq.run(["sign", "iris.briq", "--key", "key.pem"]).succeeds();
    let published = briq.run(["publish", "iris.briq", "--json"]).succeeds().json();
    assert_eq!(published["already_there"], false);
    briq.run(["verify", "iris", "--key", "public.pem"]).succeeds();
    briq.run(["pull", "iris", "-o", "pulled.briq"]).succeeds();
    let read = |name: &str| fs::read(briq.folder().join(name)).expect("it was written");
    assert_eq!(read("pulled.briq"), read("iris.briq"));
}

#[test]
fn a_package_tells_how_it_was_made_and_what_is_in_it() {
    let briq = packed();
    briq.run(["unpack", "iris.briq", "-o", "plain"]).succeeds();
    let text = fs::read_to_string(briq.folder().join("plain/provenance.json")).expect("it is unpacked");
    let statement: Value = serde_json::from_str(&text).expect("it is JSON");
    let build = &statement["predicate"]["buildDefinition"];
    assert_eq!(build["externalParameters"]["name"], "iris");
    let made_of: Vec<_> = build["resolvedDependencies"].as_array().expect("a list").iter().collect();
    assert!(
        made_of.iter().any(|one| one["name"] == "iris.csv")
            && made_of.iter().any(|one| one["name"] == "train/briq.toml")
    );
    assert!(statement["predicate"]["runDetails"]["builder"]["version"]["burn"].is_string());
    let sbom = briq.run(["inspect", "iris.briq", "--sbom"]).succeeds().json();
    assert_eq!(sbom["bomFormat"], "CycloneDX");
}

#[test]
fn a_policy_keeps_out_what_does_not_meet_it() {
    let briq = packed();
    write(&briq, "policy.toml", "require = [\"seal\", \"provenance\"]\n[[trusted]]\nkey = \"public.pem\"\n");
    write(&briq, "strange.toml", "require = [\"seal\"]\n[[trusted]]\nkey = \"other.pem\"\n");
    write(&briq, "empty.toml", "require = []\n");
    briq.run(["verify", "iris.briq", "--policy", "empty.toml"]).exits(4).says("it requires nothing");
    briq.run(["verify", "iris.briq", "--policy", "policy.toml"]).exits(8).says("the policy requires a seal");
    let serve = ["serve", "iris.briq", "--http", "127.0.0.1:0", "--policy", "policy.toml"];
    briq.run(serve).exits(8).says("the policy requires a seal");

    let name = briq.deployment("guarded");
    let deploy = |file: &str, more: &[&str]| {
        let common = ["deploy", file, "--name", name, "--http", "127.0.0.1:0", "--backend", "flex"];
        briq.run(common.iter().chain(more))
    };
    deploy("iris.briq", &["--policy", "policy.toml"]).exits(8).says("is not sealed").says("briq sign");
    briq.run(["status", name]).exits(3);
    briq.run(["sign", "iris.briq", "--key", "key.pem", "-o", "sealed.briq"]).succeeds();
    briq.run(["verify", "sealed.briq", "--policy", "policy.toml"]).succeeds();
    deploy("sealed.briq", &["--policy", "policy.toml"]).succeeds();
    // The policy stays where it was set: the next command need not repeat it.
    let status = briq.run(["status", name, "--json"]).succeeds().json();
    assert!(status.to_string().contains("BEGIN PUBLIC KEY"), "{status}");
    deploy("sealed.briq", &["--policy", "strange.toml"]).exits(8).says("not trusted");
    deploy("sealed.briq", &["--no-policy"]).succeeds();
}

/// The server itself looks, whatever the command did: going back to a version from before the policy is refused.
#[test]
fn a_rollback_does_not_pass_by_the_policy() {
    let briq = packed();
    write(&briq, "policy.toml", "require = [\"seal\"]\n[[trusted]]\ncertificate = \"root.pem\"\n");
    let name = briq.deployment("guarded-back");
    let common = ["deploy", "iris.briq", "--name", name, "--http", "127.0.0.1:0", "--backend", "flex"];
    briq.run(common).succeeds();
    let recipe = briq.folder().join("iris/briq.toml");
    let text = fs::read_to_string(&recipe).expect("it is there").replace("version = \"1.0.0\"", "version = \"1.1.0\"");
    fs::write(recipe, text).expect("it is ours");
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    briq.run(["sign", "iris.briq", "--key", "key.pem", "--certificate", "chain.pem"]).succeeds();
    briq.run(common.iter().chain(&["--policy", "policy.toml"])).succeeds();
    briq.run(["rollback", name]).exits(8).says("is not sealed").says("1.1.0 goes on serving");
}

#[test]
fn the_reference_tool_verifies_what_was_signed() {
    let Some(python) = peers::python(&["model_signing"]) else { return };
    let briq = packed();
    briq.run(["sign", "iris.briq", "--key", "key.pem"]).succeeds();
    briq.run(["unpack", "iris.briq", "-o", "plain"]).succeeds();
    let tool = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&python);
        let output = command.args(["-m", "model_signing"]).args(arguments).current_dir(briq.folder()).output();
        output.expect("it starts").status.success()
    };
    let verify =
        ["verify", "key", "plain", "--signature", "plain/signatures/model.sig", "--ignore-paths", "plain/signatures"];
    assert!(tool(&[&verify[..], &["--public_key", "public.pem"]].concat()));
    assert!(!tool(&[&verify[..], &["--public_key", "other.pem"]].concat()));
    let sign = ["sign", "key", "plain", "--private_key", "key.pem", "--ignore-paths", "plain/signatures"];
    assert!(tool(&[&sign[..], &["--signature", "theirs.sig"]].concat()));
    briq.run(["verify", "iris.briq", "--key", "public.pem", "--signature", "theirs.sig"]).succeeds();
}
