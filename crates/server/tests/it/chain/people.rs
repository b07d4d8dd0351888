//! Payers and what they sign.

use farebox_evm::{
    Wallet, eip3009_payload,
    primitives::{Address, B256, U256},
    typed::{Domain, TransferAuthorization},
};
use farebox_types::{Clock, Secret, SystemClock};
use farebox_x402::facilitation::Request;
use serde_json::{Value, json};

pub(super) const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
pub(super) const CHAIN: u64 = 84_532;

pub(super) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

pub(super) fn wallet() -> Wallet {
    Wallet::new(&Secret::new(hex::encode(random()))).unwrap()
}

pub(super) fn address(wallet: &Wallet) -> Address {
    Address::new(*wallet.address().bytes())
}

/// The body of a version 2 call about a fresh authorization of `payer`.
pub(super) fn body(payer: &Wallet, pay_to: Address, amount: u64) -> Value {
    let now = u64::try_from(SystemClock.now().seconds()).unwrap();
    let transfer = TransferAuthorization {
        from: address(payer),
        to: pay_to,
        value: U256::from(amount),
        valid_after: U256::ZERO,
        valid_before: U256::from(now + 300),
        nonce: B256::new(random()),
    };
    let domain = Domain::token("USDC", "2", CHAIN, USDC.parse().unwrap());
    let payload = eip3009_payload(&transfer, &payer.sign(transfer.digest(&domain)));
    let requirements = json!({
        "scheme": "exact", "network": "eip155:84532", "amount": amount.to_string(), "asset": USDC,
        "payTo": pay_to.to_string(), "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"},
    });
    json!({
        "x402Version": 2,
        "paymentPayload": {"x402Version": 2, "accepted": requirements, "payload": payload},
        "paymentRequirements": requirements,
    })
}

/// The same payment in version 1.
pub(super) fn in_version_1(body: &Value) -> Value {
    let required = &body["paymentRequirements"];
    json!({
        "x402Version": 1,
        "paymentPayload": {
            "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": body["paymentPayload"]["payload"],
        },
        "paymentRequirements": {
            "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": required["amount"], "asset": USDC,
            "payTo": required["payTo"], "maxTimeoutSeconds": 300, "resource": "/paid", "description": "", "mimeType": "",
            "extra": required["extra"],
        },
    })
}

pub(super) fn request(body: &Value) -> Request {
    Request::read(body.to_string().as_bytes()).unwrap()
}
