//! `POST /payments/{id}/confirm`, `/capture`, `/cancel`, `/refunds`.

use axum::{extract::State, response::Response};
use farebox_engine::payment::{Answer, Ask, Command, Denied, Payment};
use farebox_types::{Id, IdempotencyKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Payments, amount, caller::Writer, create::named, drive, join, read::find, view};
use crate::{
    http::{Name, Problem, Raw, Segments},
    refusal::{Failure, Refusal, impossible},
};

#[derive(Deserialize, Default)]
struct AskBody {
    amount: Option<Box<RawValue>>,
    amount_minor: Option<i64>,
    reason: Option<String>,
    token: Option<String>,
}

/// Goes on after the payer has acted.
pub(super) async fn confirm(
    State(payments): State<Payments>,
    writer: Writer,
    Segments(id): Segments<String>,
    Name(key): Name,
    Raw(raw): Raw,
) -> Result<Response, Problem> {
    let (row, body) = (find(&payments, writer.tenant, &id).await?, read(&raw)?);
    if body.token.as_ref().is_some_and(|token| !(1..=300).contains(&token.len()) || token.contains(char::is_control)) {
        return Err(Refusal::field("token", "1 to 300 visible characters").into());
    }
    Ok(act(&payments, writer, row, ("confirm", Ask::Confirm(body.token)), key, &raw).await?)
}

/// Takes what was authorized, or less.
pub(super) async fn capture(
    State(payments): State<Payments>,
    writer: Writer,
    Segments(id): Segments<String>,
    Name(key): Name,
    Raw(raw): Raw,
) -> Result<Response, Problem> {
    let row = find(&payments, writer.tenant, &id).await?;
    let minor = minor(&read(&raw)?, &row)?;
    Ok(act(&payments, writer, row, ("capture", Ask::Capture(minor)), key, &raw).await?)
}

/// Gives the payment up.
pub(super) async fn cancel(
    State(payments): State<Payments>,
    writer: Writer,
    Segments(id): Segments<String>,
    Name(key): Name,
    Raw(raw): Raw,
) -> Result<Response, Problem> {
    let row = find(&payments, writer.tenant, &id).await?;
    Ok(act(&payments, writer, row, ("cancel", Ask::Cancel), key, &raw).await?)
}

/// Pays back some or all.
pub(super) async fn refund(
    State(payments): State<Payments>,
    writer: Writer,
    Segments(id): Segments<String>,
    Name(key): Name,
    Raw(raw): Raw,
) -> Result<Response, Problem> {
    let (row, body) = (find(&payments, writer.tenant, &id).await?, read(&raw)?);
    let minor = minor(&body, &row)?;
    if body.reason.as_ref().is_some_and(|text| text.len() > 500 || text.contains(char::is_control)) {
        return Err(Refusal::field("reason", "at most 500 visible characters").into());
    }
    let ask = Ask::Refund { id: Id::generate(), minor, reason: body.reason };
    Ok(act(&payments, writer, row, ("refunds", ask), key, &raw).await?)
}

fn read(raw: &[u8]) -> Result<AskBody, Refusal> {
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Ok(AskBody::default());
    }
    serde_json::from_slice(raw).map_err(|error| Refusal::BadBody(error.to_string()))
}

/// What the body asks for; whether there is so much is for the locked row to say.
fn minor(body: &AskBody, row: &Payment) -> Result<Option<i64>, Refusal> {
    let money = amount::money(body.amount.as_deref(), body.amount_minor, row.money.currency, i64::MAX)?;
    Ok(money.map(|money| money.minor))
}

async fn act(
    payments: &Payments,
    writer: Writer,
    row: Payment,
    (word, ask): (&str, Ask),
    key: Option<IdempotencyKey>,
    raw: &[u8],
) -> Result<Response, Failure> {
    let once = || format!("once-{}", Uuid::now_v7().simple()).parse::<IdempotencyKey>();
    let key = key.map_or_else(once, Ok).map_err(|_| impossible("a fresh name is no name"))?;
    let scope = format!("payments.{word}/{}", row.id);
    let request = named(row.tenant, scope.clone(), &key, raw, row.id, payments.now());
    let names = Some((scope, key.to_string()));
    let actor = writer.actor.clone();
    let command = Command::Ask { tenant: row.tenant, payment: row.id, ask, request: Some(request), actor };
    match payments.pay(command).await? {
        Answer::Done { payment, refund: Some(refund) } => {
            let done = drive::detached_refund(payments, *payment, *refund, names, writer.actor).await?;
            Ok(join::response(view::answer(&done.0, Some(&done.1)), false))
        }
        Answer::Done { payment, refund: None } => {
            let missing = || impossible("a call was asked and is not there");
            let call = payment.details.pending.clone().ok_or_else(missing)?;
            let done = drive::detached(payments, *payment, call, names, writer.actor).await?;
            Ok(join::response(view::answer(&done, None), false))
        }
        Answer::Before(before) => join::join(payments, *before, true).await,
        Answer::Conflict => Err(Refusal::KeyReused.into()),
        Answer::NoSuch => Err(Refusal::NoPayment.into()),
        Answer::Denied(denied) => Err(refusal(denied).into()),
        Answer::Event { .. } => Err(impossible("a call was asked and answered as an event").into()),
    }
}

const fn refusal(denied: Denied) -> Refusal {
    match denied {
        Denied::State { state } => Refusal::PaymentState { state: state.as_str() },
        Denied::TooMuch { asked, left } => Refusal::TooMuch { asked, left },
        Denied::Busy => Refusal::PaymentBusy,
    }
}
