//! The windows that a metered balance lives through.

use farebox_types::Timestamp;
use jiff::{
    civil::{DateTime, date},
    tz::TimeZone,
};

use super::Cycle;
use crate::subscription::{Interval, Period, period_at, period_of};

/// So many windows at most are opened at once; what lies further back is not gone through one by one.
pub const MAX_WINDOWS: usize = 64;

/// What decides a subscription's windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// When its plan began.
    pub started_at: Timestamp,
    /// Until when it is tried out: that is the first window of all.
    pub trial_end: Option<Timestamp>,
    /// What its periods are counted from.
    pub anchor: Timestamp,
    /// How long they are.
    pub interval: Interval,
}

/// A span of time, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpan {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it; `None` if it does not end.
    pub end: Option<Timestamp>,
}

impl From<Period> for WindowSpan {
    fn from(period: Period) -> Self {
        Self { start: period.start, end: Some(period.end) }
    }
}

impl Cycle {
    /// The windows from the subscription's first to the one that `at` falls into, the latest [`MAX_WINDOWS`] of them.
    #[must_use]
    pub fn windows(self, course: &Course, at: Timestamp) -> Vec<WindowSpan> {
        match self {
            Self::Never => vec![WindowSpan { start: course.started_at, end: None }],
            Self::SubscriptionPeriod => course.periods(at),
            Self::CalendarMonth => calendar(course.started_at, at, Interval::MONTH),
            Self::CalendarYear => calendar(course.started_at, at, Interval::YEAR),
        }
    }

    /// The window that `at` falls into.
    #[must_use]
    pub fn window(self, course: &Course, at: Timestamp) -> WindowSpan {
        let last = self.windows(course, at).pop();
        last.unwrap_or(WindowSpan { start: course.started_at, end: None })
    }
}

impl Course {
    fn periods(&self, at: Timestamp) -> Vec<WindowSpan> {
        let trial = self.trial_end.map(|end| WindowSpan { start: self.started_at, end: Some(end) });
        if let Some(trial) = trial.filter(|trial| trial.end.is_some_and(|end| at < end)) {
            return vec![trial];
        }
        let last = period_of(self.anchor, self.interval, at).max(0);
        let limit = (last + 1).saturating_sub(i64::try_from(MAX_WINDOWS).unwrap_or(i64::MAX));
        let trial = trial.filter(|trial| trial.end.is_some_and(|end| self.started_at < end));
        // A plan that was changed to begins with the window it was changed in.
        let first = period_of(self.anchor, self.interval, self.started_at).max(limit).max(0);
        let periods = (first..=last).map(|index| period_at(self.anchor, self.interval, index).into());
        trial.filter(|_| limit <= 0).into_iter().chain(periods).collect()
    }
}

/// Calendar windows: those of a subscription that began on the first of a month, or year, in UTC.
fn calendar(started_at: Timestamp, at: Timestamp, interval: Interval) -> Vec<WindowSpan> {
    let first = first_of(started_at.min(at), interval);
    let course = Course { started_at: first, trial_end: None, anchor: first, interval };
    course.periods(at)
}

fn first_of(at: Timestamp, interval: Interval) -> Timestamp {
    let Ok(instant) = jiff::Timestamp::from_microsecond(at.micros()) else { return at };
    let day = instant.to_zoned(TimeZone::UTC).date();
    let month = if interval == Interval::YEAR { 1 } else { day.month() };
    let first: DateTime = date(day.year(), month, 1).into();
    first.to_zoned(TimeZone::UTC).map_or(at, |zoned| Timestamp::from_micros(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::when;

    fn course(started: &str, trial_end: Option<&str>) -> Course {
        let (started_at, trial_end) = (when(started), trial_end.map(when));
        Course { started_at, trial_end, anchor: trial_end.unwrap_or(started_at), interval: Interval::MONTH }
    }

    fn starts(cycle: Cycle, course: &Course, at: &str) -> Vec<Timestamp> {
        cycle.windows(course, when(at)).iter().map(|window| window.start).collect()
    }

    #[test]
    fn calendar_windows_begin_on_the_first_whatever_the_anchor() {
        let course = course("2028-01-31T10:00:00Z", None);
        let expected = ["2028-01-01T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"].map(when);
        assert_eq!(starts(Cycle::CalendarMonth, &course, "2028-03-15T00:00:00Z"), expected);
        let window = Cycle::CalendarYear.window(&course, when("2029-03-15T00:00:00Z"));
        assert_eq!(window.start, when("2029-01-01T00:00:00Z"));
        assert_eq!(window.end, Some(when("2030-01-01T00:00:00Z")));
    }

    #[test]
    fn a_trial_is_the_first_window_and_periods_count_from_its_end() {
        let course = course("2028-01-17T00:00:00Z", Some("2028-01-31T00:00:00Z"));
        assert_eq!(starts(Cycle::SubscriptionPeriod, &course, "2028-01-20T00:00:00Z"), [course.started_at]);
        let expected = ["2028-01-17T00:00:00Z", "2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z"].map(when);
        assert_eq!(starts(Cycle::SubscriptionPeriod, &course, "2028-03-01T00:00:00Z"), expected);
    }

    #[test]
    fn what_never_begins_anew_has_one_window_without_an_end() {
        let course = course("2028-01-31T10:00:00Z", None);
        let window = Cycle::Never.window(&course, when("2099-01-01T00:00:00Z"));
        assert_eq!(window, WindowSpan { start: course.started_at, end: None });
    }

    #[test]
    fn a_long_sleep_opens_no_more_windows_than_the_limit() {
        let course = course("2001-01-31T10:00:00Z", None);
        let windows = Cycle::SubscriptionPeriod.windows(&course, when("2028-03-31T10:00:00Z"));
        assert_eq!(windows.len(), MAX_WINDOWS);
        assert_eq!(windows.last().unwrap().start, when("2028-03-31T10:00:00Z"));
    }
}
