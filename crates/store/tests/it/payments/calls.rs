//! Calls at the provider by their numbers: who answers what, and who is left alone meanwhile.

use std::time::Duration;

use farebox_engine::payment::{Ask, Call, Payment, Refused, Stage, Word};
use rstest::rstest;

use super::till::{ask, begin, fresh, observe, seen};
use crate::world::{Engine, World};

fn refused(call: u32) -> Word {
    let refused = Refused { code: "no".to_owned(), decline_code: None, message: String::new() };
    Word::Refused { call, refused, provider_id: None, ends: false }
}

impl World {
    async fn authorized(&self) -> Payment {
        let mut payment = fresh(self.shop.tenant, self.now());
        payment.details.manual_capture = true;
        self.pay(begin(payment.clone(), None)).await;
        self.pay(observe(&payment, seen(&payment, Stage::RequiresCapture, Some(0)))).await;
        self.row(&payment).await
    }
}

#[rstest]
#[tokio::test]
async fn the_answer_to_one_call_does_not_end_another(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let payment = world.authorized().await;
    world.pay(ask(&payment, Ask::Capture(None))).await;
    assert_eq!(world.row(&payment).await.details.calls, 1);
    world.pay(observe(&payment, refused(1))).await;
    world.pay(ask(&payment, Ask::Cancel)).await;
    let before = world.row(&payment).await;
    assert_eq!((before.details.pending.clone(), before.details.calls), (Some(Call::Cancel), 2));
    // A second process hears late what the first one has written down long ago, or hears nothing, or only looks.
    let late = [refused(1), Word::Silent(Some(1)), seen(&payment, Stage::RequiresCapture, Some(1))];
    for word in late.into_iter().chain([seen(&payment, Stage::RequiresCapture, None)]) {
        world.pay(observe(&payment, word.clone())).await;
        let row = world.row(&payment).await;
        assert_eq!(row.details.pending, Some(Call::Cancel), "{word:?}");
        assert_eq!(row.next_check, before.next_check, "its caller is left alone: {word:?}");
    }
    world.pay(observe(&payment, seen(&payment, Stage::Canceled, Some(2)))).await;
    let row = world.row(&payment).await;
    assert_eq!((row.state.as_str(), row.details.pending), ("canceled", None));
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn who_heard_nothing_of_his_own_call_asks_soon(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let payment = world.authorized().await;
    world.pay(ask(&payment, Ask::Cancel)).await;
    world.pay(observe(&payment, Word::Silent(Some(1)))).await;
    let row = world.row(&payment).await;
    assert_eq!(row.details.pending, Some(Call::Cancel));
    assert!(row.next_check.unwrap() <= world.now().after(Duration::from_secs(2)), "{:?}", row.next_check);
    world.finish().await;
}
