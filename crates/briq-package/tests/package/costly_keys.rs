//! Private keys whose file asks for more time or memory than a key is worth.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use briq_package::seal::PrivateKey;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const SCRYPT: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];
const AES_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
const HMAC_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];
const SALT: &[u8] = &[0x04, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// One value in DER, of fewer than 128 bytes.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

fn sequence(items: &[&[u8]]) -> Vec<u8> {
    value(0x30, &items.concat())
}

fn name(identifier: &[u8]) -> Vec<u8> {
    value(0x06, identifier)
}

fn number(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    value(0x02, &[&[0], &bytes[zeros..]].concat()[usize::from(zeros < 8 && bytes[zeros] < 0x80)..])
}

/// A private key under a password, by a function with these parameters.
fn pem(function: &[u8], parameters: &[&[u8]]) -> String {
    let derivation = sequence(&[&name(function), &sequence(parameters)]);
    let encryption = sequence(&[&name(AES_256), &value(0x04, &[0; 16])]);
    let scheme = sequence(&[&name(PBES2), &sequence(&[&derivation, &encryption])]);
    let der = sequence(&[&scheme, &value(0x04, &[0; 16])]);
    format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n", STANDARD.encode(der))
}

fn rounds(count: u64) -> String {
    pem(PBKDF2, &[SALT, &number(count), &sequence(&[&name(HMAC_SHA_256), &value(0x05, &[])])])
}

fn scrypt([cost, block, parallel]: [u64; 3]) -> String {
    pem(SCRYPT, &[SALT, &number(cost), &number(block), &number(parallel)])
}

#[test]
fn rejects_a_password_that_takes_too_many_rounds() {
    let error = PrivateKey::from_pem(&rounds(4_000_001), Some(b"brick")).unwrap_err();
    assert!(error.is_key(), "{error}");
    assert_eq!(error.to_string(), "its encryption takes 4000001 rounds, and at most 4000000 are made");
}

#[test]
fn rejects_a_password_that_takes_too_much_memory() {
    let costly = [[0, 8, 1], [3, 8, 1], [1 << 18, 8, 1], [1 << 40, 8, 1], [1 << 63, 65_535, 1], [1 << 14, 8, 17]];
    for parameters in costly {
        let error = PrivateKey::from_pem(&scrypt(parameters), Some(b"brick")).unwrap_err();
        assert!(error.is_key() && error.to_string().contains("128·N·r"), "{parameters:?}: {error}");
    }
}

#[test]
fn what_openssl_writes_is_affordable() {
    for text in [scrypt([1 << 14, 8, 1]), rounds(2_048)] {
        let error = PrivateKey::from_pem(&text, Some(b"brick")).unwrap_err();
        assert!(error.is_password(), "the password is wrong, and that was found by trying: {error}");
    }
}
