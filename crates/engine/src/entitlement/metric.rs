//! How the events of a feature are counted.

use std::collections::BTreeMap;

use farebox_types::Quantity;
use serde::{Deserialize, Serialize};

/// What an event says about itself beside its value: texts by their path, as `model` or `request.region`. A number is its
/// shortest decimal text, a boolean `true` or `false`.
pub type Properties = BTreeMap<String, String>;

/// How the values of a window come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Added up.
    Sum,
    /// Each event is one.
    Count,
    /// The highest.
    Max,
    /// How many different ones there are.
    Unique,
    /// The one told last.
    Last,
}

/// One thing that must be so of an event, or it does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Of which property.
    pub property: String,
    /// What it may be.
    pub any_of: Vec<String>,
}

/// A metric's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counting {
    /// How values come together.
    pub aggregation: Aggregation,
    /// Where the value is, if it is not the event's own: a number for all but `unique`, which needs it.
    #[serde(default)]
    pub property: Option<String>,
    /// All of these must be so.
    #[serde(default, deserialize_with = "none_or_all")]
    pub filter: Vec<Condition>,
}

/// What an event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// It adds so much.
    Adds(Quantity),
    /// It takes so much back.
    TakesBack(Quantity),
    /// It is so much, if nothing before was more.
    Highest(Quantity),
    /// It is so much from now on.
    Latest(Quantity),
    /// It is one, unless the same came before.
    First(String),
    /// It does not count.
    Nothing,
}

/// Why an event makes no sense for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Uncountable {
    /// The value is somewhere else, and not there.
    #[error("the event lacks the property that the metric counts")]
    NoProperty,
    /// What is there is no number from 0 up, with at most six decimals.
    #[error("the property that the metric counts is not a number from 0 up with at most six decimals")]
    NoNumber,
    /// Nothing can be added, and nothing taken back.
    #[error("the value must not be 0: nothing is used")]
    Zero,
    /// Events are whole.
    #[error("the metric counts events: a correction takes back a whole number of them")]
    NotWhole,
    /// There is nothing to take back from.
    #[error("the metric keeps the highest, last or different values: it has no corrections, tell the value that holds")]
    NoCorrection,
}

impl Counting {
    /// What is added up as it comes.
    pub const SUM: Self = Self { aggregation: Aggregation::Sum, property: None, filter: Vec::new() };

    /// What an event of `value` (its size; `back` if it was below zero) means.
    ///
    /// # Errors
    /// [`Uncountable`].
    pub fn read(&self, (value, back): (Quantity, bool), properties: &Properties) -> Result<Counted, Uncountable> {
        if !self.filter.iter().all(|condition| condition.holds(properties)) {
            return Ok(Counted::Nothing);
        }
        if back {
            return self.read_back(value);
        }
        match self.aggregation {
            Aggregation::Sum => self.number(value, properties).and_then(some).map(Counted::Adds),
            Aggregation::Count => Ok(Counted::Adds(Quantity::ONE)),
            Aggregation::Max => self.number(value, properties).map(Counted::Highest),
            Aggregation::Last => self.number(value, properties).map(Counted::Latest),
            Aggregation::Unique => self.text(properties).map(|text| Counted::First(text.to_owned())),
        }
    }

    fn read_back(&self, value: Quantity) -> Result<Counted, Uncountable> {
        match self.aggregation {
            Aggregation::Sum => some(value).map(Counted::TakesBack),
            Aggregation::Count if value.whole_units().is_none() => Err(Uncountable::NotWhole),
            Aggregation::Count => some(value).map(Counted::TakesBack),
            Aggregation::Max | Aggregation::Last | Aggregation::Unique => Err(Uncountable::NoCorrection),
        }
    }

    /// Whether units of it can be held and used later: only what adds up whatever is said about it.
    #[must_use]
    pub fn can_be_held(&self) -> bool {
        *self == Self::SUM
    }

