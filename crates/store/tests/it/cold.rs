//! Merchants, plans, agents, delegations and keys: written once each, read back whole.

use std::{sync::Arc, time::Duration};

use farebox_engine::{
    credits::{Access, PlanRules},
    ledger::Actor,
};
use farebox_store::{
    Agent, ApiKey, ApiToken, Change, Delegation, DelegationState, Merchant, OperationKey, Page, Plan, Record, Recorded,
    Role,
};
use farebox_types::{Id, Mode};
use rstest::rstest;

use crate::{
    shop::{Shop, credits},
    world::{Engine, World},
};

fn record(world: &World, key: &str, changes: Vec<Change>) -> Record {
    Record {
        tenant: world.shop.tenant,
        operation: OperationKey { scope: "test".into(), key: key.into() },
        request_hash: [3; 32],
        changes,
        answer: format!("answer of {key}"),
        actor: Actor::new("tok_test"),
        at: world.now(),
    }
}

async fn write(world: &World, key: &str, changes: Vec<Change>) -> Recorded {
    world.store.record(record(world, key, changes)).await.unwrap()
}

fn merchant(world: &World, name: &str) -> Merchant {
    Merchant { id: world.shop.tenant, name: name.into(), mode: Mode::Test, created_at: world.now() }
}

fn plan(world: &World, name: &str, lifetime: Option<Duration>, trial: bool) -> Plan {
    let range = (credits(1), credits(4));
    let rules = PlanRules::new(Access::Credits, !trial, credits(100), range, lifetime, trial).unwrap();
    let document = r#"{"metadata":{"name":"ünïcode ✓"}}"#.into();
    Plan { tenant: world.shop.tenant, id: Id::generate(), name: name.into(), rules, document, created_at: world.now() }
}

fn agent(world: &World, name: &str) -> Agent {
    let (tenant, created_at) = (world.shop.tenant, world.now());
    Agent { tenant, id: Id::generate(), name: name.into(), document: "{}".into(), created_at }
}

fn delegation(world: &World, plan: Option<Id<farebox_types::Plan>>, max_uses: Option<u32>) -> Delegation {
    Delegation {
        tenant: world.shop.tenant,
        id: Id::generate(),
        holder: Shop::payer(1),
        plan,
        max_uses,
        state: DelegationState::Active,
        document: "{}".into(),
        created_at: world.now(),
        expires_at: world.now().after(Duration::from_secs(3_600)),
    }
}

