//! One line of output.

use serde::Serialize;

/// A measured figure, beside the baseline of the same run.
#[derive(Serialize)]
pub(crate) struct Figure<'a> {
    pub(crate) bench: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) callers: usize,
    pub(crate) value: f64,
    pub(crate) unit: &'a str,
    pub(crate) baseline: &'a str,
    pub(crate) baseline_value: f64,
    pub(crate) ratio: f64,
}

impl Figure<'_> {
    pub(crate) fn print(&self) {
        println!("{}", serde_json::to_string(self).unwrap_or_default());
    }
}

/// The middle one of several rounds.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The median of the ratios of paired rounds, which a drifting machine disturbs less than the ratio of medians.
pub(crate) fn paired(values: &[f64], baselines: &[f64]) -> f64 {
    median(values.iter().zip(baselines).map(|(value, baseline)| value / baseline).collect())
}

/// Three decimals are plenty.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
