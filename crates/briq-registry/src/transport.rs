//! Requests to one registry: authenticated, retried, and with its errors understood.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Deserialize;

use crate::challenge::Challenge;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, RegistryErrorKind};

/// Attempts before a request that could succeed is given up.
pub(crate) const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A transfer that brings no byte for so long has stalled.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// The most of an error or token answer that is read.
const MAX_SMALL_ANSWER: usize = 1 << 20;

/// What a request is for, in the terms of Docker's token scheme.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope(String);

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self(format!("repository:{repository}:pull"))
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self(format!("repository:{repository}:pull,push"))
    }
}

/// One registry as seen over HTTP.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    root: Url,
    credentials: Credentials,
    /// The `Authorization` that worked, for each scope.
    known: Mutex<HashMap<Scope, HeaderValue>>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Transport {
    pub(crate) fn new(endpoint: &Endpoint, credentials: Credentials) -> Result<Self, RegistryError> {
        // Ours is only wanted when the program has not chosen a provider itself; then this call fails, as it should.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let doing = format!("use registry {endpoint}");
        let http = reqwest::Client::builder()
            .user_agent(concat!("briq/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENT_FOR)
            .redirect(redirect_policy())
            .build()
            .map_err(RegistryError::transport(&doing))?;
        let root = Url::parse(&endpoint.api())
            .map_err(|error| RegistryError::new(doing, RegistryErrorKind::Refused(error.to_string())))?;
        Ok(Self { http, root, credentials, known: Mutex::default() })
    }

    /// An address below `/v2/`.
    pub(crate) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.root.join(path).map_err(|_| RegistryError::protocol(format!("ask for {path}"), "it makes no address"))
    }

    /// The address in `Location`, which may be relative.
    pub(crate) fn location(&self, doing: &str, response: &Response) -> Result<Url, RegistryError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let url = location.and_then(|location| response.url().join(location).ok());
        url.ok_or_else(|| RegistryError::protocol(doing, "the registry answered without a Location"))
    }

    /// Sends a request until it is answered, with retries; an answer other than success is an error.
    pub(crate) async fn send(
        &self,
        doing: &str,
        scope: &Scope,
        method: Method,
        url: Url,
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.send_once(doing, scope, method.clone(), url.clone(), &fill).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => pause(attempt, &error).await,
                other => return other,
            }
        }
    }

    /// Sends a request once, twice where the registry asks who is there.
    pub(crate) async fn send_once(
        &self,
        doing: &str,
        scope: &Scope,
        method: Method,
        url: Url,
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        // An upload may be sent to another host than the registry's: who we are is not that host's business.
        let own = url.origin() == self.root.origin();
        let request = |authorization: Option<HeaderValue>| {
            let request = fill(self.http.request(method.clone(), url.clone()));
            match authorization.filter(|_| own) {
                Some(value) => request.header(AUTHORIZATION, value),
                None => request,
            }
        };
        let mut response = request(self.known(scope)).send().await.map_err(RegistryError::transport(doing))?;
        if response.status() == StatusCode::UNAUTHORIZED
            && own
            && let Some(authorization) = self.answer(doing, scope, response.headers()).await?
        {
            response = request(Some(authorization)).send().await.map_err(RegistryError::transport(doing))?;
        }
        if response.status().is_success() { Ok(response) } else { Err(failure(doing, response).await) }
    }

    fn known(&self, scope: &Scope) -> Option<HeaderValue> {
        self.known.lock().expect("no holder panics").get(scope).cloned()
    }

    /// Answers a challenge; `None` when nothing better than the last attempt can be said.
    async fn answer(
        &self,
        doing: &str,
        scope: &Scope,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let values: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
        let authorization = match (Challenge::parse(&values.join(", ")), &self.credentials) {
            (Some(Challenge::Bearer { realm, service, .. }), _) => self.token(doing, scope, &realm, service).await?,
            (Some(Challenge::Basic), Credentials::Password { user, password }) => basic(user, password.reveal()),
            _ => return Ok(None),
        };
        let mut value = HeaderValue::try_from(authorization)
            .map_err(|_| RegistryError::protocol(doing, "the token is not one that a header can hold"))?;
        value.set_sensitive(true);
        self.known.lock().expect("no holder panics").insert(scope.clone(), value.clone());
        Ok(Some(value))
    }

    /// Asks the realm for a token (distribution's token specification).
    async fn token(
        &self,
        doing: &str,
        scope: &Scope,
        realm: &str,
        service: Option<String>,
    ) -> Result<String, RegistryError> {
        let mut url = Url::parse(realm).map_err(|_| RegistryError::protocol(doing, "the token realm is no address"))?;
        if url.scheme() != "https" && self.root.scheme() == "https" {
            return Err(RegistryError::protocol(doing, "the token realm is not encrypted, the registry is"));
        }
        url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service)));
        url.query_pairs_mut().append_pair("scope", &scope.0);
        let request = match &self.credentials {
            Credentials::Anonymous => self.http.get(url),
            Credentials::Password { user, password } => self.http.get(url).basic_auth(user, Some(password.reveal())),
        };
        let response = request.send().await.map_err(RegistryError::transport(doing))?;
        if !response.status().is_success() {
            return Err(failure(doing, response).await);
        }
        let bytes = small(doing, response).await?;
        let answer: Token = serde_json::from_slice(&bytes)
            .map_err(|_| RegistryError::protocol(doing, "the token realm answered no JSON"))?;
        let token = answer.token.or(answer.access_token);
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| RegistryError::protocol(doing, "the token realm answered without a token"))
    }
}

