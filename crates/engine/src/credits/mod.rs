//! What a plan's credits are: how many an order grants, and what one use costs.

mod rules;
mod spend;

pub use rules::{Access, BadRules, Cost, GrantTerms, PlanRules};
pub use spend::{Limit, Spend};
