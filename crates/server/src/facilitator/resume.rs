//! Slots that nobody drives are taken over: after a crash, or when another process has gone.

use std::{future::Future, pin::pin, time::Duration};

use super::{Facilitating, LEASE, Trouble, watch::Watched};

const PAUSE: Duration = Duration::from_secs(3);
/// Slots taken in one beat.
const LIMIT: u32 = 1_000;

/// Keeps the leases of what this process drives, and takes what nobody drives, until `shutdown` completes.
pub(super) async fn run(facilitating: &Facilitating, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = pin!(shutdown);
    let mut beat = tokio::time::interval(PAUSE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = beat.tick() => {}
        }
        if let Err(trouble) = take(facilitating).await {
            tracing::warn!("unfinished settlements could not be taken, to be tried again: {trouble}");
        }
    }
}

async fn take(facilitating: &Facilitating) -> Result<(), Trouble> {
    let now = facilitating.now();
    let Some(owner) = facilitating.rails().next().map(super::rail::Rail::owner) else { return Ok(()) };
    let until = now.after(LEASE);
    let slots = facilitating.store().lease_slots(facilitating.tenant(), owner, LIMIT, until).await?;
    for rail in facilitating.rails() {
        let ours = slots.iter().filter(|slot| slot.id.chain == rail.chain().id());
        rail.watch(ours.map(|slot| Watched::read(slot.clone(), now)).collect()).await;
    }
    Ok(())
}
