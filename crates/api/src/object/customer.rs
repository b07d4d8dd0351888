//! Whoever is billed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Currency, Metadata, Time};

/// Whoever is billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Customer {
    /// The customer.
    pub id: Uuid,
    /// Unique, lower case.
    pub email: String,
    /// For people.
    pub name: Option<String>,
    /// What it is billed in.
    pub currency: Currency,
    /// What the merchant's own records call it; unique.
    pub external_id: Option<String>,
    /// The account, `0x…`, whose credits on the credits API are this customer's too.
    pub payer: Option<String>,
    /// The merchant's own.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}
