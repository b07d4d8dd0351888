//! Calls at the provider, between two commits.

use farebox_engine::{
    ledger::Actor,
    payment::{
        Action, Answer, Call, Command, Disputed, Payment, ProviderEvent, Refund, RefundState, Refused, Seen, Stage,
        Word,
    },
};
use farebox_providers::{
    Cancel, Capture, CaptureMode, Confirm, Create, Dispute, Outcome, Provider, ProviderPayment, ProviderRefund,
    ProviderState, RefundState as ProviderRefundState, Refusal as ProviderRefusal, RefusalClass,
};
use farebox_store::Fault;
use farebox_types::Money;

use super::{
    Payments,
    look::closed,
    service::{our_id, whose},
    view, within,
};
use crate::{collect, refusal::impossible};

/// Scope and key of the request that a call answers.
pub(super) type Names = Option<(String, String)>;

/// Makes the call and writes its outcome, also when the caller goes away meanwhile.
pub(super) async fn detached(
    payments: &Payments,
    row: Payment,
    call: Call,
    names: Names,
    actor: Actor,
) -> Result<Payment, Fault> {
    let payments = payments.clone();
    let task = tokio::spawn(async move { make(&payments, &row, &call, names, actor).await });
    task.await.map_err(|error| impossible(format!("a payment's call ended early: {error}")))?
}

/// As [`detached`], for a refund.
pub(super) async fn detached_refund(
    payments: &Payments,
    row: Payment,
    refund: Refund,
    names: Names,
    actor: Actor,
) -> Result<(Payment, Refund), Fault> {
    let payments = payments.clone();
    let task = tokio::spawn(async move { give_back(&payments, &row, &refund, names, actor).await });
    task.await.map_err(|error| impossible(format!("a refund's call ended early: {error}")))?
}

/// One call under its stable key, and its outcome.
pub(super) async fn make(
    payments: &Payments,
    row: &Payment,
    call: &Call,
    names: Names,
    actor: Actor,
) -> Result<Payment, Fault> {
    let provider = payments.rail_of(row)?;
    let calling = async { closed(&*provider, row, ask(&*provider, row, call).await).await };
    let outcome = within::call(&*provider, calling).await;
    let word = word_of(outcome, call, row.details.calls);
    observe(payments, row, word, names, None, actor).await.map(|(payment, _)| payment)
}

pub(super) async fn give_back(
    payments: &Payments,
    row: &Payment,
    refund: &Refund,
    names: Names,
    actor: Actor,
) -> Result<(Payment, Refund), Fault> {
    let provider = payments.rail_of(row)?;
    let ask = farebox_providers::Refund {
        whose: whose(row),
        our_refund: refund.id.to_string(),
        idempotency_key: format!("{}:refund", refund.id),
        minor: refund.minor,
        currency: row.money.currency.to_string(),
        reason: refund.reason.clone(),
    };
    let word = match within::call(&*provider, provider.refund(&ask)).await {
        Outcome::Seen(seen) => refund_word(refund, &seen),
        Outcome::Refused(refusal) => Word::RefundSeen {
            refund: refund.id,
            state: RefundState::Failed,
            provider_id: None,
            failure: Some(refusal.code),
        },
        Outcome::NotDone(fault) | Outcome::Unknown(fault) => {
            tracing::warn!(error = %fault, refund = %refund.id, "a refund's outcome is not known");
            Word::RefundSilent(refund.id)
        }
    };
    let (payment, refund) = observe(payments, row, word, names, None, actor).await?;
    refund.map(|refund| (payment, refund)).ok_or_else(|| impossible("a refund was observed and is not there"))
}

pub(super) fn refund_word(refund: &Refund, seen: &ProviderRefund) -> Word {
    let state = match seen.state {
        ProviderRefundState::Pending => RefundState::Pending,
        ProviderRefundState::Succeeded => RefundState::Succeeded,
        ProviderRefundState::Failed => RefundState::Failed,
    };
    Word::RefundSeen { refund: refund.id, state, provider_id: Some(seen.provider_id.clone()), failure: None }
}

