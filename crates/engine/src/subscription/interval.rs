//! Periods, each counted from the original anchor: 31 January, 29 February, 31 March.

use farebox_types::Timestamp;
use jiff::{Span, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// What a period is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalUnit {
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// In what.
    pub unit: IntervalUnit,
    /// How many, from 1.
    pub count: u16,
}

/// A span of time, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Interval {
    /// A month.
    pub const MONTH: Self = Self { unit: IntervalUnit::Month, count: 1 };
    /// A year.
    pub const YEAR: Self = Self { unit: IntervalUnit::Year, count: 1 };

    fn span(self, index: i64) -> Option<Span> {
        let units = index.checked_mul(i64::from(self.count.max(1)))?;
        match self.unit {
            IntervalUnit::Day => Span::new().try_days(units),
            IntervalUnit::Week => Span::new().try_weeks(units),
            IntervalUnit::Month => Span::new().try_months(units),
            IntervalUnit::Year => Span::new().try_years(units),
        }
        .ok()
    }

    /// The length of a typical period, for a first guess.
    const fn about(self) -> i64 {
        let days = match self.unit {
            IntervalUnit::Day => 1,
            IntervalUnit::Week => 7,
            IntervalUnit::Month => 30,
            IntervalUnit::Year => 365,
        };
        let count = if self.count == 0 { 1 } else { self.count };
        days * 86_400_000_000 * (count as i64)
    }
}

/// The period of that number; the anchor begins number 0. Beyond the calendar (year 9999) time stands still.
#[must_use]
pub fn period_at(anchor: Timestamp, interval: Interval, index: i64) -> Period {
    Period { start: boundary(anchor, interval, index), end: boundary(anchor, interval, index.saturating_add(1)) }
}

/// The number of the period that `at` falls into; below 0 before the anchor.
#[must_use]
pub fn period_of(anchor: Timestamp, interval: Interval, at: Timestamp) -> i64 {
    let mut index = (at.micros() - anchor.micros()).div_euclid(interval.about());
    while boundary(anchor, interval, index) > at {
        index -= 1;
    }
    while advances(anchor, interval, index) && boundary(anchor, interval, index + 1) <= at {
        index += 1;
    }
    index
}

/// False at the end of the calendar, where the next boundary would be the same.
fn advances(anchor: Timestamp, interval: Interval, index: i64) -> bool {
    boundary(anchor, interval, index + 1) > boundary(anchor, interval, index)
}

/// Never by repeated addition: a short month takes nothing from those after it.
fn boundary(anchor: Timestamp, interval: Interval, index: i64) -> Timestamp {
    let instant = jiff::Timestamp::from_microsecond(anchor.micros()).ok();
    let later = instant.zip(interval.span(index)).and_then(|(instant, span)| {
        let zoned = instant.to_zoned(TimeZone::UTC).checked_add(span).ok()?;
        Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
    });
    let end = if index < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    later.unwrap_or_else(|| Timestamp::from_micros(end.as_microsecond()))
}

#[cfg(test)]
pub(crate) fn when(text: &str) -> Timestamp {
    Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn starts(anchor: &str, interval: Interval, count: i64) -> Vec<Timestamp> {
        (0..count).map(|index| period_at(when(anchor), interval, index).start).collect()
    }

    #[test]
    fn a_month_from_the_31st_ends_with_each_month_and_comes_back_to_the_31st() {
        let expected =
            ["2028-01-31T08:30:00Z", "2028-02-29T08:30:00Z", "2028-03-31T08:30:00Z", "2028-04-30T08:30:00Z"].map(when);
        assert_eq!(starts("2028-01-31T08:30:00Z", Interval::MONTH, 4), expected);
        assert_eq!(starts("2027-01-31T08:30:00Z", Interval::MONTH, 2)[1], when("2027-02-28T08:30:00Z"));
    }

    #[test]
    fn a_year_from_the_29th_of_february_comes_back_to_it_in_leap_years() {
        let years = starts("2028-02-29T00:00:00Z", Interval::YEAR, 5);
        assert_eq!(years[1], when("2029-02-28T00:00:00Z"));
        assert_eq!(years[4], when("2032-02-29T00:00:00Z"));
    }

    #[test]
    fn weeks_and_several_months_are_counted_too() {
        let fortnight = Interval { unit: IntervalUnit::Week, count: 2 };
        assert_eq!(starts("2028-01-31T00:00:00Z", fortnight, 2)[1], when("2028-02-14T00:00:00Z"));
        let quarter = Interval { unit: IntervalUnit::Month, count: 3 };
        assert_eq!(starts("2028-11-30T00:00:00Z", quarter, 2)[1], when("2029-02-28T00:00:00Z"));
    }

    #[test]
    fn the_end_of_the_calendar_is_no_endless_loop() {
        let anchor = when("2028-01-31T00:00:00Z");
        let far = Timestamp::from_micros(i64::MAX);
        assert!(period_of(anchor, Interval::YEAR, far) > 0);
    }

    proptest! {
        #[test]
        fn every_instant_is_in_the_period_of_its_number(
            anchor in 0_i64..4_000_000_000, after in 0_i64..2_000_000_000, unit in 0_usize..4, count in 1_u16..5,
        ) {
            let units = [IntervalUnit::Day, IntervalUnit::Week, IntervalUnit::Month, IntervalUnit::Year];
            let interval = Interval { unit: units[unit], count };
            let (anchor, at) = (Timestamp::from_seconds(anchor), Timestamp::from_seconds(anchor + after));
            let index = period_of(anchor, interval, at);
            let period = period_at(anchor, interval, index);
            prop_assert!(period.start <= at && at < period.end, "{period:?} {at:?}");
            prop_assert_eq!(period.end, period_at(anchor, interval, index + 1).start);
        }
    }
}
