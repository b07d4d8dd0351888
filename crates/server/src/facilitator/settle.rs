//! Settling: the same payment always gets the same answer, whoever brings it, however often.

use std::{sync::Arc, time::Duration};

use farebox_engine::settlement::{Outcome, PaymentKey, Settlement, TxHash};
use farebox_evm::{Payment, Phase, chain::Good};
use farebox_store::SettlementName;
use farebox_x402::{
    Refusal,
    facilitation::{PAYS_FOR_SOMETHING_ELSE, Request, SettleResponse},
};
use tokio::sync::oneshot;

use super::{
    Facilitating, Trouble, answer,
    desk::{End, Entered, Stage},
    evidence,
    lane::{Job, Written},
    verify::Checked,
};

/// Shorter than the five seconds after which a known client gives up.
const PATIENCE: Duration = Duration::from_millis(4_500);
/// How often a payment that another process has in hand is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long at most.
const LOOKS: u32 = 600;

/// The name under which a caller may ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerName {
    /// The caller; names count within it.
    pub scope: String,
    /// Its idempotency key.
    pub name: String,
}

/// An answer to settle.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The answer; `success: false` with `settlement_pending` while nobody knows.
    pub response: SettleResponse,
    /// The name had this answer before.
    pub replayed: bool,
}

/// No answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettleFailure {
    /// The name was used before for another payment.
    #[error("this idempotency key was used for another payment")]
    Conflict,
    /// Something broke; nothing is known to be written.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// A payment that has been read.
struct Presented {
    key: PaymentKey,
    payment: Arc<Payment>,
    request: Arc<Request>,
    name: Option<SettlementName>,
    pays_for: Option<String>,
}

impl Facilitating {
    /// Settles a payment, or waits for whoever is at it, at most 4.5 s: then the answer is `settlement_pending`, and the same
    /// request asks again. Work that was begun goes on when the caller leaves.
    ///
    /// # Errors
    /// [`SettleFailure`]; a payment that is not good is an answer.
    pub async fn settle(&self, request: Request, name: Option<CallerName>) -> Result<Settled, SettleFailure> {
        self.settle_as(request, name, None).await
    }

    /// The same for one thing of our own: the payment's intent says so in its commit, and from then on it settles for
    /// nothing else. One that was brought for anything else before is refused.
    pub(crate) async fn settle_for(&self, request: Request, what: String) -> Result<Settled, SettleFailure> {
        self.settle_as(request, None, Some(what)).await
    }

    async fn settle_as(
        &self,
        request: Request,
        name: Option<CallerName>,
        pays_for: Option<String>,
    ) -> Result<Settled, SettleFailure> {
        let payment = match self.read(&request) {
            Ok(payment) => Arc::new(payment),
            Err(refusal) => {
                return Ok(Settled { response: answer::refused(&request, &refusal, None), replayed: false });
            }
        };
        let key = PaymentKey::from_bytes(payment.key());
        let name = name.map(|name| SettlementName {
            scope: name.scope,
            name: name.name,
            request_hash: request.canonical_hash(),
            key,
        });
        let replayed = self.named_before(name.as_ref()).await?;
        let payer = payment.payer();
        let request = Arc::new(request);
        let presented = Presented { key, payment, request: Arc::clone(&request), name, pays_for };
        let response = match self.ended(presented).await {
            Ok(End::Known { outcome, amount }) => answer::of(&request, payer, &outcome, amount),
            Ok(End::Refused(refusal)) => answer::refused(&request, &refusal, Some(payer)),
            Ok(End::Broken(trouble)) => return Err(trouble.into()),
            Err(hash) => answer::pending(&request, payer, hash),
        };
        Ok(Settled { response, replayed })
    }

    /// Whether the name stands for an answer already; a name that stands for another payment is a conflict.
    async fn named_before(&self, name: Option<&SettlementName>) -> Result<bool, SettleFailure> {
        let Some(name) = name else { return Ok(false) };
        let before =
            self.store().settlement_named(self.tenant(), &name.scope, &name.name).await.map_err(Trouble::from)?;
        match before {
            None => Ok(false),
            Some(before) if before == *name => {
                let row = self.store().settlement(self.tenant(), name.key).await.map_err(Trouble::from)?;
                Ok(row.is_some_and(|row| row.outcome != Outcome::Unknown))
            }
            Some(_) => Err(SettleFailure::Conflict),
        }
    }

