//! Orders that are paid on a chain: an offer, a payment for it, the credits.

use axum::{
    Json,
    http::{HeaderMap, HeaderName},
    response::{IntoResponse, Response},
};
use farebox_engine::{
    ledger::{AccountSpec, MAX_GRANTED, MAX_OPEN_LOTS},
    settlement::PaymentKey,
};
use farebox_store::{Fault, Plan, Retry};
use farebox_types::PublicId;
use farebox_x402::{
    Accept, EXACT, PaymentPayload, PaymentRequired, Receipt, Requirements, Resource, VERSION, Version, assets,
    facilitation::{PAYS_FOR_SOMETHING_ELSE, Request},
    header,
    price::Price as Fare,
};
use serde_json::{Map, Value};

use super::{
    paid::{Ordered, Paid, grant_id},
    price,
};
use crate::{
    backend::Backend,
    facilitator::{Facilitating, SettleFailure, Trouble},
    http::Problem,
    keys::Caller,
    refusal::{Failure, Refusal, impossible},
};

/// How long a payment may take, from signing to settling.
const TIMEOUT_SECONDS: u64 = 300;

/// An order of a plan with a price. One payment grants once, however often it is brought; a payment that settled something
/// else before grants nothing.
pub(super) async fn purchase(
    backend: &Backend,
    caller: &Caller,
    plan: &Plan,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let Some(facilitating) = backend.facilitating() else { return Err(Refusal::Priced.into()) };
    let offers = offers(facilitating, plan);
    if offers.is_empty() {
        return Err(Refusal::Priced.into());
    }
    let order = Order { backend, facilitating, caller, plan };
    let bought = match presented(headers) {
        None => Err(Refusal::Unpaid.into()),
        Some(value) => order.pay(value, &offers).await,
    };
    match bought {
        Err(Failure::Refused(refusal)) if is_about_the_payment(&refusal) => Ok(challenge(plan, offers, refusal)),
        other => other,
    }
}

/// The payment in its header, in whichever version.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::PAYMENT_SIGNATURE).or_else(|| headers.get(header::X_PAYMENT));
    value.map(|value| value.as_bytes())
}

const fn is_about_the_payment(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Unpaid | Refusal::PaymentRefused { .. } | Refusal::PaymentUsed)
}

/// What the plan costs on each chain that knows its token. None for a trial, which could be paid twice and granted once,
/// and for a price that goes to several receivers, which one payment cannot pay.
fn offers(facilitating: &Facilitating, plan: &Plan) -> Vec<Requirements> {
    let document: Value = serde_json::from_str(&plan.document).unwrap_or_default();
    let price = &document["priceConfig"];
    let only = only_receiver(price).filter(|_| price["isCrypto"] == true && !plan.rules.is_trial());
    let Some((amount, receiver)) = only else { return Vec::new() };
    let Ok(amount) = amount.to_string().parse() else { return Vec::new() };
    let token = price["tokenAddress"].as_str().unwrap_or_default();
    let offer = |network: &str| {
        let asset = assets::find(network, token)?.address.to_owned();
        let fare = Fare::Token { amount, asset, extra: Map::new() };
        fare.requirements(EXACT, network, receiver, TIMEOUT_SECONDS).ok()
    };
    facilitating.networks().filter_map(offer).collect()
}

fn only_receiver(price: &Value) -> Option<(u128, &str)> {
    let (amounts, receivers) = (price["amounts"].as_array()?, price["receivers"].as_array()?);
    let mut paid = amounts.iter().enumerate().filter(|(_, amount)| price::read(amount) != Some(0));
    let ((at, amount), None) = (paid.next()?, paid.next()) else { return None };
    let receiver = receivers.get(at)?.as_str()?;
    receiver.parse::<farebox_types::Address>().ok()?;
    Some((price::read(amount)?, receiver))
}