/// Writes what the provider said.
pub(super) async fn observe(
    payments: &Payments,
    row: &Payment,
    word: Word,
    names: Names,
    event: Option<Box<ProviderEvent>>,
    actor: Actor,
) -> Result<(Payment, Option<Refund>), Fault> {
    let answers = names.map(|(scope, key)| (scope, key, view::answer as farebox_engine::payment::Render));
    let (tenant, payment) = (row.tenant, row.id);
    let command = Command::Observe { tenant, payment, word, answers, event, actor };
    let answer = match row.details.collects {
        Some(collects) => collect::settle(payments, collects, command).await?,
        None => payments.pay(command).await?,
    };
    match answer {
        Answer::Done { payment, refund } => Ok((*payment, refund.map(|refund| *refund))),
        other => Err(impossible(format!("a payment was observed and answered {other:?}"))),
    }
}

async fn ask(provider: &dyn Provider, row: &Payment, call: &Call) -> Outcome<ProviderPayment> {
    let (whose, our_id) = (whose(row), our_id(row.tenant, row.id));
    let idempotency_key = key_of(&our_id, row, call);
    let (minor, currency) = (row.money.minor, row.money.currency.to_string());
    match call {
        Call::Create => {
            let capture = if row.details.manual_capture { CaptureMode::Manual } else { CaptureMode::Automatic };
            let ask = Create {
                our_id,
                idempotency_key,
                customer_id: row.customer_id.clone(),
                minor,
                currency,
                method: row.details.method.clone(),
                capture,
                description: row.details.description.clone(),
                return_url: row.details.return_url.clone(),
            };
            provider.create(&ask).await
        }
        Call::Confirm(token) => {
            provider.confirm(&Confirm { whose, idempotency_key, token: token.clone(), minor, currency }).await
        }
        Call::Capture(minor) => provider.capture(&Capture { whose, idempotency_key, minor: *minor }).await,
        Call::Cancel => provider.cancel(&Cancel { whose, idempotency_key }).await,
    }
}

/// The same call has the same key for ever; one that was refused and is asked for anew, as it must be, has another.
fn key_of(our_id: &str, row: &Payment, call: &Call) -> String {
    match row.details.calls {
        0 => format!("{our_id}:{}", call.word()),
        number => format!("{our_id}:{}:{number}", call.word()),
    }
}

fn word_of(outcome: Outcome<ProviderPayment>, call: &Call, number: u32) -> Word {
    match outcome {
        Outcome::Seen(seen) => seen_word(seen, Some(number)),
        Outcome::Refused(refusal) => {
            let first = matches!(call, Call::Create);
            let ends = first || refusal.class == RefusalClass::Declined;
            Word::Refused { call: number, provider_id: refusal.provider_id.clone(), refused: refused(refusal), ends }
        }
        Outcome::NotDone(fault) | Outcome::Unknown(fault) => {
            tracing::warn!(error = %fault, call = call.word(), "a payment's outcome is not known");
            Word::Silent(Some(number))
        }
    }
}

fn refused(refusal: ProviderRefusal) -> Refused {
    Refused { code: refusal.code, decline_code: refusal.decline_code, message: refusal.message }
}

/// A provider's snapshot in the engine's words.
pub(super) fn seen_word(seen: ProviderPayment, answers: Option<u32>) -> Word {
    let stage = match seen.state {
        ProviderState::Created => Stage::Created,
        ProviderState::RequiresAction => Stage::RequiresAction,
        ProviderState::Processing => Stage::Processing,
        ProviderState::RequiresCapture => Stage::RequiresCapture,
        ProviderState::Succeeded => Stage::Succeeded,
        ProviderState::Failed => Stage::Failed,
        ProviderState::Canceled => Stage::Canceled,
    };
    let dispute = seen.dispute.map(|disputed| Disputed {
        minor: disputed.minor,
        won: match disputed.dispute {
            Dispute::Open => None,
            Dispute::Won => Some(true),
            Dispute::Lost => Some(false),
        },
    });
    // An order that the provider need not know of has no amount there.
    let money = seen.currency.parse().ok().filter(|_| seen.minor > 0);
    let money = money.map(|currency| Money { minor: seen.minor, currency });
    let action = seen.action.map(|action| Action {
        kind: action.kind.to_owned(),
        url: action.url,
        client_secret: action.client_secret,
    });
    Word::Seen(Box::new(Seen {
        provider_id: seen.provider_id,
        stage,
        captured: seen.captured_minor,
        refunded: seen.refunded_minor,
        action,
        refusal: seen.refusal.map(refused),
        money,
        dispute,
        answers,
    }))
}