    /// Waits for the payment's end, or says how far it has come.
    async fn ended(&self, presented: Presented) -> Result<End, Option<TxHash>> {
        let mut stage = match self.desk().enter(presented.key, presented.pays_for.as_deref()) {
            Entered::First(stage) => {
                let this = self.clone();
                tokio::spawn(async move { this.see_to(presented).await });
                stage
            }
            Entered::Joined(stage) => {
                if let Some(name) = presented.name.clone() {
                    let this = self.clone();
                    tokio::spawn(async move { this.name_later(name).await });
                }
                stage
            }
            // Whether it ends up paying for that is not known yet; its row will say.
            Entered::Elsewhere => {
                return Ok(End::Broken(Trouble::soon("this payment is being settled for something else")));
            }
            Entered::Full => return Ok(End::Broken(Trouble::soon("too many payments are being settled"))),
        };
        let so_far = stage.clone();
        let over = tokio::time::timeout(PATIENCE, stage.wait_for(|stage| matches!(stage, Stage::Over(_)))).await;
        match over {
            Ok(Ok(stage)) => match &*stage {
                Stage::Over(end) => Ok(end.clone()),
                Stage::Begun | Stage::Intended(_) => Err(None),
            },
            // The desk tells before it forgets; without a word, the process is ending.
            Ok(Err(_)) => Ok(End::Broken(Trouble::soon("the process is ending"))),
            Err(_) => match *so_far.borrow() {
                Stage::Intended(hash) => Err(hash),
                Stage::Begun | Stage::Over(_) => Err(None),
            },
        }
    }

    /// Sees one payment to its end, or to where the watch goes on with it.
    async fn see_to(self, presented: Presented) {
        let key = presented.key;
        match self.begin(presented).await {
            Ok(None) => {}
            Ok(Some(end)) => self.desk().over(key, end),
            Err(trouble) => {
                tracing::warn!(payment = %key, "a payment could not be settled: {trouble}");
                self.desk().over(key, End::Broken(trouble));
            }
        }
    }

    /// The end, if it is known at once; `None` if the watch will tell.
    async fn begin(&self, presented: Presented) -> Result<Option<End>, Trouble> {
        let Presented { key, payment, request, name, pays_for } = presented;
        if let Some(row) = self.store().settlement(self.tenant(), key).await? {
            return self.known(row, name, pays_for).await;
        }
        let checked = self.check(&payment, &request, Phase::Settle).await?;
        let Good { amount, plain } = match checked {
            Checked::Good(good) => good,
            Checked::Refused(refusal) => {
                // Perhaps another process settled it while we looked.
                let row = self.store().settlement(self.tenant(), key).await?;
                return match row {
                    Some(row) => self.known(row, name, pays_for).await,
                    None => Ok(Some(End::Refused(refusal))),
                };
            }
        };
        let terms = Self::terms(&payment, &request, amount);
        let (reply, written) = oneshot::channel();
        let job = Job {
            key,
            terms,
            payment: Arc::clone(&payment),
            evidence: evidence::write(&request),
            name: name.clone(),
            pays_for: pays_for.clone(),
            from: None,
            plain,
            reply,
        };
        self.rail(&payment)?.lane(&payment)?.enqueue(job)?;
        match written.await.map_err(|_| Trouble::soon("the lane has ended"))?? {
            Written::Fresh(None) => {
                let outcome = Outcome::Settled { transaction: None, block: 0 };
                Ok(Some(End::Known { outcome, amount }))
            }
            Written::Fresh(hash) => {
                self.desk().intended(key, hash);
                Ok(None)
            }
            Written::Known | Written::Named => match self.store().settlement(self.tenant(), key).await? {
                Some(row) => self.known(row, name, pays_for).await,
                None => Err(Trouble::soon("a payment's intent is not there")),
            },
        }
    }

    /// A payment that has an intent: its outcome, or waiting for whoever drives it.
    async fn known(
        &self,
        row: Settlement,
        name: Option<SettlementName>,
        pays_for: Option<String>,
    ) -> Result<Option<End>, Trouble> {
        if row.pays_for != pays_for {
            let reason = "this payment was brought for something else before".to_owned();
            return Ok(Some(End::Refused(Refusal { code: PAYS_FOR_SOMETHING_ELSE.to_owned(), reason })));
        }
        if let Some(name) = name {
            self.store().name_settlement(self.tenant(), name, self.now()).await?;
        }
        let key = row.key;
        let mut row = Some(row);
        for _ in 0..LOOKS {
            match row {
                Some(Settlement { outcome, terms, .. }) if outcome != Outcome::Unknown => {
                    return Ok(Some(End::Known { outcome, amount: terms.amount }));
                }
                _ if !self.desk().is_awaited(key) => break,
                _ => tokio::time::sleep(LOOK).await,
            }
            row = self.store().settlement(self.tenant(), key).await?;
        }
        Ok(Some(End::Broken(Trouble::soon("the payment's outcome is not known yet"))))
    }

    async fn name_later(&self, name: SettlementName) {
        // A joined payment may not have its intent yet; a name is written only beside one.
        if let Ok(Some(_)) = self.store().settlement(self.tenant(), name.key).await
            && let Err(fault) = self.store().name_settlement(self.tenant(), name, self.now()).await
        {
            tracing::warn!("a caller's name for a payment could not be written: {fault}");
        }
    }
}
