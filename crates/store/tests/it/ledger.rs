//! Each command, and the rows it leaves.

use farebox_engine::ledger::{AccountKind, Command, Outcome, Refusal, Slice, State};
use farebox_store::Page;
use farebox_types::Id;
use rstest::rstest;

use crate::{
    shop::{Shop, credits, finished, micros, posted},
    world::{Engine, World},
};

#[rstest]
#[tokio::test]
async fn what_is_granted_can_be_spent(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    let granted = world.ask(shop.grant("g", 1, 10)).await;
    assert_eq!(granted, Ok(Outcome::Granted { balance: micros(10), replayed: false }));
    assert_eq!(world.ask(shop.post("p", 1, 3)).await, posted(3, 7));

    let account = world.account(&shop.holder(1)).await;
    assert_eq!((account.posted, account.held, account.next_expiry), (micros(7), 0, None));
    assert_eq!(account.spec, shop.holder(1));
    let lots: Vec<_> = account.lots.iter().map(|lot| (lot.id.uuid(), lot.remaining, lot.held)).collect();
    assert_eq!(lots, [(shop.id("g").uuid(), micros(7), 0)]);

    let row = world.store.transfer(shop.tenant, shop.id("p")).await.unwrap().unwrap();
    assert_eq!((row.from, row.operation, row.state), (shop.holder(1).id, shop.id("p"), State::Posted));
    assert_eq!((row.amount, row.settled, row.balance), (credits(3), credits(3), micros(7)));
    assert_eq!((row.created_at, row.settled_at, row.expires_at), (world.now(), Some(world.now()), None));
    assert_eq!(row.provenance, [Slice { lot: Id::from_uuid(shop.id("g").uuid()), amount: micros(3) }]);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_post_of_less_than_was_held_gives_the_rest_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, until) = (world.shop, world.now().after(std::time::Duration::from_secs(60)));
    world.ask(shop.grant("g", 1, 10)).await.unwrap();
    let held = world.ask(shop.hold("h", 1, 8, until)).await;
    assert_eq!(held, Ok(Outcome::Held { balance: micros(2), expires_at: until, replayed: false }));
    let account = world.account(&shop.holder(1)).await;
    assert_eq!((account.posted, account.held, account.next_expiry), (micros(10), micros(8), Some(until)));

    assert_eq!(world.ask(shop.post("h", 1, 5)).await, posted(5, 5));
    let account = world.account(&shop.holder(1)).await;
    assert_eq!((account.posted, account.held, account.next_expiry), (micros(5), 0, None));
    let row = world.store.transfer(shop.tenant, shop.id("h")).await.unwrap().unwrap();
    assert_eq!((row.amount, row.settled, row.state), (credits(8), credits(5), State::Posted));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_release_gives_back_to_the_lots_that_paid(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, until) = (world.shop, world.now().after(std::time::Duration::from_secs(60)));
    world.store.execute(vec![shop.grant("g1", 1, 4), shop.grant("g2", 1, 4)]).await.unwrap();
    let before = world.account(&shop.holder(1)).await;
    world.ask(shop.hold("h", 1, 6, until)).await.unwrap();
    let row = world.store.transfer(shop.tenant, shop.id("h")).await.unwrap().unwrap();
    assert_eq!(row.provenance.iter().map(|slice| slice.amount).collect::<Vec<_>>(), [micros(4), micros(2)]);

    let released = world.ask(shop.release("h", 1, 6)).await;
    assert_eq!(released, Ok(Outcome::Released { returned: micros(6), lapsed: 0, replayed: false }));
    assert_eq!(world.account(&shop.holder(1)).await, before);
    assert_eq!(world.ask(shop.post("h", 1, 6)).await, finished(State::Released));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_refusal_says_its_numbers_and_writes_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 2)).await.unwrap();
    let by_token = Command::Post(shop.charge_by_token("poor", 1, 3, "nonce"));
    // Beside a command that does write, so that the commit happens all the same.
    let answers = world.store.execute(vec![by_token, shop.post("fine", 1, 1)]).await.unwrap();
    let (needed, available) = (micros(3), micros(2));
    let refusal = Refusal::Insufficient { kind: AccountKind::Holder, needed, available, held: 0 };
    assert_eq!(answers, [Err(refusal), posted(1, 1)]);
    assert_eq!(world.store.transfer(shop.tenant, shop.id("poor")).await.unwrap(), None);
    assert_eq!(world.store.account(&shop.token("nonce")).await.unwrap(), None);

    let lines = world.store.audit(shop.tenant, Page::first(10)).await.unwrap();
    assert!(lines.iter().all(|line| !line.entries.contains(&shop.id("poor").uuid().to_string())));
    assert_eq!(lines.len(), 2);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn a_single_use_token_is_used_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    world.ask(shop.grant("g", 1, 9)).await.unwrap();
    assert_eq!(world.ask(Command::Post(shop.charge_by_token("a", 1, 1, "nonce"))).await, posted(1, 8));
    let again = world.ask(Command::Post(shop.charge_by_token("b", 1, 1, "nonce"))).await;
    assert!(matches!(again, Err(Refusal::Insufficient { kind: AccountKind::Limit, available: 0, .. })), "{again:?}");
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(8));
    assert_eq!(world.account(&shop.token("nonce")).await.posted, -micros(1));
    let leg = world.store.transfer(shop.tenant, shop.id("a").leg(1)).await.unwrap().unwrap();
    assert_eq!((leg.from, leg.operation), (shop.token("nonce").id, shop.id("a")));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_unmetered_use_asks_for_the_plan_and_takes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    let refused = world.ask(Command::Post(shop.unmetered("u0", 1))).await;
    assert!(matches!(refused, Err(Refusal::Insufficient { available: 0, .. })), "{refused:?}");
    world.ask(shop.grant("g", 1, 1)).await.unwrap();
    for key in ["u1", "u2"] {
        assert_eq!(world.ask(Command::Post(shop.unmetered(key, 1))).await, posted(1, 1));
    }
    assert_eq!(world.account(&shop.holder(1)).await.posted, micros(1));
    // The account it came from carries no balance: it is the sum of its transfers.
    let usage = farebox_engine::ledger::AccountSpec::usage(shop.tenant, shop.plan, Shop::payer(1));
    assert_eq!(world.store.account(&usage).await.unwrap(), None);
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn another_merchant_sees_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let (shop, other) = (world.shop, Shop::new());
    let (mine, theirs) = (shop.grant("g", 1, 5), other.grant("g", 1, 6));
    world.store.execute(vec![mine, theirs]).await.unwrap();
    assert_eq!(world.store.transfer(other.tenant, shop.id("g")).await.unwrap(), None);
    assert_eq!(world.account(&other.holder(1)).await.posted, micros(6));
    for (tenant, id) in [(shop.tenant, shop.id("g")), (other.tenant, other.id("g"))] {
        let lines = world.store.audit(tenant, Page::first(10)).await.unwrap();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].entries.contains(&id.uuid().to_string()), "{}", lines[0].entries);
    }
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn answers_come_in_the_order_asked(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let shop = world.shop;
    let grants = (0..40).map(|payer| shop.grant(&format!("g{payer}"), payer, payer + 1)).collect();
    let answers = world.store.execute(grants).await.unwrap();
    let balances: Vec<i64> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(Outcome::Granted { balance, .. }) => balance,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(balances, (1..=40).map(micros).collect::<Vec<_>>());
    assert!(world.store.execute(Vec::new()).await.unwrap().is_empty());
    world.finish().await;
}
