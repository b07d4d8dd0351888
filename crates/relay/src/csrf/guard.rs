//! The check of a request's token, and the answer that brings a new one.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use farebox_types::Clock;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{BadCsrf, CSRF_COOKIE, CSRF_HEADER, Csrf, NoRandomness, cookie, expires::rfc3339, token::Keys};
use crate::problem::NO_STORE;

/// Tokens: made, and checked.
pub(crate) struct Guard {
    keys: Keys,
    /// Whether tokens are asked for at all.
    checks: bool,
    attributes: String,
    /// In seconds.
    lifetime: i64,
    clock: Arc<dyn Clock>,
}

impl Guard {
    pub(crate) fn new(csrf: &Csrf, production: bool, clock: Arc<dyn Clock>) -> Result<Self, BadCsrf> {
        let (attributes, lifetime) = (csrf.attributes(production)?, csrf.seconds()?);
        let (keys, checks) = csrf.keys(production)?;
        Ok(Self { keys, checks, attributes, lifetime, clock })
    }

    /// One header, a cookie equal to it, and the signature, age and horizon of both in order.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        if !self.checks {
            return true;
        }
        let mut sent = headers.get_all(CSRF_HEADER).iter();
        let (Some(token), None) = (sent.next(), sent.next()) else { return false };
        let Ok(token) = token.to_str() else { return false };
        let equal = |value: &str| bool::from(value.as_bytes().ct_eq(token.as_bytes()));
        // A cookie of an older path may lie beside ours; the page chose one of them.
        let submitted_twice = cookie::values(headers, CSRF_COOKIE).any(equal);
        submitted_twice && self.keys.accept(token, self.clock.now(), self.lifetime)
    }

    /// A new token, in body and cookie.
    pub(crate) fn issue(&self) -> Result<Response, NoRandomness> {
        let lifetime = Duration::from_secs(u64::try_from(self.lifetime).unwrap_or(0));
        let expiry = self.clock.now().after(lifetime);
        let token = self.keys.mint(expiry)?;
        let body = json!({"token": token, "expires_at": rfc3339(expiry)}).to_string();
        let cookie = format!("{CSRF_COOKIE}={token}{}", self.attributes);
        // Base64url, digits and attributes that were checked when the relay was built.
        let cookie = HeaderValue::try_from(cookie).map_err(|_| NoRandomness)?;
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CACHE_CONTROL, NO_STORE),
            (header::SET_COOKIE, cookie),
        ];
        Ok((StatusCode::OK, headers, Body::from(body)).into_response())
    }
}
