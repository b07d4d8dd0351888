//! A seller with customers, features and plans.

use std::sync::{Arc, Mutex};

use farebox_engine::{
    entitlement::{Allowance, Answer, Cycle, FeatureKind, Overage, Properties, Rollover, Terms},
    ledger::Actor,
    subscription::Interval,
};
use farebox_store::{
    OperationKey, Store,
    billing::{
        Ask, Attach, Billing, Customer, Feature, Insufficient, Plan, PlanGrant, PlanStatus, Price, Put, Recorded,
        Subscription, Tell, Use,
    },
};
use farebox_types::{Clock, Id, ManualClock, Merchant, Quantity, Timestamp};
use uuid::Uuid;

use crate::world::{Engine, World};

pub(crate) struct Seller {
    pub(crate) world: World,
    pub(crate) billing: Billing,
    pub(crate) tenant: Id<Merchant>,
}

pub(crate) fn units(units: u64) -> Quantity {
    Quantity::from_units(units).unwrap()
}

pub(crate) fn micros(units: i64) -> i64 {
    units * 1_000_000
}

pub(crate) fn actor() -> Actor {
    Actor::new("test")
}

/// So much a period, and no more.
pub(crate) fn allowance(included: u64) -> Allowance {
    Allowance {
        included: units(included),
        cycle: Cycle::SubscriptionPeriod,
        rollover: Rollover::default(),
        overage: Overage::Deny,
        credit: None,
    }
}

/// What a plan costs, in cents.
pub(crate) fn price(amount: i64) -> Price {
    Price {
        id: Uuid::now_v7(),
        amount,
        currency: "USD".into(),
        interval: Interval::MONTH,
        tier_mode: None,
        tiers: Vec::new(),
        feature: None,
    }
}

impl Seller {
    pub(crate) async fn new(engine: Engine) -> Option<Self> {
        let world = World::new(engine).await?;
        let billing = Billing::new(Arc::clone(&world.store), Arc::<ManualClock>::clone(&world.clock));
        Some(Self { world, billing, tenant: Id::generate() })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Billing in another process on the same database.
    pub(crate) fn another(&self, store: &Arc<dyn Store>) -> Billing {
        Billing::new(Arc::clone(store), Arc::<ManualClock>::clone(&self.world.clock))
    }

    pub(crate) fn ask(&self, key: &str) -> Ask {
        let operation = OperationKey { scope: "test".into(), key: key.into() };
        Ask { tenant: self.tenant, operation, request_hash: [7; 32], actor: actor() }
    }

    pub(crate) async fn customer(&self, email: &str) -> Uuid {
        let customer = Customer {
            id: Uuid::now_v7(),
            email: email.into(),
            name: None,
            currency: None,
            external_id: None,
            payer: None,
            metadata: serde_json::json!({}),
        };
        let put = Put::new(&customer, "customer_created").unwrap();
        self.billing.put(&self.ask(&format!("customer/{email}")), vec![put], String::new()).await.unwrap();
        customer.id
    }

    pub(crate) async fn feature(&self, code: &str, kind: FeatureKind) -> Uuid {
        let feature = Feature {
            id: Uuid::now_v7(),
            code: code.into(),
            name: code.into(),
            kind,
            unit: None,
            metric: None,
            credits_plan: None,
            archived: false,
        };
        let put = Put::new(&feature, "feature_created").unwrap();
        self.billing.put(&self.ask(&format!("feature/{code}")), vec![put], String::new()).await.unwrap();
        feature.id
    }

    /// A plan that is sold.
    pub(crate) async fn plan(&self, code: &str, prices: Vec<Price>, grants: Vec<(Uuid, &str, Terms)>) -> Plan {
        let grants =
            grants.into_iter().map(|(feature, code, terms)| PlanGrant { feature, feature_code: code.into(), terms });
        let plan = Plan {
            id: Uuid::now_v7(),
            code: code.into(),
            name: code.into(),
            product: None,
            version: 1,
            newest: true,
            status: PlanStatus::Active,
            trial_days: 0,
            trial_without_card: false,
            prices,
            grants: grants.collect(),
            privileges: Vec::new(),
        };
        self.put_plan(&plan).await;
        plan
    }

    pub(crate) async fn put_plan(&self, plan: &Plan) {
        let put = Put::new(plan, "plan_created").unwrap();
        self.billing.put(&self.ask(&format!("plan/{}", plan.id)), vec![put], String::new()).await.unwrap();
    }

    /// A customer on a free plan that includes so many calls a period.
    pub(crate) async fn with_calls(&self, allowance: Allowance) -> (Uuid, Uuid) {
        let calls = self.feature("calls", FeatureKind::Metered).await;
        let plan = self.plan("free", Vec::new(), vec![(calls, "calls", Terms::Metered(allowance))]).await;
        let customer = self.customer("a@example.test").await;
        (customer, self.attach(customer, plan.id).await)
    }

    pub(crate) async fn attach(&self, customer: Uuid, plan: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        let wanted = Attach { subscription: id, customer, plan, add_ons: Vec::new(), trial_days: None, checkout: None };
        let answer = |attached: &farebox_store::billing::Attached| attached.subscription.id.to_string();
        let done = self.billing.attach(&self.ask(&format!("attach/{id}")), &wanted, answer).await.unwrap();
        assert_eq!(done.answer, id.to_string());
        id
    }

    pub(crate) async fn subscription(&self, id: Uuid) -> Subscription {
        self.billing.get::<Subscription>(self.tenant, id).await.unwrap().unwrap().value
    }

    pub(crate) async fn track(&self, customer: Uuid, key: &str, value: u64) -> Recorded {
        let one = used(customer, key, value);
        self.billing.track(self.tenant, &one, Insufficient::Record, &actor()).await.unwrap()
    }

    pub(crate) async fn consume(&self, customer: Uuid, key: &str, value: u64) -> Consumed {
        let (tell, heard) = teller();
        self.billing.consume(self.tenant, &used(customer, key, value), (&actor(), &tell)).await.unwrap();
        Consumed { answer: heard.lock().unwrap().take().unwrap() }
    }

    pub(crate) async fn check(&self, customer: Uuid, required: u64) -> farebox_engine::entitlement::Answer {
        self.billing.check(self.tenant, customer, "calls", units(required)).await.unwrap()
    }

    pub(crate) async fn balance(&self, customer: Uuid) -> i64 {
        self.check(customer, 0).await.balance.unwrap()
    }
}

pub(crate) fn used(customer: Uuid, key: &str, value: u64) -> Use {
    Use {
        customer,
        feature_code: "calls".into(),
        value: units(value),
        back: false,
        properties: Properties::new(),
        key: key.into(),
        occurred_at: None,
    }
}

/// A use that was not recorded before: the answer that was said about it.
pub(crate) struct Consumed {
    pub(crate) answer: Answer,
}

/// Says the balance, and keeps the answer.
pub(crate) fn teller() -> (Tell, Arc<Mutex<Option<Answer>>>) {
    let heard = Arc::new(Mutex::new(None));
    let hears = Arc::clone(&heard);
    let tell = move |answer: &Answer| {
        *hears.lock().unwrap() = Some(answer.clone());
        format!("{:?}", answer.balance)
    };
    (Arc::new(tell), heard)
}