    fn text<'a>(&self, properties: &'a Properties) -> Result<&'a str, Uncountable> {
        let text = self.property.as_ref().and_then(|path| properties.get(path));
        text.map(String::as_str).ok_or(Uncountable::NoProperty)
    }

    fn number(&self, value: Quantity, properties: &Properties) -> Result<Quantity, Uncountable> {
        if self.property.is_none() {
            return Ok(value);
        }
        self.text(properties)?.parse().map_err(|_| Uncountable::NoNumber)
    }
}

/// Rows of before the filter had conditions say null.
fn none_or_all<'de, D: serde::Deserializer<'de>>(row: D) -> Result<Vec<Condition>, D::Error> {
    Option::<Vec<Condition>>::deserialize(row).map(Option::unwrap_or_default)
}

impl Condition {
    fn holds(&self, properties: &Properties) -> bool {
        properties.get(&self.property).is_some_and(|text| self.any_of.contains(text))
    }
}

fn some(value: Quantity) -> Result<Quantity, Uncountable> {
    if value.is_zero() { Err(Uncountable::Zero) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: u64) -> Quantity {
        Quantity::from_units(units).unwrap()
    }

    fn counting(aggregation: Aggregation, property: Option<&str>) -> Counting {
        Counting { aggregation, property: property.map(str::to_owned), filter: Vec::new() }
    }

    fn said(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn an_event_that_the_filter_does_not_take_counts_nothing() {
        let condition = Condition { property: "tier".into(), any_of: vec!["pro".into(), "team".into()] };
        let counting = Counting { filter: vec![condition], ..Counting::SUM };
        let read = |pairs| counting.read((units(3), false), &said(pairs));
        assert_eq!(read(&[("tier", "team")]), Ok(Counted::Adds(units(3))));
        assert_eq!(read(&[("tier", "free")]), Ok(Counted::Nothing));
        assert_eq!(read(&[]), Ok(Counted::Nothing));
    }

    #[test]
    fn a_value_is_the_events_own_or_a_property() {
        let tokens = counting(Aggregation::Sum, Some("usage.tokens"));
        let read = |text| tokens.read((units(1), false), &said(&[("usage.tokens", text)]));
        assert_eq!(read("12.5"), Ok(Counted::Adds(Quantity::from_micros(12_500_000).unwrap())));
        assert_eq!(read("many"), Err(Uncountable::NoNumber));
        assert_eq!(read("0"), Err(Uncountable::Zero));
        assert_eq!(tokens.read((units(1), false), &said(&[])), Err(Uncountable::NoProperty));
    }

    #[test]
    fn each_aggregation_reads_an_event_its_own_way() {
        let user = said(&[("user", "ann")]);
        for (aggregation, means) in [
            (Aggregation::Sum, Counted::Adds(units(7))),
            (Aggregation::Count, Counted::Adds(units(1))),
            (Aggregation::Max, Counted::Highest(units(7))),
            (Aggregation::Last, Counted::Latest(units(7))),
        ] {
            assert_eq!(counting(aggregation, None).read((units(7), false), &user), Ok(means));
        }
        let unique = counting(Aggregation::Unique, Some("user"));
        assert_eq!(unique.read((units(7), false), &user), Ok(Counted::First("ann".into())));
    }

    #[test]
    fn only_what_adds_up_can_be_corrected() {
        let back = |aggregation, value| counting(aggregation, None).read((value, true), &said(&[]));
        assert_eq!(back(Aggregation::Sum, units(2)), Ok(Counted::TakesBack(units(2))));
        assert_eq!(back(Aggregation::Count, units(2)), Ok(Counted::TakesBack(units(2))));
        let half = Quantity::from_micros(500_000).unwrap();
        assert_eq!(back(Aggregation::Count, half), Err(Uncountable::NotWhole));
        for aggregation in [Aggregation::Max, Aggregation::Last, Aggregation::Unique] {
            assert_eq!(back(aggregation, units(2)), Err(Uncountable::NoCorrection));
        }
    }
}
