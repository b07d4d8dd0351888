//! Our facilitator beside the official ones: the same chain, the same payments, a signer each, turn by turn.
//!
//! Only answers that say yes are counted, and the chain must agree with every settle.

mod chain;
mod load;
mod payments;
mod round;
mod subject;

use anyhow::{Context, ensure};
use chain::Chain;
use load::Verb;
use payments::{PRICE, Payers};
use round::{Round, compare};
use subject::Subject;

use crate::figure::{Figure, rounded};

const CALLERS: [usize; 2] = [8, 64];
const ROUNDS: usize = 3;
const PAYERS: u64 = 64;

/// Everything that a run needs, and that ends with it.
struct Bench {
    chain: Chain,
    payers: Payers,
    subjects: Vec<Subject>,
    _home: tempfile::TempDir,
}

/// All of it, or, without `ours`, the official ones alone.
pub(crate) async fn run(ours: bool) -> anyhow::Result<()> {
    let mut bench = Bench::start(ours).await?;
    for verb in [Verb::Verify, Verb::Settle] {
        for callers in CALLERS {
            bench.rates(verb, callers).await?;
        }
    }
    bench.one_authorization().await?;
    bench.many_at_once().await
}

impl Bench {
    async fn start(ours: bool) -> anyhow::Result<Self> {
        let url =
            std::env::var("FAREBOX_TEST_ANVIL").context("FAREBOX_TEST_ANVIL is not set; ./x bench starts a chain")?;
        let (chain, payers, home) = (Chain::new(&url), Payers::new(PAYERS)?, tempfile::tempdir()?);
        chain.fund(&payers.addresses()).await?;
        let mut subjects = Vec::new();
        if ours {
            let sqlite = format!("sqlite:{}", home.path().join("facilitator.db").display());
            subjects.push(Subject::farebox("farebox on SQLite", &sqlite, chain.url(), 0)?);
            if let Some(postgres) = postgres().await? {
                subjects.push(Subject::farebox("farebox on PostgreSQL", &postgres, chain.url(), 3)?);
            }
        }
        subjects.push(Subject::python(chain.url(), 1)?);
        subjects.push(Subject::typescript(chain.url(), 2)?);
        Ok(Self { chain, payers, subjects, _home: home })
    }

