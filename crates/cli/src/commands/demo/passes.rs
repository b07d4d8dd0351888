//! The walk's step with plans: from a file, to a subscription, to the end of its balance, to a larger plan.

use std::fs;

use anyhow::{Context, ensure};
use farebox_client::{
    Buyer, Client, Holder,
    api::{Amount, Check, Code},
};
use farebox_types::Secret;

use super::backend::Backend;
use crate::output::Output;

const PLANS: &str = include_str!("plans.toml");
const INCLUDED: u32 = 3;

pub(super) async fn walk(backend: &Backend, token: &str, output: &Output) -> anyhow::Result<()> {
    output.line("4. Plans from a file, a subscription used up, and a larger plan");
    fs::write(backend.folder().join("plans.toml"), PLANS)?;
    let applied = backend.apply("plans.toml", token).await?;
    let again = backend.apply("plans.toml", token).await?;
    ensure!((applied, again) == (3, 0), "the file was applied {applied} and {again} times");
    output.line("   farebox config apply    1 feature and 2 plans written; again: nothing to do");

    let client = Client::builder(Secret::new(token.to_owned())).base_url(backend.url()).build()?;
    let plans = client.plans().list().await?.data;
    let plan = |code: &str| plans.iter().find(|plan| plan.code.as_str() == code).context("a plan is not there");
    let customer = client.customers().create(format!("{}@example.com", uuid::Uuid::now_v7().simple())).await?;
    let attached = client.attach(Buyer::Customer(customer.id), plan("free")?.id).await?;
    let given = client.subscriptions().entitlements(attached.subscription_id).await?;
    ensure!(attached.checkout_url.is_none() && given.features.len() == 1, "a free plan is not active at once");
    output.line(format!("   attach free             active at once: {INCLUDED} reports a month"));

    let step = Passes { client: &client, whose: Holder::Customer(customer.id), feature: "reports".parse()? };
    for _ in 0..INCLUDED {
        ensure!(step.check().await?.allowed, "a report was refused too early");
        step.track().await?;
    }
    let refused = step.check().await?;
    ensure!(!refused.allowed && refused.balance == Some(Amount::ZERO), "a report was allowed too many");
    output.line(format!("   check, track {INCLUDED} times    balance 0; the next check: allowed false"));

    client.subscriptions().change_plan(attached.subscription_id, plan("pro")?.id).await?;
    let more = step.check().await?;
    let balance = more.balance.context("a balance is not there")?;
    ensure!(more.allowed && balance == Amount::from_micros(97_000_000), "after the upgrade the balance is {balance}");
    output.line(format!("   change-plan to pro      allowed again: {balance} left, what was used counts on\n"));
    Ok(())
}

/// One customer's calls.
struct Passes<'a> {
    client: &'a Client,
    whose: Holder,
    feature: Code,
}

impl Passes<'_> {
    async fn check(&self) -> anyhow::Result<Check> {
        Ok(self.client.check(self.whose, self.feature.clone()).await?)
    }

    async fn track(&self) -> anyhow::Result<()> {
        Ok(self.client.track(self.whose, self.feature.clone(), Amount::from_micros(1_000_000)).await?)
    }
}
