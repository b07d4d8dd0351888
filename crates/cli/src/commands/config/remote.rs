//! The server's side: reading what it sells, and writing it.

use std::collections::BTreeMap;

use farebox_client::{
    Client, Error,
    api::{Code, Config, FeatureConfig, MetricConfig, PlanConfig, ProductConfig},
};
use farebox_types::IdempotencyKey;
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;

use super::{diff::Sort, minimal};
use crate::{commands::connect, failure::failure};

/// A server, and a name for what is written to it now.
pub(super) struct Remote {
    client: Client,
    /// A repeated call within one apply is one operation; the next apply is another.
    run: String,
}

impl Remote {
    pub(super) fn new(client: Client) -> Self {
        Self { client, run: uuid::Uuid::now_v7().to_string() }
    }

    /// What it sells, as a file would say it.
    pub(super) async fn read(&self) -> anyhow::Result<Config> {
        let admin = self.client.admin();
        let metrics = all(admin.billable_metrics().list().limit(100).stream()).await?;
        let features = all(admin.features().list().limit(100).stream()).await?;
        let plans = all(admin.plans().list().limit(100).stream()).await?;
        let odd = || failure("the server has a price that no file can hold", "change it with the API first");
        minimal::present((metrics, features), plans).ok_or_else(odd)
    }

    /// Products and metrics that plans and features name: where the file has their codes only, they are made if they are
    /// missing, and never changed. How many were made.
    pub(super) async fn name_what_is_named(&self, config: &Config) -> anyhow::Result<usize> {
        let admin = self.client.admin();
        let products = all(admin.products().list().limit(100).stream()).await?;
        let metrics = all(admin.billable_metrics().list().limit(100).stream()).await?;
        let mut made = 0;
        let mut codes: Vec<&Code> = config.plans.iter().filter_map(|plan| plan.product.as_ref()).collect();
        codes.sort();
        codes.dedup();
        for code in codes.into_iter().filter(|code| products.iter().all(|known| known.code != **code)) {
            let body = ProductConfig { code: code.clone(), name: None };
            let call = admin.products().put(code, body).idempotency_key(self.key("product", code)?);
            call.send().await.map_err(connect::explain)?;
            made += 1;
        }
        let mut codes: Vec<&Code> =
            config.features.iter().filter_map(|feature| feature.billable_metric.as_ref()).collect();
        codes.retain(|code| config.billable_metrics.iter().all(|metric| metric.code != **code));
        codes.sort();
        codes.dedup();
        for code in codes.into_iter().filter(|code| metrics.iter().all(|known| known.code != **code)) {
            let body = MetricConfig {
                code: code.clone(),
                name: None,
                aggregation: None,
                property: None,
                filter: BTreeMap::new(),
            };
            let call = admin.billable_metrics().put(code, body).idempotency_key(self.key("metric", code)?);
            call.send().await.map_err(connect::explain)?;
            made += 1;
        }
        Ok(made)
    }

    pub(super) async fn put_metric(&self, metric: &MetricConfig) -> Result<(), PutError> {
        let key = self.key("metric", &metric.code)?;
        let shelf = self.client.admin().billable_metrics();
        Ok(shelf.put(&metric.code, metric.clone()).idempotency_key(key).send().await.map(drop)?)
    }

    pub(super) async fn put_feature(&self, feature: &FeatureConfig) -> Result<(), PutError> {
        let key = self.key("feature", &feature.code)?;
        let shelf = self.client.admin().features();
        Ok(shelf.put(&feature.code, feature.clone()).idempotency_key(key).send().await.map(drop)?)
    }

    pub(super) async fn put_plan(&self, plan: &PlanConfig) -> Result<(), PutError> {
        let key = self.key("plan", &plan.code)?;
        let shelf = self.client.admin().plans();
        Ok(shelf.put(&plan.code, plan.clone()).idempotency_key(key).send().await.map(drop)?)
    }

    pub(super) async fn archive(&self, sort: Sort, code: &Code) -> Result<(), PutError> {
        let key = self.key(&format!("archive-{}", sort.word()), code)?;
        let admin = self.client.admin();
        let call = match sort {
            Sort::Metric => admin.billable_metrics().archive(code),
            Sort::Feature => admin.features().archive(code),
            Sort::Plan => admin.plans().archive(code),
        };
        Ok(call.idempotency_key(key).send().await?)
    }

    fn key(&self, what: &str, code: &Code) -> Result<IdempotencyKey, farebox_types::BadIdempotencyKey> {
        format!("config:{}:{what}:{code}", self.run).parse()
    }
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum PutError {
    #[error(transparent)]
    Key(#[from] farebox_types::BadIdempotencyKey),
    #[error(transparent)]
    Call(#[from] Error),
}

async fn all<T: DeserializeOwned>(
    things: impl futures_util::Stream<Item = Result<T, Error>>,
) -> anyhow::Result<Vec<T>> {
    things.try_collect().await.map_err(connect::explain)
}