#[rstest]
#[tokio::test]
async fn a_merchant_has_a_unique_name(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let acme = merchant(&world, "acme");
    assert_eq!(write(&world, "m1", vec![Change::Merchant(acme.clone())]).await, Recorded::Fresh);
    assert_eq!(world.store.merchant(acme.id).await.unwrap(), Some(acme.clone()));
    assert_eq!(world.store.merchant_named("acme").await.unwrap(), Some(acme.clone()));
    assert_eq!(world.store.merchant_named("ACME").await.unwrap(), None);

    let twin = Merchant { id: Id::generate(), ..acme.clone() };
    assert_eq!(write(&world, "m2", vec![Change::Merchant(twin.clone())]).await, Recorded::Taken);
    assert_eq!(world.store.merchant(twin.id).await.unwrap(), None);
    // Nothing remembers a name that was refused: it can be tried again.
    let other = Merchant { name: "other".into(), mode: Mode::Live, ..twin };
    assert_eq!(write(&world, "m2", vec![Change::Merchant(other.clone())]).await, Recorded::Fresh);
    assert_eq!(world.store.merchants().await.unwrap(), [acme, other]);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_cold_write_happens_once_a_key(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let gold = plan(&world, "gold", None, false);
    let changes = || vec![Change::Plan(gold.clone())];
    assert_eq!(write(&world, "k", changes()).await, Recorded::Fresh);
    assert_eq!(write(&world, "k", changes()).await, Recorded::Replayed("answer of k".into()));
    let other = Record { request_hash: [4; 32], ..record(&world, "k", changes()) };
    assert_eq!(world.store.record(other).await.unwrap(), Recorded::Conflict);
    let elsewhere = OperationKey { scope: "elsewhere".into(), key: "k".into() };
    let silver = Change::Plan(plan(&world, "silver", None, false));
    let same_key = Record { operation: elsewhere, ..record(&world, "k", vec![silver]) };
    assert_eq!(world.store.record(same_key).await.unwrap(), Recorded::Fresh);
    let (plans, total) = world.store.plans(world.shop.tenant, Page::first(10)).await.unwrap();
    assert_eq!((plans.len(), total), (2, 2));
    let lines = world.store.audit(world.shop.tenant, Page::first(10)).await.unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.entries.contains("plan_registered") && line.entries.contains("tok_test")));
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_cold_write_at_once_happens_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let other = match engine {
        Engine::Sqlite => Arc::clone(&world.store),
        Engine::Postgres => world.another_process().await,
    };
    let acme = merchant(&world, "acme");
    let tasks: Vec<_> = (0..16)
        .map(|name| {
            let store = Arc::clone(if name % 2 == 0 { &world.store } else { &other });
            let record = record(&world, "m", vec![Change::Merchant(acme.clone())]);
            tokio::spawn(async move { store.record(record).await.unwrap() })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        match task.await.unwrap() {
            Recorded::Fresh => fresh += 1,
            Recorded::Replayed(answer) => assert_eq!(answer, "answer of m"),
            refused => panic!("{refused:?}"),
        }
    }
    assert_eq!(fresh, 1);
    if engine == Engine::Postgres {
        other.close().await;
    }
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_refused_change_takes_the_whole_record_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    write(&world, "m1", vec![Change::Merchant(merchant(&world, "acme"))]).await;
    let bronze = plan(&world, "bronze", None, false);
    let twin = Merchant { id: Id::generate(), ..merchant(&world, "acme") };
    let both = vec![Change::Plan(bronze.clone()), Change::Merchant(twin)];
    assert_eq!(write(&world, "both", both).await, Recorded::Taken);
    assert_eq!(world.store.plan(world.shop.tenant, bronze.id).await.unwrap(), None);

    // A row that is there already is nobody's conflict to solve: the caller hears of it.
    assert_eq!(write(&world, "p", vec![Change::Plan(bronze.clone())]).await, Recorded::Fresh);
    let fault = world.store.record(record(&world, "p again", vec![Change::Plan(bronze)])).await.unwrap_err();
    assert_eq!(fault.retry, farebox_store::Retry::Never, "{fault}");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn plans_and_agents_are_read_back_whole(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let day = Some(Duration::from_secs(86_400));
    let plans = [plan(&world, "a", None, false), plan(&world, "b", day, true), plan(&world, "c", day, false)];
    let agents = [agent(&world, "x"), agent(&world, "y")];
    let changes = plans.iter().cloned().map(Change::Plan).chain(agents.iter().cloned().map(Change::Agent));
    assert_eq!(write(&world, "all", changes.collect()).await, Recorded::Fresh);
    for plan in &plans {
        assert_eq!(world.store.plan(tenant, plan.id).await.unwrap().as_ref(), Some(plan));
        assert_eq!(world.store.plan(Shop::new().tenant, plan.id).await.unwrap(), None);
    }
    let (page, total) = world.store.plans(tenant, Page { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!((page, total), (vec![plans[1].clone()], 3));
    let (page, total) = world.store.agents(tenant, Page { offset: 1, limit: 5 }).await.unwrap();
    assert_eq!((page, total), (vec![agents[0].clone()], 2));

    let link = |agent: usize, plan: usize| Change::LinkPlan(agents[agent].id, plans[plan].id);
    write(&world, "link", vec![link(0, 0), link(0, 1), link(1, 1), link(0, 0)]).await;
    assert_eq!(world.store.plans_of_agent(tenant, agents[0].id).await.unwrap(), plans[..2]);
    assert_eq!(world.store.agents_of_plan(tenant, plans[1].id).await.unwrap(), agents);
    write(&world, "unlink", vec![Change::UnlinkPlan(agents[0].id, plans[1].id)]).await;
    assert_eq!(world.store.agents_of_plan(tenant, plans[1].id).await.unwrap(), agents[1..]);

    let renamed = Agent { name: "z".into(), document: r#"{"v":2}"#.into(), ..agents[0].clone() };
    write(&world, "rename", vec![Change::Agent(renamed.clone())]).await;
    assert_eq!(world.store.agent(tenant, renamed.id).await.unwrap(), Some(renamed));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn delegations_and_keys_are_taken_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let bound = delegation(&world, Some(world.shop.plan), Some(u32::MAX));
    let free = delegation(&world, None, None);
    let (id, created_at) = (Id::generate(), world.now());
    let key = ApiKey { tenant, id, role: Role::Buyer, account: Shop::payer(2), created_at, revoked_at: None };
    let (id, name) = (Id::generate(), "deploy".to_owned());
    let token = ApiToken {
        tenant,
        id,
        name,
        hash: [9; 32],
        scopes: String::new(),
        created_at,
        expires_at: None,
        revoked_at: None,
    };
    let changes = vec![
        Change::Delegation(bound.clone()),
        Change::Delegation(free.clone()),
        Change::ApiKey(key.clone()),
        Change::ApiToken(token.clone()),
    ];
    assert_eq!(write(&world, "add", changes).await, Recorded::Fresh);
    let page = |offset, limit| world.store.delegations(tenant, Shop::payer(1), Page { offset, limit });
    assert_eq!(page(0, 10).await.unwrap(), (vec![free.clone(), bound.clone()], 2));
    assert_eq!(page(0, 1).await.unwrap(), (vec![free], 2));
    assert_eq!(page(1, 10).await.unwrap(), (vec![bound.clone()], 2));
    assert_eq!(world.store.delegations(tenant, Shop::payer(2), Page::first(10)).await.unwrap(), (vec![], 0));
    assert_eq!(world.store.api_key(tenant, key.id).await.unwrap(), Some(key.clone()));
    assert!(world.store.api_token(tenant, token.id).await.unwrap() == Some(token.clone()));

    world.pass(5);
    let taken_back =
        vec![Change::RevokeDelegation(bound.id), Change::RevokeApiKey(key.id), Change::RevokeApiToken(token.id)];
    write(&world, "revoke", taken_back).await;
    let then = world.now();
    world.pass(5);
    // Taking back twice keeps the first time.
    write(&world, "again", vec![Change::RevokeApiKey(key.id), Change::RevokeApiToken(token.id)]).await;
    let state = world.store.delegation(tenant, bound.id).await.unwrap().unwrap().state;
    assert_eq!(state, DelegationState::Revoked);
    assert_eq!(world.store.api_key(tenant, key.id).await.unwrap().unwrap().revoked_at, Some(then));
    let tokens = world.store.api_tokens(tenant).await.unwrap();
    assert!(tokens.len() == 1 && tokens[0].revoked_at == Some(then));
    world.finish().await;
}
