//! What sellers have registered with a facilitator, and what tokens may do.

use farebox_engine::ledger::Actor;
use farebox_store::{ApiToken, Change, OperationKey, Page, Record, Recorded, Resource, WebhookSecret};
use farebox_types::{Id, Merchant};
use rstest::rstest;

use crate::world::{Engine, World};

async fn write(world: &World, tenant: Id<Merchant>, change: Change) -> Recorded {
    let record = Record {
        tenant,
        operation: OperationKey { scope: "test".into(), key: uuid::Uuid::now_v7().to_string() },
        request_hash: [3; 32],
        changes: vec![change],
        answer: "{}".into(),
        actor: Actor::new("key_test"),
        at: world.now(),
    };
    world.store.record(record).await.unwrap()
}

fn resource(world: &World, tenant: Id<Merchant>, url: &str) -> Resource {
    let (created_at, document) = (world.now(), r#"{"price":"0.01"}"#.into());
    let owner = "tok_1".into();
    Resource { tenant, id: Id::generate(), url: url.into(), owner, document, created_at, updated_at: created_at }
}

#[rstest]
#[tokio::test]
async fn a_resource_is_registered_changed_and_taken_out(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let weather = resource(&world, tenant, "https://a.example/weather");
    assert_eq!(write(&world, tenant, Change::Resource(weather.clone())).await, Recorded::Fresh);
    let news = resource(&world, tenant, "https://a.example/news");
    assert_eq!(write(&world, tenant, Change::Resource(news.clone())).await, Recorded::Fresh);

    world.pass(5);
    let changed = Resource { document: "{}".into(), updated_at: world.now(), ..weather.clone() };
    assert_eq!(write(&world, tenant, Change::Resource(changed.clone())).await, Recorded::Fresh);
    assert_eq!(world.store.resource(tenant, weather.id).await.unwrap(), Some(changed.clone()));
    let (page, total) = world.store.resources(tenant, Page { offset: 1, limit: 5 }).await.unwrap();
    assert_eq!((page, total), (vec![changed], 2));

    write(&world, tenant, Change::RemoveResource(weather.id)).await;
    assert_eq!(world.store.resource(tenant, weather.id).await.unwrap(), None);
    assert_eq!(world.store.resources(tenant, Page::first(5)).await.unwrap(), (vec![news], 1));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_address_has_one_resource_and_a_resource_one_address(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (tenant, other) = (world.shop.tenant, Id::generate());
    let weather = resource(&world, tenant, "https://a.example/weather");
    write(&world, tenant, Change::Resource(weather.clone())).await;
    let twin = resource(&world, tenant, "https://a.example/weather");
    assert_eq!(write(&world, tenant, Change::Resource(twin)).await, Recorded::Taken);
    let moved = Resource { url: "https://a.example/climate".into(), ..weather.clone() };
    assert_eq!(write(&world, tenant, Change::Resource(moved)).await, Recorded::Taken);
    assert_eq!(world.store.resources(tenant, Page::first(5)).await.unwrap(), (vec![weather.clone()], 1));

    let theirs = resource(&world, other, "https://a.example/weather");
    assert_eq!(write(&world, other, Change::Resource(theirs.clone())).await, Recorded::Fresh);
    write(&world, other, Change::RemoveResource(weather.id)).await;
    assert_eq!(world.store.resource(tenant, theirs.id).await.unwrap(), None, "another merchant's");
    assert_eq!(world.store.resource(tenant, weather.id).await.unwrap(), Some(weather));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_token_keeps_what_it_may_do_and_until_when(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let tenant = world.shop.tenant;
    let token = ApiToken {
        tenant,
        id: Id::generate(),
        name: "gate".into(),
        hash: [9; 32],
        scopes: "verify settle".into(),
        created_at: world.now(),
        expires_at: Some(world.now().after(std::time::Duration::from_secs(60))),
        revoked_at: None,
    };
    assert_eq!(write(&world, tenant, Change::ApiToken(token.clone())).await, Recorded::Fresh);
    assert!(world.store.api_token(tenant, token.id).await.unwrap() == Some(token.clone()));
    assert!(world.store.api_tokens(tenant).await.unwrap() == [token]);
    world.finish().await;
}

fn secret(world: &World, tenant: Id<Merchant>, provider: &str) -> WebhookSecret {
    let (id, created_at) = (uuid::Uuid::now_v7(), world.now());
    WebhookSecret { tenant, provider: provider.into(), id, sealed: vec![1, 2, 3], created_at, expires_at: None }
}

#[rstest]
#[tokio::test]
async fn a_webhook_secret_that_is_replaced_holds_until_its_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (tenant, other) = (world.shop.tenant, Id::generate());
    let first = secret(&world, tenant, "stripe");
    assert_eq!(write(&world, tenant, Change::WebhookSecret(first.clone())).await, Recorded::Fresh);
    write(&world, tenant, Change::WebhookSecret(secret(&world, tenant, "sim"))).await;
    write(&world, other, Change::WebhookSecret(secret(&world, other, "stripe"))).await;

    let end = world.now().after(std::time::Duration::from_secs(60));
    write(&world, tenant, Change::RetireWebhookSecrets { provider: "stripe".into(), expires_at: end }).await;
    let second = secret(&world, tenant, "stripe");
    write(&world, tenant, Change::WebhookSecret(second.clone())).await;
    let retired = WebhookSecret { expires_at: Some(end), ..first };
    assert!(world.store.webhook_secrets(tenant, "stripe").await.unwrap() == [second.clone(), retired.clone()]);
    // An end that is later than the one it has does not bring a secret back.
    let later = end.after(std::time::Duration::from_secs(60));
    write(&world, tenant, Change::RetireWebhookSecrets { provider: "stripe".into(), expires_at: later }).await;
    let ended = WebhookSecret { expires_at: Some(later), ..second };
    assert!(world.store.webhook_secrets(tenant, "stripe").await.unwrap() == [ended, retired]);

    let elsewhere = world.store.webhook_secrets(other, "stripe").await.unwrap();
    assert!(elsewhere.len() == 1 && elsewhere[0].expires_at.is_none(), "another merchant's are left alone");
    let sim = world.store.webhook_secrets(tenant, "sim").await.unwrap();
    assert!(sim.len() == 1 && sim[0].expires_at.is_none(), "another provider's too");
    world.finish().await;
}
