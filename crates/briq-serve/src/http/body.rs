//! Reading the body of a request, within a limit and a time.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::refusal::Refusal;

/// The whole body.
///
/// # Errors
/// 413 when it is larger than `limit` bytes, 408 when it does not come in time, 400 when it breaks off.
pub(super) async fn read(body: Body, limit: usize, deadline: Duration) -> Result<Bytes, Refusal> {
    let late = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let whole = timeout(deadline, Limited::new(body, limit).collect()).await.map_err(|_| late())?;
    whole.map(|whole| whole.to_bytes()).map_err(|error| match error.is::<LengthLimitError>() {
        true => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes")),
        false => Refusal::bad_request(format!("the body could not be read: {error}")),
    })
}
