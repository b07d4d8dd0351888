//! What costs begins when its checkout is paid: once, whatever happens on the way.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use farebox_providers::sim::{Sim, types::SimPayment};
use farebox_server::{
    Backend, Keyring,
    billing::BillingSettings,
    payments::{PaymentLimits, Payments},
    worker,
};
use farebox_types::ManualClock;
use serde_json::{Value, json};

use super::shop::{Reply, Shop};
use crate::payments::town::Town;
use crate::world::{MASTER, World};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
const DAY: u64 = 86_400;

/// A customer who was given a checkout for a plan of 9.00 USD a month.
struct Till<'a> {
    town: Arc<Town<'a>>,
    shop: Arc<Shop>,
    plan: String,
    /// Subscriptions that will have begun once this one has.
    begun: usize,
    customer: String,
    session: String,
    subscription: String,
}

impl<'a> Till<'a> {
    async fn open(world: &'a World) -> Self {
        let town = Arc::new(Town::new(world));
        town.remote.serve_pages_at("http://bank.test/sim/pay");
        let shop = Arc::new(Shop::paid_through(world, &town).await);
        shop.stock().await;
        let plan = paid_plan(&shop).await;
        Self::at((town, shop), &plan, 1).await
    }

    /// Another customer at the same shop.
    async fn next(&self) -> Self {
        Self::at((Arc::clone(&self.town), Arc::clone(&self.shop)), &self.plan, self.begun + 1).await
    }

    async fn at((town, shop): (Arc<Town<'a>>, Arc<Shop>), plan: &str, begun: usize) -> Self {
        let customer = shop.customer(&format!("ann{begun}@example.com")).await;
        let attached = shop.post("/v1/attach", order(&customer, plan)).await.is(200);
        let text = |member: &str| attached[member].as_str().unwrap().to_owned();
        let till = Self {
            session: text("checkout_session_id"),
            subscription: text("subscription_id"),
            plan: plan.to_owned(),
            town,
            shop,
            customer,
            begun,
        };
        assert_eq!(till.status().await, "pending_activation");
        till
    }

    fn path(&self) -> String {
        format!("/checkout/{}", self.session)
    }

    async fn page(&self) -> Reply {
        self.shop.send(Method::GET, &self.path(), &[], None).await
    }

    /// Presses a button; where the browser is sent.
    async fn press(&self, form: &str) -> String {
        let reply = self.shop.send(Method::POST, &self.path(), &FORM, Some(form)).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        reply.headers["location"].to_str().unwrap().to_owned()
    }

    async fn pay(&self, method: &str) -> String {
        self.press(&format!("decision=pay&method={method}")).await
    }

    async fn status(&self) -> String {
        let subscription = self.shop.get(&format!("/v1/subscriptions/{}", self.subscription)).await.is(200);
        subscription["status"].as_str().unwrap().to_owned()
    }

    /// Where the page sends a browser that has paid.
    async fn is_done(&self) {
        let page = self.page().await;
        let goal = format!("https://acme.com/ok?s={}", self.session);
        assert_eq!((page.status, page.headers["location"].to_str().unwrap()), (303, &*goal), "{}", page.text);
        assert_eq!(self.status().await, "active");
        assert_eq!(self.shop.check(&self.customer, "export", 0).await["allowed"], true);
        assert_eq!(self.town.world.count("subscription_activated").await, self.begun);
        assert_eq!(self.town.world.count("checkout_completed").await, self.begun);
    }

    /// What the provider has taken and not given back, in minor units, by payment.
    fn kept(&self) -> Vec<i64> {
        let all = self.town.remote.list(0, None).data;
        let kept = |one: &SimPayment| one.captured_minor - one.refunded_minor;
        all.iter().map(kept).filter(|minor| *minor != 0).collect()
    }

    async fn payments(&self) -> Vec<Value> {
        let list = self.town.get(&format!("/payments?customer_id={}", self.customer)).await;
        list["data"].as_array().unwrap().clone()
    }
}

async fn paid_plan(shop: &Shop) -> String {
    let prices = json!([{"amount": 900, "currency": "USD", "interval": "month"}]);
    let body = json!({"code": "paid", "name": "Paid <plan>", "prices": prices, "features": {"export": {}}});
    shop.put("/v1/admin/plans/paid", body).await.is(201)["id"].as_str().unwrap().to_owned()
}

fn order(customer: &str, plan: &str) -> Value {
    json!({"customer_id": customer, "plan_id": plan, "success_url": "https://acme.com/ok?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://acme.com/pricing"})
}

/// The town's service as another process would have it.
fn another_process(town: &Town<'_>) -> Payments {
    let world = town.world;
    let backend = Backend::new(Arc::clone(&world.store), Arc::<ManualClock>::clone(&world.clock), Keyring::new(MASTER));
    let sim = Sim::embedded(Arc::clone(&town.remote), Duration::from_millis(400));
    Payments::new(backend, world.merchant, Arc::new(sim), Vec::new(), PaymentLimits::default())
}

/// Does what is due until nothing is.
async fn scheduler(world: &World) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(worker::run(world.backend.clone(), async { drop(stopped.await) }));
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.send(()).unwrap();
    worker.await.unwrap();
}

