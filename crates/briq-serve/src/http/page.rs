//! `GET /`: a page for people, whole in itself.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

/// The page may run what it carries and ask this server, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
    (headers, Html(include_str!("page.html"))).into_response()
}
