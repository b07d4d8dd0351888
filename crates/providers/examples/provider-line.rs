//! A provider by hand: one JSON request a line in, one JSON outcome a line out. Foreign programs drive it.
//!
//! usage: `echo '{"do": "create", "our_id": "pay_1", "minor": 500, "currency": "USD", "method": "pm_card_visa"}' |
//! provider-line stripe http://127.0.0.1:8420 sk_test_12345 [whsec_…]`
#![allow(clippy::print_stdout)]

use std::{env, error::Error, io::stdin, time::Duration};

use farebox_providers::{
    Cancel, Capture, CaptureMode, Confirm, Create, Fault, Outcome, Provider, ProviderPayment, ProviderRefund, Refund,
    Whose, sim::Sim, stripe::Stripe, toss::Toss,
};
use farebox_types::{Clock, Secret, SystemClock, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: provider-line PROVIDER URL KEY [WEBHOOK-SECRET]…");
    let (name, url, key) = (argument()?, argument()?, Secret::new(argument()?));
    let provider: Box<dyn Provider> = match name.as_str() {
        "sim" => Box::new(Sim::remote(&url, &key, PATIENCE)?),
        "stripe" => Box::new(Stripe::new(&url, &key, PATIENCE)?),
        "toss" => Box::new(Toss::new(&url, &key, PATIENCE)?),
        other => return Err(format!("there is no provider {other}").into()),
    };
    let secrets: Vec<Secret> = arguments.map(Secret::new).collect();
    for line in stdin().lines() {
        println!("{}", answer(&*provider, &secrets, &serde_json::from_str(&line?)?).await?);
    }
    Ok(())
}

async fn answer(provider: &dyn Provider, secrets: &[Secret], ask: &Value) -> Result<Value, Box<dyn Error>> {
    let text = |name: &str| ask[name].as_str().map(str::to_owned);
    let must = |name: &str| text(name).ok_or_else(|| format!("{name} is missing"));
    let minor = ask["minor"].as_i64().unwrap_or(0);
    let doing = must("do")?;
    if doing == "event" {
        return Ok(event(provider, secrets, ask));
    }
    if doing == "list" {
        let since = Timestamp::from_seconds(ask["since"].as_i64().unwrap_or(0));
        let page = provider.list(since, ask["after"].as_str()).await?;
        let payments: Vec<Value> = page.payments.iter().map(payment).collect();
        return Ok(json!({"seen": {"payments": payments, "next": page.next}}));
    }
    let our_id = must("our_id")?;
    let created = Timestamp::from_micros(SystemClock.now().micros().saturating_sub(60_000_000));
    let whose = Whose { our_id: our_id.clone(), provider_id: text("provider_id"), created };
    let key = text("key").unwrap_or_else(|| format!("{our_id}:{doing}"));
    let currency = text("currency").unwrap_or_else(|| "USD".to_owned());
    Ok(match doing.as_str() {
        "create" => {
            let manual = ask["capture"] == "manual";
            let create = Create {
                our_id,
                idempotency_key: key,
                customer_id: text("customer_id").unwrap_or_else(|| "cust_123".to_owned()),
                minor,
                currency,
                method: must("method")?,
                capture: if manual { CaptureMode::Manual } else { CaptureMode::Automatic },
                description: text("description"),
                return_url: text("return_url"),
            };
            outcome(provider.create(&create).await, payment)
        }
        "confirm" => {
            let confirm = Confirm { whose, idempotency_key: key, token: text("token"), minor, currency };
            outcome(provider.confirm(&confirm).await, payment)
        }
        "capture" => outcome(provider.capture(&Capture { whose, idempotency_key: key, minor }).await, payment),
        "cancel" => outcome(provider.cancel(&Cancel { whose, idempotency_key: key }).await, payment),
        "refund" => {
            let (our_refund, reason) = (must("our_refund")?, text("reason"));
            let refund = Refund { whose, our_refund, idempotency_key: key, minor, currency, reason };
            outcome(provider.refund(&refund).await, self::refund)
        }
        "lookup" => found(provider.lookup(&whose).await, payment),
        "lookup_refund" => found(provider.lookup_refund(&whose, &must("our_refund")?).await, refund),
        other => return Err(format!("nothing does {other}").into()),
    })
}

fn event(provider: &dyn Provider, secrets: &[Secret], ask: &Value) -> Value {
    let given = ask["headers"].as_object().into_iter().flatten();
    let headers: HeaderMap = given
        .filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            Some((name, HeaderValue::from_str(value.as_str()?).ok()?))
        })
        .collect();
    let body = ask["body"].as_str().unwrap_or_default();
    match provider.event(&headers, body.as_bytes(), secrets, SystemClock.now()) {
        Ok(event) => json!({"event": {"id": event.id, "kind": event.kind, "about": format!("{:?}", event.about)}}),
        Err(forged) => json!({"forged": forged.to_string()}),
    }
}

fn outcome<T>(outcome: Outcome<T>, show: impl Fn(&T) -> Value) -> Value {
    match outcome {
        Outcome::Seen(seen) => json!({"seen": show(&seen)}),
        Outcome::Refused(no) => json!({"refused": {
            "code": no.code, "decline_code": no.decline_code, "message": no.message, "class": format!("{:?}", no.class),
        }}),
        Outcome::NotDone(fault) => json!({"not_done": fault.to_string()}),
        Outcome::Unknown(fault) => json!({"unknown": fault.to_string()}),
    }
}

fn found<T>(found: Result<Option<T>, Fault>, show: impl Fn(&T) -> Value) -> Value {
    match found {
        Ok(found) => json!({"seen": found.as_ref().map(show)}),
        Err(fault) => json!({"unknown": fault.to_string()}),
    }
}

fn payment(payment: &ProviderPayment) -> Value {
    json!({
        "provider_id": payment.provider_id, "our_id": payment.our_id, "state": format!("{:?}", payment.state),
        "minor": payment.minor, "currency": payment.currency, "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "action": payment.action.as_ref().map(|action| json!({
            "kind": action.kind, "url": action.url, "client_secret": action.client_secret,
        })),
    })
}

fn refund(refund: &ProviderRefund) -> Value {
    json!({
        "provider_id": refund.provider_id, "our_refund": refund.our_refund, "minor": refund.minor,
        "state": format!("{:?}", refund.state),
    })
}
