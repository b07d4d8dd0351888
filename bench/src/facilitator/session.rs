//! One facilitator's turn, on a chain that nobody has used before.

use std::time::Duration;

use anyhow::ensure;
use farebox_evm::primitives::{Address, U256};
use tempfile::TempDir;

use super::{
    chain::Chain,
    load::{Outcome, Verb},
    node::Node,
    payments::{PRICE, Payers},
    subject::{Kind, Subject},
};

const CALLERS: [usize; 2] = [8, 64];
const PAYERS: u64 = 64;
/// About how long one sample takes.
const LENGTH: Duration = Duration::from_secs(1);
/// A sample of settles has no more, so that the last find about the chain that the first found.
const MOST_SETTLES: u128 = 1000;

/// One figure of one turn. All kinds of facilitator have the same ones, in the same order.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) unit: &'static str,
    pub(super) callers: usize,
    pub(super) value: f64,
}

pub(super) struct Session {
    payers: Payers,
    chain: Chain,
    // In the order of their end.
    subject: Subject,
    _node: Node,
    _home: TempDir,
}

impl Session {
    pub(super) async fn start(kind: Kind) -> anyhow::Result<Self> {
        let (node, payers, home) = (Node::start()?, Payers::new(PAYERS)?, tempfile::tempdir()?);
        let chain = Chain::new(node.url());
        chain.fund(&payers.addresses()).await?;
        let subject = Subject::start(kind, node.url(), home.path()).await?;
        Ok(Self { payers, chain, subject, _node: node, _home: home })
    }

    pub(super) async fn measure(mut self) -> anyhow::Result<Vec<Reading>> {
        let mut readings = Vec::new();
        for callers in CALLERS {
            let (rate, cpu, _) = self.rate(Verb::Verify, callers).await?;
            readings.push(Reading { unit: "verifies/s", callers, value: rate });
            readings.push(Reading { unit: super::PER_VERIFY, callers, value: cpu });
        }
        self.one_authorization(&mut readings).await?;
        for callers in CALLERS {
            let (rate, cpu, refused) = self.rate(Verb::Settle, callers).await?;
            readings.push(Reading { unit: "settles/s", callers, value: rate });
            readings.push(Reading { unit: "server CPU us/settle", callers, value: cpu });
            readings.push(Reading { unit: "settles refused", callers, value: refused });
        }
        self.many_at_once(&mut readings).await?;
        Ok(readings)
    }

    /// How many a second, CPU microseconds of each, and how many were refused.
    async fn rate(&mut self, verb: Verb, callers: usize) -> anyhow::Result<(f64, f64, f64)> {
        let count = self.enough(verb, callers).await?;
        let before = self.subject.process.cpu()?;
        let outcome = self.sample(verb, callers, count).await?;
        let cpu = self.subject.process.cpu()?.saturating_sub(before);
        Ok((outcome.per_second(), cpu.as_secs_f64() * 1e6 / float(count), float(outcome.refusals())))
    }

    /// How many payments last about as long as a sample should take; warms up, too.
    async fn enough(&mut self, verb: Verb, callers: usize) -> anyhow::Result<usize> {
        let most = if verb == Verb::Settle { MOST_SETTLES } else { u128::MAX };
        let mut count = callers;
        loop {
            let elapsed = self.sample(verb, callers, count).await?.elapsed;
            if elapsed * 5 > LENGTH || verb == Verb::Settle && count > 200 {
                let whole = LENGTH.as_nanos() * count as u128 / elapsed.as_nanos().max(1);
                return Ok(usize::try_from(whole.min(most))?.max(callers));
            }
            count *= 2;
        }
    }

    async fn sample(&mut self, verb: Verb, callers: usize, count: usize) -> anyhow::Result<Outcome> {
        let seller = self.payers.seller();
        let outcome = self.subject.send(verb, self.payers.bodies(count, seller)?, callers).await?;
        if verb == Verb::Settle {
            self.agree(seller, outcome.good).await?;
        }
        let honest = !self.subject.kind.is_ours() || outcome.refusals() == 0;
        ensure!(honest, "{} refused honest payments", self.subject.kind.name());
        Ok(outcome)
    }

    /// Whoever says that it has settled, has.
    async fn agree(&self, seller: Address, settled: usize) -> anyhow::Result<()> {
        let (paid, wanted) = (self.chain.balance(seller).await?, U256::from(PRICE) * U256::from(settled));
        ensure!(paid >= wanted, "{settled} settled, and the seller has {paid}");
        if paid > wanted {
            eprintln!("{}: said yes to {wanted}, and {paid} moved", self.subject.kind.name());
        }
        Ok(())
    }

    /// What twelve callers cost who settle one payment at the same time.
    async fn one_authorization(&mut self, readings: &mut Vec<Reading>) -> anyhow::Result<()> {
        const TOGETHER: usize = 12;
        let seller = self.payers.seller();
        let body = self.payers.bodies(1, seller)?.swap_remove(0);
        let before = self.chain.spent(self.subject.signer).await?;
        let outcome = self.subject.send(Verb::Settle, vec![body; TOGETHER], TOGETHER).await?;
        let spent = self.chain.spent(self.subject.signer).await?.saturating_sub(before);
        ensure!(self.chain.balance(seller).await? == U256::from(PRICE), "one payment was not paid once");
        let (unit, value) = ("transactions for 12 settles of one payment", float(usize::try_from(spent)?));
        readings.push(Reading { unit, callers: TOGETHER, value });
        let (unit, value) = ("successes of 12 settles of one payment", float(outcome.good));
        readings.push(Reading { unit, callers: TOGETHER, value });
        Ok(())
    }

    /// Two hundred settles from twenty payers at the same time, through one signer.
    async fn many_at_once(&mut self, readings: &mut Vec<Reading>) -> anyhow::Result<()> {
        const TOGETHER: usize = 200;
        let mut crowd = Payers::new(20)?;
        self.chain.fund(&crowd.addresses()).await?;
        let seller = crowd.seller();
        let before = self.chain.spent(self.subject.signer).await?;
        let outcome = self.subject.send(Verb::Settle, crowd.bodies(TOGETHER, seller)?, TOGETHER).await?;
        self.agree(seller, outcome.good).await?;
        let spent = self.chain.spent(self.subject.signer).await?.saturating_sub(before);
        for (unit, value) in [
            ("of 200 parallel settles landed", float(outcome.good)),
            ("transactions for 200 parallel settles", float(usize::try_from(spent)?)),
            ("settles/s, 200 in parallel", outcome.per_second()),
        ] {
            readings.push(Reading { unit, callers: TOGETHER, value });
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts become figures")]
const fn float(count: usize) -> f64 {
    count as f64
}
