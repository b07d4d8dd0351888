//! A merchant's day on a billing API: something to sell, a customer, usage, what is left.
//!
//! ```sh
//! cargo run -p farebox-client --example journey -- http://127.0.0.1:3001 pl_test_…
//! ```

use std::io::{self, Write};

use farebox_client::{
    Buyer, Client, Holder,
    api::{FeatureConfig, MetricConfig, PlanConfig},
};
use farebox_types::Secret;
use futures_util::TryStreamExt;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const FEATURE: &str = r#"{"code":"api_calls","name":"API calls","kind":"metered","billableMetric":"calls"}"#;
const PLAN: &str = r#"{"code":"free","name":"Free","prices":[{"amount":0,"currency":"USD","interval":"month"}],
    "features":{"api_calls":{"includedUsage":10,"usageCycle":"calendar_month"}}}"#;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(token)) = (arguments.next(), arguments.next()) else {
        return Err("usage: journey URL TOKEN".into());
    };
    let left = day(&url, token).await?;
    writeln!(io::stdout(), "{left} calls left")?;
    Ok(())
}

/// What is left at its end.
pub(crate) async fn day(url: &str, token: String) -> Outcome<String> {
    let client = Client::builder(Secret::new(token)).base_url(url).build()?;
    sell(&client).await?;
    use_it(&client).await
}

/// Safe to repeat: what is there already stays as it is.
async fn sell(client: &Client) -> Outcome<()> {
    let metric: MetricConfig = serde_json::from_str(r#"{"code":"calls","aggregation":"sum"}"#)?;
    let (feature, plan): (FeatureConfig, PlanConfig) = (serde_json::from_str(FEATURE)?, serde_json::from_str(PLAN)?);
    client.admin().billable_metrics().put(&"calls".parse()?, metric).await?;
    client.admin().features().put(&"api_calls".parse()?, feature).await?;
    client.admin().plans().put(&"free".parse()?, plan).await?;
    Ok(())
}

async fn use_it(client: &Client) -> Outcome<String> {
    let customer = client.customers().create("ann@example.com").name("Ann").await?;
    let plans: Vec<_> = client.plans().list().limit(1).stream().try_collect().await?;
    let plan = plans.iter().find(|plan| plan.code.as_str() == "free").ok_or("nothing is sold")?;
    if client.customers().subscriptions(customer.id).await?.data.is_empty() {
        client.attach(Buyer::Customer(customer.id), plan.id).await?;
    }
    let (whose, calls) = (Holder::Customer(customer.id), "api_calls".parse()?);
    if client.check(whose, calls).required_usage("2.5".parse()?).await?.allowed {
        client.track(whose, "api_calls".parse()?, "2.5".parse()?).dedup_key("first".parse()?).await?;
    }
    let answer = client.check(whose, "api_calls".parse()?).await?;
    Ok(answer.balance.map(|balance| balance.to_string()).unwrap_or_default())
}
