//! What a caller is told when there is no answer, in the codes and words of the common nodes.

use alloy_primitives::Bytes;
use alloy_sol_types::{Revert, SolError};
use revm::context::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction};
use serde_json::{Value, json};

/// A JSON-RPC error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refused {
    /// Its code.
    pub code: i64,
    /// Its text.
    pub message: String,
    /// What a call reverted with.
    pub data: Option<Bytes>,
}

impl Refused {
    /// The chain will not do it.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::coded(-32_000, message)
    }

    pub(super) fn coded(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(super) fn parameter(at: usize, what: impl std::fmt::Display) -> Self {
        Self::coded(-32_602, format!("invalid argument {at}: {what}"))
    }

    pub(super) fn no_method(method: &str) -> Self {
        let method: String = method.chars().filter(|c| !c.is_control()).take(60).collect();
        Self::coded(-32_601, format!("the method {method} does not exist"))
    }

    pub(super) fn request(what: &str) -> Self {
        Self::coded(-32_600, what)
    }

    pub(super) fn bug(what: impl std::fmt::Display) -> Self {
        Self::coded(-32_603, format!("internal error: {what}"))
    }

    pub(super) fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = &self.data {
            error["data"] = json!(data);
        }
        error
    }

    fn reverted(output: Bytes) -> Self {
        let reason = Revert::abi_decode(&output).map(|revert| format!(": {}", revert.reason)).unwrap_or_default();
        Self { code: 3, message: format!("execution reverted{reason}"), data: Some(output) }
    }
}

/// What a call answers, or why it does not.
pub(super) fn output(result: ExecutionResult<HaltReason>) -> Result<Bytes, Refused> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(Refused::reverted(output)),
        ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => Err(Refused::new("out of gas")),
        ExecutionResult::Halt { reason, .. } => Err(Refused::new(format!("execution halted: {reason}"))),
    }
}

impl<E: std::fmt::Display> From<EVMError<E>> for Refused {
    fn from(error: EVMError<E>) -> Self {
        match error {
            EVMError::Transaction(invalid) => Self::new(words(&invalid)),
            other => Self::bug(other),
        }
    }
}

/// In the words by which clients tell them apart.
fn words(invalid: &InvalidTransaction) -> String {
    use InvalidTransaction as Is;
    match invalid {
        Is::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: balance {balance}, tx cost {fee}")
        }
        Is::NonceTooLow { tx, state } => format!("nonce too low: next nonce {state}, tx nonce {tx}"),
        Is::NonceTooHigh { tx, state } => format!("nonce too high: next nonce {state}, tx nonce {tx}"),
        Is::GasPriceLessThanBasefee => "max fee per gas less than block base fee".into(),
        Is::PriorityFeeGreaterThanMaxFee => "max priority fee per gas higher than max fee per gas".into(),
        Is::CallerGasLimitMoreThanBlock => "exceeds block gas limit".into(),
        Is::CallGasCostMoreThanGasLimit { initial_gas: needed, gas_limit }
        | Is::GasFloorMoreThanGasLimit { gas_floor: needed, gas_limit } => {
            format!("intrinsic gas too low: gas {gas_limit}, minimum needed {needed}")
        }
        Is::RejectCallerWithCode => "sender not an eoa".into(),
        Is::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        other => other.to_string(),
    }
}
