//! Request bodies, as the SDK sends them.

use serde_json::{Value, json};

pub(crate) fn plan_body(credits: Value) -> Value {
    json!({
        "metadataAttributes": {"name": "Basic", "description": "for tests"},
        "priceConfig": {"amounts": [], "receivers": [], "isCrypto": true,
            "tokenAddress": "0x0000000000000000000000000000000000000000"},
        "creditsConfig": credits,
        "nonce": uuid::Uuid::now_v7().as_u128().to_string(),
        "isTrialPlan": false,
        "accessLimit": "credits",
    })
}

pub(crate) fn credits_config(fixed: bool, amount: u64, (min, max): (u64, u64), seconds: u64) -> Value {
    json!({
        "isRedemptionAmountFixed": fixed, "redemptionType": 4, "onchainMirror": false,
        "durationSecs": seconds.to_string(), "amount": amount.to_string(),
        "minAmount": min.to_string(), "maxAmount": max.to_string(),
    })
}

pub(crate) fn ranged(granted: u64) -> Value {
    credits_config(false, granted, (1, 100), 0)
}

pub(crate) fn accept(plan: &str) -> Value {
    json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan, "extra": {}})
}

pub(crate) fn permission3(plan: &str) -> Value {
    let mut accepted = accept(plan);
    accepted["extra"] = json!({"httpVerb": "POST"});
    json!({"accepted": accepted, "resource": {"url": "/ask"}, "tokenVersion": 3})
}

/// The offer of `POST /ask`, with the nulls that the Python SDK writes.
pub(crate) fn required(plan: &str) -> Value {
    json!({
        "x402Version": 2, "error": null,
        "resource": {"url": "/ask", "description": null, "mimeType": null},
        "accepts": [{"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan,
            "extra": {"version": "1", "agentId": null, "httpVerb": "POST"}}],
        "extensions": {},
    })
}

pub(crate) fn pay(token: &str, plan: &str, amount: &str) -> Value {
    json!({"paymentRequired": required(plan), "x402AccessToken": token, "maxAmount": amount})
}

pub(crate) fn held(mut call: Value, seconds: u32) -> Value {
    call["hold"] = json!({"ttlSeconds": seconds});
    call
}

pub(crate) fn named(mut call: Value, request_id: &str) -> Value {
    call["agentRequestId"] = request_id.into();
    call
}
