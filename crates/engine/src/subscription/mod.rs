//! Subscriptions: their periods, their states, and what time does to them.

mod interval;
mod machine;
mod term;

pub use interval::{Interval, IntervalUnit, Period, period_at, period_of};
pub use machine::{Event, NotAllowed, Status, apply};
pub use term::{Collection, PendingChange, Step, Term};

#[cfg(test)]
pub(crate) use interval::when;
