//! A plan as the API gives it back.

use farebox_store::Plan;
use farebox_types::PublicId;
use serde_json::{Map, Number, Value, json};

use super::price::total;
use crate::credits::{number::ratio, shape::rfc3339};

/// What clients read: `id`, `registry.price.isCrypto`, `registry.credits`, `metadata.main`, `metadata.plan`.
pub(crate) fn view(plan: &Plan) -> Value {
    let document = document(plan);
    let part = |name: &str| document.get(name).cloned().unwrap_or_else(|| json!({}));
    let id = PublicId::new(plan.tenant, plan.id).to_string();
    let mut about = Map::from_iter([
        ("accessLimit".to_owned(), plan.rules.access().as_str().into()),
        ("isTrialPlan".to_owned(), plan.rules.is_trial().into()),
    ]);
    if let Some(currency) = document.get("currency") {
        about.insert("currency".to_owned(), currency.clone());
    }
    json!({
        "id": id,
        "planId": id,
        "metadata": {"main": part("metadataAttributes"), "plan": about},
        "registry": {"price": part("priceConfig"), "credits": part("creditsConfig")},
        "createdAt": rfc3339(plan.created_at),
    })
}

/// The price of an order over the credits it grants, in whole currency units: no rounding up, 12 places.
///
/// Amounts of a chain's native token (no token address) have 18 decimals, all others 6, as the wire has it.
pub(super) fn price_per_credit(plan: &Plan) -> Number {
    let document = document(plan);
    let price = &document["priceConfig"];
    let token = price["tokenAddress"].as_str().unwrap_or_default();
    let native = price["isCrypto"] == true && token.trim_start_matches("0x").bytes().all(|b| b == b'0');
    let decimals = if native { 18 } else { 6 };
    let granted = plan.rules.granted().whole_units().unwrap_or(1);
    let text = total(&document).and_then(|total| ratio(total, granted, decimals));
    // A plain decimal is a JSON number.
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| Number::from(0))
}

fn document(plan: &Plan) -> Value {
    serde_json::from_str(&plan.document).unwrap_or_default()
}
