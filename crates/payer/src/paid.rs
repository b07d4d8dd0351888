//! An answer, and what was paid for it.

use std::fmt;

use bytes::Bytes;
use farebox_x402::Receipt;
use http::{HeaderMap, Response, StatusCode};

use crate::{
    Authorization, Fare,
    answer::{self, Answer},
    receipt::{Doubt, believed},
};

/// An answer with its receipt. It need not be a success: look at [`Paid::status`].
#[derive(Clone)]
pub struct Paid {
    answer: Answer,
    receipt: Option<Receipt>,
    doubt: Option<Doubt>,
    fare: Option<Box<Fare>>,
    unspent: Option<Box<Authorization>>,
}

impl Paid {
    pub(crate) const fn free(answer: Answer) -> Self {
        Self { answer, receipt: None, doubt: None, fare: None, unspent: None }
    }

    pub(crate) fn new(answer: Answer, authorization: Authorization) -> Self {
        let (receipt, doubt) = match answer::receipt(answer.headers()).map(|it| believed(it, &authorization)) {
            Some(Ok(receipt)) => (Some(receipt), None),
            Some(Err(doubt)) => (None, Some(doubt)),
            None => (None, None),
        };
        let charged = answer.status().is_success() || receipt.as_ref().is_some_and(|receipt| receipt.success);
        let fare = authorization.fare().cloned().map(Box::new);
        Self { answer, receipt, doubt, fare, unspent: (!charged).then(|| Box::new(authorization)) }
    }

    /// What the payment did; `None` when none was made, or the seller said nothing readable about it.
    #[must_use]
    pub const fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// What is wrong with the seller's receipt, if there is one that is not believed: it names another network, payer or
    /// amount than was authorized.
    #[must_use]
    pub const fn doubt(&self) -> Option<&'static str> {
        self.doubt
    }

    /// What was authorized on a chain; `None` if nothing was.
    #[must_use]
    pub fn fare(&self) -> Option<&Fare> {
        self.fare.as_deref()
    }

    /// True when the answer was served while its payment is not final yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.status().is_success() && self.receipt.as_ref().is_some_and(|receipt| !receipt.success)
    }

    /// The payment that was shown to a seller who then did not succeed, and so, by the protocol, did not charge:
    /// [`crate::Payer::resume`] sends the request again with the same payment. On a chain a dishonest seller could still
    /// settle it until it expires.
    #[must_use]
    pub fn unspent(&self) -> Option<&Authorization> {
        self.unspent.as_deref()
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.answer.body()
    }

    /// The answer.
    #[must_use]
    pub const fn response(&self) -> &Response<Bytes> {
        &self.answer
    }

    /// The answer without the rest; `reqwest::Response::from` takes it.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        self.answer
    }
}

impl fmt::Debug for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paid")
            .field("status", &self.status())
            .field("receipt", &self.receipt)
            .field("doubt", &self.doubt)
            .field("unspent", &self.unspent)
            .finish_non_exhaustive()
    }
}
