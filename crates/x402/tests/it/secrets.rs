//! The key and the token stay out of everything that can be printed.

use farebox_x402::{Facilitator, Settlement, Verdict};
use serde_json::json;

use crate::{
    HOLD, KEY, TOKEN,
    backend::{Act, Backend},
    client, payment, printed,
};

#[tokio::test]
async fn no_fault_prints_the_key_or_the_token_even_when_the_backend_echoes_them() {
    let echo = format!("Bearer {KEY} and {TOKEN}");
    let error = json!({"code": "BCK.PROTOCOL.0017", "message": echo}).to_string();
    let acts = [
        Act::Json(401, error.clone()),
        Act::Json(500, error.clone()),
        Act::Json(402, error),
        Act::Json(200, json!({"success": TOKEN, "isValid": KEY}).to_string()),
        Act::Json(200, echo.clone()),
        Act::Bytes(echo.clone().into_bytes()),
        Act::Reset(Vec::new()),
    ];
    for act in acts {
        let backend = Backend::start([act.clone(), act]).await;
        let fault = client(&backend.url()).verify(&payment(), HOLD).await.unwrap_err();
        let text = printed(&fault);
        assert!(!text.contains(KEY) && !text.contains(TOKEN), "{text}");
        assert!(text.contains("verify: the credits backend"), "{text}");
    }
}

#[tokio::test]
async fn no_refusal_repeats_the_key_or_the_token() {
    let echo = format!("Bearer {KEY} and {TOKEN}");
    let backend = Backend::start([
        Act::Json(402, json!({"code": "BCK.X402.0005", "message": echo}).to_string()),
        Act::Json(200, json!({"isValid": false, "invalidCode": TOKEN, "invalidReason": echo}).to_string()),
        Act::Json(200, json!({"success": false, "errorReason": echo}).to_string()),
    ])
    .await;
    let client = client(&backend.url());
    let Ok(Verdict::Refused(first)) = client.verify(&payment(), HOLD).await else { panic!("valid?") };
    let Ok(Verdict::Refused(second)) = client.verify(&payment(), HOLD).await else { panic!("valid?") };
    let Ok(Settlement::Refused(third)) = client.settle(&payment(), "r-1").await else { panic!("settled?") };
    let text = format!("{first:?} {second:?} {third:?}");
    assert!(!text.contains(KEY) && !text.contains(TOKEN), "{text}");
}

#[test]
fn the_client_prints_its_address_only() {
    let text = format!("{:?}", client("http://127.0.0.1:1"));
    assert!(text.contains("127.0.0.1") && !text.contains("seller-key"), "{text}");
}
