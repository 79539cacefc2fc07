use briq_spec::deployment::{DeploymentName, Desired};

#[test]
fn a_deployment_name_is_a_dns_label() {
    for text in ["a", "digits", "digits-2", "0"] {
        assert_eq!(text.parse::<DeploymentName>().unwrap().as_str(), text);
    }
    for text in ["", "-a", "a-", "A", "a.b", "a_b", "a/b", "ä"] {
        assert!(text.parse::<DeploymentName>().is_err(), "{text:?}");
    }
    assert!("a".repeat(64).parse::<DeploymentName>().is_err());
}

#[test]
fn desired_reads_back_and_rejects_unknown_fields() {
    let digest = format!("blake3:{}", "0".repeat(64));
    let text = format!(
        r#"{{"name":"digits","revision":{{"number":1,"package":"vision/digits","version":"1.0.0","digest":"{digest}","source":"digits@^1"}},"http":"127.0.0.1:8080","backend":"flex"}}"#
    );
    let desired: Desired = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&desired).unwrap(), text);
    assert!(serde_json::from_str::<Desired>(&text.replace("backend", "backends")).is_err());
}

#[test]
fn a_deployment_carries_its_policy() {
    let digest = format!("blake3:{}", "0".repeat(64));
    let text = format!(
        r#"{{"name":"digits","revision":{{"number":1,"package":"digits","version":"1.0.0","digest":"{digest}","source":"digits"}},"http":"127.0.0.1:8080","backend":"flex","policy":{{"require":["seal"],"trusted":[{{"key":"-----BEGIN PUBLIC KEY-----"}}]}}}}"#
    );
    let desired: Desired = serde_json::from_str(&text).unwrap();
    assert!(desired.policy.as_ref().unwrap().trusted[0].is_inline());
    assert_eq!(serde_json::to_string(&desired).unwrap(), text);
}
