//! What would be paid.

use crate::{Paid, fare::Fare};

/// What a request would be paid with, were it sent to be paid.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Preview {
    /// Nothing: this is its answer.
    Free(Box<Paid>),
    /// Credits of a plan; how many, the offer does not say.
    Credits {
        /// The plan.
        plan: String,
    },
    /// A payment on a chain.
    Fare(Fare),
    /// A payment on a chain that was authorized before and can still be settled: it would be shown again.
    Again(Fare),
}