    /// Verifies or settles a second, and the CPU time of each.
    async fn rates(&mut self, verb: Verb, callers: usize) -> anyhow::Result<()> {
        let mut counts = Vec::new();
        for at in 0..self.subjects.len() {
            counts.push(self.enough(at, verb, callers).await?);
        }
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let bare = self.payers.bare_recovery(round::BARE)?;
            let mut of_subjects = Vec::new();
            for (at, count) in counts.iter().enumerate() {
                of_subjects.push(self.sample(at, verb, callers, *count).await?);
            }
            rounds.push(Round { bare, of_subjects });
        }
        compare(&self.subjects, verb, callers, &rounds);
        Ok(())
    }

    /// How many payments last a subject about as long as a round should take; warms it, too.
    async fn enough(&mut self, at: usize, verb: Verb, callers: usize) -> anyhow::Result<usize> {
        let mut count = callers;
        loop {
            let sample = self.sample(at, verb, callers, count).await?;
            if sample.elapsed * 4 > round::LENGTH {
                let whole = round::LENGTH.as_millis() * count as u128 / sample.elapsed.as_millis().max(1);
                return Ok(usize::try_from(whole)?.max(callers));
            }
            count *= 4;
        }
    }

    async fn sample(&mut self, at: usize, verb: Verb, callers: usize, count: usize) -> anyhow::Result<round::Sample> {
        let seller = self.payers.seller();
        let bodies = self.payers.bodies(count, seller)?;
        let subject = &self.subjects[at];
        let before = subject.process.cpu()?;
        let outcome = subject.send(verb, bodies, callers).await?;
        let cpu = subject.process.cpu()?.saturating_sub(before);
        if verb == Verb::Settle {
            self.agree(seller, outcome.good).await?;
        }
        ensure!(!subject.ours || outcome.refusals() == 0, "{} refused honest payments", subject.name);
        Ok(round::Sample::of(&outcome, cpu))
    }

    /// Whoever says that it has settled, has.
    async fn agree(&self, seller: farebox_evm::primitives::Address, settled: usize) -> anyhow::Result<()> {
        let paid = self.chain.balance(seller).await?;
        let wanted = farebox_evm::primitives::U256::from(PRICE) * farebox_evm::primitives::U256::from(settled);
        ensure!(paid >= wanted, "{settled} settled, and the seller has {paid}");
        if paid > wanted {
            eprintln!("the seller has {paid}, though the answers that said yes make {wanted}");
        }
        Ok(())
    }

    /// What twelve callers cost who settle one payment at the same time.
    async fn one_authorization(&mut self) -> anyhow::Result<()> {
        const TOGETHER: usize = 12;
        let mut spent = Vec::new();
        for subject in &self.subjects {
            let seller = self.payers.seller();
            let body = self.payers.bodies(1, seller)?.swap_remove(0);
            let before = self.chain.spent(subject.signer).await?;
            let outcome = subject.send(Verb::Settle, vec![body; TOGETHER], TOGETHER).await?;
            self.agree(seller, 1).await?;
            spent.push((self.chain.spent(subject.signer).await?.saturating_sub(before).to::<u64>(), outcome.good));
        }
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let (transactions, answers): (Vec<f64>, Vec<f64>) =
            spent.into_iter().map(|(transactions, good)| (transactions as f64, good as f64)).unzip();
        self.beside("transactions for 12 settles of one payment", TOGETHER, &transactions);
        self.beside("successes of 12 settles of one payment", TOGETHER, &answers);
        Ok(())
    }

    /// Two hundred settles from twenty payers at the same time, through one signer.
    async fn many_at_once(&mut self) -> anyhow::Result<()> {
        const TOGETHER: usize = 200;
        let mut crowd = Payers::new(20)?;
        self.chain.fund(&crowd.addresses()).await?;
        let (mut landed, mut rates) = (Vec::new(), Vec::new());
        for subject in &self.subjects {
            let seller = crowd.seller();
            let outcome = subject.send(Verb::Settle, crowd.bodies(TOGETHER, seller)?, TOGETHER).await?;
            self.agree(seller, outcome.good).await?;
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            landed.push(outcome.good as f64);
            rates.push(outcome.per_second());
        }
        self.beside("of 200 parallel settles landed", TOGETHER, &landed);
        self.beside("settles/s, 200 in parallel", TOGETHER, &rates);
        Ok(())
    }

    fn beside(&self, unit: &str, callers: usize, values: &[f64]) {
        for (subject, baseline) in round::pairs(&self.subjects) {
            let (value, baseline_value) = (values[subject], values[baseline]);
            Figure {
                bench: "facilitator",
                subject: self.subjects[subject].name,
                callers,
                value: rounded(value),
                unit,
                baseline: self.subjects[baseline].name,
                baseline_value: rounded(baseline_value),
                ratio: rounded(value / baseline_value),
            }
            .print();
        }
    }
}

/// A database of its own on the server that `./x bench` has started.
async fn postgres() -> anyhow::Result<Option<String>> {
    use sqlx::{Connection, PgConnection};

    const NAME: &str = "facilitator_bench";
    let Ok(server) = std::env::var("FAREBOX_BENCH_POSTGRES") else { return Ok(None) };
    let mut connection = PgConnection::connect(&server).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {NAME}"))).execute(&mut connection).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {NAME}"))).execute(&mut connection).await?;
    let (server, _) = server.rsplit_once('/').context("an odd FAREBOX_BENCH_POSTGRES")?;
    Ok(Some(format!("{server}/{NAME}")))
}
