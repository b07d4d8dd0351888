//! An agent's endpoint list, and which of its entries holds a resource.

use axum::http::Uri;
use serde_json::Value;

/// One entry: a verb and a URL, whose path may have `:name` or `{name}` segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) verb: String,
    pub(crate) url: String,
}

impl Endpoint {
    /// Reads both spellings: `{"POST": "https://…"}`, and `{"verb": "POST", "url": "https://…"}`, which one SDK writes.
    pub(crate) fn list(entries: &Value) -> Vec<Self> {
        let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(Self::read).collect()
    }

    fn read(entry: &Value) -> Option<Self> {
        let entry = entry.as_object()?;
        let (verb, url) = match (entry.get("verb"), entry.get("url")) {
            (Some(verb), Some(url)) => (verb.as_str()?, url.as_str()?),
            _ => entry.iter().find_map(|(verb, url)| Some((verb.as_str(), url.as_str()?)))?,
        };
        Some(Self { verb: verb.to_ascii_uppercase(), url: url.to_owned() })
    }

    /// Whether this entry holds a resource. Origins are compared when both are known, queries never.
    pub(crate) fn holds(&self, verb: Option<&str>, url: &str) -> bool {
        let same_verb = verb.is_none_or(|verb| verb.eq_ignore_ascii_case(&self.verb));
        let ((mine, pattern), (theirs, path)) = (split(&self.url), split(url));
        let same_origin = match (&mine, &theirs) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        same_verb && same_origin && matches(pattern, path)
    }
}

/// Scheme and host (lower case, without a default port) of an absolute URL.
pub(crate) fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let port = match (scheme.as_str(), uri.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    Some(format!("{scheme}://{host}{port}"))
}

/// The path of a URL, absolute or not, without query and fragment.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    rest.split(['?', '#']).next().unwrap_or_default()
}

fn split(url: &str) -> (Option<String>, &str) {
    (origin(url), path(url))
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || is_name(wanted) && !given.is_empty() => {}
            _ => return false,
        }
    }
}

fn is_name(segment: &str) -> bool {
    segment.starts_with(':') || segment.starts_with('{') && segment.ends_with('}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let list = Endpoint::list(&json!([{"POST": "/a"}, {"verb": "post", "url": "/a"}, 7, {"GET": 1}]));
        let entry = Endpoint { verb: "POST".into(), url: "/a".into() };
        assert_eq!(list, [entry.clone(), entry]);
    }

    #[test]
    fn an_entry_holds_its_own_resources_only() {
        let entry = Endpoint { verb: "POST".into(), url: "https://API.example/agents/:id/tasks/{task}".into() };
        let holds = |verb, url| entry.holds(verb, url);
        assert!(holds(Some("post"), "/agents/7/tasks/8?x=1"));
        assert!(holds(None, "https://api.example:443/agents/7/tasks/8"));
        assert!(!holds(Some("GET"), "/agents/7/tasks/8"));
        assert!(!holds(Some("POST"), "https://other.example/agents/7/tasks/8"));
        assert!(!holds(Some("POST"), "/agents/7/tasks"));
        assert!(!holds(Some("POST"), "/agents//tasks/8"));
    }
}
