//! The backend in process, as a gate uses it.

use std::{sync::Arc, time::Duration};

use farebox_types::Quantity;
use farebox_x402::{Facilitator, Hold, Offer, Payment, PaymentRequired, Retry, Settlement, Verdict};

use crate::world::{World, required};

const HOLD: Option<Hold> = Some(Hold { ttl: Duration::from_secs(60) });

fn payment(token: &str, plan: &str, amount: u64) -> Payment {
    let offer: PaymentRequired = serde_json::from_value(required(plan)).unwrap();
    Payment::credits(token.into(), Arc::new(Offer::new(offer)), Quantity::from_units(amount).unwrap())
}

#[track_caller]
fn valid(verdict: Verdict) -> String {
    match verdict {
        Verdict::Valid(verified) => verified.request_id,
        Verdict::Refused(refusal) => panic!("{refusal:?}"),
    }
}

#[track_caller]
fn refused(verdict: Verdict) -> String {
    match verdict {
        Verdict::Valid(verified) => panic!("{verified:?}"),
        Verdict::Refused(refusal) => refusal.code,
    }
}

on_both! {
    async fn a_gate_in_process_holds_settles_and_releases(world: &World) {
        let plan = world.ordered_plan(10).await;
        let payment = payment(&world.token(&plan).await, &plan, 3);
        let gate: Arc<dyn Facilitator> = Arc::new(world.backend.clone());
        let one = valid(gate.verify(&payment, HOLD).await.unwrap());
        let two = valid(gate.verify(&payment, HOLD).await.unwrap());
        assert_eq!(world.credits(&plan).await, (10, 6));
        let settled = gate.settle(&payment, &one).await.unwrap();
        let Settlement::Settled(receipt) = &settled else { panic!("{settled:?}") };
        assert_eq!((receipt.credits_redeemed.as_deref(), receipt.remaining_balance.as_deref()), (Some("3"), Some("4")));
        assert_eq!(gate.settle(&payment, &one).await.unwrap(), settled);
        gate.release(&payment, &two).await.unwrap();
        gate.release(&payment, &two).await.unwrap();
        assert_eq!(world.credits(&plan).await, (7, 0));
        assert!(world.audit().await.iter().any(|(done, by)| done == "posted" && by == "gate"));
    }

    async fn a_gate_in_process_is_told_what_a_remote_one_is_told(world: &World) {
        let plan = world.ordered_plan(1).await;
        let token = world.token3(&plan).await;
        let gate = &world.backend;
        assert_eq!(refused(gate.verify(&payment("x", &plan, 1), HOLD).await.unwrap()), "BCK.X402.0010");
        assert_eq!(refused(gate.verify(&payment(&token, &plan, 2), HOLD).await.unwrap()), "BCK.CREDITS.0003");
        let request = valid(gate.verify(&payment(&token, &plan, 1), HOLD).await.unwrap());
        assert_eq!(refused(gate.verify(&payment(&token, &plan, 1), HOLD).await.unwrap()), "FBX.X402.IN_USE");
        gate.settle(&payment(&token, &plan, 1), &request).await.unwrap();
        let again = gate.settle(&payment(&token, &plan, 1), "other").await.unwrap();
        assert!(matches!(&again, Settlement::Refused(refusal) if refusal.code == "BCK.X402.0059"), "{again:?}");

        let fault = gate.settle(&payment(&token, &plan, 1), "a b").await.unwrap_err();
        assert_eq!(fault.retry, Retry::Never);
    }

    async fn a_store_that_is_gone_is_a_fault_and_not_a_refusal(world: &World) {
        let plan = world.ordered_plan(1).await;
        let payment = payment(&world.token(&plan).await, &plan, 1);
        world.backend.verify(&payment, None).await.unwrap();
        world.store.close().await;
        let fault = world.backend.verify(&payment, HOLD).await.unwrap_err();
        assert!(matches!(fault.retry, Retry::After(_)), "{fault:?}");
    }
}
