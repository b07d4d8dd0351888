//! Payments, signed beforehand: a facilitator must not wait for the bench.

use std::{
    hint::black_box,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use bytes::Bytes;
use farebox_evm::{
    Signature, Wallet, eip3009_payload,
    primitives::{Address, B256, U256, address, keccak256},
    typed::{Domain, TransferAuthorization},
};
use farebox_types::Secret;
use serde_json::json;

/// Where a chain of tests keeps its token: USDC's address on Base Sepolia.
pub(super) const TOKEN: Address = address!("036CbD53842c5426634e7929541eC2318f3dCF7e");
pub(super) const PRICE: u64 = 1000;
const CHAIN: u64 = 84532;

/// Payers that sign one payment after another, each with a nonce of its own.
pub(super) struct Payers {
    wallets: Vec<Wallet>,
    domain: Domain,
    /// Of this run, so that nonces differ from those of another on the same chain.
    run: B256,
    signed: u64,
}

impl Payers {
    pub(super) fn new(count: u64) -> anyhow::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let run = keccak256(now.to_be_bytes());
        let wallet = |index: u64| Ok(Wallet::new(&Secret::new(format!("{:x}", fresh(run, index))))?);
        let wallets = (0..count).map(wallet).collect::<anyhow::Result<_>>()?;
        Ok(Self { wallets, domain: Domain::token("USDC", "2", CHAIN, TOKEN), run, signed: count })
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        self.wallets.iter().map(address_of).collect()
    }

    /// An address that nobody has paid yet.
    pub(super) fn seller(&mut self) -> Address {
        Address::from_word(self.nonce())
    }

    /// Bodies for `/verify` and `/settle`, the payers taking turns.
    pub(super) fn bodies(&mut self, count: usize, to: Address) -> anyhow::Result<Vec<Bytes>> {
        (0..count).map(|index| self.body(index, to)).collect()
    }

    fn body(&mut self, index: usize, to: Address) -> anyhow::Result<Bytes> {
        let (authorization, signature) = self.authorization(index, to)?;
        let requirements = json!({
            "scheme": "exact", "network": format!("eip155:{CHAIN}"), "amount": PRICE.to_string(),
            "asset": TOKEN.to_checksum(None), "payTo": to.to_checksum(None), "maxTimeoutSeconds": 3600,
            "extra": {"name": "USDC", "version": "2"},
        });
        let payload = eip3009_payload(&authorization, &signature);
        let body = json!({
            "x402Version": 2,
            "paymentPayload": {"x402Version": 2, "accepted": requirements, "payload": payload},
            "paymentRequirements": requirements,
        });
        Ok(serde_json::to_vec(&body)?.into())
    }

    fn authorization(&mut self, index: usize, to: Address) -> anyhow::Result<(TransferAuthorization, Signature)> {
        let until = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3000;
        let nonce = self.nonce();
        let wallet = &self.wallets[index % self.wallets.len()];
        let authorization = TransferAuthorization {
            from: address_of(wallet),
            to,
            value: U256::from(PRICE),
            valid_after: U256::ZERO,
            valid_before: U256::from(until),
            nonce,
        };
        Ok((authorization, wallet.sign(authorization.digest(&self.domain))))
    }

    fn nonce(&mut self) -> B256 {
        self.signed += 1;
        fresh(self.run, self.signed)
    }

    /// CPU time of what no verify can do without: the digest and the signer's recovery, by libsecp256k1.
    pub(super) fn bare_recovery(&mut self, during: Duration) -> anyhow::Result<Duration> {
        let signed = (0..256).map(|index| self.authorization(index, TOKEN)).collect::<anyhow::Result<Vec<_>>>()?;
        let (started, before, mut count) = (Instant::now(), thread_cpu()?, 0_u32);
        while started.elapsed() < during {
            for (authorization, signature) in &signed {
                let signer = signature.recover(black_box(authorization).digest(&self.domain))?;
                anyhow::ensure!(signer == authorization.from, "recovered another signer");
                count += 1;
            }
        }
        Ok((thread_cpu()?.saturating_sub(before)) / count)
    }
}

fn fresh(run: B256, index: u64) -> B256 {
    keccak256([&run[..], &index.to_be_bytes()].concat())
}

fn address_of(wallet: &Wallet) -> Address {
    Address::from(*wallet.address().bytes())
}

/// In nanoseconds, where `/proc/…/stat` has hundredths of a second.
fn thread_cpu() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().context("an odd schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}
