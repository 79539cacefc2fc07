use briq_spec::Blake3Digest;
use briq_spec::control::{Loaded, Phase, Request, Response, ServerState};
use briq_spec::semver::Version;
use expect_test::{Expect, expect};
use serde::{Serialize, de::DeserializeOwned};

fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T, expected: Expect) {
    let line = serde_json::to_string(message).unwrap();
    expected.assert_eq(&line);
    assert!(!line.contains('\n'));
    assert_eq!(&serde_json::from_str::<T>(&line).unwrap(), message);
}

#[test]
fn requests_are_lines() {
    check(&Request::State, expect![[r#"{"op":"state"}"#]]);
    check(&Request::Drain, expect![[r#"{"op":"drain"}"#]]);
    let digest = Blake3Digest::from_bytes([0; 32]);
    check(
        &Request::Swap { revision: 2, digest, home: "/h".into() },
        expect![[
            r#"{"op":"swap","revision":2,"digest":"blake3:0000000000000000000000000000000000000000000000000000000000000000","home":"/h"}"#
        ]],
    );
}

#[test]
fn responses_are_lines() {
    check(&Response::Draining, expect![[r#"{"result":"draining"}"#]]);
    check(
        &Response::Refused { reason: "no\nroom".to_owned() },
        expect![[r#"{"result":"refused","reason":"no\nroom"}"#]],
    );
    check(
        &Response::Swapped { revision: 2, load_ms: 3, golden_ms: 4 },
        expect![[r#"{"result":"swapped","revision":2,"load_ms":3,"golden_ms":4}"#]],
    );
    let model = Loaded {
        name: "digits".parse().unwrap(),
        version: Version::new(1, 0, 0),
        digest: Blake3Digest::from_bytes([0; 32]),
        revision: 1,
    };
    let state = ServerState {
        phase: Phase::Ready,
        model: Some(model),
        pid: 5,
        http: "127.0.0.1:1".parse().ok(),
        requests: 6,
        failures: 0,
    };
    check(
        &Response::State(state),
        expect![[
            r#"{"result":"state","phase":"ready","model":{"name":"digits","version":"1.0.0","digest":"blake3:0000000000000000000000000000000000000000000000000000000000000000","revision":1},"pid":5,"http":"127.0.0.1:1","requests":6,"failures":0}"#
        ]],
    );
}

#[test]
fn rejects_other_messages() {
    for line in [
        "",
        "{}",
        r#"{"op":"explode"}"#,
        r#"{"op":"swap","revision":1}"#,
        r#"{"op":"swap","revision":-1,"digest":"x","home":"/"}"#,
    ] {
        assert!(serde_json::from_str::<Request>(line).is_err(), "{line}");
    }
}
