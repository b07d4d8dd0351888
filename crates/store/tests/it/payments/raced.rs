//! Refunds at once, through one store or two.

use std::sync::Arc;

use farebox_engine::payment::{Answer, Denied};
use farebox_store::Store;
use rstest::rstest;

use super::till::{observe, refund, refunded};
use crate::world::{Engine, World};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn fifty_refunds_at_once_pay_back_at_most_what_was_captured(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let payment = world.paid(world.shop.tenant).await;
    let mut stores: Vec<Arc<dyn Store>> = vec![Arc::clone(&world.store)];
    if engine == Engine::Postgres {
        stores.push(world.another_process().await);
    }
    let asks: Vec<_> = (0..50)
        .map(|at| {
            let (store, payment) = (Arc::clone(&stores[at % stores.len()]), payment.clone());
            tokio::spawn(async move {
                match store.pay(refund(&payment, 300)).await.unwrap() {
                    Answer::Done { refund: Some(back), .. } => {
                        store.pay(observe(&payment, refunded(&back))).await.unwrap();
                        true
                    }
                    Answer::Denied(Denied::TooMuch { asked: 300, left }) => {
                        assert!(left < 300, "{left} were left");
                        false
                    }
                    other => panic!("{other:?}"),
                }
            })
        })
        .collect();
    let mut done = 0;
    for ask in asks {
        done += usize::from(ask.await.unwrap());
    }
    let row = world.row(&payment).await;
    assert_eq!((done, row.refunded, row.refunding), (16, 4800, 0));
    assert_eq!(world.store.refunds(payment.tenant, payment.id).await.unwrap().len(), 16);
    assert_eq!(world.lines(payment.tenant, "\"refund_succeeded\"").await, 16);
    for store in stores.drain(1..) {
        store.close().await;
    }
    world.finish().await;
}
