//! Asking what a customer may use.

use farebox_engine::{
    entitlement::{Answer, Balance, FeatureFacts, Question, Source, check},
    ledger::{Account, AccountSpec, Actor, Book, Command, Transfer},
};
use farebox_types::{Id, Merchant, Quantity};
use uuid::Uuid;

use super::{AccountsAt, Billing, BillingError, Feature, Holdings, Kind, Row, holdings::Stream};
use crate::Fault;

impl Billing {
    /// A feature by its code.
    ///
    /// # Errors
    /// [`BillingError::NotFound`] if the tenant has none of that code, or a [`Fault`].
    pub async fn feature(&self, tenant: Id<Merchant>, code: &str) -> Result<Row<Feature>, BillingError> {
        let row = self.named::<Feature>(tenant, &Feature::name_of(code)).await?;
        row.ok_or(BillingError::NotFound(Kind::Feature))
    }

    /// Whether a customer may use `required` of a feature now. Writes nothing.
    ///
    /// # Errors
    /// [`BillingError::NotFound`] for an unknown customer or feature, or a [`Fault`].
    pub async fn check(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        feature_code: &str,
        required: Quantity,
    ) -> Result<Answer, BillingError> {
        let (feature, holdings) = self.standing(tenant, customer, feature_code).await?;
        self.answer(&holdings, &feature, required).await
    }

    /// The same for every feature that the holdings give anything of, each asked for nothing in particular.
    ///
    /// # Errors
    /// A [`Fault`].
    pub async fn entitlements(&self, holdings: &Holdings, features: &[Feature]) -> Result<Vec<Answer>, BillingError> {
        let mut answers = Vec::with_capacity(features.len());
        for feature in features {
            answers.push(self.answer(holdings, feature, Quantity::ZERO).await?);
        }
        Ok(answers)
    }

    /// Answers from holdings that were read.
    ///
    /// # Errors
    /// A [`Fault`].
    pub async fn answer(
        &self,
        holdings: &Holdings,
        feature: &Feature,
        required: Quantity,
    ) -> Result<Answer, BillingError> {
        let streams = holdings.streams(feature.id);
        let balance = self.balance(holdings, feature, &streams).await?;
        Ok(Outlook::new(holdings, feature, &streams).answer(balance, required))
    }

    /// The balance as the next write would find it: windows that have begun are open.
    pub(super) async fn balance(
        &self,
        holdings: &Holdings,
        feature: &Feature,
        streams: &[Stream],
    ) -> Result<Balance, Fault> {
        let start = holdings.counted_in(streams).start;
        let meter = AccountSpec::meter(holdings.tenant, feature.id, holdings.customer.value.id, start);
        let Ok(spec) = holdings.account(feature) else { return Ok(Balance::default()) };
        let wanted = AccountsAt { specs: vec![spec.clone(), meter.clone()], at: holdings.now };
        let read = self.reads.accounts.ask(wanted).await?;
        let found = |id| read.iter().find(|row| row.spec.id == id).cloned();
        let meter = found(meter.id);
        let mut account = found(spec.id);
        if feature.credits_plan.is_none() {
            let unopened = self.unopened(holdings, feature, streams).await?;
            account = Some(opened(account.unwrap_or_else(|| Account::open(spec)), holdings, unopened));
        }
        Ok(Balance::of(account.as_ref(), meter.as_ref(), holdings.now))
    }

    /// The commands that open those windows that have begun and are not open, with the markers of the newest that are.
    async fn unopened(
        &self,
        holdings: &Holdings,
        feature: &Feature,
        streams: &[Stream],
    ) -> Result<Vec<(Command, Option<Transfer>)>, Fault> {
        let actor = Actor::new("clock");
        let mut commands = Vec::new();
        for renewal in streams.iter().filter_map(|stream| holdings.renewal(feature.id, stream, &actor)) {
            let Some(last) = renewal.windows.last().map(|window| window.id) else { continue };
            if self.is_open(last) {
                continue;
            }
            let mut newest = None;
            for window in renewal.windows.iter().rev() {
                newest = self.store.transfer(holdings.tenant, window.id).await?;
                if newest.is_some() {
                    break;
                }
            }
            if newest.as_ref().is_some_and(|row| row.id == last) {
                self.remember_open(std::iter::once(last));
            } else {
                commands.push((Command::Renew(renewal), newest));
            }
        }
        Ok(commands)
    }
}

/// The account with these windows open, in memory.
fn opened(account: Account, holdings: &Holdings, commands: Vec<(Command, Option<Transfer>)>) -> Account {
    if commands.is_empty() {
        return account;
    }
    let (id, before) = (account.spec.id, account.clone());
    let (commands, markers): (Vec<Command>, Vec<Option<Transfer>>) = commands.into_iter().unzip();
    let mut book = Book::new(holdings.now, vec![account], markers.into_iter().flatten().collect());
    for command in &commands {
        // A refusal leaves the account as it was.
        let _ = book.apply(command);
    }
    book.into_changes().accounts.into_iter().find(|row| row.spec.id == id).unwrap_or(before)
}

/// Everything that a check looks at, but the balance.
pub(super) struct Outlook {
    feature: Feature,
    sources: Vec<Source>,
    inactive: bool,
}

impl Outlook {
    pub(super) fn new(holdings: &Holdings, feature: &Feature, streams: &[Stream]) -> Self {
        let sources = streams.iter().map(|stream| stream.source.clone()).collect();
        Self { feature: feature.clone(), sources, inactive: holdings.is_inactive(feature.id) }
    }

    pub(super) fn answer(&self, balance: Balance, required: Quantity) -> Answer {
        let feature = &self.feature;
        let facts = FeatureFacts {
            id: feature.id,
            code: &feature.code,
            name: &feature.name,
            kind: feature.kind,
            unit: feature.unit.as_deref(),
        };
        check(&Question { feature: facts, sources: &self.sources, inactive: self.inactive, balance, required })
    }
}