on_both! {
    async fn what_costs_begins_with_its_payment(world: &World) {
        let till = Till::open(world).await;
        let page = till.page().await;
        assert_eq!(page.status, 200);
        for words in ["9.00 USD", "each month", "Paid &lt;plan&gt;", "pm_sim_3ds", "Pay 9.00 USD"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(till.shop.check(&till.customer, "export", 0).await["allowed"], false);
        let tampered = till.press("decision=pay&method=pm_sim_ok&amount=1&amount_minor=1&currency=KRW").await;
        assert_eq!(tampered, till.path());
        till.is_done().await;
        assert_eq!(till.kept(), [900], "the amount is the plan's, not the browser's");
        let payments = till.payments().await;
        assert_eq!((payments.len(), &payments[0]["status"], &payments[0]["amount_minor"]), (1, &json!("succeeded"), &json!(900)));
        assert_eq!(till.pay("pm_sim_ok").await, till.path(), "pressed again");
        till.is_done().await;
        assert_eq!(till.kept(), [900]);
    }

    async fn after_a_decline_another_method_pays(world: &World) {
        let till = Till::open(world).await;
        assert_eq!(till.pay("pm_sim_insufficient_funds").await, till.path());
        let page = till.page().await;
        assert!(page.text.contains("role=\"alert\"") && page.text.contains("insufficient funds"), "{}", page.text);
        assert_eq!((till.status().await.as_str(), till.kept()), ("pending_activation", vec![]));
        assert_eq!(till.pay("pm_sim_ok").await, till.path());
        till.is_done().await;
        assert_eq!((till.kept(), till.payments().await.len()), (vec![900], 2));
    }

    async fn the_payer_is_sent_to_the_bank_and_comes_back(world: &World) {
        let till = Till::open(world).await;
        let bank = till.pay("pm_sim_3ds").await;
        assert!(bank.contains("/sim/pay/"), "{bank}");
        assert_eq!(till.pay("pm_sim_ok").await, bank, "a second press, or browser, joins what is under way");
        let page = till.page().await;
        assert!(page.text.contains(&bank) && page.text.contains("Use another method"), "{}", page.text);
        let id = bank.rsplit('/').next().unwrap();
        let answered = till.town.remote.pay_page(id, Some(b"outcome=approve"));
        assert_eq!(answered.location, Some(format!("http://farebox.test{}", till.path())));
        till.is_done().await;
        assert_eq!(till.kept(), [900]);
    }

    async fn a_payer_who_rejects_or_changes_the_method_can_still_pay(world: &World) {
        let till = Till::open(world).await;
        let bank = till.pay("pm_sim_3ds").await;
        till.town.remote.payer_answers(bank.rsplit('/').next().unwrap(), false).unwrap();
        assert!(till.page().await.text.contains("role=\"alert\""));
        let bank = till.pay("pm_sim_3ds").await;
        assert_eq!(till.press("decision=another").await, till.path());
        let page = till.page().await;
        assert!(page.text.contains("Pay 9.00 USD") && !page.text.contains(&bank), "{}", page.text);
        till.pay("pm_sim_ok").await;
        till.is_done().await;
        assert_eq!((till.kept(), till.payments().await.len()), (vec![900], 3));
    }

    async fn many_presses_in_two_processes_are_one_charge(world: &World) {
        let till = Arc::new(Till::open(world).await);
        let settings = BillingSettings { payments: Some(another_process(&till.town)), ..BillingSettings::default() };
        let elsewhere = Shop::with(world, settings).await;
        let path = till.path();
        let presses = (0..20).map(|at| {
            let shop = if at % 2 == 0 { &till.shop } else { &elsewhere };
            shop.send(Method::POST, &path, &FORM, Some("decision=pay&method=pm_sim_ok"))
        });
        for reply in futures_util::future::join_all(presses).await {
            assert_eq!(reply.status, 303, "{}", reply.text);
        }
        till.town.settle().await;
        till.is_done().await;
        assert_eq!((till.kept(), till.payments().await.len()), (vec![900], 1));
    }

    async fn a_charge_whose_answer_was_lost_is_found_and_begins_the_subscription(world: &World) {
        let mut till = Till::open(world).await;
        let lost = ["pm_sim_timeout_after", "pm_sim_500_after", "pm_sim_reset_after", "pm_sim_timeout_before",
            "pm_sim_500_before", "pm_sim_reset_before"];
        for method in lost {
            assert_eq!(till.pay(method).await, till.path());
            let page = till.page().await;
            assert_eq!((page.status, page.headers["refresh"].to_str().unwrap()), (200, "3"), "{method}");
            assert!(page.text.contains("do not pay again") && !page.text.contains("Pay 9.00"), "{}", page.text);
            assert_eq!(till.pay("pm_sim_ok").await, till.path(), "it is not paid twice meanwhile");
            till.town.settle().await;
            till.is_done().await;
            assert_eq!((till.kept().len(), till.payments().await.len()), (till.begun, 1), "{method}");
            till = till.next().await;
        }
    }

    async fn who_never_comes_back_has_paid_all_the_same(world: &World) {
        let till = Till::open(world).await;
        let bank = till.pay("pm_sim_3ds_webhook_lost").await;
        till.town.remote.payer_answers(bank.rsplit('/').next().unwrap(), true).unwrap();
        till.town.settle().await;
        till.is_done().await;
        assert_eq!(till.kept(), [900]);
    }

    async fn a_checkout_that_is_over_takes_nothing(world: &World) {
        let till = Till::open(world).await;
        world.pass(DAY + 1);
        assert!(till.page().await.text.contains("This checkout is over"));
        let reply = till.shop.send(Method::POST, &till.path(), &FORM, Some("decision=pay&method=pm_sim_ok")).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        scheduler(world).await;
        assert_eq!(till.status().await, "incomplete_expired");
        assert_eq!(till.pay("pm_sim_ok").await, till.path());
        assert!(till.page().await.text.contains("This checkout is over"));
        assert_eq!((till.kept(), till.payments().await.len()), (vec![], 0));
    }

    async fn money_that_comes_too_late_goes_back(world: &World) {
        let till = Till::open(world).await;
        let bank = till.pay("pm_sim_3ds").await;
        world.pass(DAY + 1);
        scheduler(world).await;
        assert_eq!(till.status().await, "incomplete_expired");
        till.town.remote.payer_answers(bank.rsplit('/').next().unwrap(), true).unwrap();
        assert_eq!(till.kept(), [900]);
        till.town.settle().await;
        assert_eq!((till.status().await.as_str(), till.kept()), ("incomplete_expired", vec![]));
        assert!(till.page().await.text.contains("goes back in full"));
        assert_eq!(till.payments().await[0]["status"], "refunded");
        assert_eq!(world.count("subscription_activated").await, 0);
        assert_eq!(till.town.differences().await, Vec::<String>::new());
    }

    async fn a_checkout_is_no_place_to_try_cards_out(world: &World) {
        let till = Till::open(world).await;
        for _ in 0..20 {
            assert_eq!(till.pay("pm_sim_declined").await, till.path());
        }
        let reply = till.shop.send(Method::POST, &till.path(), &FORM, Some("decision=pay&method=pm_sim_ok")).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        assert_eq!((till.kept(), till.payments().await.len()), (vec![], 20));
    }

    async fn nobody_finds_a_checkout_that_is_not_there(world: &World) {
        let till = Till::open(world).await;
        let other = world.store.merchant_named("other").await.unwrap().unwrap().id;
        let (prefix, hex) = till.session.split_at("cs_test_".len());
        let of_another = format!("{prefix}{}{}", other.uuid().simple(), &hex[32..]);
        for name in [of_another.as_str(), "cs_test_", "cs_test_x", "nothing", &till.session[..71]] {
            let path = format!("/checkout/{name}");
            assert_eq!(till.shop.send(Method::GET, &path, &[], None).await.status, 404, "{name}");
            let pay = till.shop.send(Method::POST, &path, &FORM, Some("decision=pay&method=pm_sim_ok")).await;
            assert_eq!(pay.status, 404, "{name}");
        }
        assert!(till.kept().is_empty());
        assert_eq!(till.press("decision=leave").await, "https://acme.com/pricing");
    }

    async fn a_trial_with_a_card_begins_without_a_charge(world: &World) {
        let till = Till::open(world).await;
        let customer = till.shop.customer("bob@example.com").await;
        let tried = json!({"code": "tried", "name": "Tried", "trial_period_days": 14,
            "prices": [{"amount": 900, "currency": "USD", "interval": "month"}], "features": {}});
        let tried = till.shop.put("/v1/admin/plans/tried", tried).await.is(201)["id"].as_str().unwrap().to_owned();
        let plan = till.shop.get("/v1/plans").await.is(200);
        let plan = plan["data"].as_array().unwrap().iter().find(|plan| plan["code"] == "paid").unwrap();
        let mut body = order(&customer, &tried);
        // The plan alone needs no card; what is added to it does. Nobody asks for a longer trial than the plan has.
        body["trial_period_days"] = json!(700);
        body["add_ons"] = json!([{"id": plan["id"], "quantity": 1}]);
        let attached = till.shop.post("/v1/attach", body).await.is(200);
        let path = format!("/checkout/{}", attached["checkout_session_id"].as_str().unwrap());
        assert!(till.shop.send(Method::GET, &path, &[], None).await.text.contains("free for 14 days; then 9.00 USD each month"));
        let begun = till.shop.send(Method::POST, &path, &FORM, Some("decision=pay&method=pm_sim_ok")).await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        let path = format!("/v1/subscriptions/{}", attached["subscription_id"].as_str().unwrap());
        assert_eq!(till.shop.get(&path).await.is(200)["status"], "trialing");
        assert!(till.kept().is_empty());
    }

    async fn attach_asks_for_what_a_checkout_needs(world: &World) {
        let till = Till::open(world).await;
        let customer = till.shop.customer("bob@example.com").await;
        let dear = json!({"code": "dear", "name": "Dear", "prices": [{"amount": 2500, "currency": "USD", "interval": "year"}], "features": {}});
        let dear = till.shop.put("/v1/admin/plans/dear", dear).await.is(201)["id"].as_str().unwrap().to_owned();
        let won = json!({"code": "won", "name": "Won", "prices": [{"amount": 100, "currency": "KRW", "interval": "month"}], "features": {}});
        let won = till.shop.put("/v1/admin/plans/won", won).await.is(201)["id"].as_str().unwrap().to_owned();
        let mut body = json!({"customer_id": customer, "plan_id": dear});
        till.shop.post("/v1/attach", body.clone()).await.refused(422, "paylera.attach_return_url_required");
        body["success_url"] = json!("http://evil.example/");
        body["cancel_url"] = json!("https://acme.com/pricing");
        till.shop.post("/v1/attach", body.clone()).await.refused(422, "paylera.redirect_domain_not_allowed");
        body = order(&customer, &dear);
        body["payment_provider"] = json!("stripe");
        till.shop.post("/v1/attach", body.clone()).await.refused(422, "paylera.invalid");
        body["payment_provider"] = json!("sim");
        body["add_ons"] = json!([{"id": won, "quantity": 1}]);
        till.shop.post("/v1/attach", body.clone()).await.refused(422, "paylera.invalid");
        let seat = json!({"code": "seat", "name": "Seat", "prices": [{"amount": 2500, "currency": "USD", "interval": "year"}], "features": {}});
        let seat = till.shop.put("/v1/admin/plans/seat", seat).await.is(201)["id"].as_str().unwrap().to_owned();
        body["add_ons"] = json!([{"id": seat, "quantity": 2}]);
        let attached = till.shop.post("/v1/attach", body.clone()).await.is(200);
        let again = till.shop.post("/v1/attach", body).await.is(200);
        assert_eq!(again, attached, "one checkout is open for a customer and plan");
        let page = till.shop.send(Method::GET, &format!("/checkout/{}", attached["checkout_session_id"].as_str().unwrap()), &[], None).await;
        assert!(page.text.contains("75.00 USD"), "{}", page.text);
        let bare = Shop::open(world).await;
        bare.post("/v1/attach", order(&customer, &won)).await.refused(422, "paylera.invalid");
    }
}
