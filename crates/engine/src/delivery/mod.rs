//! Webhooks to merchants: a delivery's states, the waits between its attempts, an endpoint's filter and standing.

mod curve;
mod filter;
mod standing;
mod state;

pub use curve::{ATTEMPTS, wait};
pub use filter::{BadFilter, Filter, MOST_WORDS};
pub use standing::Standing;
pub use state::{Event, State};
