//! What the caller wants to send. The body is bytes, so the request can be sent again as it was.

use std::fmt;

use bytes::Bytes;
use farebox_x402::header::{PAYMENT_SIGNATURE, X_PAYMENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use reqwest::Url;
use serde::Serialize;

use crate::{Paid, PayError, Payer, Preview};

/// One request. Cloning shares the body; `Debug` shows neither headers nor body nor query.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// A request without headers and body.
    ///
    /// # Errors
    /// [`PayError::BadRequest`] if `url` is not an absolute `http` or `https` URL.
    pub fn new(method: Method, url: &str) -> Result<Self, PayError> {
        let url: Url = url.parse().map_err(|_| PayError::BadRequest("the URL is not absolute"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(PayError::BadRequest("the URL is neither http nor https"));
        }
        Ok(Self { method, url, headers: HeaderMap::new(), body: Bytes::new() })
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), PayError> {
        let name = HeaderName::try_from(name).map_err(|_| PayError::BadRequest("a header name cannot be sent"))?;
        if name == PAYMENT_SIGNATURE || name == X_PAYMENT {
            return Err(PayError::BadRequest("payment-signature and x-payment are the payer's own headers"));
        }
        let value = HeaderValue::try_from(value).map_err(|_| PayError::BadRequest("a header value cannot be sent"))?;
        self.headers.append(name, value);
        Ok(())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.url.origin().ascii_serialization(), self.url.path())
    }
}

/// Builds a request and sends it. A mistake on the way is told by `send`.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder<'a> {
    payer: &'a Payer,
    request: Result<Request, PayError>,
}

impl<'a> RequestBuilder<'a> {
    pub(crate) fn new(payer: &'a Payer, method: Method, url: &str) -> Self {
        Self { payer, request: Request::new(method, url) }
    }

    /// Adds a header; the same name may come twice.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|request| request.set(name, value))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.change(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    /// Sets a JSON body and its content type.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        self.change(|request| {
            let json =
                serde_json::to_vec(body).map_err(|_| PayError::BadRequest("the body cannot be written as JSON"))?;
            request.body = json.into();
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(())
        })
    }

    /// Sends the request, and pays for it at most once.
    ///
    /// # Errors
    /// [`PayError`]; each kind says what it means for the money.
    pub async fn send(self) -> Result<Paid, PayError> {
        self.payer.send(self.request?).await
    }

    /// What [`Self::send`] would pay. The request is sent without a payment; nothing is signed.
    ///
    /// # Errors
    /// As [`Payer::send`], before anything was paid.
    pub async fn preview(self) -> Result<Preview, PayError> {
        self.payer.preview(self.request?).await
    }

    fn change(mut self, change: impl FnOnce(&mut Request) -> Result<(), PayError>) -> Self {
        self.request = self.request.and_then(|mut request| change(&mut request).map(|()| request));
        self
    }
}
