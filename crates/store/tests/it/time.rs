//! Holds end, lots lapse, and a sweep finds what nobody touches.

use std::time::Duration;

use farebox_engine::ledger::{AccountKind, Command, Outcome, Refusal, State};
use farebox_store::Page;
use rstest::rstest;

use crate::{
    shop::{micros, posted},
    world::{Engine, World},
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[rstest]
#[tokio::test]
async fn a_due_hold_ends_at_the_next_touch(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, now) = (world.shop, world.now());
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    let holds = vec![shop.hold("short", 1, 6, now.after(seconds(60))), shop.hold("long", 1, 3, now.after(seconds(90)))];
    world.store.execute(holds).await.unwrap();
    world.pass(59);
    let early = world.ask(shop.post("early", 1, 5)).await;
    let (needed, available, held) = (micros(5), micros(1), micros(9));
    assert_eq!(early, Err(Refusal::Insufficient { kind: AccountKind::Holder, needed, available, held }));

    world.pass(1);
    // Who only looks sees it ended, and changes nothing.
    assert_eq!(world.account(&shop.holder(1)).await.held, micros(3));
    let row = world.store.transfer(shop.tenant, shop.id("short")).await.unwrap().unwrap();
    assert_eq!(row.state, State::Held);
    assert_eq!(world.ask(shop.post("late", 1, 5)).await, posted(5, 2));
    let row = world.store.transfer(shop.tenant, shop.id("short")).await.unwrap().unwrap();
    assert_eq!((row.state, row.settled_at), (State::Expired, Some(world.now())));
    let account = world.account(&shop.holder(1)).await;
    assert_eq!((account.held, account.next_expiry), (micros(3), Some(now.after(seconds(90)))));
    let lines = world.store.audit(shop.tenant, Page::first(1)).await.unwrap();
    assert!(lines[0].entries.contains("expired"), "{}", lines[0].entries);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_settle_after_its_hold_has_run_out_is_charged_afresh(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, until) = (world.shop, world.now().after(seconds(60)));
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    world.ask(Command::Hold { operation: shop.charge_by_token("h", 1, 6, "nonce"), expires_at: until }).await.unwrap();
    world.pass(60);
    assert_eq!(world.ask(Command::Post(shop.charge_by_token("h", 1, 6, "nonce"))).await, posted(6, 4));
    assert_eq!(world.account(&shop.token("nonce")).await.posted, -micros(1));
    assert_eq!(world.account(&shop.token("nonce")).await.held, 0);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_expired_lot_lapses_and_says_so(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, now) = (world.shop, world.now());
    world.ask(shop.grant_until("g", 1, 5, Some(now.after(seconds(30))))).await.unwrap();
    world.ask(shop.grant("for ever", 1, 1)).await.unwrap();
    world.ask(shop.hold("h", 1, 2, now.after(seconds(300)))).await.unwrap();
    world.pass(30);
    assert_eq!(world.account(&shop.holder(1)).await.available(world.now()), micros(1));
    assert_eq!(world.ask(shop.post("p", 1, 1)).await, posted(1, 0));
    let account = world.account(&shop.holder(1)).await;
    assert_eq!((account.posted, account.held), (micros(2), micros(2)));
    // What the hold had taken from the expired lot does not come back.
    let released = world.ask(shop.release("h", 1, 2)).await;
    assert_eq!(released, Ok(Outcome::Released { returned: 0, lapsed: micros(2), replayed: false }));
    let account = world.account(&shop.holder(1)).await;
    assert_eq!((account.posted, account.held, account.lots.len()), (0, 0, 0));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_sweep_ends_due_holds_a_few_accounts_at_a_time(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, until) = (world.shop, world.now().after(seconds(60)));
    for payer in 0..4 {
        world.ask(shop.grant(&format!("g{payer}"), payer, 5)).await.unwrap();
        let until = if payer == 3 { until.after(seconds(60)) } else { until };
        world.ask(shop.hold(&format!("h{payer}"), payer, 5, until)).await.unwrap();
    }
    assert_eq!(world.store.sweep(shop.tenant, 10).await.unwrap(), 0);
    world.pass(60);
    let elsewhere = crate::shop::Shop::new().tenant;
    assert_eq!(world.store.sweep(elsewhere, 10).await.unwrap(), 0);
    let touched = [world.store.sweep(shop.tenant, 2).await.unwrap(), world.store.sweep(shop.tenant, 2).await.unwrap()];
    assert_eq!(touched, [2, 1]);
    assert_eq!(world.store.sweep(shop.tenant, 2).await.unwrap(), 0);
    for payer in 0..4 {
        let account = world.account(&shop.holder(payer)).await;
        let held = if payer == 3 { micros(5) } else { 0 };
        assert_eq!((account.held, account.posted), (held, micros(5)), "payer {payer}");
    }
    world.finish().await;
}
