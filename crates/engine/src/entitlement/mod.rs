//! What a customer may use: what plans, overrides and credits give of a feature, put together into one answer.

mod check;
mod metric;
mod sources;
pub mod stored;
mod terms;
mod window;

pub use check::{Answer, Balance, FeatureFacts, Question, Reason, check};
pub use metric::{Aggregation, Condition, Counted, Counting, Properties, Uncountable};
pub use sources::{Given, Source, SourceKind, put_together};
pub use terms::{Allowance, Cycle, FeatureKind, Overage, Rollover, Terms};
pub use window::{Course, MAX_WINDOWS, WindowSpan};
