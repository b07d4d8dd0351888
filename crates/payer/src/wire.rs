//! The HTTP client: how requests leave this machine.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use hyper_rustls::ConfigBuilderExt;
use rustls::{ClientConfig, crypto::ring};

use crate::{
    BadSetup, Request,
    answer::{self, Answer, Failed},
};

/// Sends requests as they are: no redirects, no retries, no cookies.
#[derive(Clone)]
pub(crate) struct Wire {
    http: reqwest::Client,
    max_answer: usize,
}

impl Wire {
    pub(crate) fn new(timeout: Duration, connect_timeout: Duration, max_answer: usize) -> Result<Self, BadSetup> {
        // A TLS set-up of our own: without one, reqwest needs a process-wide provider and panics when there is none.
        let mut tls = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| BadSetup::Client(error.into()))?
            .with_webpki_roots()
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would carry the token to an origin that did not ask for it, or turn a POST into a GET.
            .redirect(reqwest::redirect::Policy::none())
            // Only this crate decides what is sent twice.
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(timeout)
            .connect_timeout(connect_timeout)
            .build()
            .map_err(|error| BadSetup::Client(error.into()))?;
        Ok(Self { http, max_answer })
    }

    /// The longest answer that is read.
    pub(crate) const fn max_answer(&self) -> usize {
        self.max_answer
    }

    /// For calls of our own to the backend.
    pub(crate) const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends `request` once, with a payment or without.
    pub(crate) async fn send(
        &self,
        request: &Request,
        payment: Option<&(HeaderName, HeaderValue)>,
    ) -> Result<Answer, Failed> {
        let mut headers = request.headers.clone();
        if let Some((name, value)) = payment {
            headers.insert(name, value.clone());
        }
        let call = self.http.request(request.method.clone(), request.url.clone()).headers(headers);
        let call = if request.body.is_empty() { call } else { call.body(Bytes::clone(&request.body)) };
        let response = call.send().await.map_err(|error| Failed::Network(error.without_url()))?;
        answer::read(response, self.max_answer).await
    }
}
