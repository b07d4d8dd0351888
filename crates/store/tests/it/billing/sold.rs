//! What can be had, and at what terms: the shop's own record decides, not who asks.

use std::time::Duration;

use farebox_engine::{
    entitlement::{FeatureKind, Terms},
    subscription::{Collection, Status},
};
use farebox_store::billing::{
    AddOn, Attach, Attached, Begins, BillingError, ChangePlan, Due, OpenCheckout, Plan, PlanStatus, Put, Row,
};
use rstest::rstest;
use uuid::Uuid;

use super::{
    seller::{Seller, allowance, price},
    times::checkout,
};
use crate::world::Engine;

const DAY: u64 = 86_400;

struct Shop {
    seller: Seller,
    customer: Uuid,
    free: Plan,
    paid: Plan,
}

impl Shop {
    async fn open(engine: Engine) -> Option<Self> {
        let seller = Seller::new(engine).await?;
        let calls = seller.feature("calls", FeatureKind::Metered).await;
        let grants = || vec![(calls, "calls", Terms::Metered(allowance(10)))];
        let free = seller.plan("free", Vec::new(), grants()).await;
        let paid = seller.plan("paid", vec![price(500)], grants()).await;
        let customer = seller.customer("a@example.test").await;
        Some(Self { seller, customer, free, paid })
    }

    async fn attach(
        &self,
        plan: Uuid,
        add_ons: &[Uuid],
        trial_days: Option<u32>,
        open: bool,
    ) -> Result<String, String> {
        let due = Due { minor: 500, currency: "USD".into() };
        let wanted = Attach {
            subscription: Uuid::now_v7(),
            customer: self.customer,
            plan,
            add_ons: add_ons.iter().map(|plan| AddOn { plan: *plan, quantity: 1000 }).collect(),
            trial_days,
            checkout: open.then(|| OpenCheckout { due: Some(due.clone()), ..checkout(Uuid::now_v7()) }),
        };
        let answer = |it: &Attached| format!("{} {}", it.subscription.term.status.as_str(), it.checkout.is_some());
        let ask = self.seller.ask(&format!("attach/{}", wanted.subscription));
        let done = self.seller.billing.attach(&ask, &wanted, answer).await;
        done.map(|done| done.answer).map_err(|error| error.to_string())
    }
}

#[rstest]
#[tokio::test]
async fn what_is_added_to_a_free_plan_is_paid_for(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(shop) = Shop::open(engine).await else { return };
    let (free, paid) = (shop.free.id, shop.paid.id);
    assert_eq!(shop.attach(free, &[paid], None, false).await.unwrap_err(), "a checkout is needed");
    assert!(!shop.seller.check(shop.customer, 1).await.allowed);
    for twice in [vec![free], vec![paid, paid]] {
        let refused = shop.attach(free, &twice, None, true).await.unwrap_err();
        assert!(refused.starts_with("an add-on is named once"), "{refused}");
    }
    assert_eq!(shop.attach(free, &[paid], None, true).await.unwrap(), "pending_activation true");
    assert!(!shop.seller.check(shop.customer, 1).await.allowed);
    shop.seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn only_the_newest_version_is_sold(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(shop) = Shop::open(engine).await else { return };
    let old: Row<Plan> = shop.seller.billing.get(shop.seller.tenant, shop.free.id).await.unwrap().unwrap();
    shop.seller
        .billing
        .put(
            &shop.seller.ask("old"),
            vec![Put::update(&old.with(Plan { newest: false, ..old.value.clone() }), "plan_superseded").unwrap()],
            String::new(),
        )
        .await
        .unwrap();
    shop.seller.put_plan(&Plan { id: Uuid::now_v7(), version: 2, ..shop.free.clone() }).await;
    let refused = "the plan is not sold, or has a newer version";
    assert_eq!(shop.attach(shop.free.id, &[], None, true).await.unwrap_err(), refused);
    assert_eq!(shop.attach(shop.paid.id, &[shop.free.id], None, true).await.unwrap_err(), refused);
    let extra = shop.seller.plan("extra", Vec::new(), Vec::new()).await;
    shop.attach(extra.id, &[], None, false).await.unwrap();
    let row: Row<Plan> = shop.seller.billing.get(shop.seller.tenant, shop.paid.id).await.unwrap().unwrap();
    shop.seller
        .billing
        .put(
            &shop.seller.ask("archived"),
            vec![
                Put::update(&row.with(Plan { status: PlanStatus::Archived, ..row.value.clone() }), "plan_archived")
                    .unwrap(),
            ],
            String::new(),
        )
        .await
        .unwrap();
    assert_eq!(shop.attach(shop.paid.id, &[], None, true).await.unwrap_err(), refused);
    shop.seller.world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_trial_is_as_long_as_the_plan_says_and_had_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(shop) = Shop::open(engine).await else { return };
    let seller = &shop.seller;
    let tried =
        Plan { id: Uuid::now_v7(), code: "tried".into(), trial_days: 7, trial_without_card: true, ..shop.paid.clone() };
    seller.put_plan(&tried).await;
    assert_eq!(shop.attach(tried.id, &[], Some(730), false).await.unwrap(), "trialing false");
    seller.world.pass(7 * DAY);
    seller.billing.run_due(10, Duration::from_secs(60)).await.unwrap();
    let rows = seller.billing.holdings(seller.tenant, shop.customer).await.unwrap().subscriptions;
    let statuses: Vec<Status> = rows.iter().map(|row| row.value.term.status).collect();
    assert_eq!(statuses, [Status::PastDue], "seven days, whatever was asked for");
    let end = seller.ask("end");
    seller.billing.cancel(&end, (rows[0].value.id, false), (None, None), |_| String::new()).await.unwrap();
    assert_eq!(shop.attach(tried.id, &[], Some(7), false).await.unwrap_err(), "a checkout is needed");
    assert_eq!(shop.attach(tried.id, &[], Some(7), true).await.unwrap(), "pending_activation true");
    shop.seller.world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_attach_at_once_one_begins_and_all_hear_of_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(shop) = Shop::open(engine).await else { return };
    let shop = std::sync::Arc::new(shop);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let shop = std::sync::Arc::clone(&shop);
        asking.spawn(async move { shop.attach(shop.free.id, &[], None, false).await });
    }
    for answer in asking.join_all().await {
        assert_eq!(answer.as_deref(), Ok("active false"));
    }
    let holdings = shop.seller.billing.holdings(shop.seller.tenant, shop.customer).await.unwrap();
    assert_eq!(holdings.subscriptions.len(), 1);
    let row = &holdings.subscriptions[0].value;
    let to_itself =
        ChangePlan { subscription: row.id, plan: row.plan, begins: Begins::Now, collection: Collection::OnFile };
    let same = shop.seller.billing.change_plan(&shop.seller.ask("same"), to_itself, |_| String::new()).await;
    assert!(matches!(same, Err(BillingError::Invalid(_))));
    std::sync::Arc::into_inner(shop).unwrap().seller.world.finish().await;
}
