//! Group commit: each lane drains what is queued, without waiting for more, and commits it as one.
//!
//! A lane is one writer and its bounded queue. Ledger commands go to the lane of their account, so that a hot account is
//! locked once a batch and not once a request. Batches appear by themselves when commits are slower than arrivals.

use std::{collections::VecDeque, future::Future, time::Duration};

use farebox_engine::{
    ledger::{AccountId, Command},
    payment::{Answer as PaymentAnswer, Command as PaymentCommand},
    settlement::SlotId,
};
use farebox_types::{Id, Merchant, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Decision, Fault, Intended, Intents, Record, Recorded, Retry, SettlementName, SlotStep,
    billing::{BillingWrite, Collected, Collecting, Committed},
    settlements::checks::{check_intents, check_steps},
};

/// Commands in one batch at most.
pub(crate) const MAX_BATCH: usize = 512;
/// Jobs that may wait in one lane; more are refused, so memory stays bounded.
const QUEUE: usize = 8 * MAX_BATCH;
/// Jobs that wait outside the queue for their turn.
const MAX_COLD: usize = 8 * MAX_BATCH;
/// Tries of one write whose fault says that another may help.
const TRIES: u32 = 5;

/// Tries again while the fault says that it may help. A write repeated after an unknown commit finds its own rows; until a
/// try succeeds, what became of that commit stays unknown, whatever later tries ran into.
macro_rules! persist {
    ($attempt:expr) => {{
        let (mut tries, mut unknown) = (1, false);
        loop {
            match $attempt.await {
                Err(fault) => {
                    unknown |= fault.retry == Retry::Unknown;
                    if fault.retry == Retry::Never || tries == TRIES {
                        let retry = if unknown { Retry::Unknown } else { fault.retry };
                        break Err(Fault { retry, ..fault });
                    }
                    tracing::warn!(error = %fault, tries, "database write failed, trying again");
                    tokio::time::sleep(backoff(tries)).await;
                    tries += 1;
                }
                answer => break answer,
            }
        }
    }};
}

/// One database connection that writes, and nothing else does with it.
pub(crate) trait Writer: Send + 'static {
    /// One transaction: load, decide, write, commit. An error means that nothing is known to be written.
    fn batch(&mut self, commands: &[Command]) -> impl Future<Output = Result<Vec<Decision>, Fault>> + Send;
    /// One transaction of payment commands: load, decide, write with postings, commit.
    fn pay(&mut self, commands: &[PaymentCommand]) -> impl Future<Output = Result<Vec<PaymentAnswer>, Fault>> + Send;
    /// One cold write in its own transaction.
    fn record(&mut self, record: &Record) -> impl Future<Output = Result<Recorded, Fault>> + Send;
    /// Intents, moved from another slot or new, in their own transaction.
    fn intend(
        &mut self,
        intents: &Intents,
        from: Option<SlotId>,
    ) -> impl Future<Output = Result<Intended, Fault>> + Send;
    /// What looks at slots led to, in one transaction.
    fn step(&mut self, steps: &[SlotStep]) -> impl Future<Output = Result<(), Fault>> + Send;
    /// A further name of a payment.
    fn name(
        &mut self,
        tenant: Id<Merchant>,
        name: &SettlementName,
        at: Timestamp,
    ) -> impl Future<Output = Result<SettlementName, Fault>> + Send;
    /// Billing rows and ledger commands in one transaction.
    fn bill(&mut self, write: &BillingWrite) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Payments with billing rows in one transaction.
    fn collect(&mut self, collecting: &Collecting) -> impl Future<Output = Result<Collected, Fault>> + Send;
    /// Ends due holds in its own transaction.
    fn sweep(&mut self, tenant: Id<Merchant>, limit: u32) -> impl Future<Output = Result<u32, Fault>> + Send;
}

type Reply<T> = oneshot::Sender<Result<T, Fault>>;

enum Job {
    Ledger(Box<Command>, Reply<Decision>),
    Pay(Box<PaymentCommand>, Reply<PaymentAnswer>),
    Record(Box<Record>, Reply<Recorded>),
    Intend(Box<Intents>, Option<SlotId>, Reply<Intended>),
    Step(Vec<SlotStep>, Reply<()>),
    Name(Id<Merchant>, SettlementName, Timestamp, Reply<SettlementName>),
    Bill(Box<BillingWrite>, Reply<Committed>),
    Collect(Box<Collecting>, Reply<Collected>),
    Sweep(Id<Merchant>, u32, Reply<u32>),
    Stop,
}

/// The queues of a store's lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    queues: Vec<mpsc::Sender<Job>>,
    /// The first so many take ledger commands.
    ledger: usize,
    /// This one takes cold writes and sweeps.
    cold: usize,
    /// This one takes what settlements write.
    settling: usize,
    /// This one takes payment commands.
    paying: usize,
}

/// The receiving end of one lane.
pub(crate) struct Lane {
    queue: mpsc::Receiver<Job>,
}

