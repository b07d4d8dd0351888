//! Transactions that wait for a block, or for one with a lower nonce.

use alloy_primitives::{Address, B256};

use super::{refused::Refused, transaction::Transaction};

/// Transactions that may wait.
const MOST: usize = 4_096;

/// In the order of their arrival.
#[derive(Default)]
pub(super) struct Pool(Vec<Transaction>);

impl Pool {
    /// Takes one in; one with the same nonce makes way if this one offers a tenth more.
    pub(super) fn add(&mut self, new: Transaction) -> Result<(), Refused> {
        let same_nonce = |old: &&mut Transaction| old.from() == new.from() && old.nonce() == new.nonce();
        if let Some(old) = self.0.iter_mut().find(same_nonce) {
            let enough = |new: u128, old: u128| new >= old.saturating_add(old / 10);
            if !enough(new.max_fee(), old.max_fee()) || !enough(new.max_tip(), old.max_tip()) {
                return Err(Refused::new("replacement transaction underpriced"));
            }
            *old = new;
            return Ok(());
        }
        if self.0.len() >= MOST {
            return Err(Refused::new("txpool is full"));
        }
        self.0.push(new);
        Ok(())
    }

    pub(super) fn get(&self, hash: &B256) -> Option<&Transaction> {
        self.0.iter().find(|one| one.hash == *hash)
    }

    /// The nonce after those that follow `next` without a gap.
    pub(super) fn nonce_after(&self, from: Address, next: u64) -> u64 {
        let has = |nonce: &u64| self.0.iter().any(|one| one.from() == from && one.nonce() == *nonce);
        (next..u64::MAX).find(|nonce| !has(nonce)).unwrap_or(u64::MAX)
    }

    /// The first that is its sender's next and fits into `gas`.
    pub(super) fn take_next(&mut self, next: impl Fn(Address) -> u64, gas: u64) -> Option<Transaction> {
        let ready = |one: &Transaction| one.env.gas_limit <= gas && one.nonce() == next(one.from());
        self.0.iter().position(ready).map(|at| self.0.remove(at))
    }
}
