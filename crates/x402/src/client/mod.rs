//! A [`Facilitator`] reached over HTTP: the credits backend of another process.
//!
//! Every call is one `POST` with the seller's API key over a pooled connection; redirects are not followed. How an
//! answer is read (`answer.rs`) decides between a business refusal and a [`Fault`], and what a repeat may do.

mod answer;
mod call;
mod endpoint;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use farebox_types::Secret;

pub use answer::CODE_UNSPECIFIED;
use answer::{Doubt, Said};
use call::{Call, Terms};
use endpoint::Endpoint;
pub use endpoint::{BadConfig, ClientOptions};

use crate::{
    Facilitator, Fault, Hold, Payment, Receipt, Settlement, Verdict, Verified,
    credits::{ReleaseAnswer, VerifyAnswer},
};

/// A credits backend over HTTP. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct CreditsClient {
    endpoint: Endpoint,
}

impl CreditsClient {
    /// A client of the backend at `base_url` (`http` or `https`), with the seller's API key and default limits.
    ///
    /// # Errors
    /// [`BadConfig`], before anything is sent.
    pub fn new(base_url: &str, api_key: Secret) -> Result<Self, BadConfig> {
        Self::with_options(base_url, api_key, ClientOptions::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// [`BadConfig`], before anything is sent.
    pub fn with_options(base_url: &str, api_key: Secret, options: ClientOptions) -> Result<Self, BadConfig> {
        Ok(Self { endpoint: Endpoint::new(base_url, api_key, options)? })
    }

    async fn ask(&self, call: Call, payment: &Payment, terms: Terms<'_>, doubt: Doubt) -> Result<Said, Fault> {
        let body = call::body(payment, terms);
        // A repeat that cannot have a second effect is worth one try: the pooled connection may just have gone stale.
        let mut result = self.endpoint.post(call, body.clone(), doubt.may_repeat()).await;
        if let Ok(answer) = &mut result {
            answer.withhold(&[&payment.token, self.endpoint.api_key()]);
        }
        answer::classify(call, result, doubt)
    }
}

impl fmt::Debug for CreditsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreditsClient").field("base_url", &self.endpoint.base_url()).finish_non_exhaustive()
    }
}
