//! Who may ask, and who learns of it.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use briq_registry::{Credentials, Progress, PushOptions, Secret};
use briq_spec::{Machine, Selector};

use crate::peers::{Between, debian, own, own_with};
use crate::samples::{Sample, digits, store};

fn secret(password: &str) -> Credentials {
    Credentials::Password { user: "secret".into(), password: Secret::new(password) }
}

#[tokio::test]
async fn shows_a_password_to_debians_registry() {
    let Some(peer) = debian("auth: {htpasswd: {realm: test, path: ROOT/htpasswd}}\n") else { return };
    let folder = tempfile::tempdir().unwrap();
    let package = Sample::default().write(folder.path());
    for credentials in [Credentials::Anonymous, secret("wrong")] {
        let error = peer.client_as(credentials).push(&package, &PushOptions::default()).await.unwrap_err();
        assert!(error.is_unauthorized(), "{error}");
        assert!(error.hint().unwrap().contains("docker login"));
    }
    peer.client_as(secret("secret")).push(&package, &PushOptions::default()).await.unwrap();
    assert_eq!(peer.client_as(secret("secret")).versions(&digits()).await.unwrap().len(), 1);
}

fn header(request: &Request, name: &str) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Our registry behind Docker's token scheme: the realm is on the registry itself.
fn token_scheme(realms: Arc<Mutex<Vec<String>>>) -> Between {
    Arc::new(move |request, next| {
        let realms = Arc::clone(&realms);
        Box::pin(async move {
            let (authorization, host) = (header(&request, "authorization"), header(&request, "host"));
            if request.uri().path() == "/token" {
                realms.lock().unwrap().push(request.uri().query().unwrap_or_default().to_owned());
                // `secret:secret`
                let known = authorization == "Basic c2VjcmV0OnNlY3JldA==";
                let answer = if known { (200, r#"{"token":"ticket"}"#) } else { (401, "{}") };
                return Response::builder().status(answer.0).body(Body::from(answer.1)).unwrap();
            }
            if authorization == "Bearer ticket" {
                return next.run(request).await;
            }
            let challenge = format!(r#"Bearer realm="http://{host}/token",service="test",scope="whatever""#);
            Response::builder().status(401).header("www-authenticate", challenge).body(Body::empty()).unwrap()
        })
    })
}

#[tokio::test]
async fn buys_a_token_for_each_scope_once() {
    let (folder, remote_store) = store();
    let realms = Arc::default();
    let (peer, _) = own_with(&remote_store, token_scheme(Arc::clone(&realms))).await;
    let package = Sample::default().write(folder.path());
    let client = peer.client_as(secret("secret"));
    client.push(&package, &PushOptions::default()).await.unwrap();
    client.versions(&digits()).await.unwrap();
    let mut asked = realms.lock().unwrap().clone();
    asked.sort();
    asked.dedup();
    let scopes = ["pull", "pull%2Cpush"].map(|what| format!("service=test&scope=repository%3Ateam%2Fdigits%3A{what}"));
    assert_eq!(asked, scopes);

    let error = peer.client_as(secret("wrong")).versions(&digits()).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
}

#[tokio::test]
async fn keeps_secrets_from_the_host_of_a_redirect() {
    let (folder, remote_store) = store();
    own(&remote_store)
        .await
        .client()
        .push(&Sample::default().write(folder.path()), &PushOptions::default())
        .await
        .unwrap();
    let (storage, storage_log) = own_with(&remote_store, Arc::new(|request, next| Box::pin(next.run(request)))).await;
    let target = storage.host.clone();
    let between: Between = Arc::new(move |request, next| {
        let target = target.clone();
        Box::pin(async move {
            if !request.headers().contains_key("authorization") {
                let challenge = "Basic realm=\"test\"";
                return Response::builder()
                    .status(401)
                    .header("www-authenticate", challenge)
                    .body(Body::empty())
                    .unwrap();
            }
            if request.uri().path().contains("/blobs/") {
                let location = format!("http://{target}{}", request.uri());
                return Response::builder().status(307).header("location", location).body(Body::empty()).unwrap();
            }
            next.run(request).await
        })
    });
    let (peer, log) = own_with(&remote_store, between).await;
    let client = peer.client_as(secret("secret"));
    let (_pull_folder, pulled) = store();
    let remote = client.resolve(&digits(), &Selector::Any, &Machine::ANY).await.unwrap();
    client.pull(&remote, &pulled, &Progress::none()).await.unwrap();

    assert!(log.lock().unwrap().iter().any(|seen| seen.authorization.is_some()));
    let stored = storage_log.lock().unwrap();
    // The README is empty: there is nothing to ask for.
    assert_eq!(stored.len(), 4);
    assert!(stored.iter().all(|seen| seen.authorization.is_none()), "{stored:?}");
}

#[test]
fn never_prints_a_secret() {
    let text = format!("{:?}", secret("hunter2"));
    assert_eq!(text, "Password { user: \"secret\", password: *** }");
}
