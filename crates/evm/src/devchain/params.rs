//! What a caller hands over with a method.

use alloy_primitives::{Address, Bytes, TxKind, U64, U256};
use revm::context::TxEnv;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{execute::CALL_GAS, refused::Refused};

/// Parameters by place.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    pub(super) fn of(params: &'a Value) -> Result<Self, Refused> {
        match params {
            Value::Array(list) => Ok(Self(list)),
            Value::Null => Ok(Self(&[])),
            _ => Err(Refused::coded(-32_602, "parameters come by place, in an array")),
        }
    }

    /// One as it came; null if it did not.
    pub(super) fn raw(&self, at: usize) -> &'a Value {
        self.0.get(at).unwrap_or(&Value::Null)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, at: usize) -> Result<T, Refused> {
        match self.0.get(at) {
            Some(value) => T::deserialize(value).map_err(|error| Refused::parameter(at, error)),
            None => Err(Refused::parameter(at, "missing")),
        }
    }

    pub(super) fn or_default<T: DeserializeOwned + Default>(&self, at: usize) -> Result<T, Refused> {
        if self.raw(at).is_null() { Ok(T::default()) } else { self.get(at) }
    }
}

/// A call or an unsigned transaction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallRequest {
    #[serde(default)]
    pub(super) from: Option<Address>,
    #[serde(default)]
    to: Option<Address>,
    #[serde(default)]
    pub(super) gas: Option<U64>,
    #[serde(default)]
    value: Option<U256>,
    #[serde(default)]
    input: Option<Bytes>,
    #[serde(default)]
    data: Option<Bytes>,
    #[serde(default)]
    pub(super) nonce: Option<U64>,
}

impl CallRequest {
    /// To be run with `gas`, for nothing; whoever names a price for a call does not pay it.
    pub(super) fn env(self, gas: u64) -> TxEnv {
        TxEnv {
            caller: self.from.unwrap_or_default(),
            gas_limit: gas.min(CALL_GAS),
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value.unwrap_or_default(),
            data: self.input.or(self.data).unwrap_or_default(),
            chain_id: None,
            ..TxEnv::default()
        }
    }

    pub(super) fn gas_or(&self, otherwise: u64) -> u64 {
        self.gas.map_or(otherwise, |gas| gas.to())
    }
}
