//! `POST /payments`.

use axum::{extract::State, response::Response};
use farebox_engine::payment::{Answer, Call, Command, Details, Payment, Request, State as PaymentState, WITHIN};
use farebox_types::{Currency, Id, IdempotencyKey, Merchant, Money, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use sha2::{Digest, Sha256};

use super::{Payments, amount, caller::Writer, drive, join, view};
use crate::{
    http::{Body, Name, Problem},
    refusal::{Failure, Refusal, impossible},
};

const SCOPE: &str = "payments.create";

#[derive(Deserialize)]
pub(super) struct NewPayment {
    customer_id: String,
    amount: Option<Box<RawValue>>,
    amount_minor: Option<i64>,
    #[serde(default = "usd")]
    currency: String,
    payment_method_id: String,
    capture: Option<String>,
    description: Option<String>,
    metadata: Option<Map<String, Value>>,
    return_url: Option<String>,
    provider: Option<String>,
}

fn usd() -> String {
    "USD".to_owned()
}

/// Takes a payment up to its first resting point. Repeatable under an `Idempotency-Key`.
pub(super) async fn create(
    State(payments): State<Payments>,
    writer: Writer,
    Name(key): Name,
    Body { value, raw }: Body<NewPayment>,
) -> Result<Response, Problem> {
    let row = value.check(&payments, writer.tenant)?;
    payments.may_charge(writer.tenant, &*payments.rail_of(&row)?).await?;
    let id = row.id;
    let request = key.map(|key| named(writer.tenant, SCOPE.to_owned(), &key, &raw, id, row.created_at));
    let names = request.as_ref().map(|request| (request.scope.clone(), request.key.clone()));
    let begin = Command::Begin { payment: Box::new(row), request, actor: writer.actor.clone() };
    match payments.pay(begin).await? {
        Answer::Done { payment, .. } => {
            let done = drive::detached(&payments, *payment, Call::Create, names, writer.actor).await?;
            Ok(join::response(view::answer(&done, None), false))
        }
        Answer::Before(before) if before.payment == id => Ok(join::join(&payments, *before, false).await?),
        Answer::Before(before) => Ok(join::join(&payments, *before, true).await?),
        Answer::Conflict => Err(Refusal::KeyReused.into()),
        other => Err(impossible(format!("a payment was begun and answered {other:?}")).into()),
    }
}

/// A caller's name for a request.
pub(super) fn named(
    tenant: Id<Merchant>,
    scope: String,
    key: &IdempotencyKey,
    raw: &[u8],
    payment: Id<farebox_types::Payment>,
    at: Timestamp,
) -> Request {
    let hash = Sha256::digest(raw).into();
    Request { tenant, scope, key: key.to_string(), hash, payment, refund: None, answer: None, created_at: at }
}

impl NewPayment {
    fn check(self, payments: &Payments, tenant: Id<Merchant>) -> Result<Payment, Failure> {
        let rail = payments.rail(self.provider.as_deref());
        let provider = &rail.ok_or_else(|| Refusal::field("provider", "one that this server has"))?.provider;
        let currency: Currency = self.currency.parse().map_err(|_| Refusal::field("currency", "a code of ISO 4217"))?;
        let abilities = provider.capabilities();
        if abilities.currencies.is_some_and(|known| !known.contains(&currency.code())) {
            return Err(Refusal::field("currency", "one that the provider takes").into());
        }
        let manual = match self.capture.as_deref() {
            None | Some("automatic") => false,
            Some("manual") if abilities.manual_capture => true,
            Some("manual") => return Err(Refusal::Unsupported { what: "manual capture" }.into()),
            Some(_) => return Err(Refusal::field("capture", "automatic or manual").into()),
        };
        let ceiling = payments.limits().ceiling;
        let money = amount::money(self.amount.as_deref(), self.amount_minor, currency, ceiling)?;
        let money = money.ok_or_else(|| Refusal::number("amount", "given, or amount_minor"))?;
        self.check_texts()?;
        Ok(self.row(tenant, provider.name(), money, manual, payments.now()))
    }

    fn check_texts(&self) -> Result<(), Refusal> {
        let short =
            |text: &str, most: usize| !text.is_empty() && text.len() <= most && !text.contains(char::is_control);
        if !short(&self.customer_id, 64) {
            return Err(Refusal::field("customer_id", "1 to 64 visible characters"));
        }
        if !short(&self.payment_method_id, 128) {
            return Err(Refusal::field("payment_method_id", "1 to 128 visible characters"));
        }
        if self.description.as_ref().is_some_and(|text| !short(text, 500)) {
            return Err(Refusal::field("description", "1 to 500 visible characters"));
        }
        let web = |url: &String| short(url, 2048) && (url.starts_with("https://") || url.starts_with("http://"));
        if self.return_url.as_ref().is_some_and(|url| !web(url)) {
            return Err(Refusal::field("return_url", "an http or https address"));
        }
        let bytes = self.metadata.as_ref().map_or(0, |map| serde_json::to_string(map).map_or(usize::MAX, |t| t.len()));
        if bytes > 8192 { Err(Refusal::field("metadata", "at most 8192 bytes of JSON")) } else { Ok(()) }
    }

    fn row(self, tenant: Id<Merchant>, provider: &str, money: Money, manual_capture: bool, now: Timestamp) -> Payment {
        let details = Details {
            method: self.payment_method_id,
            manual_capture,
            description: self.description,
            return_url: self.return_url,
            metadata: self.metadata.and_then(|map| serde_json::to_string(&map).ok()),
            pending: Some(Call::Create),
            ..Details::default()
        };
        Payment {
            tenant,
            id: Id::generate(),
            customer_id: self.customer_id,
            provider: provider.to_owned(),
            provider_id: None,
            money,
            captured: 0,
            refunded: 0,
            refunding: 0,
            state: PaymentState::Created,
            next_check: Some(now.after(WITHIN)),
            trail: (0, [0; 32]),
            details,
            created_at: now,
            updated_at: now,
        }
    }
}