impl Lanes {
    /// One lane for everything, for an engine with one writer.
    pub(crate) fn one() -> (Self, Lane) {
        let (tx, queue) = mpsc::channel(QUEUE);
        (Self { queues: vec![tx], ledger: 1, cold: 0, settling: 0, paying: 0 }, Lane { queue })
    }

    /// `count` lanes for ledger commands, and one each for payments, settlements and the rest: none keeps another waiting.
    /// One for payments: what waits shares a commit, and two lanes would share it among fewer.
    pub(crate) fn several(count: usize) -> (Self, Vec<Lane>) {
        let ledger = count.max(1);
        let lane = |_| mpsc::channel(QUEUE);
        let (queues, lanes) = (0..ledger + 3).map(lane).map(|(tx, queue)| (tx, Lane { queue })).unzip();
        (Self { queues, ledger, cold: ledger, settling: ledger + 1, paying: ledger + 2 }, lanes)
    }

    /// Sends each command to its account's lane and awaits all answers, in order.
    pub(crate) async fn execute(&self, commands: Vec<Command>) -> Result<Vec<Decision>, Fault> {
        let mut waiting = Vec::with_capacity(commands.len());
        for command in commands {
            let lane = self.lane_of(command.lane());
            waiting.push(self.send(lane, |reply| Job::Ledger(Box::new(command), reply))?);
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.push(answer.await.map_err(|_| lost())??);
        }
        Ok(answers)
    }

    pub(crate) async fn pay(&self, command: PaymentCommand) -> Result<PaymentAnswer, Fault> {
        self.send(self.paying, |reply| Job::Pay(Box::new(command), reply))?.await.map_err(|_| lost())?
    }

    pub(crate) async fn record(&self, record: Record) -> Result<Recorded, Fault> {
        self.send(self.cold, |reply| Job::Record(Box::new(record), reply))?.await.map_err(|_| lost())?
    }

    pub(crate) async fn bill(&self, write: BillingWrite) -> Result<Committed, Fault> {
        self.send(self.cold, |reply| Job::Bill(Box::new(write), reply))?.await.map_err(|_| lost())?
    }

    pub(crate) async fn collect(&self, collecting: Collecting) -> Result<Collected, Fault> {
        self.send(self.cold, |reply| Job::Collect(Box::new(collecting), reply))?.await.map_err(|_| lost())?
    }

    pub(crate) async fn intend(&self, intents: Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
        check_intents(&intents, from)?;
        let job = |reply| Job::Intend(Box::new(intents), from, reply);
        self.send(self.settling, job)?.await.map_err(|_| lost())?
    }

    pub(crate) async fn step(&self, steps: Vec<SlotStep>) -> Result<(), Fault> {
        check_steps(&steps)?;
        self.send(self.settling, |reply| Job::Step(steps, reply))?.await.map_err(|_| lost())?
    }

    pub(crate) async fn name(
        &self,
        tenant: Id<Merchant>,
        name: SettlementName,
        at: Timestamp,
    ) -> Result<SettlementName, Fault> {
        self.send(self.settling, |reply| Job::Name(tenant, name, at, reply))?.await.map_err(|_| lost())?
    }

    pub(crate) async fn sweep(&self, tenant: Id<Merchant>, limit: u32) -> Result<u32, Fault> {
        self.send(self.cold, |reply| Job::Sweep(tenant, limit, reply))?.await.map_err(|_| lost())?
    }

    fn send<T>(
        &self,
        lane: usize,
        job: impl FnOnce(Reply<T>) -> Job,
    ) -> Result<oneshot::Receiver<Result<T, Fault>>, Fault> {
        let (reply, answer) = oneshot::channel();
        self.queues[lane].try_send(job(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Fault::busy(),
            mpsc::error::TrySendError::Closed(_) => Fault::closed(),
        })?;
        Ok(answer)
    }

    /// Lets each lane finish what is queued and end; whatever is sent later is refused.
    pub(crate) async fn close(&self) {
        for queue in &self.queues {
            // A lane that has ended already needs no telling.
            let _ = queue.send(Job::Stop).await;
        }
    }

    fn lane_of(&self, account: Option<AccountId>) -> usize {
        account.map_or(0, |id| share(id.uuid().as_u128(), self.ledger))
    }
}

/// One of `count`, the same for the same number.
fn share(number: u128, count: usize) -> usize {
    usize::try_from(number % count.max(1) as u128).unwrap_or_default()
}

/// The writer went away with the job in its hands: what became of it is unknown.
fn lost() -> Fault {
    Fault { what: "the writer ended before it answered".into(), retry: Retry::Unknown }
}

impl Lane {
    /// Serves the queue with `writer` until the store is closed or dropped, after answering what was queued. Between two
    /// batches of ledger commands at most one other job runs.
    pub(crate) async fn run(mut self, mut writer: impl Writer) {
        let mut jobs = Vec::with_capacity(MAX_BATCH);
        let mut cold = VecDeque::new();
        loop {
            if cold.is_empty() {
                if self.queue.recv_many(&mut jobs, MAX_BATCH).await == 0 {
                    return;
                }
            } else {
                // No more than can wait: the rest stays in the queue, which refuses when it is full.
                take_waiting(&mut self.queue, &mut jobs, MAX_BATCH.min(MAX_COLD.saturating_sub(cold.len())));
            }
            if jobs.iter().any(|job| matches!(job, Job::Stop)) {
                self.queue.close();
            }
            serve_commands(&mut writer, jobs.drain(..), &mut cold).await;
            if let Some(job) = cold.pop_front() {
                serve_cold(&mut writer, job).await;
            }
        }
    }
}

