//! `PUT /v1/admin/billable-metrics/{code}`.

use std::collections::BTreeMap;

use farebox_api::{Aggregation as ApiAggregation, MetricConfig};
use farebox_engine::entitlement::{Aggregation, Condition, Counting};
use farebox_store::billing::Metric;
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    code, upsert,
};

const MOST: usize = 16;
const LONGEST: usize = 255;

pub(in crate::billing) async fn put_metric(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let config: MetricConfig = call.body()?;
    let code = code(call, &config.code)?;
    let present = desk.named::<Metric>(call.tenant, &format!("code:{code}")).await?;
    let counting = counting(&config)?;
    if present.as_ref().is_some_and(|row| row.value.counting.aggregation != counting.aggregation) {
        return Err(Denial::member("/aggregation", "cannot change: usage has been counted so; write another metric"));
    }
    let wanted = Metric {
        id: present.as_ref().map_or_else(Uuid::now_v7, |row| row.value.id),
        name: config.name.unwrap_or_else(|| code.clone()),
        code,
        counting,
        archived: false,
    };
    upsert(desk, call, present, wanted, "metric_written").await
}

/// How the events of a metric are counted.
pub(super) fn counting(config: &MetricConfig) -> Result<Counting, Denial> {
    let aggregation = match config.aggregation.unwrap_or(ApiAggregation::Sum) {
        ApiAggregation::Sum => Aggregation::Sum,
        ApiAggregation::Count => Aggregation::Count,
        ApiAggregation::Max => Aggregation::Max,
        ApiAggregation::Unique => Aggregation::Unique,
        ApiAggregation::Last => Aggregation::Last,
    };
    match (aggregation, &config.property) {
        (Aggregation::Unique, None) => {
            return Err(Denial::member("/property", "is missing: unique counts the different texts of a property"));
        }
        (Aggregation::Count, Some(_)) => {
            return Err(Denial::member("/property", "has no use: count counts events, whatever they say"));
        }
        _ => {}
    }
    if config.property.as_ref().is_some_and(|path| !is_path(path)) {
        return Err(Denial::member("/property", "must be the path of a property, as usage.tokens"));
    }
    Ok(Counting { aggregation, property: config.property.clone(), filter: filter(&config.filter)? })
}

fn filter(filter: &BTreeMap<String, Vec<String>>) -> Result<Vec<Condition>, Denial> {
    let good = |(path, texts): (&String, &Vec<String>)| {
        is_path(path) && (1..=MOST).contains(&texts.len()) && texts.iter().all(|text| text.len() <= LONGEST)
    };
    if filter.len() > MOST || !filter.iter().all(good) {
        return Err(Denial::member("/filter", "must be at most 16 properties, each with the 1 to 16 texts it may be"));
    }
    let condition =
        |(property, any_of): (&String, &Vec<String>)| Condition { property: property.clone(), any_of: any_of.clone() };
    Ok(filter.iter().map(condition).collect())
}

fn is_path(path: &str) -> bool {
    path.len() <= LONGEST && path.split('.').all(|name| !name.is_empty() && !name.chars().any(char::is_control))
}
