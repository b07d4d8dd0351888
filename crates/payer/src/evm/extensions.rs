//! Extensions of an offer that a payer answers.

use farebox_evm::{EIP2612_EXTENSION, contracts::PERMIT2, primitives::U256, sponsoring_extension, typed::Permit};
use serde_json::{Map, Value};

use super::{Signer, Stamp, rpc, terms::Terms};
use crate::{PayError, challenge::Challenge, wire::Wire};

/// Names the payment for the seller, so that the same one is known again.
const PAYMENT_IDENTIFIER: &str = "payment-identifier";

impl Signer {
    /// A permit for Permit2, signed if the seller offers to bring it along, the chain may be asked, and the allowance is
    /// short.
    pub(super) async fn sponsoring(
        &self,
        wire: &Wire,
        challenge: &Challenge,
        terms: &Terms,
        stamp: &Stamp,
    ) -> Result<Option<Value>, PayError> {
        let offered = challenge.offer.extensions.contains_key(EIP2612_EXTENSION);
        let network = format!("eip155:{}", terms.chain);
        let (true, Some(url), Some(domain)) = (offered, self.rpc.get(&network), terms.domain) else { return Ok(None) };
        let owner = self.address();
        let failed = |problem| PayError::Rpc { network: network.clone(), problem };
        let question = data("dd62ed3e", &[owner.into_word(), PERMIT2.into_word()]);
        if rpc::call(wire, url, terms.asset, &question).await.map_err(failed)? >= terms.amount {
            return Ok(None);
        }
        let nonce = rpc::call(wire, url, terms.asset, &data("7ecebe00", &[owner.into_word()])).await.map_err(failed)?;
        let deadline = U256::from(stamp.until);
        // Exactly the payment: the proxy takes no other allowance, and none is left over.
        let permit = Permit { owner, spender: PERMIT2, value: terms.amount, nonce, deadline };
        let signature = self.wallet.sign(permit.digest(&domain));
        Ok(Some(sponsoring_extension(terms.asset, &permit, &signature)))
    }
}

/// A call's data: selector and words.
fn data(selector: &str, words: &[farebox_evm::primitives::B256]) -> String {
    words.iter().fold(format!("0x{selector}"), |data, word| data + &hex::encode(word))
}

/// What goes back to the seller: nothing, or everything he offered with our answers added. What he said stays as he said it.
pub(super) fn echo(offered: &Map<String, Value>, permit: Option<Value>, id: &str) -> Map<String, Value> {
    let mut answers = Vec::new();
    if let Some(permit) = permit {
        answers.push((EIP2612_EXTENSION, permit));
    }
    if offered.contains_key(PAYMENT_IDENTIFIER) {
        let name: String = id.chars().take(32).collect();
        answers.push((PAYMENT_IDENTIFIER, serde_json::json!({ "id": format!("pay_{name}") })));
    }
    if answers.is_empty() {
        return Map::new();
    }
    let mut all = offered.clone();
    for (extension, answer) in answers {
        let entry = all.entry(extension).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(entry) = entry else { continue };
        let info = entry.entry("info").or_insert_with(|| Value::Object(Map::new()));
        if let (Value::Object(info), Value::Object(answer)) = (info, answer) {
            for (name, value) in answer {
                info.entry(name).or_insert(value);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_seller_said_stays_as_he_said_it() {
        let Value::Object(offered) = json!({
            "other": {"info": {"a": 1}},
            EIP2612_EXTENSION: {"info": {"version": "1", "description": "d"}, "schema": {}},
        }) else {
            panic!("an object")
        };
        assert!(echo(&offered, None, "00").is_empty(), "nothing to answer, nothing to send");
        let answered = echo(&offered, Some(json!({"version": "2", "from": "0x1"})), "00");
        assert_eq!(answered["other"], offered["other"]);
        assert_eq!(
            answered[EIP2612_EXTENSION],
            json!({"info": {"version": "1", "description": "d", "from": "0x1"}, "schema": {}})
        );
    }

    #[test]
    fn a_payment_is_named_after_its_nonce() {
        let Value::Object(offered) = json!({PAYMENT_IDENTIFIER: {"info": {"required": true}}}) else { panic!("no") };
        let answered = echo(&offered, None, &"ab".repeat(32));
        let id = answered[PAYMENT_IDENTIFIER]["info"]["id"].as_str().unwrap();
        assert_eq!(
            (id, answered[PAYMENT_IDENTIFIER]["info"]["required"].as_bool()),
            (&*format!("pay_{}", "ab".repeat(16)), Some(true))
        );
    }
}
