//! Every operation of `/v1`.

use std::sync::LazyLock;

use axum::http::Method;
use farebox_api as api;

use super::{
    access, admin, catalogue, clocks, customers, grants, oauth,
    operation::{Keyed, Operation, verb},
    subscriptions, usage, webhooks,
};
use crate::keys::Scope;

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let groups = [of_customers(), of_catalogue(), of_subscriptions(), of_usage(), of_grants(), of_admin(), of_access()];
    groups.into_iter().flatten().chain(of_webhooks()).collect()
});

pub(super) fn operations() -> &'static [Operation] {
    &OPERATIONS
}

fn of_customers() -> Vec<Operation> {
    vec![
        Operation::post("/customers", "create_customer", verb!(customers::create))
            .does("Creates a customer; the same e-mail again is the same customer.")
            .takes::<api::NewCustomer>()
            .answers::<api::Customer>(201)
            .answers::<api::Customer>(200),
        Operation::get("/customers", "list_customers", verb!(customers::list))
            .does("Lists customers, or finds the one of an e-mail.")
            .reads(&["email"])
            .lists::<api::Customer>(),
        Operation::get("/customers/{id}", "get_customer", verb!(customers::get))
            .does("Reads a customer.")
            .answers::<api::Customer>(200),
        Operation::new(
            Method::PATCH,
            "/customers/{id}",
            "update_customer",
            Scope::BillingWrite,
            verb!(customers::update),
        )
        .does("Changes a customer: what is absent stays, null takes away.")
        .takes::<api::CustomerPatch>()
        .answers::<api::Customer>(200),
        Operation::get("/customers/{id}/invoices", "list_invoices", verb!(customers::invoices))
            .does("Lists a customer's invoices.")
            .reads(&["status"])
            .lists::<api::Invoice>(),
        Operation::get("/customers/{id}/subscriptions", "list_subscriptions", verb!(subscriptions::list))
            .does("Lists a customer's subscriptions.")
            .lists::<api::Subscription>(),
        Operation::get("/customers/{id}/balances", "list_balances", verb!(customers::balances))
            .does("Lists what a customer has left of each counted feature.")
            .lists::<api::Balance>(),
        Operation::get("/customers/{id}/ledger", "list_ledger", verb!(customers::ledger))
            .does("Lists what a customer has used.")
            .lists::<api::LedgerEntry>(),
    ]
}

fn of_catalogue() -> Vec<Operation> {
    vec![
        Operation::get("/plans", "list_plans", verb!(catalogue::plans))
            .does("Lists the plans that can be attached.")
            .reads(&["product_id", "status"])
            .lists::<api::Plan>(),
        Operation::get("/products", "list_products", verb!(catalogue::products))
            .does("Lists products.")
            .lists::<api::Product>(),
    ]
}

fn of_subscriptions() -> Vec<Operation> {
    vec![
        Operation::post("/attach", "attach", verb!(subscriptions::attach))
            .does("Starts a subscription: at once if it is free or tried out first, else after a checkout.")
            .keyed(Keyed::Required)
            .takes::<api::Attach>()
            .answers::<api::Attached>(200),
        Operation::get("/subscriptions/{id}", "get_subscription", verb!(subscriptions::get))
            .does("Reads a subscription.")
            .answers::<api::Subscription>(200),
        Operation::get("/subscriptions/{id}/entitlements", "list_entitlements", verb!(subscriptions::entitlements))
            .does("Reads everything a subscription gives.")
            .answers::<api::Entitlements>(200),
        Operation::post("/subscriptions/{id}/change-plan", "change_plan", verb!(subscriptions::change_plan))
            .does("Changes a subscription's plan; what was used counts on.")
            .keyed(Keyed::Required)
            .reads(&["preview"])
            .takes::<api::ChangePlan>()
            .answers::<api::Subscription>(200),
        Operation::post("/subscriptions/{id}/cancel", "cancel", verb!(subscriptions::cancel))
            .does("Ends a subscription: with its period, or at once.")
            .keyed(Keyed::Required)
            .may_take::<api::Cancel>()
            .answers::<api::Subscription>(200),
        Operation::post("/subscriptions/{id}/uncancel", "uncancel", verb!(subscriptions::uncancel))
            .does("Takes back an end that has not come.")
            .may_take::<api::Nothing>()
            .answers::<api::Subscription>(200),
        Operation::post("/subscriptions/{id}/pause", "pause", verb!(subscriptions::pause))
            .does("Puts a subscription to rest: it gives nothing.")
            .may_take::<api::Nothing>()
            .answers::<api::Subscription>(200),
        Operation::post("/subscriptions/{id}/resume", "resume", verb!(subscriptions::resume))
            .does("Wakes a subscription.")
            .may_take::<api::Nothing>()
            .answers::<api::Subscription>(200),
    ]
}

