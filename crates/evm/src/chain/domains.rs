//! The tokens' EIP-712 domains, each compared with the token's own word once: with a wrong name, a payment verifies off the chain
//! and fails on it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolCall, SolValue};
use farebox_x402::Refusal;
use serde_json::json;

use super::{
    Chain, Fault, calls,
    quantity::{HexBytes, hex_bytes},
    rpc::{Answer, Call, read},
};
use crate::{
    payload::{Payment, TokenDomain},
    refusal::{refuse, refused},
    typed::Domain,
};

/// Domains remembered at most.
const MOST: usize = 1_000;

type Known = HashMap<(Address, TokenDomain), Domain>;

/// Domains that the tokens have confirmed.
#[derive(Clone, Default)]
pub(super) struct Domains(Arc<RwLock<Known>>);

impl Chain {
    /// The domain of the payment's token under the name and version of the requirements, if the token agrees.
    pub(super) async fn token_domain(&self, payment: &Payment) -> Result<Result<Domain, Refusal>, Fault> {
        let Some(stated) = &payment.token_domain else {
            return Ok(refuse("missing_eip712_domain", "extra.name and extra.version are needed"));
        };
        let key = (payment.asset, stated.clone());
        let known = self.domains().0.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(domain) = known {
            return Ok(Ok(domain));
        }
        let domain = Domain::token(&stated.name, &stated.version, payment.chain, payment.asset);
        if let Some(refusal) = self.disagreement(payment.asset, stated, domain).await? {
            return Ok(Err(refusal));
        }
        let mut known = self.domains().0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, domain);
        Ok(Ok(domain))
    }

    /// What the token says against it. A token that says nothing is left to the simulation.
    async fn disagreement(
        &self,
        asset: Address,
        stated: &TokenDomain,
        domain: Domain,
    ) -> Result<Option<Refusal>, Fault> {
        let ask = |data: Vec<u8>| Call {
            method: "eth_call",
            params: json!([{"to": asset, "data": hex_bytes(&data)}, "latest"]),
        };
        let code = Call { method: "eth_getCode", params: json!([asset, "latest"]) };
        let questions = [
            code,
            ask(calls::DOMAIN_SEPARATORCall {}.abi_encode()),
            ask(calls::nameCall {}.abi_encode()),
            ask(calls::versionCall {}.abi_encode()),
        ];
        let answers: [Answer; 4] = match self.rpc().batch(&questions).await?.try_into() {
            Ok(answers) => answers,
            Err(_) => return Err(Fault::Unreadable { method: "eth_call", what: "another number of answers".into() }),
        };
        let [code, separator, name, version] = answers;
        let HexBytes(code) = read("eth_getCode", code)?;
        if code.is_empty() {
            return Ok(Some(refused("asset_not_deployed_contract", "there is no contract at the asset's address")));
        }
        let word = |answer: Answer| bytes(answer).and_then(|bytes| B256::abi_decode(&bytes).ok());
        let text = |answer: Answer| bytes(answer).and_then(|bytes| String::abi_decode(&bytes).ok());
        let Some(separator) = word(separator) else { return Ok(None) };
        if separator == domain.separator() {
            return Ok(None);
        }
        let other_version = version.is_ok() && text(version).is_some_and(|version| *version != *stated.version);
        let same_name = text(name).is_some_and(|name| *name == *stated.name);
        Ok(Some(if same_name && other_version {
            refused("invalid_exact_evm_token_version_mismatch", "extra.version is not the token's")
        } else {
            refused("invalid_exact_evm_token_name_mismatch", "extra.name is not the token's EIP-712 name")
        }))
    }
}

/// What a call answered, if it did.
fn bytes(answer: Answer) -> Option<alloy_primitives::Bytes> {
    read::<HexBytes>("eth_call", answer).ok().map(|HexBytes(bytes)| bytes)
}