fn take_waiting(queue: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>, most: usize) {
    while jobs.len() < most
        && let Ok(job) = queue.try_recv()
    {
        jobs.push(job);
    }
}

/// Runs the ledger commands among `jobs` as one batch; the others wait in `cold`.
async fn serve_commands(writer: &mut impl Writer, jobs: impl Iterator<Item = Job>, cold: &mut VecDeque<Job>) {
    let (mut commands, mut replies) = (Vec::new(), Vec::new());
    let (mut payments, mut payers) = (Vec::new(), Vec::new());
    for job in jobs {
        match job {
            Job::Ledger(command, reply) => {
                commands.push(*command);
                replies.push(reply);
            }
            Job::Pay(command, reply) => {
                payments.push(*command);
                payers.push(reply);
            }
            Job::Stop => {}
            other => cold.push_back(other),
        }
    }
    if !payments.is_empty() {
        for (reply, answer) in payers.into_iter().zip(pay(writer, &payments).await) {
            let _ = reply.send(answer);
        }
    }
    if commands.is_empty() {
        return;
    }
    // A caller that has gone away does not need its answer; its command has had its effect all the same.
    for (reply, answer) in replies.into_iter().zip(execute(writer, &commands).await) {
        let _ = reply.send(answer);
    }
}

async fn serve_cold(writer: &mut impl Writer, job: Job) {
    match job {
        Job::Record(record, reply) => drop(reply.send(persist!(writer.record(&record)))),
        Job::Bill(write, reply) => drop(reply.send(persist!(writer.bill(&write)))),
        Job::Collect(collecting, reply) => drop(reply.send(persist!(writer.collect(&collecting)))),
        Job::Intend(intents, from, reply) => drop(reply.send(intend(writer, &intents, from).await)),
        Job::Step(steps, reply) => drop(reply.send(persist!(writer.step(&steps)))),
        Job::Name(tenant, name, at, reply) => drop(reply.send(persist!(writer.name(tenant, &name, at)))),
        Job::Sweep(tenant, limit, reply) => drop(reply.send(writer.sweep(tenant, limit).await)),
        Job::Ledger(..) | Job::Pay(..) | Job::Stop => {}
    }
}

/// Tries again only while nothing was written: a repeat after an unknown commit would find its own rows in the way. Whoever
/// asked looks what became of it.
async fn intend(writer: &mut impl Writer, intents: &Intents, from: Option<SlotId>) -> Result<Intended, Fault> {
    let mut tries = 1;
    loop {
        match writer.intend(intents, from).await {
            Err(fault) if matches!(fault.retry, Retry::After(_)) && tries < TRIES => {
                tracing::warn!(error = %fault, tries, "database write failed, trying again");
                tokio::time::sleep(backoff(tries)).await;
                tries += 1;
            }
            answer => return answer,
        }
    }
}

/// Runs a batch. If it fails for what is in it, each command runs alone, so that a poison one fails alone.
async fn execute(writer: &mut impl Writer, commands: &[Command]) -> Vec<Result<Decision, Fault>> {
    match persist!(writer.batch(commands)) {
        Ok(decisions) => decisions.into_iter().map(Ok).collect(),
        Err(fault) if commands.len() == 1 || fault.retry != Retry::Never => {
            commands.iter().map(|_| Err(fault.clone())).collect()
        }
        Err(_) => {
            let mut answers = Vec::with_capacity(commands.len());
            for command in commands {
                let alone = persist!(writer.batch(std::slice::from_ref(command)));
                answers.push(alone.and_then(only));
            }
            answers
        }
    }
}

/// As [`execute`], for payments.
async fn pay(writer: &mut impl Writer, commands: &[PaymentCommand]) -> Vec<Result<PaymentAnswer, Fault>> {
    match persist!(writer.pay(commands)) {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(fault) if commands.len() == 1 || fault.retry != Retry::Never => {
            commands.iter().map(|_| Err(fault.clone())).collect()
        }
        Err(_) => {
            let mut answers = Vec::with_capacity(commands.len());
            for command in commands {
                let alone = persist!(writer.pay(std::slice::from_ref(command)));
                answers.push(alone.and_then(only));
            }
            answers
        }
    }
}

fn only<T>(decisions: Vec<T>) -> Result<T, Fault> {
    decisions.into_iter().next().ok_or_else(|| Fault::never("a batch of one has no answer"))
}

/// 20, 40, 80, 160 ms, each with up to half of it again, so that two writers do not meet twice.
fn backoff(tries: u32) -> Duration {
    let base = 10_u64 << tries.min(6);
    let jitter = u64::from(uuid::Uuid::now_v7().as_bytes()[15]) * base / 512;
    Duration::from_millis(base + jitter)
}
