//! Where a browser says that a request comes from.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins beside our own whose pages may call us.
#[derive(Default)]
pub(crate) struct Origins(BTreeSet<String>);

impl Origins {
    /// `None` if an entry is no origin: `https://app.example.com`, with a port if it is not the scheme's own.
    pub(crate) fn new<'a>(origins: &'a [String]) -> Result<Self, &'a String> {
        let read = |origin: &'a String| Origin::of(origin).map(|it| it.to_string()).ok_or(origin);
        origins.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request that changes something may come from where it says it does. Programs that are no browsers say
    /// nothing, and are left to the token.
    pub(crate) fn allow(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let cross_site = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"cross-site");
        if headers.get_all(SEC_FETCH_SITE).iter().any(cross_site) {
            return false;
        }
        let mut named = headers.get_all(header::ORIGIN).iter();
        match (named.next(), named.next()) {
            (None, _) => true,
            (Some(origin), None) => self.is_ours(origin, headers, uri),
            (Some(_), Some(_)) => false,
        }
    }

    /// On the list, or of the host that was asked. Behind a proxy that changes `Host` the list decides alone.
    fn is_ours(&self, origin: &HeaderValue, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(origin) = origin.to_str().ok().and_then(Origin::of) else { return false };
        if self.0.contains(&origin.to_string()) {
            return true;
        }
        // HTTP/2 names the host in the URI.
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (None, _) => uri.authority().map(|authority| authority.as_str()),
            (Some(host), None) => host.to_str().ok(),
            (Some(_), Some(_)) => None,
        };
        host.is_some_and(|host| origin.is_of(host))
    }
}

/// Scheme, host and port of a page.
struct Origin {
    secure: bool,
    /// In lower case, without the scheme's own port.
    authority: String,
}

impl Origin {
    fn of(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return None,
        };
        let plain = authority.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\\"<>".contains(&byte));
        (plain && !authority.is_empty()).then(|| Self { secure, authority: without_own_port(authority, secure) })
    }

    fn is_of(&self, host: &str) -> bool {
        self.authority == without_own_port(host, self.secure)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

fn without_own_port(authority: &str, secure: bool) -> String {
    let own = if secure { ":443" } else { ":80" };
    authority.strip_suffix(own).unwrap_or(authority).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(headers: &[(&str, &str)]) -> bool {
        let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let list = ["https://App.Example.com".to_owned(), "http://localhost:5173".to_owned()];
        let map: Vec<(HeaderName, HeaderValue)> = map.collect();
        let mut all = HeaderMap::new();
        for (name, value) in map {
            all.append(name, value);
        }
        Origins::new(&list).unwrap().allow(&all, &Uri::from_static("/track"))
    }

    #[test]
    fn a_page_of_this_host_or_of_the_list_may_call() {
        let shop = ("host", "shop.example:443");
        assert!(allowed(&[]));
        assert!(allowed(&[shop]));
        assert!(allowed(&[shop, ("origin", "https://shop.example"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("host", "shop.example"), ("origin", "https://SHOP.example:443")]));
        assert!(allowed(&[("host", "127.0.0.1:3000"), ("origin", "http://127.0.0.1:3000")]));
        assert!(allowed(&[shop, ("origin", "https://app.example.com"), ("sec-fetch-site", "same-site")]));
        assert!(allowed(&[shop, ("origin", "http://localhost:5173")]));
    }

    #[test]
    fn a_page_from_elsewhere_may_not() {
        let shop = ("host", "shop.example");
        for origin in [
            "https://evil.example",
            "https://shop.example.evil.example",
            "https://evil.example/shop.example",
            "https://shop.example@evil.example",
            "https://shop.example:8443",
            "http://app.example.com",
            "null",
            "",
            "shop.example",
            "ftp://shop.example",
        ] {
            assert!(!allowed(&[shop, ("origin", origin)]), "{origin}");
        }
        assert!(!allowed(&[("origin", "https://shop.example")]), "no host to compare with");
    }

    #[test]
    fn what_the_browser_calls_cross_site_is_refused_whatever_else_it_says() {
        let shop = ("host", "shop.example");
        for site in ["cross-site", "Cross-Site"] {
            assert!(!allowed(&[shop, ("sec-fetch-site", site)]));
            assert!(!allowed(&[shop, ("sec-fetch-site", site), ("origin", "https://shop.example")]));
            assert!(!allowed(&[shop, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", site)]));
        }
        assert!(!allowed(&[shop, ("origin", "https://shop.example"), ("origin", "https://evil.example")]));
        let two = [("host", "shop.example"), ("host", "evil.example"), ("origin", "https://evil.example")];
        assert!(!allowed(&two));
    }

    #[test]
    fn a_list_holds_origins_only() {
        for odd in ["https://a.example/path", "a.example", "*", "https://", "https://*.example/"] {
            assert!(Origins::new(&[odd.to_owned()]).is_err(), "{odd}");
        }
    }
}
