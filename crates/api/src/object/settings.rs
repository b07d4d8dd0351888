//! How a merchant's billing behaves.

use serde::{Deserialize, Serialize};

/// A merchant's settings; also the body of `PUT /v1/admin/settings`, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// Whether customers may be sent back to the addresses below only.
    pub strict_redirects: bool,
    /// Domains that customers may be sent back to, with those below them; at most 100.
    pub redirect_domains: Vec<String>,
    /// How long a subscription that is past due still gives what it gives; a week unless set; a year at most.
    pub past_due_grace_seconds: u32,
}
