//! One economic effect against an authorization: the machine every way to pay drives.
//!
//! A [`Charge`] moves on two axes, money and fulfilment, by [`Event`]s; [`Charge::answer`] says what the caller gets;
//! [`plan`] says at start-up whether a rail can do what a route needs. See the README beside this file.

mod answer;
mod machine;
mod plan;

pub use answer::{Answer, UnknownPolicy};
pub use machine::{Charge, Event, Fulfilment, IllegalEvent, Money};
pub use plan::{Authorizations, CannotWork, Capabilities, ExecutionPlan, Needs, Timing, plan};
