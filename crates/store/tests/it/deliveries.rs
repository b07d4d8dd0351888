//! Endpoints, events and deliveries: what is written together, taken by one worker at a time, and counted.

use std::time::Duration;

use farebox_engine::{
    delivery::{Standing, State},
    ledger::Actor,
};
use farebox_store::{
    Change, DeliveryFilter, DeliveryLease, Disabled, FanOut, Merchant, NewWebhookEvent, OperationKey, OutboxRow,
    Parcel, Record, Recorded, SettledDelivery, WebhookDelivery, WebhookEndpoint, WebhookEvent,
};
use farebox_types::{Mode, Timestamp};
use rstest::rstest;
use uuid::Uuid;

use crate::world::{Engine, World};

async fn write(world: &World, change: Change) -> Recorded {
    let record = Record {
        tenant: world.shop.tenant,
        operation: OperationKey { scope: "test".into(), key: Uuid::now_v7().to_string() },
        request_hash: [3; 32],
        changes: vec![change],
        answer: "{}".into(),
        actor: Actor::new("tok_test"),
        at: world.now(),
    };
    world.store.record(record).await.unwrap()
}

fn fresh(world: &World) -> WebhookEndpoint {
    WebhookEndpoint {
        tenant: world.shop.tenant,
        id: Uuid::now_v7(),
        url: "https://example.com/ünïcode".into(),
        description: "ours".into(),
        events: "payment.* customer.created".into(),
        sealed: vec![0, 1, 255],
        previous: None,
        disabled: None,
        revision: 1,
        created_at: world.now(),
        updated_at: world.now(),
    }
}

async fn put(world: &World, row: &WebhookEndpoint) -> Recorded {
    write(world, Change::WebhookEndpoint { row: row.clone(), action: "webhook_endpoint_changed" }).await
}

async fn endpoint(world: &World) -> WebhookEndpoint {
    let row = fresh(world);
    assert_eq!(put(world, &row).await, Recorded::Fresh);
    row
}

/// The shop's merchant has a row, and nothing waits in the outbox.
async fn open(engine: Engine) -> Option<World> {
    let world = World::new(engine).await?;
    let at = world.now();
    let row = Merchant { id: world.shop.tenant, name: "acme".into(), mode: Mode::Test, created_at: at };
    assert_eq!(write(&world, Change::Merchant(row)).await, Recorded::Fresh);
    Some(world)
}

async fn outbox(world: &World) -> Vec<OutboxRow> {
    let mut rows = world.store.lease_outbox(100, world.now()).await.unwrap();
    rows.sort_by_key(|row| (row.created_at, row.chain, row.seq));
    rows
}

async fn quiet(world: &World) {
    let rows = outbox(world).await;
    world.store.finish_outbox(&rows).await.unwrap();
}

/// Something that was written, and so is told.
async fn told(world: &World) -> OutboxRow {
    let subject = Uuid::now_v7().to_string();
    assert_eq!(write(world, Change::Noted { action: "noted", subject }).await, Recorded::Fresh);
    world.pass(1);
    outbox(world).await.pop().unwrap()
}

fn event(world: &World, to: &[&WebhookEndpoint]) -> NewWebhookEvent {
    NewWebhookEvent {
        event: WebhookEvent {
            id: Uuid::now_v7(),
            kind: "payment.succeeded".into(),
            sequence: 0,
            api_version: "2026-05-01".into(),
            data: r#"{"object":{"amount":1.50}}"#.into(),
            created_at: world.now(),
        },
        deliveries: to.iter().map(|endpoint| (Uuid::now_v7(), endpoint.id)).collect(),
    }
}

async fn fan_out(world: &World, rows: Vec<OutboxRow>, events: Vec<NewWebhookEvent>) -> bool {
    let fan_out = FanOut { tenant: world.shop.tenant, rows, events, at: world.now() };
    world.store.fan_out(&fan_out).await.unwrap()
}

/// So many events, on their way to one endpoint.
async fn sent(world: &World, to: &WebhookEndpoint, count: usize) {
    let row = told(world).await;
    let events = (0..count).map(|_| event(world, &[to])).collect();
    assert!(fan_out(world, vec![row], events).await);
}

async fn lease(world: &World, limit: u32, each: u32, busy: &[&WebhookEndpoint]) -> Vec<Parcel> {
    let (now, busy) = (world.now(), busy.iter().map(|endpoint| endpoint.id).collect());
    let lease = DeliveryLease { now, until: now.after(Duration::from_secs(60)), limit, each, busy };
    world.store.lease_deliveries(&lease).await.unwrap()
}

async fn list(world: &World, filter: DeliveryFilter) -> Vec<WebhookDelivery> {
    world.store.webhook_deliveries(world.shop.tenant, &DeliveryFilter { limit: 100, ..filter }).await.unwrap()
}

