//! A request together with the token that pays for it.

use std::fmt;

use farebox_x402::{AccessToken, header};
use http::HeaderValue;

use crate::Request;

/// A request and the token it carries: what must be sent again, as it is, while the outcome is unknown.
///
/// It can be spent by whoever holds it, so it has no way to print its token.
#[derive(Clone)]
pub struct Authorization {
    pub(crate) request: Request,
    pub(crate) token: HeaderValue,
    plan: String,
    single_use: bool,
}

impl Authorization {
    pub(crate) fn new(request: Request, token: HeaderValue, plan: String) -> Self {
        let single_use = is_single_use(&token);
        Self { request, token, plan, single_use }
    }

    /// The request that is paid for.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The plan whose credits pay.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// Whether the token pays at most once, however often it is sent.
    #[must_use]
    pub const fn is_single_use(&self) -> bool {
        self.single_use
    }

    /// One line of at most 300 characters that does not repeat the token.
    pub(crate) fn shown(&self, text: &str) -> String {
        match self.token.to_str() {
            Ok(token) if text.contains(token) => String::new(),
            _ => one_line(text),
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("request", &self.request)
            .field("plan", &self.plan)
            .field("single_use", &self.single_use)
            .finish_non_exhaustive()
    }
}

/// A token says itself whether it is single-use, by a nonce that is not blank; what was asked for says nothing.
pub(crate) fn is_single_use(token: &HeaderValue) -> bool {
    let token = header::decode::<AccessToken>(token.as_bytes());
    token.is_ok_and(|token| token.payload.authorization.nonce.is_some_and(|nonce| !nonce.trim().is_empty()))
}

pub(crate) fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
