//! Paying on a chain: one authorization for a request, written down before it is sent, and no other while it can be settled.

use farebox_types::Timestamp;
use farebox_x402::{Requirements, facilitation::PAYS_FOR_SOMETHING_ELSE};
use http::HeaderName;

use super::{Ended, Refusal, paid};
use crate::{
    Authorization, Paid, PayError, Payer, Request,
    challenge::Challenge,
    evm::{Signer, Terms},
    fare::Fare,
    journal::{Claim, Entry, Outcome, Purpose, Standing, Unclaimed, Unwritten, kept},
};

/// Reasons that say: this authorization has moved its money.
const USED: [&str; 5] = [
    "invalid_exact_evm_nonce_already_used",
    "permit2_invalid_nonce",
    "duplicate_settlement",
    "nonce_already_used",
    PAYS_FOR_SOMETHING_ELSE,
];

/// An offer that was chosen.
pub(crate) struct Chosen<'a> {
    pub(crate) challenge: &'a Challenge,
    pub(crate) offer: &'a Requirements,
    pub(crate) fare: Fare,
    pub(crate) terms: Box<Terms>,
}

/// An authorization that was written down before, and what became of it now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// What was authorized.
    pub fare: Fare,
    /// The request, as far as it was kept.
    pub request: Option<Request>,
    /// What the seller says now.
    pub outcome: Result<Paid, PayError>,
}

impl Payer {
    pub(crate) async fn pay_on_chain(
        &self,
        signer: &Signer,
        request: Request,
        chosen: Chosen<'_>,
    ) -> Result<Paid, PayError> {
        self.count_payment(&chosen.challenge.offer)?;
        match self.authorize(signer, &request, chosen).await {
            Ok(claim) => self.show_authorization(request, claim, false).await,
            Err(error) => {
                self.uncount_payment();
                Err(error)
            }
        }
    }

    /// Signs, and writes down. What this returns may be sent.
    async fn authorize(&self, signer: &Signer, request: &Request, chosen: Chosen<'_>) -> Result<Claim, PayError> {
        let Chosen { challenge, offer, fare, terms } = chosen;
        let now = self.clock.now();
        let signed = signer.sign(&self.wire, challenge, offer, &terms, now).await?;
        let entry = Entry {
            id: signed.id,
            purpose: Purpose::of(request),
            request: kept(request),
            header: (HeaderName::from_static(signed.payment.header_name()), signed.payment.to_header()),
            fare: fare.clone(),
            payer: signed.payer,
            signed_at: now,
            valid_until: signed.valid_until,
            standing: Standing::Written,
        };
        let written = self.journal.write(entry, |spent| self.rules.budget.allows(&fare, spent)).await;
        written.map_err(|unwritten| match unwritten {
            Unwritten::Journal(error) => PayError::Journal(error),
            Unwritten::Denied(denied) => {
                PayError::NothingPayable { denied: vec![denied], offer: Box::new(challenge.offer.clone()) }
            }
        })
    }

    /// Shows an authorization, and writes down what became of it. `resumed`: it may have been shown before.
    pub(crate) async fn show_authorization(
        &self,
        request: Request,
        claim: Claim,
        resumed: bool,
    ) -> Result<Paid, PayError> {
        let authorization = Authorization::chain(request, claim.entry());
        let (outcome, result) = match self.show(&authorization, resumed).await {
            Ended::Answered(answer) => {
                let paid = paid(answer, authorization);
                let transaction = paid.receipt().map(|receipt| receipt.transaction.clone());
                let outcome = match paid.unspent() {
                    Some(_) => Outcome::Open(Standing::Unspent),
                    None => Outcome::Answered { transaction: transaction.filter(|text| text.len() <= 128) },
                };
                (outcome, Ok(paid))
            }
            Ended::TooLong(head) => {
                let error = self.too_long(&head, &authorization);
                let outcome = match paid(*head, authorization).unspent() {
                    Some(_) => Outcome::Open(Standing::Unspent),
                    None => Outcome::Answered { transaction: None },
                };
                (outcome, Err(error))
            }
            Ended::Refused { answer, sent_before } => {
                let refusal = Refusal::read(&answer, &authorization);
                if sent_before && USED.contains(&refusal.code.as_str()) {
                    (Outcome::Lost, Err(PayError::AnswerLost { reason: refusal.reason }))
                } else {
                    (Outcome::Open(Standing::Refused), Err(refusal.error()))
                }
            }
            Ended::Unknown(unsure) => match unsure.error {
                Some(source) if !unsure.sent => {
                    self.uncount_payment();
                    let during = "the payment could not be sent";
                    (Outcome::Unsent, Err(PayError::Transport { during, source }))
                }
                _ => {
                    let (what, retry_after) = (unsure.what, unsure.retry_after);
                    let authorization = Box::new(authorization);
                    let error = PayError::OutcomeUnknown { what, retry_after, authorization };
                    (Outcome::Open(Standing::Unknown), Err(error))
                }
            },
        };
        claim.conclude(outcome).await;
        result
    }

    /// An authorization for this very request that can still be settled is shown again, instead of signing another.
    pub(crate) fn open_claim(&self, request: &Request, now: Timestamp) -> Option<Claim> {
        self.journal.claim_for(request, now)
    }

    pub(crate) async fn resume_on_chain(&self, id: &str, request: Request) -> Result<Paid, PayError> {
        let claim = self.journal.claim(id, self.clock.now()).map_err(|unclaimed| match unclaimed {
            Unclaimed::Busy => PayError::InFlight,
            Unclaimed::Over => PayError::Over,
        })?;
        self.show_authorization(request, claim, true).await
    }

    /// Shows every authorization in the journal whose outcome is not known to its seller again, one after the other:
    /// for a start after a crash. Those that a running request is using are passed over.
    ///
    /// Headers that held secrets of the caller's own were not kept; a request that needs them is better sent again by the
    /// caller, who then pays with the same authorization.
    pub async fn resume_all(&self) -> Vec<Resumed> {
        let mut resumed = Vec::new();
        for id in self.journal.unknown(self.clock.now()) {
            let Ok(claim) = self.journal.claim(&id, self.clock.now()) else { continue };
            let (fare, request) = (claim.entry().fare.clone(), claim.entry().request.clone());
            let outcome = match request.clone() {
                Some(request) => Box::pin(self.show_authorization(request, claim, true)).await,
                None => Err(PayError::BadRequest("its body was too long to keep: send the request again")),
            };
            resumed.push(Resumed { fare, request, outcome });
        }
        resumed
    }
}
