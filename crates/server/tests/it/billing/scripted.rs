//! Checkouts whose cards are taken by the provider's own script, in the payer's browser.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use base64::{Engine, prelude::BASE64_STANDARD};
use farebox_providers::{Provider, stripe::Stripe, toss::Toss};
use farebox_server::{
    billing::{BillingSettings, PageScript},
    payments::{PaymentLimits, Payments},
};
use farebox_types::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::shop::{Reply, Shop};
use crate::{
    fake::{FakeStripe, FakeToss},
    world::World,
};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// A shop that sells one plan through that provider.
async fn shop(world: &World, provider: Arc<dyn Provider>, script: Option<&str>, price: (i64, &str)) -> (Shop, String) {
    let (backend, limits) = (world.backend.clone(), PaymentLimits::default());
    let settings = BillingSettings {
        payments: Some(Payments::new(backend, world.merchant, provider, Vec::new(), limits)),
        script: script.map(|url| PageScript { url: url.to_owned(), key: "pk_test_shown".to_owned() }),
        ..BillingSettings::default()
    };
    let shop = Shop::with(world, settings).await;
    shop.stock().await;
    let prices = json!([{"amount": price.0, "currency": price.1, "interval": "month"}]);
    let body = json!({"code": "paid", "name": "Tea \"<x>\"", "prices": prices, "features": {"export": {}}});
    let plan = shop.put("/v1/admin/plans/paid", body).await.is(201)["id"].as_str().unwrap().to_owned();
    (shop, plan)
}

async fn stripe(world: &World, script: Option<&str>) -> (FakeStripe, Shop, String) {
    let fake = FakeStripe::start().await;
    let key = Secret::new("sk_test_right".to_owned());
    let stripe = Stripe::new(&fake.url, &key, Duration::from_secs(2)).unwrap();
    let (shop, plan) = shop(world, Arc::new(stripe), script, (900, "USD")).await;
    (fake, shop, plan)
}

async fn toss(world: &World, script: Option<&str>) -> (FakeToss, Shop, String) {
    let fake = FakeToss::start().await;
    let key = Secret::new("test_sk_right".to_owned());
    let toss = Toss::new(&fake.url, &key, Duration::from_secs(2)).unwrap();
    let (shop, plan) = shop(world, Arc::new(toss), script, (15_000, "KRW")).await;
    (fake, shop, plan)
}

async fn attach(shop: &Shop, plan: &str) -> Reply {
    let customer = shop.customer("ann@example.com").await;
    let body = json!({"customer_id": customer, "plan_id": plan, "success_url": "https://acme.com/ok",
        "cancel_url": "https://acme.com/pricing"});
    shop.post("/v1/attach", body).await
}

/// One customer's checkout.
struct Till {
    shop: Shop,
    path: String,
    subscription: String,
}

impl Till {
    async fn open(shop: Shop, plan: &str) -> Self {
        let attached = attach(&shop, plan).await.is(200);
        let text = |member: &str| attached[member].as_str().unwrap().to_owned();
        let path = format!("/checkout/{}", text("checkout_session_id"));
        Self { subscription: text("subscription_id"), shop, path }
    }

    async fn page(&self) -> Reply {
        self.shop.send(Method::GET, &self.path, &[], None).await
    }

    /// The payer presses pay; the page with the script.
    async fn scripted(&self) -> Reply {
        let open = self.page().await;
        assert!(open.text.contains("value=\"in_browser\""), "{}", open.text);
        assert!(!policy(&open).contains("script-src"), "nothing is let in before");
        let pressed = self.shop.send(Method::POST, &self.path, &FORM, Some("decision=pay&method=in_browser")).await;
        assert_eq!((pressed.status, pressed.headers["location"].to_str().unwrap()), (303, &*self.path));
        self.page().await
    }

    /// The browser comes back with this in the address; it does not stay there.
    async fn comes_back(&self, query: &str) {
        let back = self.shop.send(Method::GET, &format!("{}?{query}", self.path), &[], None).await;
        assert_eq!((back.status, back.headers["location"].to_str().unwrap()), (303, &*self.path), "{}", back.text);
    }

    async fn status(&self) -> Value {
        self.shop.get(&format!("/v1/subscriptions/{}", self.subscription)).await.is(200)["status"].clone()
    }

    async fn is_paid(&self) {
        let page = self.page().await;
        assert_eq!((page.status, page.headers["location"].to_str().unwrap()), (303, "https://acme.com/ok"));
        assert_eq!(self.status().await, "active");
    }
}

fn policy(reply: &Reply) -> String {
    reply.headers["content-security-policy"].to_str().unwrap().to_owned()
}

