//! `WWW-Authenticate`: what a registry wants to see before it answers (RFC 9110 §11.6.1, and Docker's token scheme).

use std::collections::BTreeMap;

/// How a registry wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from `realm`, for `scope`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// Reads one header value, which may hold several challenges; a token is preferred to a password.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let challenges = split(value);
        let bearer = challenges.iter().find(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if let Some((_, parameters)) = bearer {
            let get = |name: &str| parameters.get(name).cloned();
            return Some(Self::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") });
        }
        challenges.iter().any(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")).then_some(Self::Basic)
    }
}

type Parameters = BTreeMap<String, String>;

fn split(value: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return challenges;
        }
        rest = match after.trim_start().strip_prefix('=') {
            Some(text) => {
                let (content, after) = content(text.trim_start());
                if let Some((_, parameters)) = challenges.last_mut() {
                    parameters.insert(word.to_ascii_lowercase(), content);
                }
                after
            }
            None => {
                challenges.push((word.to_owned(), Parameters::new()));
                after
            }
        };
    }
}

/// A token or quoted string, and what follows it.
fn content(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut content = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (content, &quoted[at + 1..]),
            '\\' => content.extend(characters.next().map(|(_, escaped)| escaped)),
            other => content.push(other),
        }
    }
    (content, "")
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.into(), service: own(service), scope: own(scope) })
    }

    #[test]
    fn reads_challenges() {
        let cases = [
            ("Basic realm=\"r\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:a/b:pull,push")),
            ),
            (r#"Basic realm="a, b", Bearer realm="x\"y""#, bearer("x\"y", None, None)),
            ("Bearer realm=https://t/x, service=s", bearer("https://t/x", Some("s"), None)),
        ];
        for (text, expected) in cases {
            assert_eq!(Challenge::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn rejects_what_asks_for_nothing_known() {
        for text in ["", "Digest realm=\"r\"", "Bearer service=\"s\"", "=", "\"", "Bearer realm", ",,,"] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
    }
}
