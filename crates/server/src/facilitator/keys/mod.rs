//! API keys of the facilitator: tokens of the management API, as far as their scopes go.

use axum::http::{HeaderMap, header};
use farebox_types::{ApiToken, Id};

use super::http::{Denial, Edge};
use crate::keys::Scopes;

/// Whether verifying and settling need an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPolicy {
    /// Anybody may; a key that is sent must be good all the same.
    #[default]
    Open,
    /// Only with a key that permits it.
    Required,
}

/// Who a request's credential belongs to.
#[derive(Debug, Clone)]
pub(super) enum Bearer {
    /// It carries none.
    Nobody,
    /// A key of this facilitator's merchant.
    Key { id: Id<ApiToken>, scopes: Scopes },
}

impl Bearer {
    /// Reads `X-API-Key`, else `Authorization: Bearer`; never the URL, which logs keep. Another `Authorization` scheme is
    /// for somebody on the way here.
    pub(super) async fn identify(edge: &Edge, headers: &HeaderMap) -> Result<Self, Denial> {
        let Some(text) = credential(headers)? else { return Ok(Self::Nobody) };
        let row = edge.backend().token_in_force(text).await?;
        match row {
            Some(row) if row.tenant == edge.facilitating().tenant() => {
                Ok(Self::Key { id: row.id, scopes: Scopes::read(&row.scopes) })
            }
            // Another merchant's key opens nothing here.
            _ => Err(Denial::BadKey),
        }
    }
}

fn credential(headers: &HeaderMap) -> Result<Option<&str>, Denial> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().map(|key| Some(key.trim())).map_err(|_| Denial::BadKey);
    }
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Denial::BadKey)?;
    let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(bearer.map(|(_, key)| key.trim()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_key_comes_in_its_own_header_or_as_a_bearer() {
        assert_eq!(credential(&headers(&[("x-api-key", "k")])).unwrap(), Some("k"));
        assert_eq!(credential(&headers(&[("authorization", "bearer k")])).unwrap(), Some("k"));
        assert_eq!(credential(&headers(&[("authorization", "Bearer b"), ("x-api-key", "k")])).unwrap(), Some("k"));
        assert_eq!(credential(&headers(&[("authorization", "Basic dTpw")])).unwrap(), None);
        assert_eq!(credential(&headers(&[])).unwrap(), None);
    }

    #[test]
    fn a_key_that_is_not_text_is_no_key() {
        let odd = HeaderMap::from_iter([("x-api-key".parse().unwrap(), HeaderValue::from_bytes(&[0xff]).unwrap())]);
        assert!(matches!(credential(&odd), Err(Denial::BadKey)));
    }
}
