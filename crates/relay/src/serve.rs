//! The way of a request: what its head says, who sends it, what its body says, and then one typed route.

use axum::{
    body::Body,
    extract::Request,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use farebox_telemetry::paylera::{SUBSCRIPTION_ID, TENANT_ID};
use farebox_types::IdempotencyKey;
use opentelemetry::context::FutureExt;

use crate::{
    identity::CustomerIdentity,
    input::{check_media_type, fresh_key, inbound_key, read},
    problem::Refusal,
    relay::Relay,
    route::{Access, RelayRoute},
    routes, span,
    upstream::Ended,
};

/// A request whose outside is in order, and whose caller is known.
pub(crate) struct Call<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) identity: CustomerIdentity,
    /// Empty for routes that only read.
    pub(crate) body: Bytes,
    /// The key that the browser sent.
    pub(crate) key: Option<IdempotencyKey>,
}

impl Call<'_> {
    /// The browser's key, or a fresh one.
    pub(crate) fn key(&self) -> Result<IdempotencyKey, Refusal> {
        self.key.clone().map_or_else(fresh_key, Ok)
    }
}

impl Relay {
    /// Answers one request of a route. `id` is the path's, decoded and not yet looked at.
    pub(crate) async fn serve(&self, route: RelayRoute, id: Option<&str>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let span = span::begin(route, &head.headers, self.0.mode);
        let outcome = self.answer(route, id, &head, body).with_context(span.clone()).await;
        let response = match outcome {
            Ok(response) => response,
            Err(Ended::Refused(refusal)) => {
                tracing::debug!(route = ?route, problem = refusal.code(), "refused");
                span::problem(&span, refusal.code());
                refusal.into_response()
            }
            Err(Ended::Answered(answer)) => answer.into_response(),
        };
        span::end(&span, response.status());
        response
    }

    async fn answer(&self, route: RelayRoute, id: Option<&str>, head: &Parts, body: Body) -> Result<Response, Ended> {
        let key = if route.changes() { self.admit(head)? } else { None };
        if route == RelayRoute::CsrfToken {
            if self.access(route) != Access::Public {
                self.caller(head).await?;
            }
            return Ok(self.0.guard.issue().map_err(|_| Refusal::Broken)?);
        }
        if route == RelayRoute::Plans && self.access(route) == Access::Public {
            return routes::plans(self, head).await;
        }
        let identity = self.caller(head).await?;
        span::note(TENANT_ID, identity.tenant_id.as_deref());
        span::note(SUBSCRIPTION_ID, identity.subscription_id.as_deref());
        let body = if route.changes() { read(body).await? } else { Bytes::new() };
        let call = Call { head, identity, body, key };
        self.dispatch(route, id.unwrap_or_default(), &call).await
    }

    /// What must hold before anybody is asked who this is.
    fn admit(&self, head: &Parts) -> Result<Option<IdempotencyKey>, Refusal> {
        check_media_type(&head.headers)?;
        if !self.0.origins.allow(&head.headers, &head.uri) || !self.0.guard.allows(&head.headers) {
            return Err(Refusal::Csrf);
        }
        inbound_key(&head.headers)
    }

    async fn dispatch(&self, route: RelayRoute, id: &str, call: &Call<'_>) -> Result<Response, Ended> {
        match route {
            RelayRoute::Attach => routes::attach(self, call).await,
            RelayRoute::Check => routes::check(self, call).await,
            RelayRoute::CheckGet => routes::check_get(self, call).await,
            RelayRoute::Track => routes::track(self, call).await,
            RelayRoute::Entitlements => routes::entitlements(self, call).await,
            RelayRoute::Me => routes::me(self, call).await,
            RelayRoute::Plans => routes::plans(self, call.head).await,
            RelayRoute::Invoices => routes::invoices(self, call).await,
            RelayRoute::BillingPortal => routes::billing_portal(self, call).await,
            RelayRoute::Upgrade => routes::upgrade(self, call, id).await,
            RelayRoute::Cancel => routes::cancel(self, call, id).await,
            RelayRoute::CsrfToken => Err(Refusal::NotFound.into()),
        }
    }
}
