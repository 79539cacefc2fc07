//! Where a registry is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use briq_spec::PackageName;

use crate::error::{RegistryError, RegistryErrorKind};

/// A registry, or one folder of it: `[http://|https://]host[:port][/path]`.
///
/// Without a scheme, HTTPS is meant, except on the loopback interface, where registries have no certificates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: &'static str,
    host: String,
    path: Option<PackageName>,
}

impl Endpoint {
    /// `host[:port]`, as references write it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether what is sent is protected on its way.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// The repository of a package: its name, under the endpoint's path.
    ///
    /// # Errors
    /// Path and name are too long together.
    pub fn repository(&self, name: &PackageName) -> Result<PackageName, RegistryError> {
        let Some(path) = &self.path else { return Ok(name.clone()) };
        format!("{path}/{name}").parse().map_err(|error: briq_spec::SpecError| {
            RegistryError::new(format!("name {name} in {self}"), RegistryErrorKind::Refused(error.to_string()))
        })
    }

    /// The root of the API, with a trailing slash.
    pub(crate) fn api(&self) -> String {
        // Docker Hub's references name another host than its API has.
        let host = if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host };
        format!("{}://{host}/v2/", self.scheme)
    }
}

impl FromStr for Endpoint {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail =
            |what: &str| RegistryError::new(format!("use registry {text:?}"), RegistryErrorKind::Refused(what.into()));
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some("http"), rest),
            Some(("https", rest)) => (Some("https"), rest),
            Some(_) => return Err(fail("only http and https are known")),
            None => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let scheme = scheme.unwrap_or(if is_loopback(host) { "http" } else { "https" });
        let parsed = reqwest::Url::parse(&format!("{scheme}://{host}/")).map_err(|_| fail("it names no host"))?;
        if host.is_empty() || !parsed.username().is_empty() || parsed.path() != "/" || host.contains(['?', '#', '@']) {
            return Err(fail("it must be host[:port][/path]"));
        }
        let path =
            path.map(|path| path.parse().map_err(|_| fail("its path is not one of a repository"))).transpose()?;
        Ok(Self { scheme, host: host.to_owned(), path })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.path.iter().try_for_each(|path| write!(f, "/{path}"))
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn chooses_the_scheme_and_the_folder() {
        let cases = [
            ("ghcr.io", "https://ghcr.io/v2/", "digits"),
            ("ghcr.io/acme/models/", "https://ghcr.io/v2/", "acme/models/digits"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/", "digits"),
            ("localhost:1/a", "http://localhost:1/v2/", "a/digits"),
            ("[::1]:5000", "http://[::1]:5000/v2/", "digits"),
            ("https://localhost", "https://localhost/v2/", "digits"),
            ("http://models.lan:80", "http://models.lan:80/v2/", "digits"),
            ("docker.io/acme", "https://registry-1.docker.io/v2/", "acme/digits"),
        ];
        let digits = "digits".parse().expect("a name");
        for (text, api, repository) in cases {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(endpoint.api(), api);
            assert_eq!(endpoint.repository(&digits).expect("short").as_str(), repository);
        }
    }

    #[test]
    fn rejects_what_is_no_registry() {
        for text in [
            "",
            "ftp://a",
            "https://",
            "user:pw@ghcr.io",
            "ghcr.io/Acme",
            "a b",
            "ghcr.io?x",
            "ghcr.io//a",
            "host:port",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?}");
        }
    }
}
