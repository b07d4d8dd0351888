//! The closed list of routes.

use axum::http::Method;

/// One of the twelve routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayRoute {
    /// `POST /attach`: subscribe to a plan.
    Attach,
    /// `POST /check`: may this customer use a feature, and what is left.
    Check,
    /// `GET /check`: the same without a body.
    CheckGet,
    /// `POST /track`: record usage.
    Track,
    /// `GET /entitlements`: every feature of the subscription.
    Entitlements,
    /// `GET /me`: the customer.
    Me,
    /// `GET /plans`: the catalogue, for anybody.
    Plans,
    /// `GET /invoices`: the customer's invoices.
    Invoices,
    /// `POST /billing-portal`: a link to the customer's own pages.
    BillingPortal,
    /// `POST /subscriptions/{id}/upgrade`: change the plan.
    Upgrade,
    /// `POST /subscriptions/{id}/cancel`: end the subscription.
    Cancel,
    /// `GET /csrf-token`: a token for the routes above that change something.
    CsrfToken,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; for [`RelayRoute::Plans`] and [`RelayRoute::CsrfToken`] only.
    Public,
    /// Whoever the app's own layer lets through and `identify` knows.
    Identified,
    /// Nobody: the route is not there.
    Closed,
}

impl RelayRoute {
    /// All twelve.
    pub const ALL: [Self; 12] = [
        Self::Attach,
        Self::Check,
        Self::CheckGet,
        Self::Track,
        Self::Entitlements,
        Self::Me,
        Self::Plans,
        Self::Invoices,
        Self::BillingPortal,
        Self::Upgrade,
        Self::Cancel,
        Self::CsrfToken,
    ];

    /// The method it takes; HEAD goes with GET.
    #[must_use]
    pub const fn method(self) -> Method {
        if self.changes() { Method::POST } else { Method::GET }
    }

    /// The path below the prefix, as axum writes it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Attach => "/attach",
            Self::Check | Self::CheckGet => "/check",
            Self::Track => "/track",
            Self::Entitlements => "/entitlements",
            Self::Me => "/me",
            Self::Plans => "/plans",
            Self::Invoices => "/invoices",
            Self::BillingPortal => "/billing-portal",
            Self::Upgrade => "/subscriptions/{subscription_id}/upgrade",
            Self::Cancel => "/subscriptions/{subscription_id}/cancel",
            Self::CsrfToken => "/csrf-token",
        }
    }

    /// The operation, as spans name it.
    pub(crate) const fn operation(self) -> &'static str {
        match self {
            Self::Attach => "Attach",
            Self::Check | Self::CheckGet => "Check",
            Self::Track => "Track",
            Self::Entitlements => "Entitlements",
            Self::Me => "Me",
            Self::Plans => "Plans",
            Self::Invoices => "Invoices",
            Self::BillingPortal => "BillingPortal",
            Self::Upgrade => "Upgrade",
            Self::Cancel => "Cancel",
            Self::CsrfToken => "CsrfToken",
        }
    }

    /// The upstream route that it comes to; a token comes from here.
    pub(crate) const fn endpoint(self) -> &'static str {
        match self {
            Self::Attach => "/v1/attach",
            Self::Check | Self::CheckGet => "/v1/check",
            Self::Track => "/v1/track",
            Self::Entitlements => "/v1/subscriptions/{id}/entitlements",
            Self::Me => "/v1/customers/{id}",
            Self::Plans => "/v1/plans",
            Self::Invoices => "/v1/customers/{id}/invoices",
            Self::BillingPortal => "/v1/customers/{id}/billing-portal-sessions",
            Self::Upgrade => "/v1/subscriptions/{id}/change-plan",
            Self::Cancel => "/v1/subscriptions/{id}/cancel",
            Self::CsrfToken => "/csrf-token",
        }
    }

    /// Whether it needs a token, a key and a body.
    pub(crate) const fn changes(self) -> bool {
        matches!(self, Self::Attach | Self::Check | Self::Track | Self::BillingPortal | Self::Upgrade | Self::Cancel)
    }

    /// Whether it can be open to anybody.
    pub(crate) const fn can_be_public(self) -> bool {
        matches!(self, Self::Plans | Self::CsrfToken)
    }
}
