//! What each typed call writes on the wire. The answers here are all refusals: what is asserted is what was asked.

use farebox_client::{
    Buyer, Client, Holder,
    api::{
        Amount, BillingCycleAnchor, Code, FeatureConfig, FeatureKind, GrantValue, InvoiceStatus, OnInsufficient,
        Overage, PaymentProvider, PlanConfig, PlanStatus, ProductConfig, ProrationBehavior, Time, UsageCycle,
    },
};
use uuid::Uuid;

use crate::{
    client,
    upstream::{Answer, Upstream},
};

const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);
const ID: &str = "00000000-0000-0000-0000-00000000000a";
const OTHER: &str = "00000000-0000-0000-0000-00000000000b";

fn code() -> Code {
    "api_calls".parse().unwrap()
}

fn amount() -> Amount {
    "2.5".parse().unwrap()
}

fn time() -> Time {
    "2026-05-01T00:00:00Z".parse().unwrap()
}

/// Makes each call and compares request line and body; `<1>` stands for the first id, `<2>` for the other.
macro_rules! asks {
    ($($call:expr => $line:literal $body:literal;)*) => {
        $({
            let upstream = Upstream::start(vec![Answer::Status(422)]).await;
            let make: fn(&Client) -> _ = $call;
            make(&client(&upstream)).await.err().unwrap();
            let seen = upstream.seen();
            let full = |text: &str| text.replace("<1>", ID).replace("<2>", OTHER);
            assert_eq!((seen[0].line.clone(), seen[0].body.clone()), (full($line), full($body)));
            let is_read = seen[0].line.starts_with("GET ");
            assert_eq!(seen[0].headers.contains_key("idempotency-key"), !is_read, "{}", $line);
            assert_eq!(seen[0].headers.contains_key("content-type"), !$body.is_empty(), "{}", $line);
        })*
    };
}

#[tokio::test]
async fn usage() {
    asks! {
        |api| api.check(Holder::Customer(A), code()) =>
            "POST /v1/check" r#"{"customer_id":"<1>","feature_code":"api_calls","required_usage":0}"#;
        |api| api.check(Holder::Subscription(A), code()).required_usage(amount()) =>
            "POST /v1/check" r#"{"subscription_id":"<1>","feature_code":"api_calls","required_usage":2.5}"#;
        |api| api.track(Holder::Customer(A), code(), amount()) =>
            "POST /v1/track" r#"{"customer_id":"<1>","feature_code":"api_calls","value":2.5}"#;
        |api| api.track(Holder::Subscription(A), code(), amount()).dedup_key("k".parse().unwrap())
                .occurred_at(time()).on_insufficient(OnInsufficient::Reject) =>
            "POST /v1/track" r#"{"subscription_id":"<1>","feature_code":"api_calls","value":2.5,"dedup_key":"k","occurred_at":"2026-05-01T00:00:00Z","on_insufficient":"reject"}"#;
        |api| api.track_batch(vec![]) => "POST /v1/track/batch" r#"{"events":[]}"#;
        |api| api.consume(A, code(), amount()) =>
            "POST /v1/consume" r#"{"customer_id":"<1>","feature_code":"api_calls","value":2.5}"#;
        |api| api.reservations().create(A, code(), amount(), 60) =>
            "POST /v1/reservations" r#"{"customer_id":"<1>","feature_code":"api_calls","amount":2.5,"ttl_seconds":60}"#;
        |api| api.reservations().commit(A) => "POST /v1/reservations/<1>/commit" "{}";
        |api| api.reservations().commit(A).amount(amount()) => "POST /v1/reservations/<1>/commit" r#"{"amount":2.5}"#;
        |api| api.reservations().release(A) => "POST /v1/reservations/<1>/release" "{}";
        |api| api.credits().create(A, code(), amount()).expires_at(time()).priority(3) =>
            "POST /v1/credits" r#"{"customer_id":"<1>","feature_code":"api_calls","amount":2.5,"expires_at":"2026-05-01T00:00:00Z","priority":3}"#;
        |api| api.overrides().put(A, code()).value(GrantValue::Boolean(true)) =>
            "PUT /v1/overrides" r#"{"customer_id":"<1>","feature_code":"api_calls","value":true}"#;
        |api| api.overrides().put(A, code()).included_usage(amount()).usage_cycle(UsageCycle::Never)
                .overage(Overage::Allow).expires_at(time()) =>
            "PUT /v1/overrides" r#"{"customer_id":"<1>","feature_code":"api_calls","included_usage":2.5,"usage_cycle":"never","overage":"allow","expires_at":"2026-05-01T00:00:00Z"}"#;
    }
}

