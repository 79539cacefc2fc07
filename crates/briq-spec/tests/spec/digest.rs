use briq_spec::{Blake3Digest, Sha256Digest};

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn a_digest_survives_text_and_json() {
    let text = format!("blake3:{HEX}");
    let digest: Blake3Digest = text.parse().unwrap();
    assert_eq!(digest.to_string(), text);
    assert_eq!(digest.to_hex(), HEX);
    assert_eq!(digest.as_bytes()[..3], [0x00, 0x11, 0x22]);
    assert_eq!(Blake3Digest::from_bytes(*digest.as_bytes()), digest);
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Blake3Digest>(&json).unwrap(), digest);
}

#[test]
fn rejects_what_is_no_digest() {
    let check = |text: &str, reason: &str| {
        let error = text.parse::<Sha256Digest>().unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    };
    check(HEX, "must begin with sha256:");
    check(&format!("blake3:{HEX}"), "must begin with sha256:");
    check("sha256:00", "64 hexadecimal digits");
    check(&format!("sha256:{}", HEX.to_uppercase()), "0-9 and a-f");
    check(&format!("sha256:{}", HEX.replace('0', "g")), "0-9 and a-f");
    check(&format!("sha256:{HEX}0"), "64 hexadecimal digits");
    check(&format!("sha256:{}é", &HEX[2..]), "0-9 and a-f");
}
