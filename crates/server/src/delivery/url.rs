//! What an endpoint's URL may be.

use std::net::IpAddr;

use http::Uri;

use super::address::Reach;

const LONGEST: usize = 2_048;

/// A URL that no event is posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadUrl {
    #[error("must read https://host[:port]/path, with no user name and no fragment, up to 2048 characters")]
    Form,
    #[error("must begin with https://")]
    Plain,
    #[error("leads to an address that is not public")]
    Private,
}

/// The URL, if events may be posted to it. Names are looked up when an event is posted, not here.
///
/// # Errors
/// [`BadUrl`].
pub(crate) fn checked(text: &str, reach: Reach) -> Result<Uri, BadUrl> {
    if text.len() > LONGEST || text.contains('#') {
        return Err(BadUrl::Form);
    }
    let uri: Uri = text.parse().map_err(|_| BadUrl::Form)?;
    let authority = uri.authority().ok_or(BadUrl::Form)?;
    if authority.host().is_empty() || authority.as_str().contains('@') || authority.as_str().ends_with(':') {
        return Err(BadUrl::Form);
    }
    match (uri.scheme_str(), reach) {
        (Some("https"), _) | (Some("http"), Reach::Any) => {}
        (Some("http"), Reach::Public) => return Err(BadUrl::Plain),
        _ => return Err(BadUrl::Form),
    }
    match literal(authority.host()) {
        Some(address) if !reach.allows(address) => Err(BadUrl::Private),
        _ => Ok(uri),
    }
}

/// The address that a host is, if it is one and no name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_plain_and_leads_to_where_it_may() {
        for good in ["https://example.com/hooks?a=b", "https://example.com", "https://[2606:4700::1]:8443/x"] {
            assert!(checked(good, Reach::Public).is_ok(), "{good}");
        }
        for good in ["http://127.0.0.1:8000/hook", "http://localhost/x", "https://[::1]/"] {
            assert!(checked(good, Reach::Any).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2_048));
        for bad in ["", "example.com", "/hook", "ftp://example.com/", "https://u:p@example.com/", "https://", &long] {
            assert_eq!(checked(bad, Reach::Any), Err(BadUrl::Form), "{bad}");
        }
        for bad in
            ["https://example.com/#x", "https://exa mple.com/", "https://example.com:/", "https://example.com\n/"]
        {
            assert_eq!(checked(bad, Reach::Any), Err(BadUrl::Form), "{bad}");
        }
        assert_eq!(checked("http://example.com/", Reach::Public), Err(BadUrl::Plain));
        for bad in ["https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:80/", "https://[::ffff:192.168.0.1]/"] {
            assert_eq!(checked(bad, Reach::Public), Err(BadUrl::Private), "{bad}");
        }
        assert_eq!(checked("http://169.254.169.254/latest", Reach::Any), Err(BadUrl::Private));
    }
}
