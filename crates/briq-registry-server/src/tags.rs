//! Lists: the tags of a repository, and the repositories.

use axum::http::StatusCode;
use briq_spec::PackageName;
use briq_store::Repository;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Refusal};
use crate::service::{Answer, Asked, document, json};
use crate::task::blocking;

#[derive(Deserialize)]
struct Page {
    n: Option<usize>,
    last: Option<String>,
}

#[derive(Serialize)]
struct Tags<'a> {
    name: &'a PackageName,
    tags: &'a [String],
}

#[derive(Serialize)]
struct Catalog {
    repositories: Vec<PackageName>,
}

/// `GET …/tags/list`, in lexical order, `n` at a time after `last`.
pub(crate) async fn list(asked: Asked, name: PackageName) -> Answer {
    let page: Page = asked.query()?;
    let (store, repository) = (asked.store, Repository::local(name.clone()));
    let all = blocking(move || store.tags(repository)).await.map_err(Refusal::store(Code::NameUnknown))?;
    if all.is_empty() {
        return Err(Refusal::new(Code::NameUnknown, format!("there is no repository {name}")));
    }
    let begin = page.last.map_or(0, |last| all.partition_point(|tag| *tag <= last));
    let end = page.n.map_or(all.len(), |n| all.len().min(begin.saturating_add(n)));
    let tags = &all[begin..end];
    let more = tags.last().filter(|_| end < all.len());
    let link =
        more.zip(page.n).map(|(last, n)| ("link", format!("</v2/{name}/tags/list?n={n}&last={last}>; rel=\"next\"")));
    document(StatusCode::OK, &Tags { name: &name, tags }, "application/json", link.as_slice())
}

/// `GET /v2/_catalog` (Docker's, not part of the OCI specification).
pub(crate) async fn catalog(asked: Asked) -> Answer {
    let store = asked.store;
    let repositories = blocking(move || store.names()).await.map_err(Refusal::store(Code::NameUnknown))?;
    json(StatusCode::OK, &Catalog { repositories })
}
