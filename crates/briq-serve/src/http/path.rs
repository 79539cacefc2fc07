//! The model and version that a path names.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::Deserialize;

use crate::refusal::Refusal;
use crate::repository::{Repository, Serving, Slot};

/// `…/{model}` or `…/{model}/versions/{version}`; a `/` within a model's name is written `%2F`.
#[derive(Deserialize)]
pub(super) struct ModelPath {
    pub(super) model: String,
    pub(super) version: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for ModelPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(path)| path).map_err(|error| Refusal::bad_request(error.body_text()))
    }
}

impl ModelPath {
    /// The model's place.
    ///
    /// # Errors
    /// 503 while the models are not up, 404 when there is none of that name.
    pub(super) fn slot<'a>(&self, repository: Option<&'a Repository>) -> Result<&'a Slot, Refusal> {
        let repository = repository.ok_or_else(|| Refusal::unavailable("the models are not up yet"))?;
        repository.get(&self.model).ok_or_else(|| {
            let known: Vec<_> = repository.keys().map(String::as_str).collect();
            Refusal::not_found(format!("unknown model `{}`; this server has {}", self.model, known.join(", ")))
        })
    }

    /// Whether the version that serves is the one that was asked for, if one was.
    ///
    /// # Errors
    /// 404, naming the version that serves.
    pub(super) fn check_version(&self, serving: &Serving) -> Result<(), Refusal> {
        let serves = &serving.model.version;
        match &self.version {
            Some(version) if version != serves => {
                let message = format!("model `{}` has no version `{version}`; {serves} serves", self.model);
                Err(Refusal::not_found(message))
            }
            _ => Ok(()),
        }
    }
}
