//! A request together with what pays for it.

use std::fmt;

use farebox_types::Timestamp;
use farebox_x402::{
    AccessToken,
    header::{self, PAYMENT_SIGNATURE},
};
use http::{HeaderName, HeaderValue};

use crate::{Request, fare::Fare, journal::Entry};

/// A request and the payment it carries: what must be sent again, as it is, while the outcome is unknown.
///
/// It can be spent by whoever holds it, so it has no way to print its token or signature.
#[derive(Clone)]
pub struct Authorization {
    pub(crate) request: Request,
    pub(crate) payment: (HeaderName, HeaderValue),
    means: Means,
}

#[derive(Debug, Clone)]
enum Means {
    Credits { plan: String, single_use: bool },
    Chain { id: String, fare: Fare, payer: String, valid_until: Timestamp },
}

impl Authorization {
    pub(crate) fn credits(request: Request, token: HeaderValue, plan: String) -> Self {
        let single_use = is_single_use(&token);
        let payment = (HeaderName::from_static(PAYMENT_SIGNATURE), token);
        Self { request, payment, means: Means::Credits { plan, single_use } }
    }

    pub(crate) fn chain(request: Request, entry: &Entry) -> Self {
        let means = Means::Chain {
            id: entry.id.clone(),
            fare: entry.fare.clone(),
            payer: entry.payer.clone(),
            valid_until: entry.valid_until,
        };
        Self { request, payment: entry.header.clone(), means }
    }

    /// The request that is paid for.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The plan whose credits pay, if credits do.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        match &self.means {
            Means::Credits { plan, .. } => Some(plan),
            Means::Chain { .. } => None,
        }
    }

    /// What was authorized on a chain, if that is how it is paid.
    #[must_use]
    pub const fn fare(&self) -> Option<&Fare> {
        match &self.means {
            Means::Credits { .. } => None,
            Means::Chain { fare, .. } => Some(fare),
        }
    }

    /// The address that pays, on a chain.
    #[must_use]
    pub fn payer(&self) -> Option<&str> {
        match &self.means {
            Means::Credits { .. } => None,
            Means::Chain { payer, .. } => Some(payer),
        }
    }

    /// When the chain stops taking it. Credits do not say.
    #[must_use]
    pub const fn valid_until(&self) -> Option<Timestamp> {
        match &self.means {
            Means::Credits { .. } => None,
            Means::Chain { valid_until, .. } => Some(*valid_until),
        }
    }

    /// Whether it pays at most once, however often it is sent.
    #[must_use]
    pub const fn is_single_use(&self) -> bool {
        match &self.means {
            Means::Credits { single_use, .. } => *single_use,
            Means::Chain { .. } => true,
        }
    }

    /// What the journal calls it, on a chain.
    pub(crate) fn id(&self) -> Option<&str> {
        match &self.means {
            Means::Credits { .. } => None,
            Means::Chain { id, .. } => Some(id),
        }
    }

    /// One line of at most 300 characters that repeats neither the token nor a signature.
    pub(crate) fn shown(&self, text: &str) -> String {
        match self.payment.1.to_str() {
            Ok(token) if text.contains(token) || holds_signature(text) => String::new(),
            _ => one_line(text),
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("request", &self.request)
            .field("means", &self.means)
            .finish_non_exhaustive()
    }
}

/// A token says itself whether it is single-use, by a nonce that is not blank; what was asked for says nothing.
pub(crate) fn is_single_use(token: &HeaderValue) -> bool {
    let token = header::decode::<AccessToken>(token.as_bytes());
    token.is_ok_and(|token| token.payload.authorization.nonce.is_some_and(|nonce| !nonce.trim().is_empty()))
}

/// Whether there are more hex digits in a row than any hash has.
fn holds_signature(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_hexdigit()).any(|digits| digits.len() > 100)
}

pub(crate) fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
