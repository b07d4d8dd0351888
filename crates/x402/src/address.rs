//! Addresses of servers, as people write them into a configuration.

use http::Uri;

/// The address without its trailing slashes; `None` unless it is `http` or `https`, with a host, and without a user, a query
/// or a fragment.
#[must_use]
pub fn plain_address(url: &str) -> Option<&str> {
    let uri: Uri = url.parse().ok()?;
    let http = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    (http && host && !url.contains(['@', '?', '#'])).then(|| url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::plain_address;

    #[test]
    fn only_plain_addresses_pass() {
        assert_eq!(plain_address("https://a.example/eu//"), Some("https://a.example/eu"));
        for odd in ["", "credits", "ftp://a", "http://", "http://u:p@a", "http://a/?x=1", "http://a/#f", "/a"] {
            assert_eq!(plain_address(odd), None, "{odd}");
        }
    }
}
