//! Reads of the catalogue and of the customer's own papers.

use axum::{
    http::request::Parts,
    response::{IntoResponse, Response},
};

use crate::{
    input::{BILLING_PORTAL, Fields, INVOICES, PLANS, Query},
    relay::Relay,
    serve::Call,
    upstream::Ended,
};

/// The same for everybody: no customer is sent.
pub(crate) async fn plans(relay: &Relay, head: &Parts) -> Result<Response, Ended> {
    let path = Query::read(head.uri.query(), PLANS)?.append_to("/v1/plans");
    Ok(relay.0.upstream.get(&path).await?.into_public())
}

pub(crate) async fn me(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let customer = relay.customer(&call.identity).await?;
    let shown = match customer.shown {
        Some(shown) => shown,
        None => relay.0.upstream.get(&format!("/v1/customers/{}", customer.id)).await?,
    };
    Ok(shown.into_response())
}

pub(crate) async fn invoices(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let query = Query::read(call.head.uri.query(), INVOICES)?;
    let customer = relay.customer(&call.identity).await?;
    let path = query.append_to(&format!("/v1/customers/{}/invoices", customer.id));
    Ok(relay.0.upstream.get(&path).await?.into_response())
}

pub(crate) async fn billing_portal(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let fields = Fields::read(&call.body, BILLING_PORTAL)?;
    let customer = relay.customer(&call.identity).await?;
    let path = format!("/v1/customers/{}/billing-portal-sessions", customer.id);
    Ok(relay.0.upstream.post(&path, fields.with(&[]), &call.key()?).await?.into_response())
}
