//! An answer, and what was paid for it.

use std::fmt;

use bytes::Bytes;
use farebox_x402::Receipt;
use http::{HeaderMap, Response, StatusCode};

use crate::{
    Authorization,
    answer::{self, Answer},
};

/// An answer with its receipt. It need not be a success: look at [`Paid::status`].
#[derive(Clone)]
pub struct Paid {
    answer: Answer,
    receipt: Option<Receipt>,
    unspent: Option<Box<Authorization>>,
}

impl Paid {
    pub(crate) const fn free(answer: Answer) -> Self {
        Self { answer, receipt: None, unspent: None }
    }

    pub(crate) fn new(answer: Answer, authorization: Authorization) -> Self {
        let receipt = answer::receipt(answer.headers());
        let charged = answer.status().is_success() || receipt.as_ref().is_some_and(|receipt| receipt.success);
        Self { answer, receipt, unspent: (!charged).then(|| Box::new(authorization)) }
    }

    /// What the payment did; `None` when none was made, or the seller said nothing readable about it.
    #[must_use]
    pub const fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// True when the answer was served while its payment is not final yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.status().is_success() && self.receipt.as_ref().is_some_and(|receipt| !receipt.success)
    }

    /// The payment that was shown to a seller who then did not succeed, and so did not charge:
    /// [`crate::Payer::resume`] sends the request again with the same token.
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
            .field("unspent", &self.unspent)
            .finish_non_exhaustive()
    }
}
