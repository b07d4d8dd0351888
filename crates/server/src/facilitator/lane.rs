//! One signer's lane: what waits is signed with the next nonces and written down in one commit, then sent in order.

use std::{collections::HashMap, sync::Arc};

use farebox_engine::settlement::{Attempt, Intent, Outcome, PaymentKey, Purpose, Settlement, SlotId, Terms, TxHash};
use farebox_evm::{
    Payment, Wallet,
    chain::{Chain, Fees},
};
use farebox_store::{Fault, Intended, Intents, Retry, SettlementName, Store};
use farebox_types::{Address, Clock, Id, Merchant, Timestamp};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    LEASE, Trouble, actor,
    watch::{Watched, attempt},
};

/// Payments in one commit at most.
const MAX_BATCH: usize = 64;
/// Payments that may wait for one signer.
const QUEUE: usize = 4_096;
/// Rounds that a batch may lose against other processes.
const ROUNDS: u32 = 20;

/// A verified payment that is to be settled.
pub(super) struct Job {
    pub(super) key: PaymentKey,
    pub(super) terms: Terms,
    pub(super) payment: Arc<Payment>,
    pub(super) evidence: String,
    pub(super) name: Option<SettlementName>,
    /// The one thing of our own that it pays for.
    pub(super) pays_for: Option<String>,
    /// The slot it leaves, if something else has used that nonce up.
    pub(super) from: Option<SlotId>,
    /// It may share a transaction with others.
    pub(super) plain: bool,
    pub(super) reply: oneshot::Sender<Result<Written, Trouble>>,
}

/// What the lane did with a job.
#[derive(Debug, Clone)]
pub(super) enum Written {
    /// Its intent is durable; the hash of its transaction, if it needs one.
    Fresh(Option<TxHash>),
    /// It had one already.
    Known,
    /// Its caller's name was taken meanwhile.
    Named,
}

/// The sending end of a lane.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) signer: Address,
    queue: mpsc::Sender<Job>,
}

/// A lane that this does not keep alive.
pub(super) struct WeakLane {
    pub(super) signer: Address,
    queue: mpsc::WeakSender<Job>,
}

impl WeakLane {
    pub(super) fn upgrade(&self) -> Option<Lane> {
        self.queue.upgrade().map(|queue| Lane { signer: self.signer, queue })
    }
}

impl Lane {
    pub(super) fn downgrade(&self) -> WeakLane {
        WeakLane { signer: self.signer, queue: self.queue.downgrade() }
    }

    pub(super) fn enqueue(&self, job: Job) -> Result<(), Trouble> {
        self.queue.try_send(job).map_err(|_| Trouble::soon("too many payments wait for this signer"))
    }
}

/// The lane's own end.
pub(super) struct Worker {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tenant: Id<Merchant>,
    pub(super) owner: Uuid,
    pub(super) chain: Chain,
    pub(super) wallet: Wallet,
    /// Payments in one transaction at most.
    pub(super) batch: usize,
    /// Written slots, in nonce order.
    pub(super) written: mpsc::Sender<Vec<Watched>>,
}

/// Starts a lane; it ends when the last [`Lane`] is dropped.
pub(super) fn start(worker: Worker) -> Lane {
    let (queue, jobs) = mpsc::channel(QUEUE);
    let lane = Lane { signer: worker.wallet.address(), queue };
    tokio::spawn(worker.run(jobs));
    lane
}

impl Worker {
    async fn run(self, mut queue: mpsc::Receiver<Job>) {
        let mut next = None;
        let mut jobs = Vec::with_capacity(MAX_BATCH);
        while queue.recv_many(&mut jobs, MAX_BATCH).await > 0 {
            for job in jobs.extract_if(.., |job| job.from.is_some()).collect::<Vec<_>>() {
                let from = job.from;
                self.serve(&mut vec![job], from, &mut next).await;
            }
            self.serve(&mut jobs, None, &mut next).await;
        }
    }

    async fn serve(&self, jobs: &mut Vec<Job>, from: Option<SlotId>, next: &mut Option<Position>) {
        if let Err(trouble) = self.settle(jobs, from, next).await {
            tracing::warn!(waiting = jobs.len(), "payments could not be written down: {trouble}");
            // What the store has seen of them is not known: whoever asks again finds it.
            *next = None;
            answer(jobs.drain(..), || Err(trouble.clone()));
        }
    }

