//! Claims and answers in a database: many gates, one run, one answer; and an answer that is kept survives its process.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use farebox_store::{GateAnswer, GateClaim, GateClaimed, Retry as StoreRetry, Store};
use farebox_types::{Id, Merchant, Quantity};
use farebox_x402::{Amount, Fault, Receipt, Retry};

use super::{AnswerStore, Claim, Claimed, Kept, Ticket, sealed::Seal};

/// Answers kept in a [`Store`], sealed, for every gate that shares its database, the merchant and the key.
pub struct SqlAnswers {
    store: Arc<dyn Store>,
    tenant: Id<Merchant>,
    seal: Seal,
}

impl SqlAnswers {
    /// Keeps a merchant's answers. Whoever has not the same key cannot read them: their payments stay spent.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, tenant: Id<Merchant>, key: &[u8; 32]) -> Self {
        Self { store, tenant, seal: Seal::new(key) }
    }

    /// What an answer is sealed to.
    fn place(&self, key: [u8; 32]) -> Vec<u8> {
        [self.tenant.uuid().as_bytes().as_slice(), &key].concat()
    }

    fn kept(&self, key: [u8; 32], row: GateAnswer) -> Result<Kept, Fault> {
        let GateAnswer { request_id, amount, answer, receipt } = row;
        let answer = answer.and_then(|sealed| {
            let opened = self.seal.open(&sealed, &self.place(key));
            opened.inspect_err(|broken| tracing::error!(request_id, "{broken}")).ok()
        });
        let receipt = receipt.map(|json| serde_json::from_str(&json)).transpose().map_err(|_| unreadable("receipt"))?;
        let amount = read_amount(&amount).ok_or_else(|| unreadable("amount"))?;
        Ok(Kept { request_id, amount, answer, receipt })
    }
}

#[async_trait]
impl AnswerStore for SqlAnswers {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, Fault> {
        let &Claim { key, proof, request, lease, replay, remember } = claim;
        let run = new_run()?;
        let wanted = GateClaim { tenant: self.tenant, key, run, proof, request, lease, replay, remember };
        Ok(match self.store.claim_payment(&wanted).await.map_err(fault)? {
            GateClaimed::Mine => Claimed::Mine(Ticket { key, run: run.unsigned_abs() }),
            GateClaimed::Busy => Claimed::Busy,
            GateClaimed::Kept(run, row) => {
                Claimed::Kept(Ticket { key, run: run.unsigned_abs() }, Box::new(self.kept(key, row)?))
            }
            GateClaimed::Spent => Claimed::Spent,
            GateClaimed::Other => Claimed::Other,
        })
    }

    async fn keep(&self, ticket: Ticket, kept: &Kept) -> Result<bool, Fault> {
        let place = self.place(ticket.key);
        let answer = match &kept.answer {
            Some(answer) => Some(self.seal.seal(answer, &place).ok_or_else(unsealed)?),
            None => None,
        };
        let receipt = kept.receipt.as_ref().map(written).transpose()?;
        let (request_id, amount) = (kept.request_id.clone(), write_amount(kept.amount));
        let row = GateAnswer { request_id, amount, answer, receipt };
        self.store.keep_answer(self.tenant, ticket.key, run(ticket), &row).await.map_err(fault)
    }

    async fn put_down(&self, ticket: Ticket) -> Result<(), Fault> {
        self.store.put_down_answer(self.tenant, ticket.key, run(ticket)).await.map_err(fault)
    }

    async fn close(&self, ticket: Ticket, receipt: &Receipt) -> Result<bool, Fault> {
        let receipt = written(receipt)?;
        self.store.close_answer(self.tenant, ticket.key, run(ticket), &receipt).await.map_err(fault)
    }

    async fn let_go(&self, ticket: Ticket) -> Result<(), Fault> {
        self.store.drop_claim(self.tenant, ticket.key, run(ticket)).await.map_err(fault)
    }

    async fn receipt(&self, request_id: &str) -> Result<Option<Option<Receipt>>, Fault> {
        let found = self.store.answer_receipt(self.tenant, request_id).await.map_err(fault)?;
        let read = |json: String| serde_json::from_str(&json).map_err(|_| unreadable("receipt"));
        found.map(|receipt| receipt.map(read).transpose()).transpose()
    }
}

/// A number that no other run has: 63 random bits.
fn new_run() -> Result<i64, Fault> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| no_randomness())?;
    Ok(i64::from_be_bytes(bytes) & i64::MAX)
}

fn run(ticket: Ticket) -> i64 {
    i64::try_from(ticket.run).unwrap_or(i64::MAX)
}

/// `credits 5000000` in millionths, `atomic 10000`.
fn write_amount(amount: Amount) -> String {
    match amount {
        Amount::Credits(credits) => format!("credits {}", credits.micros()),
        Amount::Atomic(units) => format!("atomic {units}"),
    }
}

fn read_amount(text: &str) -> Option<Amount> {
    match text.split_once(' ')? {
        ("credits", micros) => Quantity::from_micros(micros.parse().ok()?).map(Amount::Credits),
        ("atomic", units) => units.parse().ok().map(Amount::Atomic),
        _ => None,
    }
}

fn written(receipt: &Receipt) -> Result<String, Fault> {
    serde_json::to_string(receipt).map_err(|_| unreadable("receipt"))
}

fn fault(fault: farebox_store::Fault) -> Fault {
    let retry = match fault.retry {
        StoreRetry::Never => Retry::Never,
        StoreRetry::After(wait) => Retry::After(wait),
        StoreRetry::Unknown => Retry::Unknown,
    };
    Fault { what: format!("the store of answers: {fault}"), retry, source: Some(Box::new(fault)) }
}

fn unreadable(what: &str) -> Fault {
    Fault { what: format!("a kept {what} cannot be read"), retry: Retry::Never, source: None }
}

fn unsealed() -> Fault {
    let what = "the answer cannot be sealed: it is too long, or the system has no randomness to give".to_owned();
    Fault { what, retry: Retry::Never, source: None }
}

fn no_randomness() -> Fault {
    Fault { what: "the system has no randomness to give".to_owned(), retry: Retry::Never, source: None }
}

impl fmt::Debug for SqlAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlAnswers").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for amount in [Amount::Credits(Quantity::ONE), Amount::Atomic(10_000.into())] {
            assert_eq!(read_amount(&write_amount(amount)), Some(amount));
        }
        for text in ["", "credits", "credits 1.5", "dollars 1", "atomic -1"] {
            assert_eq!(read_amount(text), None, "{text}");
        }
    }
}