/// As reqwest's own policy, which takes `Authorization` off when the host changes; and never from HTTPS to HTTP.
fn redirect_policy() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let downgraded =
            attempt.url().scheme() == "http" && attempt.previous().iter().any(|url| url.scheme() == "https");
        match (downgraded, attempt.previous().len()) {
            (true, _) => attempt.error("a redirect leads from https to http"),
            (_, 10..) => attempt.error("too many redirects"),
            _ => attempt.follow(),
        }
    })
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// Waits before the next attempt: as long as the registry says, else twice as long as the last time.
pub(crate) async fn pause(attempt: u32, error: &RegistryError) {
    let own = FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1));
    tokio::time::sleep(error.retry_after().unwrap_or(own).min(LONGEST_PAUSE)).await;
}

/// Reads an answer that must be small.
pub(crate) async fn read(doing: &str, mut response: Response, limit: usize) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(RegistryError::transport(doing))? {
        if bytes.len() + chunk.len() > limit {
            return Err(RegistryError::protocol(doing, format!("the answer is larger than {limit} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn small(doing: &str, response: Response) -> Result<Vec<u8>, RegistryError> {
    read(doing, response, MAX_SMALL_ANSWER).await
}

/// What an answer other than success means (distribution-spec, "Error Codes").
async fn failure(doing: &str, response: Response) -> RegistryError {
    let status = response.status();
    let retry_after = seconds(response.headers());
    let body = small(doing, response).await.unwrap_or_default();
    let message = message(&body);
    let kind = match status {
        StatusCode::NOT_FOUND => RegistryErrorKind::NotFound(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryErrorKind::Unauthorized(message),
        StatusCode::CONFLICT => RegistryErrorKind::Conflict(message),
        _ => RegistryErrorKind::Status { status: status.as_u16(), message, retry_after },
    };
    RegistryError::new(doing, kind)
}

fn seconds(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn message(body: &[u8]) -> String {
    let Ok(Errors { errors }) = serde_json::from_slice(body) else { return String::new() };
    let shown = errors.into_iter().take(3).map(|error| match error.message.filter(|text| !text.is_empty()) {
        Some(text) => format!("{}: {text}", error.code),
        None => error.code,
    });
    shown.collect::<Vec<_>>().join("; ")
}
