//! Callers that each wait for their answer before they ask again.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::ACCOUNTS;

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// Something that burns one credit durably.
pub(crate) trait Burner: Send + Sync + 'static {
    /// Burns one from `account` under a fresh key; done when it is committed.
    fn burn(&self, account: u64, key: Uuid) -> Answer<'_, ()>;
    /// Fails if the books do not add up.
    fn check(&self) -> Answer<'_, ()>;
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// Where keys come from; an index takes ordered ones far better.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// Callers' own: no order.
    Random,
    /// Request ids that Farebox hands out: ordered by time.
    Ordered,
}

impl Keys {
    fn next(self) -> Uuid {
        match self {
            Self::Random => Uuid::new_v4(),
            Self::Ordered => Uuid::now_v7(),
        }
    }
}

/// One load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) callers: usize,
    pub(crate) hot: bool,
    pub(crate) keys: Keys,
    pub(crate) duration: Duration,
}

/// Burns a second that the callers get through.
pub(crate) async fn burn(burner: &Arc<dyn Burner>, load: Load) -> anyhow::Result<f64> {
    let Load { callers, hot, keys, duration } = load;
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (burner, stop) = (Arc::clone(burner), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut done = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                    let account = if hot { 0 } else { scatter(number) % ACCOUNTS };
                    burner.burn(account, keys.next()).await?;
                    done += 1;
                }
                anyhow::Ok(done)
            })
        })
        .collect();
    tokio::time::sleep(duration).await;
    stop.store(true, Ordering::Relaxed);
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

/// Spreads consecutive numbers over accounts.
const fn scatter(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}
