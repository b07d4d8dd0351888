//! A whole configuration file, checked by the rules that its parts are written by.

use std::collections::BTreeSet;

use farebox_api::{API_VERSION, Code, Config, FeatureKind, FieldError, PlanConfig};

use super::{super::edge::Denial, features, metrics, plans::named_and_tried, prices::prices, terms};

/// Everything in `config` that a server would refuse whatever it has, each at its place in the file. Plans may only give
/// features of the same file.
#[must_use]
pub fn check_config(config: &Config) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if config.api_version != API_VERSION {
        faults.push(fault("/apiVersion", &format!("must be \"{API_VERSION}\"")));
    }
    let mut seen = BTreeSet::new();
    for (at, metric) in config.billable_metrics.iter().enumerate() {
        let place = format!("/billableMetrics/{at}");
        if !seen.insert(&metric.code) {
            faults.push(fault(&format!("{place}/code"), "is another metric's, too"));
        }
        faults.extend(under(&place, metrics::counting(metric).map(drop)));
    }
    let mut seen = BTreeSet::new();
    for (at, feature) in config.features.iter().enumerate() {
        let place = format!("/features/{at}");
        if !seen.insert(&feature.code) {
            faults.push(fault(&format!("{place}/code"), "is another feature's, too"));
        }
        faults.extend(under(&place, features::own(feature)));
    }
    let mut seen = BTreeSet::new();
    for (at, plan) in config.plans.iter().enumerate() {
        let place = format!("/plans/{at}");
        if !seen.insert(&plan.code) {
            faults.push(fault(&format!("{place}/code"), "is another plan's, too"));
        }
        check_plan(config, plan, &place, &mut faults);
    }
    faults
}

fn check_plan(config: &Config, plan: &PlanConfig, place: &str, faults: &mut Vec<FieldError>) {
    faults.extend(under(place, named_and_tried(plan)));
    faults.extend(under(place, prices(&plan.prices, &[]).map(drop)));
    for (code, grant) in &plan.features {
        let here = format!("/features/{code}");
        match kind(config, code) {
            Some(kind) => faults.extend(under(place, terms(features::kind(kind), grant, &here).map(drop))),
            None => faults.push(fault(&format!("{place}{here}"), "names no feature of this file")),
        }
    }
    for (at, feature) in plan.prices.iter().enumerate().filter_map(|(at, price)| Some((at, price.feature.as_ref()?))) {
        if kind(config, feature).is_none() {
            faults.push(fault(&format!("{place}/prices/{at}/feature"), "names no feature of this file"));
        }
    }
}

fn kind(config: &Config, code: &Code) -> Option<FeatureKind> {
    config.features.iter().find(|feature| feature.code == *code).map(|feature| feature.kind)
}

fn fault(pointer: &str, detail: &str) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code: "invalid".to_owned(), detail: detail.to_owned() }
}

/// What a part's rule says, at the part's place.
fn under(place: &str, checked: Result<(), Denial>) -> Vec<FieldError> {
    let Err(denial) = checked else { return Vec::new() };
    denial
        .errors
        .into_iter()
        .map(|error| FieldError { pointer: format!("{place}{}", error.pointer), ..error })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_at_its_place() {
        let config: Config = serde_json::from_str(
            r#"{"apiVersion":"2025-01-01","billableMetrics":[{"code":"m","aggregation":"unique"},{"code":"m"}],"features":[{"code":"a","kind":"boolean","billableMetric":"m"},{"code":"a","kind":"metered"}],
            "plans":[{"code":"p","name":" ","trialPeriodDays":9,"prices":[],"features":{"a":{"includedUsage":1},"b":{}}},
            {"code":"q","name":"Q","prices":[{"amount":1,"currency":"USD","interval":"month","feature":"c"}],"features":{}}]}"#,
        )
        .unwrap();
        let places: Vec<String> = check_config(&config).into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(
            places,
            [
                "/apiVersion",
                "/billableMetrics/0/property",
                "/billableMetrics/1/code",
                "/features/0/billableMetric",
                "/features/1/code",
                "/plans/0/name",
                "/plans/0/prices",
                "/plans/0/features/a",
                "/plans/0/features/b",
                "/plans/1/prices/0/feature"
            ]
        );
    }
}
