//! Paying with credits of a plan.

use farebox_x402::{CreditsAccept, PaymentRequired, credits::CODE_SPENT};
use http::HeaderValue;

use super::{Ended, Refusal, paid};
use crate::{Authorization, Paid, PayError, Payer, Request, backend::Backend};

impl Payer {
    pub(crate) async fn pay_in_credits(
        &self,
        backend: &Backend,
        request: Request,
        offer: &PaymentRequired,
        accept: &CreditsAccept,
    ) -> Result<Paid, PayError> {
        let token = self.token(backend, &request, offer, accept).await?;
        self.show_token(Authorization::credits(request, token, accept.plan_id.clone()), false).await
    }

    async fn token(
        &self,
        backend: &Backend,
        request: &Request,
        offer: &PaymentRequired,
        accept: &CreditsAccept,
    ) -> Result<HeaderValue, PayError> {
        self.count_payment(offer)?;
        let reusable = self.rules.reusable;
        if reusable && let Some(token) = self.cache.get(&request.url, accept) {
            return Ok(token);
        }
        let minted = backend.mint(&self.wire, offer, accept, reusable).await;
        match &minted {
            Ok(token) if reusable => self.cache.put(&request.url, accept, token),
            Ok(_) => {}
            Err(_) => self.uncount_payment(),
        }
        minted
    }

    /// Shows a token. `resumed`: it was shown before.
    pub(crate) async fn show_token(&self, authorization: Authorization, resumed: bool) -> Result<Paid, PayError> {
        match self.show(&authorization, resumed).await {
            Ended::Answered(answer) => Ok(paid(answer, authorization)),
            Ended::TooLong(head) => Err(self.too_long(&head, &authorization)),
            Ended::Unknown(unsure) => Err(PayError::OutcomeUnknown {
                what: unsure.what,
                retry_after: unsure.retry_after,
                authorization: authorization.into(),
            }),
            Ended::Refused { answer, sent_before } => {
                // A refusal is final for this request. A token that is spent although no answer came back was spent by us.
                self.cache.forget(&authorization.payment.1);
                let refusal = Refusal::read(&answer, &authorization);
                if sent_before && refusal.code == CODE_SPENT {
                    return Err(PayError::AnswerLost { reason: refusal.reason });
                }
                Err(refusal.error())
            }
        }
    }
}