fn of_usage() -> Vec<Operation> {
    vec![
        Operation::post("/check", "check", verb!(usage::check))
            .does("Says whether a customer may use a feature now, and what is left. Writes nothing.")
            .scope(Scope::BillingRead)
            .keyed(Keyed::Itself)
            .takes::<api::CheckRequest>()
            .answers::<api::Check>(200),
        Operation::post("/track", "track", verb!(usage::track))
            .does("Records usage, once under its key.")
            .keyed(Keyed::RequiredItself)
            .takes::<api::Track>()
            .answers_nothing(204)
            .answers::<api::Check>(200),
        Operation::post("/track/batch", "track_batch", verb!(usage::batch))
            .does("Records up to 1000 events, each on its own.")
            .keyed(Keyed::Itself)
            .takes::<api::TrackBatch>()
            .answers::<api::BatchResults>(200),
        Operation::post("/consume", "consume", verb!(usage::consume))
            .does("Checks and takes in one: all of it, or nothing.")
            .keyed(Keyed::Itself)
            .takes::<api::Consume>()
            .answers::<api::Check>(200),
    ]
}

fn of_grants() -> Vec<Operation> {
    vec![
        Operation::post("/reservations", "reserve", verb!(grants::reserve))
            .does("Holds an amount until its use is known.")
            .keyed(Keyed::Required)
            .takes::<api::NewReservation>()
            .answers::<api::Reservation>(201),
        Operation::post("/reservations/{id}/commit", "commit_reservation", verb!(grants::commit))
            .does("Uses what is held, or another amount; too late, it is recorded all the same.")
            .keyed(Keyed::Required)
            .may_take::<api::Commit>()
            .answers::<api::Reservation>(200),
        Operation::post("/reservations/{id}/release", "release_reservation", verb!(grants::release))
            .does("Gives back what is held.")
            .keyed(Keyed::Required)
            .may_take::<api::Nothing>()
            .answers::<api::Reservation>(200),
        Operation::post("/credits", "create_credit", verb!(grants::credit))
            .does("Gives a customer credits.")
            .takes::<api::NewCredit>()
            .answers::<api::Credit>(201),
        Operation::new(Method::PUT, "/overrides", "put_override", Scope::BillingWrite, verb!(grants::set_override))
            .does("Gives a customer something else of a feature than the plan does.")
            .takes::<api::NewOverride>()
            .answers::<api::Override>(200),
        Operation::post("/test-clocks", "create_test_clock", verb!(clocks::create))
            .does("Makes the merchant's time stand still, in test mode.")
            .scope(Scope::BillingAdmin)
            .takes::<api::NewTestClock>()
            .answers::<api::TestClock>(201),
        Operation::post("/test-clocks/{id}/advance", "advance_test_clock", verb!(clocks::advance))
            .does("Moves it forward, through everything that falls between.")
            .scope(Scope::BillingAdmin)
            .takes::<api::AdvanceTestClock>()
            .answers::<api::TestClock>(200),
    ]
}

fn put(path: &'static str, id: &'static str, verb: super::operation::Verb) -> Operation {
    Operation::new(Method::PUT, path, id, Scope::BillingAdmin, verb)
        .answers::<api::Changed>(200)
        .answers::<api::Changed>(201)
}

fn delete(path: &'static str, id: &'static str, verb: super::operation::Verb) -> Operation {
    Operation::new(Method::DELETE, path, id, Scope::BillingAdmin, verb).answers_nothing(204)
}

fn of_admin() -> Vec<Operation> {
    vec![
        put("/admin/features/{code}", "put_feature", verb!(admin::put_feature))
            .does("Writes a feature, unless it is so already.")
            .takes::<api::FeatureConfig>(),
        Operation::get("/admin/features", "list_features", verb!(catalogue::features))
            .does("Lists features.")
            .lists::<api::Feature>(),
        delete("/admin/features/{code}", "archive_feature", verb!(admin::archive_feature)).does("Archives a feature."),
        put("/admin/products/{code}", "put_product", verb!(admin::put_product))
            .does("Writes a product, unless it is so already.")
            .takes::<api::ProductConfig>(),
        Operation::get("/admin/products", "list_all_products", verb!(catalogue::products))
            .does("Lists products.")
            .lists::<api::Product>(),
        delete("/admin/products/{code}", "archive_product", verb!(admin::archive_product)).does("Archives a product."),
        put("/admin/billable-metrics/{code}", "put_metric", verb!(admin::put_metric))
            .does("Writes a billable metric, unless it is so already.")
            .takes::<api::MetricConfig>(),
        Operation::get("/admin/billable-metrics", "list_metrics", verb!(catalogue::metrics))
            .does("Lists billable metrics.")
            .lists::<api::Metric>(),
        delete("/admin/billable-metrics/{code}", "archive_metric", verb!(admin::archive_metric))
            .does("Archives a billable metric."),
        put("/admin/plans/{code}", "put_plan", verb!(admin::put_plan))
            .does("Writes a plan: a change is a new version, and subscriptions keep theirs.")
            .takes::<api::PlanConfig>(),
        Operation::get("/admin/plans", "list_all_plans", verb!(catalogue::all_plans))
            .does("Lists plans that are not archived.")
            .lists::<api::Plan>(),
        delete("/admin/plans/{code}", "archive_plan", verb!(admin::archive_plan)).does("Archives a plan."),
        Operation::new(Method::GET, "/admin/settings", "get_settings", Scope::BillingAdmin, verb!(admin::settings))
            .does("Reads the merchant's settings.")
            .answers::<api::Settings>(200),
        Operation::new(Method::PUT, "/admin/settings", "put_settings", Scope::BillingAdmin, verb!(admin::put_settings))
            .does("Writes the merchant's settings, as a whole.")
            .takes::<api::Settings>()
            .answers::<api::Settings>(200),
    ]
}

