//! The walk of `farebox demo --once`.

use crate::world::{Engine, World};

#[tokio::test]
async fn the_demo_walks_through_and_ends_by_itself() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let output = world.farebox(&["demo", "--once"]).env_remove("DATABASE_URL").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for step in [
        "402 Payment Required",
        "1 credit redeemed, 9 left",
        "served 10, refused 40",
        "everything agrees",
        "no second charge",
        "succeeded: the provider's webhook has told",
        "failed: insufficient_funds",
        "40.00 are left",
        "refund_succeeded",
        "again: nothing to do",
        "the next check: allowed false",
        "allowed again: 97 left",
    ] {
        assert!(said.contains(step), "no {step:?} in:\n{said}");
    }
}
