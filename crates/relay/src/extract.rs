//! The caller's customer, for the app's own handlers.

use axum::{
    Extension,
    extract::FromRequestParts,
    http::request::Parts,
    response::{IntoResponse, Response},
};

use crate::{identity::CustomerIdentity, problem::Refusal, relay::Relay, upstream::Ended};

/// The customer of the request's caller, found or created as the relay's own routes do it.
///
/// An extractor for handlers below [`Relay::customers`]. It asks `identify`, and creates the customer if the relay does so
/// and there is none; the answer is kept for the rest of the request. It is no protection against forged requests.
///
/// ```
/// use axum::{Router, routing::get};
/// use farebox_relay::{Relay, ResolvedCustomer};
///
/// fn app(relay: &Relay) -> Router {
///     Router::new().route("/report", get(report)).layer(relay.customers())
/// }
///
/// async fn report(customer: ResolvedCustomer) -> String {
///     format!("for {}", customer.id())
/// }
/// ```
#[derive(Clone)]
pub struct ResolvedCustomer {
    id: String,
    identity: CustomerIdentity,
}

impl ResolvedCustomer {
    /// The customer's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What `identify` said about the caller.
    #[must_use]
    pub const fn identity(&self) -> &CustomerIdentity {
        &self.identity
    }
}

/// Why a handler was not run: nobody is known, or they have no customer, or nobody could be asked.
pub struct NoCustomer(Ended);

impl IntoResponse for NoCustomer {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Relay {
    /// A layer that lets handlers below it take a [`ResolvedCustomer`]. It asks nobody until one does.
    pub fn customers(&self) -> Extension<Self> {
        Extension(self.clone())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ResolvedCustomer {
    type Rejection = NoCustomer;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, NoCustomer> {
        if let Some(known) = head.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let Some(relay) = head.extensions.get::<Relay>().cloned() else {
            tracing::error!("a handler takes a ResolvedCustomer, and no layer `relay.customers()` is above it");
            return Err(NoCustomer(Refusal::Broken.into()));
        };
        let identity = relay.caller(head).await.map_err(|refusal| NoCustomer(refusal.into()))?;
        let found = relay.customer(&identity).await.map_err(NoCustomer)?;
        let customer = Self { id: found.id, identity };
        head.extensions.insert(customer.clone());
        Ok(customer)
    }
}
