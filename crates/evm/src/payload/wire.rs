//! The payload's JSON, as the payer sends it.

use alloy_primitives::Address;
use serde_json::{Value, json};

use crate::{
    signature::Signature,
    typed::{Permit, Permit2Transfer, TransferAuthorization},
};

/// The extension that carries an EIP-2612 permit.
pub const EIP2612_EXTENSION: &str = "eip2612GasSponsoring";

/// The payload of an EIP-3009 payment.
#[must_use]
pub fn eip3009_payload(transfer: &TransferAuthorization, signature: &Signature) -> Value {
    json!({
        "signature": hex_of(&signature.bytes()),
        "authorization": {
            "from": transfer.from.to_checksum(None),
            "to": transfer.to.to_checksum(None),
            "value": transfer.value.to_string(),
            "validAfter": transfer.valid_after.to_string(),
            "validBefore": transfer.valid_before.to_string(),
            "nonce": hex_of(transfer.nonce.as_slice()),
        },
    })
}

/// The payload of a Permit2 payment, `exact` or `upto`.
#[must_use]
pub fn permit2_payload(owner: Address, transfer: &Permit2Transfer, signature: &Signature) -> Value {
    let mut witness = json!({
        "to": transfer.witness.to.to_checksum(None),
        "validAfter": transfer.witness.valid_after.to_string(),
    });
    if let Some(facilitator) = transfer.witness.facilitator {
        witness["facilitator"] = facilitator.to_checksum(None).into();
    }
    json!({
        "signature": hex_of(&signature.bytes()),
        "permit2Authorization": {
            "permitted": {"token": transfer.token.to_checksum(None), "amount": transfer.amount.to_string()},
            "from": owner.to_checksum(None),
            "spender": transfer.spender.to_checksum(None),
            "nonce": transfer.nonce.to_string(),
            "deadline": transfer.deadline.to_string(),
            "witness": witness,
        },
    })
}

/// The `info` of [`EIP2612_EXTENSION`].
#[must_use]
pub fn sponsoring_extension(asset: Address, permit: &Permit, signature: &Signature) -> Value {
    json!({
        "from": permit.owner.to_checksum(None),
        "asset": asset.to_checksum(None),
        "spender": permit.spender.to_checksum(None),
        "amount": permit.value.to_string(),
        "nonce": permit.nonce.to_string(),
        "deadline": permit.deadline.to_string(),
        "signature": hex_of(&signature.bytes()),
        "version": "1",
    })
}

fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