fn done(world: &World, parcel: &Parcel, state: State) -> SettledDelivery {
    SettledDelivery {
        tenant: parcel.endpoint.tenant,
        id: parcel.id,
        endpoint: parcel.endpoint.id,
        lease: parcel.until,
        state,
        attempts: parcel.attempts + 1,
        next_at: (state == State::Waiting).then(|| world.now().after(Duration::from_secs(5))),
        status: Some(500),
        snippet: Some("sorry".into()),
        failure: (state != State::Succeeded).then(|| "status".into()),
        at: world.now(),
    }
}

#[rstest]
#[tokio::test]
async fn an_endpoint_is_changed_from_the_revision_it_was_read_at(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let (store, tenant) = (&world.store, world.shop.tenant);
    let first = endpoint(&world).await;
    assert!(store.webhook_endpoint(tenant, first.id).await.unwrap() == Some(first.clone()));
    let next = WebhookEndpoint {
        previous: Some((vec![9], world.now().after(Duration::from_secs(60)))),
        disabled: Some((world.now(), Disabled::Asked)),
        revision: 2,
        ..first.clone()
    };
    assert_eq!(put(&world, &next).await, Recorded::Fresh);
    assert_eq!(put(&world, &next).await, Recorded::Taken, "somebody else was first");
    assert!(store.webhook_endpoint(tenant, first.id).await.unwrap() == Some(next));
    let never_made = WebhookEndpoint { revision: 2, ..fresh(&world) };
    assert_eq!(put(&world, &never_made).await, Recorded::Taken);
    assert_eq!(store.webhook_endpoints(tenant).await.unwrap().len(), 1);
    assert!(store.webhook_endpoints(farebox_types::Id::generate()).await.unwrap().is_empty());
    assert!(store.webhook_endpoint(farebox_types::Id::generate(), first.id).await.unwrap().is_none());
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn events_and_their_deliveries_take_their_outbox_rows_out_in_one_commit_and_in_order(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let to = endpoint(&world).await;
    quiet(&world).await;
    let (older, newer) = (told(&world).await, told(&world).await);
    assert!(!fan_out(&world, vec![newer.clone()], vec![event(&world, &[&to])]).await, "an older one is still there");
    assert!(list(&world, DeliveryFilter::default()).await.is_empty());
    assert_eq!(outbox(&world).await.len(), 2);

    assert!(fan_out(&world, vec![older.clone()], vec![event(&world, &[&to]), event(&world, &[])]).await);
    assert!(!fan_out(&world, vec![older], vec![event(&world, &[&to])]).await, "its row is gone");
    assert!(fan_out(&world, vec![newer], vec![event(&world, &[&to])]).await);
    assert!(outbox(&world).await.is_empty());
    let parcels = lease(&world, 10, 10, &[]).await;
    let mut numbers: Vec<i64> = parcels.iter().map(|parcel| parcel.event.sequence).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 3], "what nobody gets is counted too; what was not written is not");
    let parcel = &parcels[0];
    assert!(parcel.endpoint == to && parcel.mode == Mode::Test && parcel.attempts == 0);
    assert_eq!(parcel.event.data, r#"{"object":{"amount":1.50}}"#);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_delivery_to_an_endpoint_that_is_gone_is_not_made(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let (stays, goes) = (endpoint(&world).await, endpoint(&world).await);
    assert_eq!(write(&world, Change::RemoveWebhookEndpoint(goes.id)).await, Recorded::Fresh);
    quiet(&world).await;
    let row = told(&world).await;
    assert!(fan_out(&world, vec![row], vec![event(&world, &[&stays, &goes])]).await);
    let made = list(&world, DeliveryFilter::default()).await;
    assert!(made.len() == 1 && made[0].endpoint == stays.id, "{made:?}");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn each_endpoint_gives_its_share_and_a_busy_or_disabled_one_none(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let (full, small, busy, off) =
        (endpoint(&world).await, endpoint(&world).await, endpoint(&world).await, endpoint(&world).await);
    quiet(&world).await;
    for (to, count) in [(&full, 10), (&busy, 1), (&off, 1), (&small, 1)] {
        sent(&world, to, count).await;
    }
    let disabled = Some((world.now(), Disabled::Asked));
    assert_eq!(put(&world, &WebhookEndpoint { disabled, revision: 2, ..off.clone() }).await, Recorded::Fresh);
    let taken = lease(&world, 100, 3, &[&busy]).await;
    let of = |endpoint: &WebhookEndpoint| taken.iter().filter(|parcel| parcel.endpoint.id == endpoint.id).count();
    assert_eq!((of(&full), of(&small), of(&busy), of(&off)), (3, 1, 0, 0));
    assert_eq!(lease(&world, 2, 100, &[]).await.len(), 2, "no more than there is room for");
    world.finish().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_take_at_once_get_different_deliveries(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let to = endpoint(&world).await;
    quiet(&world).await;
    sent(&world, &to, 40).await;
    let (now, until) = (world.now(), world.now().after(Duration::from_secs(60)));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = std::sync::Arc::clone(&world.store);
            let lease = DeliveryLease { now, until, limit: 5, each: 5, busy: Vec::new() };
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for _ in 0..20 {
                    taken.extend(store.lease_deliveries(&lease).await.unwrap().into_iter().map(|parcel| parcel.id));
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    assert_eq!(taken.len(), 40);
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 40, "none was taken twice");
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_end_is_written_under_the_lease_it_was_reached_under_and_counts_for_the_endpoint(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let (store, to) = (&world.store, endpoint(&world).await);
    quiet(&world).await;
    sent(&world, &to, 1).await;
    let slow = lease(&world, 1, 1, &[]).await.remove(0);
    assert!(lease(&world, 1, 1, &[]).await.is_empty());
    world.pass(60);
    let began = world.now();
    let quick = lease(&world, 1, 1, &[]).await.remove(0);
    assert_eq!((quick.id, quick.attempts), (slow.id, 0));
    assert_eq!(store.settle_delivery(&done(&world, &slow, State::Succeeded)).await.unwrap(), None, "its lease is over");
    for failures in 1..=2 {
        let parcel = if failures == 1 { quick.clone() } else { lease(&world, 1, 1, &[]).await.remove(0) };
        let standing = store.settle_delivery(&done(&world, &parcel, State::Waiting)).await.unwrap();
        assert_eq!(standing, Some(Standing { failures, failing_since: Some(began) }));
        world.pass(5);
    }
    let waiting = list(&world, DeliveryFilter { state: Some(State::Waiting), ..DeliveryFilter::default() }).await;
    assert_eq!((waiting[0].attempts, waiting[0].status, waiting[0].failure.as_deref()), (2, Some(500), Some("status")));
    let parcel = lease(&world, 1, 1, &[]).await.remove(0);
    let end = done(&world, &parcel, State::Succeeded);
    assert_eq!(store.settle_delivery(&end).await.unwrap(), Some(Standing::default()));
    assert_eq!(store.settle_delivery(&end).await.unwrap(), None, "once");
    let over = store.webhook_delivery(world.shop.tenant, parcel.id).await.unwrap().unwrap();
    assert_eq!((over.state, over.attempts, over.next_at, over.failure), (State::Succeeded, 3, None, None));
    world.pass(3_600);
    assert!(lease(&world, 1, 1, &[]).await.is_empty());
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn enabling_an_endpoint_begins_its_count_anew(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = open(engine).await else { return };
    let to = endpoint(&world).await;
    quiet(&world).await;
    sent(&world, &to, 3).await;
    for parcel in lease(&world, 2, 2, &[]).await {
        world.store.settle_delivery(&done(&world, &parcel, State::Waiting)).await.unwrap();
    }
    let disabled = Some((world.now(), Disabled::Failing));
    put(&world, &WebhookEndpoint { disabled, revision: 2, ..to.clone() }).await;
    put(&world, &WebhookEndpoint { revision: 3, ..to.clone() }).await;
    let parcel = lease(&world, 1, 1, &[]).await.remove(0);
    let standing = world.store.settle_delivery(&done(&world, &parcel, State::Waiting)).await.unwrap();
    assert_eq!(standing, Some(Standing { failures: 1, failing_since: Some(world.now()) }));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn deliveries_are_listed_newest_first_and_only_to_their_merchant(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = open(engine).await else { return };
    let (one, two) = (endpoint(&world).await, endpoint(&world).await);
    quiet(&world).await;
    sent(&world, &one, 3).await;
    sent(&world, &two, 2).await;
    let all = list(&world, DeliveryFilter::default()).await;
    assert!(all.len() == 5 && all.windows(2).all(|pair| pair[0].id > pair[1].id));
    let behind = list(&world, DeliveryFilter { after: Some(all[1].id), ..DeliveryFilter::default() }).await;
    assert_eq!(behind, all[2..]);
    assert_eq!(list(&world, DeliveryFilter { endpoint: Some(one.id), ..DeliveryFilter::default() }).await.len(), 3);
    let stranger = farebox_types::Id::generate();
    let filter = DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
    assert!(world.store.webhook_deliveries(stranger, &filter).await.unwrap().is_empty());
    assert!(world.store.webhook_delivery(stranger, all[0].id).await.unwrap().is_none());
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn old_events_are_forgotten_with_their_deliveries(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = open(engine).await else { return };
    let to = endpoint(&world).await;
    quiet(&world).await;
    sent(&world, &to, 3).await;
    world.pass(100);
    let between = Timestamp::from_micros(world.now().micros() - 1);
    sent(&world, &to, 1).await;
    assert_eq!(world.store.forget_events(between, 2).await.unwrap(), 2);
    assert_eq!(world.store.forget_events(between, 2).await.unwrap(), 1);
    assert_eq!(world.store.forget_events(between, 2).await.unwrap(), 0);
    assert_eq!(list(&world, DeliveryFilter::default()).await.len(), 1);
    world.finish().await;
}