    /// Writes `jobs` down, whatever other processes do meanwhile; those that are answered leave `jobs`.
    async fn settle(
        &self,
        jobs: &mut Vec<Job>,
        from: Option<SlotId>,
        next: &mut Option<Position>,
    ) -> Result<(), Trouble> {
        if jobs.is_empty() {
            return Ok(());
        }
        let fees = self.chain.fees().await.map_err(|fault| Trouble::soon(fault.to_string()))?;
        let mut unsure = false;
        for _ in 0..ROUNDS {
            if jobs.is_empty() {
                break;
            }
            if unsure && from.is_none() {
                self.answer_known(jobs).await?;
            }
            let position = match *next {
                Some(position) => position,
                None => self.position().await?,
            };
            let (intents, after) = self.sign(jobs, position, fees)?;
            let slots = intents.intents.clone();
            *next = None;
            let intended = match from {
                None => self.store.intend(intents).await,
                Some(from) => self.store.move_settlements(from, intents).await,
            };
            match intended {
                Ok(Intended::Written) => {
                    *next = Some(after);
                    self.hand_over(jobs, slots).await;
                    return Ok(());
                }
                Ok(Intended::Moved(_)) => {}
                Ok(Intended::Known(keys)) => answer_where(jobs, |job| keys.contains(&job.key), &Written::Known),
                Ok(Intended::Named(name)) => answer_where(
                    jobs,
                    |job| job.name.as_ref().is_some_and(|own| (&own.scope, &own.name) == (&name.scope, &name.name)),
                    &Written::Named,
                ),
                Err(Fault { retry: Retry::Unknown, what }) => {
                    tracing::warn!("whether payments were written down is not known, looking: {what}");
                    unsure = true;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        if jobs.is_empty() { Ok(()) } else { Err(Trouble::soon("other processes kept using this signer")) }
    }

    /// Payments that an earlier round may have written: their slots are driven by whoever leases them.
    async fn answer_known(&self, jobs: &mut Vec<Job>) -> Result<(), Trouble> {
        let keys: Vec<PaymentKey> = jobs.iter().map(|job| job.key).collect();
        let found = self.store.settlements(self.tenant, &keys).await?;
        answer_where(jobs, |job| found.iter().any(|one| one.key == job.key), &Written::Known);
        Ok(())
    }

    /// Where the signer stands: what the store says, or the chain if that is further.
    async fn position(&self) -> Result<Position, Trouble> {
        let signer = self.wallet.address();
        let row = self.store.next_nonce(self.tenant, self.chain.id(), signer).await?;
        let sent = self.chain.next_nonce(signer).await.map_err(|fault| Trouble::soon(fault.to_string()))?;
        Ok(Position { expected: row, next: row.unwrap_or(0).max(sent) })
    }

    fn sign(&self, jobs: &[Job], position: Position, fees: Fees) -> Result<(Intents, Position), Trouble> {
        let now = self.clock.now();
        let (chain, signer) = (self.chain.id(), self.wallet.address());
        let mut nonce = position.next;
        let mut intents = Vec::with_capacity(jobs.len());
        for together in self.transactions(jobs) {
            let slot = (!together[0].terms.amount.is_zero()).then_some(SlotId { chain, signer, nonce });
            let attempt = match slot {
                Some(_) => Some(self.attempt(together, nonce, fees, now)?),
                None => None,
            };
            nonce += u64::from(slot.is_some());
            intents.push(Intent {
                attempt,
                settlements: together.iter().map(|job| self.settlement(job, slot, now)).collect(),
            });
        }
        let intents = Intents {
            tenant: self.tenant,
            chain,
            signer,
            expected: position.expected,
            next: nonce,
            intents,
            names: jobs.iter().filter_map(|job| job.name.clone()).collect(),
            lease: (self.owner, now.after(LEASE)),
            actor: actor(),
            at: now,
        };
        Ok((intents, Position { expected: Some(nonce), next: nonce }))
    }

    /// The jobs of each transaction: plain ones share one as far as they stand together, the others have one each.
    fn transactions<'a>(&self, jobs: &'a [Job]) -> Vec<&'a [Job]> {
        let shares = |job: &Job| job.plain && !job.terms.amount.is_zero();
        let runs = jobs.chunk_by(|one, other| shares(one) && shares(other));
        runs.flat_map(|run| run.chunks(self.batch.max(1))).collect()
    }

    fn attempt(&self, jobs: &[Job], nonce: u64, fees: Fees, now: Timestamp) -> Result<Attempt, Trouble> {
        let payments: Vec<_> = jobs.iter().map(|job| (&*job.payment, job.terms.amount)).collect();
        let signed = self.chain.sign_settlement(&payments, nonce, fees, &self.wallet);
        let signed = signed.map_err(|fault| Trouble { what: fault.to_string(), retry_after: None })?;
        Ok(attempt(signed, fees, Purpose::Settle, now))
    }

    fn settlement(&self, job: &Job, slot: Option<SlotId>, now: Timestamp) -> Settlement {
        let free = Outcome::Settled { transaction: None, block: 0 };
        Settlement {
            tenant: self.tenant,
            key: job.key,
            terms: job.terms.clone(),
            evidence: if slot.is_some() { job.evidence.clone() } else { String::new() },
            slot,
            pays_for: job.pays_for.clone(),
            outcome: if slot.is_some() { Outcome::Unknown } else { free },
            created_at: now,
        }
    }

    /// Answers the jobs and gives their slots to the sender.
    async fn hand_over(&self, jobs: &mut Vec<Job>, intents: Vec<Intent>) {
        let mut jobs = jobs.drain(..);
        let mut written = Vec::with_capacity(intents.len());
        for intent in intents {
            let hash = intent.attempt.as_ref().map(|attempt| attempt.hash);
            let mut payments = HashMap::with_capacity(intent.settlements.len());
            for (one, job) in intent.settlements.iter().zip(&mut jobs) {
                payments.insert(one.key, job.payment);
                // A caller that has gone away does not need its answer; its payment is settled all the same.
                let _ = job.reply.send(Ok(Written::Fresh(hash)));
            }
            written.extend(Watched::new(self.tenant, intent, payments, self.clock.now()));
        }
        if self.written.send(written).await.is_err() {
            tracing::debug!("the sender has ended; what is written is sent by whoever leases it next");
        }
    }
}

/// A signer's place in its nonces.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// What the store's row says.
    expected: Option<u64>,
    /// The nonce to use next.
    next: u64,
}

fn answer_where(jobs: &mut Vec<Job>, is: impl Fn(&Job) -> bool, written: &Written) {
    let known: Vec<Job> = jobs.extract_if(.., |job| is(job)).collect();
    answer(known.into_iter(), || Ok(written.clone()));
}

fn answer(jobs: impl Iterator<Item = Job>, result: impl Fn() -> Result<Written, Trouble>) {
    for job in jobs {
        // A caller that has gone away does not need its answer.
        let _ = job.reply.send(result());
    }
}
