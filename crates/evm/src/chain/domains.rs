//! The tokens' EIP-712 domains, each compared with the token's own word once: with a wrong name, a payment verifies off the chain
//! and fails on it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolValue};
use farebox_x402::Refusal;
use serde_json::json;

use super::{
    Chain, Fault, calls,
    quantity::{HexBytes, hex_bytes},
    revert,
    rpc::{Answer, Call, read},
};
use crate::{
    payload::{Payment, TokenDomain},
    refusal::refuse,
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
        match self.agreement(payment.asset, stated, domain).await? {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(domain)),
            Err(refusal) => return Ok(Err(refusal)),
        }
        let mut known = self.domains().0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, domain);
        Ok(Ok(domain))
    }

    /// Whether the token says the same. One that says nothing is left to the simulation, and asked again.
    async fn agreement(
        &self,
        asset: Address,
        stated: &TokenDomain,
        domain: Domain,
    ) -> Result<Result<bool, Refusal>, Fault> {
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
            return Ok(refuse("asset_not_deployed_contract", "there is no contract at the asset's address"));
        }
        let separator = bytes(separator)?.and_then(|bytes| B256::abi_decode(&bytes).ok());
        let text = |answer: Answer| Ok::<_, Fault>(bytes(answer)?.and_then(|bytes| String::abi_decode(&bytes).ok()));
        let Some(separator) = separator else { return Ok(Ok(false)) };
        if separator == domain.separator() {
            return Ok(Ok(true));
        }
        let other_version = text(version)?.is_some_and(|version| *version != *stated.version);
        let same_name = text(name)?.is_some_and(|name| *name == *stated.name);
        Ok(if same_name && other_version {
            refuse("invalid_exact_evm_token_version_mismatch", "extra.version is not the token's")
        } else {
            refuse("invalid_exact_evm_token_name_mismatch", "extra.name is not the token's EIP-712 name")
        })
    }
}

/// What a call answered; `None` if the contract has no answer.
fn bytes(answer: Answer) -> Result<Option<Bytes>, Fault> {
    match answer {
        Err(error) if revert::is_one(&error) => Ok(None),
        answer => read::<HexBytes>("eth_call", answer).map(|HexBytes(bytes)| Some(bytes)),
    }
}
