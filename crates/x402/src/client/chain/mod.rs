//! A gate's [`Facilitator`] for payments on a chain: one or several facilitators over HTTP.
//!
//! Who is asked is picked by version, scheme and network from what each says at `/supported`. The next one is asked only
//! while nothing can have been broadcast: a verify that failed, a settle that was never sent. From then on it is always the
//! same one, with the same bytes and the same idempotency key, and nothing but its word ends the question.

mod judge;
mod kinds;
mod memory;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use self::{
    kinds::{Pick, Remote},
    memory::Memory,
};
use super::{BadConfig, FacilitatorClient, FacilitatorConfig, FacilitatorError};
use crate::{
    ChainPayment, Facilitator, Fault, Hold, Identity, Payment, Refusal, Requirements, Retry, Settlement, Terms,
    Verdict, Verified, facilitation::Question,
};

/// Facilitators over HTTP, in order of preference. Cheap to clone; clones share what was learnt.
///
/// There is no hold on a chain: verify only looks. The gate in front of it reserves the payment.
#[derive(Clone)]
pub struct ChainFacilitator {
    remotes: Arc<[Remote]>,
    memory: Arc<Memory>,
}

/// Before the next try when nothing has happened.
const SOON: Duration = Duration::from_secs(1);
/// Nobody is made to wait longer.
const LATEST: Duration = Duration::from_secs(3600);

impl ChainFacilitator {
    /// These facilitators, the first that can being asked first.
    pub fn new(clients: impl IntoIterator<Item = FacilitatorClient>) -> Self {
        Self { remotes: clients.into_iter().map(Remote::new).collect(), memory: Arc::default() }
    }

    /// The facilitator at an address, in the x402 flavour.
    ///
    /// # Errors
    /// [`BadConfig`]; nothing is sent.
    pub fn at(url: &str) -> Result<Self, BadConfig> {
        FacilitatorClient::new(FacilitatorConfig::new(url)).map(|client| Self::new([client]))
    }

    async fn ask_settle(&self, asking: &Asking<'_>, picks: &[Pick], id: &ChargeId<'_>) -> Result<Settlement, Fault> {
        let sent_before = self.memory.sent_to(id.text);
        let mut unsent = unreachable_now(None);
        for pick in picks.iter().filter(|pick| sent_before.is_none_or(|index| pick.index == index)) {
            let client = self.remotes[pick.index].client();
            match client.ask_settle(&asking.question.in_version(pick.version), Some(id.key)).await {
                Err(error) if error.is_unsent() && sent_before.is_none() => unsent = unreachable_now(Some(error)),
                Err(error) => {
                    self.memory.sent(id.text, pick.index);
                    return Err(judge::silence(error, sent_before.is_some()));
                }
                Ok(answer) => {
                    let judged = judge::settled(answer, asking, sent_before.is_some());
                    match judged {
                        Ok(_) => self.memory.known(id.text),
                        Err(_) => self.memory.sent(id.text, pick.index),
                    }
                    return judged;
                }
            }
        }
        match sent_before {
            Some(_) => Err(fault("the facilitator that has the payment is not known any more", Retry::Unknown)),
            None => Err(unsent),
        }
    }
}

#[async_trait]
impl Facilitator for ChainFacilitator {
    async fn verify(&self, payment: &Payment, _: Option<Hold>) -> Result<Verdict, Fault> {
        let required = payment.requirements().ok_or_else(not_on_chain)?;
        let Some(asking) = Asking::about(payment, &required)? else { return Ok(Verdict::Refused(nameless())) };
        let picks = kinds::pick(&self.remotes, &asking.question).await;
        let mut failed = picks.failed.unwrap_or_else(|| unsupported(&required));
        for pick in &picks.picks {
            let client = self.remotes[pick.index].client();
            match client.ask_verify(&asking.question.in_version(pick.version)).await {
                Ok(answer) => match judge::verified(answer, asking.identity) {
                    Ok(Ok(payer)) => {
                        let request_id = format!("{}-{}", asking.identity.hex(), pick.index);
                        return Ok(Verdict::Valid(Verified { request_id, payer, agent_request: None }));
                    }
                    Ok(Err(refusal)) => return Ok(Verdict::Refused(refusal)),
                    Err(lie) => failed = lie,
                },
                Err(error) => failed = judge::unverified(error),
            }
        }
        Err(failed)
    }

    async fn settle(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        let required = payment.requirements().ok_or_else(not_on_chain)?;
        let Some(asking) = Asking::about(payment, &required)? else {
            return Err(fault("a payment that was verified cannot be read", Retry::Never));
        };
        let id = ChargeId::read(request_id).ok_or_else(|| fault("not a request id of this rail", Retry::Never))?;
        let mut picks = kinds::pick(&self.remotes, &asking.question).await.picks;
        // Whoever verified it goes first; one that cannot be asked what it supports is still asked to settle.
        if !picks.iter().any(|pick| pick.index == id.index) && id.index < self.remotes.len() {
            picks.push(Pick { index: id.index, version: asking.question.payload().dialect.version });
        }
        picks.sort_by_key(|pick| pick.index != id.index);
        self.ask_settle(&asking, &picks, &id).await
    }

    /// Whoever was asked before may not be known to this process: its word counts as that of one that was.
    async fn settle_again(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        if let Some(id) = ChargeId::read(request_id).filter(|id| self.memory.sent_to(id.text).is_none()) {
            self.memory.sent(id.text, id.index);
        }
        self.settle(payment, request_id).await
    }

    /// There is nothing to give back.
    async fn release(&self, _: &Payment, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    async fn terms(&self, accept: &Requirements) -> Result<Option<Terms>, Fault> {
        kinds::terms(&self.remotes, accept).await
    }
}

/// What verify named the charge: the payment's key and who verified it.
struct ChargeId<'a> {
    text: &'a str,
    key: &'a str,
    index: usize,
}

impl<'a> ChargeId<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (key, index) = text.split_once('-')?;
        Some(Self { text, key, index: index.parse().ok()? })
    }
}

/// What is asked, and who it says pays.
struct Asking<'a> {
    question: Question<'a>,
    identity: &'a Identity,
}

impl<'a> Asking<'a> {
    /// `None` for a payment that nobody can name.
    fn about(payment: &'a Payment, required: &'a Requirements) -> Result<Option<Self>, Fault> {
        let question = payment.question(required).ok_or_else(not_on_chain)?;
        let identity = payment.payload.as_deref().and_then(ChainPayment::identity);
        Ok(identity.map(|identity| Self { question, identity }))
    }
}

fn not_on_chain() -> Fault {
    fault("not a payment on a chain", Retry::Never)
}

fn nameless() -> Refusal {
    Refusal {
        code: "invalid_payload".to_owned(),
        reason: "the payment must carry one authorization, with payer and nonce".to_owned(),
    }
}

fn unsupported(required: &Requirements) -> Fault {
    let Requirements { scheme, network, .. } = required;
    fault(&format!("no facilitator settles {scheme} on {network}"), Retry::After(Duration::from_secs(60)))
}

fn unreachable_now(error: Option<FacilitatorError>) -> Fault {
    let source = error.map(Into::into);
    Fault { source, ..fault("no facilitator could be reached to settle", Retry::After(SOON)) }
}

fn fault(what: &str, retry: Retry) -> Fault {
    Fault { what: what.to_owned(), retry, source: None }
}

impl fmt::Debug for ChainFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.remotes.iter().map(Remote::client)).finish()
    }
}