/// 402, with the offers where every payer looks for them.
fn challenge(plan: &Plan, offers: Vec<Requirements>, refusal: Refusal) -> Response {
    let id = PublicId::new(plan.tenant, plan.id);
    let offer = PaymentRequired {
        x402_version: VERSION,
        t402_version: None,
        error: Some(refusal.to_string()),
        resource: Resource {
            url: format!("/api/v1/protocol/plans/{id}/order"),
            description: Some(plan.name.clone()),
            mime_type: Some("application/json".to_owned()),
        },
        accepts: offers.into_iter().map(Accept::Chain).collect(),
        extensions: Map::new(),
    };
    let mut answer = Problem::from(refusal).into_response();
    answer.headers_mut().insert(HeaderName::from_static(header::PAYMENT_REQUIRED), header::encode(&offer));
    answer
}

struct Order<'a> {
    backend: &'a Backend,
    facilitating: &'a Facilitating,
    caller: &'a Caller,
    plan: &'a Plan,
}

impl Order<'_> {
    async fn pay(&self, value: &[u8], offers: &[Requirements]) -> Result<Response, Failure> {
        let refused = |reason: String| Refusal::PaymentRefused { reason };
        let payload = PaymentPayload::from_header(value).map_err(|bad| refused(bad.to_string()))?;
        let taken = |offer: &&Requirements| offer.scheme == payload.scheme && offer.network == payload.network;
        let none = || refused("it is for none of the offers".to_owned());
        let requirements = offers.iter().find(taken).ok_or_else(none)?.clone();
        let version = payload.dialect.version;
        let request = Request { payload, requirements };
        let key = self.facilitating.key_of(&request).map_err(|refusal| refused(refusal.reason))?;
        self.check_room(key).await?;
        let receipt = self.settle(request).await?;
        let paid = Paid { backend: self.backend, facilitating: self.facilitating, key };
        let mut answer = paid.grant(self.plan, self.caller.account, self.caller.actor.clone()).await?;
        answer["txHash"] = receipt.transaction.clone().into();
        let name = match version {
            Version::V1 => header::X_PAYMENT_RESPONSE,
            Version::V2 => header::PAYMENT_RESPONSE,
        };
        Ok(([(HeaderName::from_static(name), header::encode(&receipt))], Json(answer)).into_response())
    }

    /// No money is taken for credits that could not be granted.
    async fn check_room(&self, key: PaymentKey) -> Result<(), Failure> {
        if self.backend.store().transfer(self.plan.tenant, grant_id(self.plan, key)).await?.is_some() {
            return Ok(());
        }
        let holder = AccountSpec::holder(self.plan.tenant, self.plan.id, self.caller.account);
        let account = self.backend.store().account(&holder).await?;
        let full = account.as_ref().is_some_and(|account| account.lots.len() >= MAX_OPEN_LOTS);
        if full {
            return Err(Refusal::TooManyLots.into());
        }
        let posted = account.map_or(0, |account| account.posted);
        let after = posted.checked_add(self.plan.rules.granted().micros());
        if after.is_some_and(|after| after <= MAX_GRANTED) { Ok(()) } else { Err(Refusal::Overflow.into()) }
    }

    /// The payment's intent ties it to this order in its commit: it pays for nothing else, and one that was brought for
    /// something else before does not pay for this.
    async fn settle(&self, request: Request) -> Result<Receipt, Failure> {
        let order = self.order().to_string();
        let settled = self.facilitating.settle_for(request, order).await.map_err(|failure| match failure {
            // Perhaps it has been sent all the same.
            SettleFailure::Trouble(Trouble { what, .. }) => Fault { what, retry: Retry::Unknown },
            SettleFailure::Conflict => impossible("a nameless settlement met its name"),
        })?;
        let receipt = settled.response;
        match receipt.error_reason.as_deref() {
            _ if receipt.success => Ok(receipt),
            Some("settlement_pending") => {
                let what = "an order's payment is not settled yet".to_owned();
                Err(Fault { what, retry: Retry::Unknown }.into())
            }
            Some(PAYS_FOR_SOMETHING_ELSE) => Err(Refusal::PaymentUsed.into()),
            reason => {
                Err(Refusal::PaymentRefused { reason: reason.unwrap_or("no reason was given").to_owned() }.into())
            }
        }
    }

    fn order(&self) -> Ordered {
        Ordered { plan: PublicId::new(self.plan.tenant, self.plan.id), account: self.caller.account }
    }
}
