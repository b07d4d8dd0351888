//! Every operation of `/v1`: what its span is called, its method, its path.

use http::Method;

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// `CreateCustomer`, for `Paylera.CreateCustomer`.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// With names for what is filled in.
    pub(crate) endpoint: &'static str,
}

impl Operation {
    /// Its path, with `segments` where the endpoint has names. They are UUIDs and codes, which need no encoding.
    pub(crate) fn path(&self, segments: &[&dyn std::fmt::Display]) -> String {
        let mut segments = segments.iter();
        let filled = self.endpoint.split('/').map(|part| match part.strip_prefix('{').and_then(|_| segments.next()) {
            Some(segment) => segment.to_string(),
            None => part.to_owned(),
        });
        filled.collect::<Vec<_>>().join("/")
    }

    fn is(&self, method: &Method, path: &str) -> bool {
        let mut parts = path.split('/');
        let mut named = self.endpoint.split('/');
        self.method == *method
            && named.by_ref().all(|name| parts.next().is_some_and(|part| part == name || name.starts_with('{')))
            && parts.next().is_none()
    }
}

macro_rules! operations {
    ($($name:ident = $method:ident $endpoint:literal $span:literal;)*) => {
        $(pub(crate) static $name: Operation =
            Operation { name: $span, method: Method::$method, endpoint: $endpoint };)*

        static ALL: &[&Operation] = &[$(&$name,)*];
    };
}

operations! {
    ATTACH = POST "/v1/attach" "Attach";
    CHECK = POST "/v1/check" "Check";
    TRACK = POST "/v1/track" "Track";
    TRACK_BATCH = POST "/v1/track/batch" "TrackBatch";
    CONSUME = POST "/v1/consume" "Consume";
    RESERVE = POST "/v1/reservations" "CreateReservation";
    COMMIT = POST "/v1/reservations/{id}/commit" "CommitReservation";
    RELEASE = POST "/v1/reservations/{id}/release" "ReleaseReservation";
    CREATE_CUSTOMER = POST "/v1/customers" "CreateCustomer";
    LIST_CUSTOMERS = GET "/v1/customers" "ListCustomers";
    GET_CUSTOMER = GET "/v1/customers/{id}" "GetCustomer";
    UPDATE_CUSTOMER = PATCH "/v1/customers/{id}" "UpdateCustomer";
    LIST_SUBSCRIPTIONS = GET "/v1/customers/{id}/subscriptions" "ListSubscriptions";
    LIST_INVOICES = GET "/v1/customers/{id}/invoices" "ListInvoices";
    LIST_BALANCES = GET "/v1/customers/{id}/balances" "ListBalances";
    LIST_LEDGER = GET "/v1/customers/{id}/ledger" "ListLedger";
    CREATE_PORTAL = POST "/v1/customers/{id}/billing-portal-sessions" "CreateBillingPortalSession";
    GET_SUBSCRIPTION = GET "/v1/subscriptions/{id}" "GetSubscription";
    GET_ENTITLEMENTS = GET "/v1/subscriptions/{id}/entitlements" "GetEntitlements";
    CHANGE_PLAN = POST "/v1/subscriptions/{id}/change-plan" "ChangePlan";
    CANCEL = POST "/v1/subscriptions/{id}/cancel" "CancelSubscription";
    UNCANCEL = POST "/v1/subscriptions/{id}/uncancel" "UncancelSubscription";
    PAUSE = POST "/v1/subscriptions/{id}/pause" "PauseSubscription";
    RESUME = POST "/v1/subscriptions/{id}/resume" "ResumeSubscription";
    LIST_PLANS = GET "/v1/plans" "ListPlans";
    LIST_PRODUCTS = GET "/v1/products" "ListProducts";
    GET_INVOICE = GET "/v1/invoices/{id}" "GetInvoice";
    VOID_INVOICE = POST "/v1/invoices/{id}/void" "VoidInvoice";
    PAY_INVOICE = POST "/v1/invoices/{id}/pay" "PayInvoice";
    CREATE_CREDIT = POST "/v1/credits" "CreateCredit";
    PUT_OVERRIDE = PUT "/v1/overrides" "PutOverride";
    PUT_FEATURE = PUT "/v1/admin/features/{code}" "PutFeature";
    LIST_FEATURES = GET "/v1/admin/features" "ListFeatures";
    ARCHIVE_FEATURE = DELETE "/v1/admin/features/{code}" "ArchiveFeature";
    PUT_PRODUCT = PUT "/v1/admin/products/{code}" "PutProduct";
    LIST_ALL_PRODUCTS = GET "/v1/admin/products" "ListAllProducts";
    ARCHIVE_PRODUCT = DELETE "/v1/admin/products/{code}" "ArchiveProduct";
    PUT_METRIC = PUT "/v1/admin/billable-metrics/{code}" "PutBillableMetric";
    LIST_METRICS = GET "/v1/admin/billable-metrics" "ListBillableMetrics";
    ARCHIVE_METRIC = DELETE "/v1/admin/billable-metrics/{code}" "ArchiveBillableMetric";
    PUT_PLAN = PUT "/v1/admin/plans/{code}" "PutPlan";
    LIST_ALL_PLANS = GET "/v1/admin/plans" "ListAllPlans";
    ARCHIVE_PLAN = DELETE "/v1/admin/plans/{code}" "ArchivePlan";
    CREATE_TOKEN = POST "/v1/api-tokens" "CreateApiToken";
    LIST_TOKENS = GET "/v1/api-tokens" "ListApiTokens";
    REVOKE_TOKEN = DELETE "/v1/api-tokens/{id}" "RevokeApiToken";
    LIST_AUDIT_EVENTS = GET "/v1/audit-events" "ListAuditEvents";
    CREATE_TEST_CLOCK = POST "/v1/test-clocks" "CreateTestClock";
    ADVANCE_TEST_CLOCK = POST "/v1/test-clocks/{id}/advance" "AdvanceTestClock";
    DEVICE_CODE = POST "/v1/oauth/device/code" "DeviceCode";
    OAUTH_TOKEN = POST "/v1/oauth/token" "OauthToken";
}

/// The endpoint of a call that was made as bytes; `other` if it is none of these, so that labels stay few.
pub(crate) fn endpoint(method: &Method, path_and_query: &str) -> &'static str {
    let path = path_and_query.split('?').next().unwrap_or_default();
    ALL.iter().find(|operation| operation.is(method, path)).map_or("other", |operation| operation.endpoint)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_a_name_and_a_route_of_its_own() {
        let names: BTreeSet<_> = ALL.iter().map(|operation| operation.name).collect();
        let routes: BTreeSet<_> = ALL.iter().map(|operation| (operation.method.as_str(), operation.endpoint)).collect();
        assert_eq!((names.len(), routes.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn a_path_is_filled_in_and_found_again() {
        for operation in ALL {
            let path = operation.path(&[&"x7"]);
            assert!(!path.contains('{'), "{path}");
            assert_eq!(endpoint(&operation.method, &path), operation.endpoint);
            assert_eq!(endpoint(&operation.method, &format!("{path}?a=/v1/check")), operation.endpoint);
        }
    }

    #[test]
    fn what_is_no_operation_has_no_label_of_its_own() {
        for (method, path) in [
            (Method::GET, "/v1/check"),
            (Method::POST, "/v1/check/"),
            (Method::POST, "/v1"),
            (Method::GET, "/v1/customers/1/2/3"),
            (Method::GET, ""),
        ] {
            assert_eq!(endpoint(&method, path), "other", "{method} {path}");
        }
    }
}