fn of_access() -> Vec<Operation> {
    vec![
        Operation::new(Method::POST, "/api-tokens", "create_token", Scope::BillingAdmin, verb!(access::create_token))
            .does("Creates a token, which is shown once.")
            .takes::<api::NewToken>()
            .answers::<api::NewApiToken>(201),
        Operation::new(Method::GET, "/api-tokens", "list_tokens", Scope::BillingAdmin, verb!(access::list_tokens))
            .does("Lists tokens.")
            .lists::<api::ApiToken>(),
        delete("/api-tokens/{id}", "revoke_token", verb!(access::revoke_token)).does("Takes a token back."),
        Operation::new(Method::GET, "/audit-events", "list_audit_events", Scope::BillingAdmin, verb!(access::audit))
            .does("Lists the audit trail.")
            .lists::<api::AuditEvent>(),
        Operation::post("/oauth/device/code", "device_code", verb!(oauth::device_code))
            .does("Begins the device flow (RFC 8628).")
            .public()
            .keyed(Keyed::Itself)
            .takes::<api::DeviceCodeRequest>()
            .answers::<api::DeviceAuthorization>(200),
        Operation::post("/oauth/token", "oauth_token", verb!(oauth::token))
            .does("Ends the device flow.")
            .public()
            .keyed(Keyed::Itself)
            .takes::<api::TokenRequest>()
            .answers::<api::OauthToken>(200)
            .answers::<api::OauthError>(400),
    ]
}

fn of_webhooks() -> Vec<Operation> {
    let admin = |method, path, id, verb| Operation::new(method, path, id, Scope::BillingAdmin, verb);
    vec![
        admin(Method::POST, "/webhook-endpoints", "create_webhook_endpoint", verb!(webhooks::create))
            .does("Says where events are to be posted. The secret they are signed with is shown once.")
            .takes::<api::NewWebhookEndpoint>()
            .answers::<api::CreatedWebhookEndpoint>(201),
        admin(Method::GET, "/webhook-endpoints", "list_webhook_endpoints", verb!(webhooks::list))
            .does("Lists endpoints.")
            .lists::<api::WebhookEndpoint>(),
        admin(Method::GET, "/webhook-endpoints/{id}", "get_webhook_endpoint", verb!(webhooks::get))
            .does("Reads an endpoint.")
            .answers::<api::WebhookEndpoint>(200),
        admin(Method::PATCH, "/webhook-endpoints/{id}", "update_webhook_endpoint", verb!(webhooks::update))
            .does("Changes an endpoint: what is absent stays.")
            .takes::<api::WebhookEndpointPatch>()
            .answers::<api::WebhookEndpoint>(200),
        delete("/webhook-endpoints/{id}", "remove_webhook_endpoint", verb!(webhooks::remove))
            .does("Takes an endpoint out; what is on its way to it is given up."),
        admin(Method::POST, "/webhook-endpoints/{id}/rotate-secret", "rotate_webhook_secret", verb!(webhooks::rotate))
            .does("Makes a new secret, shown once; for a while deliveries are signed with both.")
            .may_take::<api::RotateWebhookSecret>()
            .answers::<api::CreatedWebhookEndpoint>(200),
        Operation::get("/webhook-deliveries", "list_webhook_deliveries", verb!(webhooks::deliveries))
            .does("Lists deliveries of the last 30 days.")
            .reads(&["endpoint_id", "status"])
            .lists::<api::WebhookDelivery>(),
        Operation::get("/webhook-deliveries/{id}", "get_webhook_delivery", verb!(webhooks::delivery))
            .does("Reads a delivery.")
            .answers::<api::WebhookDelivery>(200),
        Operation::post("/webhook-deliveries/{id}/replay", "replay_webhook_delivery", verb!(webhooks::replay))
            .does("Posts the same event to the same endpoint once more, as a new delivery.")
            .may_take::<api::Nothing>()
            .answers::<api::WebhookDelivery>(201),
    ]
}