/// What `data-name="…"` holds.
fn data(page: &Reply, name: &str) -> String {
    let (_, rest) = page.text.split_once(&format!("data-{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// The page's own lines are those whose hash the policy names, and its address is the one that is let in.
fn is_let_in(page: &Reply, url: &str, origin: &str) {
    let policy = policy(page);
    let (_, own) = page.text.split_once("<script>").unwrap();
    let own = own.split_once("</script>").unwrap().0;
    let hash = BASE64_STANDARD.encode(Sha256::digest(own));
    assert!(policy.contains(&format!("script-src {origin} 'sha256-{hash}';")), "{policy}");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert!(page.text.contains(&format!("<script src=\"{url}\"></script>")), "{}", page.text);
    assert_eq!(data(page, "key"), "pk_test_shown");
}

on_both! {
    async fn stripes_own_form_takes_the_card_and_a_declined_one_may_be_followed_by_another(world: &World) {
        let (fake, shop, plan) = stripe(world, Some("https://js.stripe.com/v3/")).await;
        let till = Till::open(shop, &plan).await;
        let page = till.scripted().await;
        is_let_in(&page, "https://js.stripe.com/v3/", "https://js.stripe.com");
        assert_eq!((data(&page, "secret"), data(&page, "name")), ("pi_secret".to_owned(), "Tea &quot;&lt;x&gt;&quot;".to_owned()));
        let intents = fake.intents();
        let intent = intents[0]["id"].as_str().unwrap();
        assert_eq!((intents.len(), &intents[0]["amount"], &intents[0]["payment_method"]), (1, &json!(900), &json!(null)));

        // The card is declined in the form; the payer, who is still there, takes another one.
        fake.fails_at_the_bank(intent);
        assert_eq!(data(&till.page().await, "secret"), "pi_secret");
        assert_eq!(till.status().await, "pending_activation");
        assert!(fake.pays_with_another_card(intent));
        till.comes_back(&format!("payment_intent={intent}&payment_intent_client_secret=pi_secret&redirect_status=succeeded")).await;
        till.is_paid().await;
        assert_eq!(fake.intents().len(), 1);
    }

    async fn what_the_browser_says_of_a_payment_is_not_believed(world: &World) {
        let (fake, shop, plan) = stripe(world, Some("https://js.stripe.com/v3/")).await;
        let till = Till::open(shop, &plan).await;
        till.scripted().await;
        let intent = fake.intents()[0]["id"].as_str().unwrap().to_owned();
        till.comes_back(&format!("payment_intent={intent}&redirect_status=succeeded")).await;
        assert_eq!((till.page().await.status, till.status().await), (200, json!("pending_activation")));
        // Whoever begins again gives up what was open, and can no longer pay it.
        let again = till.shop.send(Method::POST, &till.path, &FORM, Some("decision=another")).await;
        assert_eq!(again.status, 303);
        assert!(!fake.pays_with_another_card(&intent));
        till.scripted().await;
        assert_eq!(fake.intents().len(), 2);
    }

    async fn tosss_own_window_takes_the_money_that_is_due_and_no_other(world: &World) {
        let (fake, shop, plan) = toss(world, Some("https://js.tosspayments.com/v2/standard")).await;
        let till = Till::open(shop, &plan).await;
        let page = till.scripted().await;
        is_let_in(&page, "https://js.tosspayments.com/v2/standard", "https://js.tosspayments.com");
        let order = data(&page, "order");
        assert_eq!((data(&page, "minor").as_str(), order.len()), ("15000", 64));

        // The payer's browser names another amount, another order, and a window that was closed.
        let cheap = fake.payer_pays(&order, 1);
        till.comes_back(&format!("paymentKey={cheap}&orderId={order}&amount=1")).await;
        till.comes_back(&format!("paymentKey={cheap}&orderId={}&amount=15000", "0".repeat(64))).await;
        till.comes_back(&format!("code=PAY_PROCESS_CANCELED&message=x&orderId={order}")).await;
        assert_eq!((till.page().await.status, till.status().await), (200, json!("pending_activation")));

        let key = fake.payer_pays_instead(&order, 15_000);
        till.comes_back(&format!("paymentType=NORMAL&paymentKey={key}&orderId={order}&amount=15000")).await;
        till.is_paid().await;
        till.comes_back(&format!("paymentKey={key}&orderId={order}&amount=15000")).await;
        till.is_paid().await;
        assert_eq!(fake.payment(&order)["status"], "DONE");
    }

    async fn without_a_key_for_browsers_a_checkout_is_refused_with_the_flag_that_is_missing(world: &World) {
        let (_, shop, plan) = toss(world, None).await;
        let refused = attach(&shop, &plan).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains("--toss-client-key"), "{}", refused.text);
    }
}