#[tokio::test]
async fn customers() {
    asks! {
        |api| api.customers().create("a@b.c") => "POST /v1/customers" r#"{"email":"a@b.c"}"#;
        |api| api.customers().create("a@b.c").name("A").currency("EUR".parse().unwrap()).external_id("7").payer("0x1")
                .metadata(serde_json::from_str(r#"{"k":[1]}"#).unwrap()) =>
            "POST /v1/customers" r#"{"email":"a@b.c","name":"A","currency":"EUR","external_id":"7","payer":"0x1","metadata":{"k":[1]}}"#;
        |api| api.customers().update(A).email("b@b.c").name(None).external_id(Some("8".into())) =>
            "PATCH /v1/customers/<1>" r#"{"email":"b@b.c","name":null,"external_id":"8"}"#;
        |api| api.customers().get(A) => "GET /v1/customers/<1>" "";
        |api| api.customers().list() => "GET /v1/customers" "";
        |api| api.customers().list().email("a+b@c.d&x=1").limit(5) =>
            "GET /v1/customers?email=a%2Bb%40c.d%26x%3D1&limit=5" "";
        |api| api.customers().subscriptions(A) => "GET /v1/customers/<1>/subscriptions" "";
        |api| api.customers().invoices(A).status(InvoiceStatus::Open) => "GET /v1/customers/<1>/invoices?status=open" "";
        |api| api.customers().balances(A) => "GET /v1/customers/<1>/balances" "";
        |api| api.customers().ledger(A) => "GET /v1/customers/<1>/ledger" "";
        |api| api.customers().billing_portal(A, "https://a.b") =>
            "POST /v1/customers/<1>/billing-portal-sessions" r#"{"return_url":"https://a.b"}"#;
    }
}

#[tokio::test]
async fn subscriptions() {
    asks! {
        |api| api.attach(Buyer::Customer(A), B) => "POST /v1/attach" r#"{"customer_id":"<1>","plan_id":"<2>"}"#;
        |api| api.attach(Buyer::Email { email: "a@b.c".into(), name: Some("A".into()) }, B)
                .payment_provider(PaymentProvider::Toss).product(A).success_and_cancel_url("https://s", "https://c")
                .return_url("https://r").trial_period_days(14).add_on(A, 2) =>
            "POST /v1/attach" r#"{"customer_email":"a@b.c","customer_name":"A","plan_id":"<2>","payment_provider":"toss","product_id":"<1>","success_url":"https://s","cancel_url":"https://c","return_url":"https://r","trial_period_days":14,"add_ons":[{"id":"<1>","quantity":2}]}"#;
        |api| api.subscriptions().get(A) => "GET /v1/subscriptions/<1>" "";
        |api| api.subscriptions().entitlements(A) => "GET /v1/subscriptions/<1>/entitlements" "";
        |api| api.subscriptions().change_plan(A, B) => "POST /v1/subscriptions/<1>/change-plan" r#"{"new_plan_id":"<2>"}"#;
        |api| api.subscriptions().change_plan(A, B).preview().proration_behavior(ProrationBehavior::None)
                .billing_cycle_anchor(BillingCycleAnchor::Now) =>
            "POST /v1/subscriptions/<1>/change-plan?preview=true" r#"{"new_plan_id":"<2>","proration_behavior":"none","billing_cycle_anchor":"now"}"#;
        |api| api.subscriptions().cancel(A) => "POST /v1/subscriptions/<1>/cancel" r#"{"at_period_end":true}"#;
        |api| api.subscriptions().cancel(A).at_once().reason("r").feedback("f") =>
            "POST /v1/subscriptions/<1>/cancel" r#"{"at_period_end":false,"reason":"r","feedback":"f"}"#;
        |api| api.subscriptions().uncancel(A) => "POST /v1/subscriptions/<1>/uncancel" "{}";
        |api| api.subscriptions().pause(A) => "POST /v1/subscriptions/<1>/pause" "{}";
        |api| api.subscriptions().resume(A) => "POST /v1/subscriptions/<1>/resume" "{}";
        |api| api.invoices().get(A) => "GET /v1/invoices/<1>" "";
        |api| api.invoices().void(A) => "POST /v1/invoices/<1>/void" "{}";
        |api| api.invoices().pay(A) => "POST /v1/invoices/<1>/pay" "{}";
    }
}

#[tokio::test]
async fn catalogue() {
    asks! {
        |api| api.plans().list() => "GET /v1/plans" "";
        |api| api.plans().list().product(A).status(PlanStatus::Draft) => "GET /v1/plans?product_id=<1>&status=draft" "";
        |api| api.products().list() => "GET /v1/products" "";
        |api| api.admin().features().put(&code(), feature()) =>
            "PUT /v1/admin/features/api_calls" r#"{"code":"api_calls","kind":"metered"}"#;
        |api| api.admin().features().list() => "GET /v1/admin/features" "";
        |api| api.admin().features().archive(&code()) => "DELETE /v1/admin/features/api_calls" "";
        |api| api.admin().products().put(&code(), ProductConfig { code: code(), name: None }) =>
            "PUT /v1/admin/products/api_calls" r#"{"code":"api_calls"}"#;
        |api| api.admin().products().list() => "GET /v1/admin/products" "";
        |api| api.admin().products().archive(&code()) => "DELETE /v1/admin/products/api_calls" "";
        |api| api.admin().billable_metrics().put(&code(), serde_json::from_str(r#"{"code":"api_calls"}"#).unwrap()) =>
            "PUT /v1/admin/billable-metrics/api_calls" r#"{"code":"api_calls"}"#;
        |api| api.admin().billable_metrics().list() => "GET /v1/admin/billable-metrics" "";
        |api| api.admin().billable_metrics().archive(&code()) => "DELETE /v1/admin/billable-metrics/api_calls" "";
        |api| api.admin().plans().put(&code(), plan()) =>
            "PUT /v1/admin/plans/api_calls" r#"{"code":"api_calls","name":"P","prices":[],"features":{}}"#;
        |api| api.admin().plans().list() => "GET /v1/admin/plans" "";
        |api| api.admin().plans().archive(&code()) => "DELETE /v1/admin/plans/api_calls" "";
    }
}

#[tokio::test]
async fn access() {
    asks! {
        |api| api.api_tokens().create("ci") => "POST /v1/api-tokens" r#"{"name":"ci"}"#;
        |api| api.api_tokens().create("ci").scope("billing:read").expires_at(time()) =>
            "POST /v1/api-tokens" r#"{"name":"ci","scopes":["billing:read"],"expires_at":"2026-05-01T00:00:00Z"}"#;
        |api| api.api_tokens().list() => "GET /v1/api-tokens" "";
        |api| api.api_tokens().revoke(A) => "DELETE /v1/api-tokens/<1>" "";
        |api| api.audit_events().list() => "GET /v1/audit-events" "";
        |api| api.test_clocks().create(time()) => "POST /v1/test-clocks" r#"{"frozen_time":"2026-05-01T00:00:00Z"}"#;
        |api| api.test_clocks().advance(A, time()) =>
            "POST /v1/test-clocks/<1>/advance" r#"{"frozen_time":"2026-05-01T00:00:00Z"}"#;
    }
}

fn feature() -> FeatureConfig {
    let (name, unit, billable_metric, credits_plan) = (None, None, None, None);
    FeatureConfig { code: code(), name, kind: FeatureKind::Metered, unit, billable_metric, credits_plan }
}

fn plan() -> PlanConfig {
    serde_json::from_str(r#"{"code":"api_calls","name":"P","prices":[],"features":{}}"#).unwrap()
}
