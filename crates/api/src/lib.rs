//! The billing API's wire: objects, requests, problem codes, and the configuration file, as plain serde types.
//!
//! No HTTP, no async: what a client, a server or a tool does with them is theirs. Everything is snake_case JSON, times are
//! [`Time`] (RFC 3339, UTC), ids are UUIDs, money is integer minor units beside a [`Currency`], quantities are [`Amount`]:
//! JSON numbers with at most six decimals that are never floats. Read them with `serde_json` (from text, not from a
//! `Value`): an [`Amount`] is read from the number's own spelling.

mod amount;
mod config;
mod list;
mod object;
mod problem;
mod properties;
mod request;
#[cfg(feature = "openapi")]
mod schema;
mod time;
mod word;

pub use amount::{Amount, BadAmount};
pub use config::{
    API_VERSION, Aggregation, Config, FeatureConfig, GrantConfig, MetricConfig, PlanConfig, PriceConfig, ProductConfig,
    TierConfig,
};
pub use list::{BadCursor, Cursor, List};
pub use object::*;
pub use problem::{FieldError, Problem, ProblemCode};
pub use properties::Properties;
pub use request::*;
pub use time::{BadTime, Time};
pub use word::{BadCode, BadCurrency, Code, Currency};
