//! Signing payments on EVM chains.

mod extensions;
mod rpc;
mod terms;

use std::collections::BTreeMap;

use farebox_evm::{
    Wallet, eip3009_payload, permit2_payload,
    primitives::{Address, B256, U256},
    typed::{Domain, Permit2Transfer, TransferAuthorization, Witness},
};
use farebox_types::Timestamp;
use farebox_x402::{PaymentPayload, Requirements, Version};
use reqwest::Url;
use serde_json::Value;

pub(crate) use self::terms::Terms;
use self::terms::Way;
use crate::{PayError, challenge::Challenge, wire::Wire};

/// An authorization is never good for longer than this, whatever the seller would like: 10 minutes.
const LONGEST_VALIDITY: u64 = 600;

/// A wallet, and the chains that may be asked about it.
#[derive(Clone)]
pub(crate) struct Signer {
    wallet: Wallet,
    rpc: BTreeMap<String, Url>,
}

/// What is to be written down, and then sent.
pub(crate) struct Signed {
    /// The nonce in hex.
    pub(crate) id: String,
    pub(crate) payment: PaymentPayload,
    pub(crate) payer: String,
    pub(crate) valid_until: Timestamp,
}

/// When it is signed, until when it holds, and the nonce that makes it this one.
struct Stamp {
    until: u64,
    nonce: B256,
}

impl Signer {
    pub(crate) const fn new(wallet: Wallet, rpc: BTreeMap<String, Url>) -> Self {
        Self { wallet, rpc }
    }

    /// Signs one payment. Nothing leaves this machine, but for reading an allowance where an RPC URL was given.
    pub(crate) async fn sign(
        &self,
        wire: &Wire,
        challenge: &Challenge,
        offer: &Requirements,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Signed, PayError> {
        let stamp = Stamp::new(now, offer.max_timeout_seconds)?;
        let (payload, extensions) = match &terms.way {
            Way::Transfer(domain) => (self.transfer(terms, domain, &stamp), None),
            Way::Permit2 { spender, facilitator } => {
                let payload = self.permit2(terms, *spender, *facilitator, &stamp);
                (payload, self.sponsoring(wire, challenge, terms, &stamp).await?)
            }
        };
        let id = hex::encode(stamp.nonce);
        let object =
            PaymentPayload::object(&payload).map_err(|_| PayError::Unsigned("the payload cannot be written"))?;
        let family = challenge.dialect.family;
        let payment = match challenge.dialect.version {
            Version::V1 => PaymentPayload::v1(family, offer, object),
            Version::V2 => {
                let mut payment = PaymentPayload::v2(family, offer.clone(), object);
                let resource = Some(challenge.offer.resource.clone());
                payment.resource = resource.filter(|resource| !resource.url.is_empty());
                payment.extensions = extensions::echo(&challenge.offer.extensions, extensions, &id);
                payment
            }
        };
        let valid_until = Timestamp::from_seconds(i64::try_from(stamp.until).unwrap_or(i64::MAX));
        Ok(Signed { id, payment, payer: self.address().to_checksum(None), valid_until })
    }

    fn address(&self) -> Address {
        Address::from(*self.wallet.address().bytes())
    }

    fn transfer(&self, terms: &Terms, domain: &Domain, stamp: &Stamp) -> Value {
        let transfer = TransferAuthorization {
            from: self.address(),
            to: terms.pay_to,
            value: terms.amount,
            valid_after: U256::ZERO,
            valid_before: U256::from(stamp.until),
            nonce: stamp.nonce,
        };
        eip3009_payload(&transfer, &self.wallet.sign(transfer.digest(domain)))
    }

    fn permit2(&self, terms: &Terms, spender: Address, facilitator: Option<Address>, stamp: &Stamp) -> Value {
        let transfer = Permit2Transfer {
            token: terms.asset,
            amount: terms.amount,
            spender,
            nonce: stamp.nonce.into(),
            deadline: U256::from(stamp.until),
            witness: Witness { to: terms.pay_to, facilitator, valid_after: U256::ZERO },
        };
        let signature = self.wallet.sign(transfer.digest(&Domain::permit2(terms.chain)));
        permit2_payload(self.address(), &transfer, &signature)
    }
}

impl Stamp {
    fn new(now: Timestamp, seconds: u64) -> Result<Self, PayError> {
        let mut nonce = B256::ZERO;
        getrandom::fill(nonce.as_mut_slice()).map_err(|_| PayError::Unsigned("there is no randomness for a nonce"))?;
        let now = u64::try_from(now.seconds()).map_err(|_| PayError::Unsigned("the clock stands before 1970"))?;
        Ok(Self { until: now.saturating_add(seconds.min(LONGEST_VALIDITY)), nonce })
    }
}
