//! What `farebox pay` prints.

use base64::{Engine, prelude::BASE64_STANDARD};
use farebox_payer::{AtomicAmount, Fare, Paid, Preview, Resumed};
use serde_json::{Value, json};

use crate::output::Output;

/// The body, as it is, is what was asked for; the receipt stands beside it.
pub(super) fn paid(paid: &Paid, output: &Output) -> anyhow::Result<()> {
    let status = paid.status().as_u16();
    let body = paid.body();
    if output.is_json() {
        let mut object = object(paid)?;
        match str::from_utf8(body) {
            Ok(text) => object["body"] = text.into(),
            Err(_) => object["body_base64"] = BASE64_STANDARD.encode(body).into(),
        }
        output.answer("", &object);
        return Ok(());
    }
    // To the letter: it may be an image.
    output.raw(body);
    if str::from_utf8(body).is_ok_and(|text| !text.is_empty() && !text.ends_with('\n')) {
        output.raw("\n");
    }
    output.aside(&format!("{status}, {}", receipt(paid)));
    Ok(())
}

/// What would be paid.
pub(super) fn preview(preview: &Preview, output: &Output) {
    let (text, object) = match preview {
        Preview::Free(paid) => {
            let status = paid.status().as_u16();
            (format!("nothing: the answer is {status}"), json!({"pays": Value::Null, "status": status}))
        }
        Preview::Credits { plan } => (format!("credits of plan {plan}"), json!({"pays": "credits", "plan": plan})),
        Preview::Fare(fare) => (fare.to_string(), json!({"pays": "fare", "fare": fare_object(fare)})),
        Preview::Again(fare) => {
            let text = format!("{fare}, by the authorization that went out before");
            (text, json!({"pays": "again", "fare": fare_object(fare)}))
        }
        _ => ("something else".to_owned(), json!({"pays": "other"})),
    };
    output.answer(format!("would pay {text}"), &object);
}

/// What became of payments that were open.
pub(super) fn resumed(resumed: &[Resumed], output: &Output) -> anyhow::Result<()> {
    let mut objects = Vec::new();
    for one in resumed {
        let url = one.request.as_ref().map(|request| request.url().to_owned());
        let (text, mut object) = match &one.outcome {
            Ok(paid) => (format!("{}, {}", paid.status().as_u16(), receipt(paid)), object(paid)?),
            Err(error) => (error.to_string(), json!({"error": error.to_string(), "fare": fare_object(&one.fare)})),
        };
        output.line(format!("{}: {text}", url.as_deref().unwrap_or("a request that was not kept")));
        object["url"] = json!(url);
        objects.push(object);
    }
    if objects.is_empty() {
        output.line("no payment is open");
    }
    if output.is_json() {
        output.answer("", &json!({ "resumed": objects }));
    }
    Ok(())
}

fn object(paid: &Paid) -> anyhow::Result<Value> {
    let receipt = paid.receipt().map(serde_json::to_value).transpose()?.unwrap_or(Value::Null);
    let mut object = json!({"status": paid.status().as_u16(), "receipt": receipt});
    if let Some(fare) = paid.fare() {
        object["fare"] = fare_object(fare);
        object["pending"] = paid.is_pending().into();
    }
    if let Some(doubt) = paid.doubt() {
        object["doubt"] = doubt.into();
    }
    Ok(object)
}

fn fare_object(fare: &Fare) -> Value {
    json!({
        "scheme": fare.scheme, "network": fare.network, "asset": fare.asset, "payTo": fare.pay_to,
        "amount": fare.amount.to_string(), "text": fare.to_string(),
    })
}

/// What the receipt says, for people.
fn receipt(paid: &Paid) -> String {
    let Some(fare) = paid.fare() else { return credits(paid) };
    if let Some(doubt) = paid.doubt() {
        return format!("authorized {fare}; the seller's receipt is not believed: {doubt}");
    }
    match paid.receipt() {
        Some(receipt) if receipt.success => {
            let taken = receipt.amount.as_ref().and_then(|amount| amount.parse::<AtomicAmount>().ok());
            let taken = taken.map_or_else(|| fare.to_string(), |amount| fare.taking(amount).to_string());
            match receipt.transaction.as_str() {
                "" => format!("paid {taken}"),
                transaction => format!("paid {taken}, transaction {transaction}"),
            }
        }
        _ if paid.is_pending() => format!("authorized {fare}; the payment is pending"),
        _ if paid.unspent().is_some() => format!("not charged, says the seller; authorized {fare}"),
        _ => format!("authorized {fare}; there is no receipt"),
    }
}

fn credits(paid: &Paid) -> String {
    let Some(receipt) = paid.receipt() else { return "nothing paid".to_owned() };
    let redeemed = receipt.credits_redeemed.as_deref().unwrap_or("0");
    let left = receipt.remaining_balance.as_deref().unwrap_or("?");
    match paid.is_pending() {
        true => "the payment is pending".to_owned(),
        false => format!("paid {redeemed} credits, {left} left, receipt {}", receipt.transaction),
    }
}
