//! How long a provider may take. Whoever has a payment in hand has it for [`WITHIN`]: the look and the call that may follow end
//! in that time, however many requests a provider makes of them.

use std::{future::Future, time::Duration};

use farebox_engine::payment::WITHIN;
use farebox_providers::{Fault, Outcome, Provider};

const LOOK: Duration = Duration::from_secs(9);
const CALL: Duration = Duration::from_secs(18);
const _: () = assert!(LOOK.as_secs() + CALL.as_secs() < WITHIN.as_secs(), "somebody else would call meanwhile");

/// A look-up that ends.
pub(super) async fn look<T>(
    provider: &dyn Provider,
    looking: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    look_for(LOOK, provider, looking).await
}

async fn look_for<T>(
    limit: Duration,
    provider: &dyn Provider,
    looking: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let over = |_| Err(Fault::new(provider.name(), "a look-up took too long"));
    tokio::time::timeout(limit, looking).await.unwrap_or_else(over)
}

/// A call that ends, if need be without anybody knowing how.
pub(super) async fn call<T>(provider: &dyn Provider, calling: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    call_for(CALL, provider, calling).await
}

async fn call_for<T>(
    limit: Duration,
    provider: &dyn Provider,
    calling: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    let over = |_| Outcome::Unknown(Fault::new(provider.name(), "a call took too long"));
    tokio::time::timeout(limit, calling).await.unwrap_or_else(over)
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use super::*;
    use farebox_providers::sim::{Sim, remote::Remote};
    use farebox_types::SystemClock;

    #[tokio::test]
    async fn a_provider_that_never_answers_is_given_up_and_nobody_knows() {
        let remote = Arc::new(Remote::in_memory(Arc::new(SystemClock)));
        let (sim, limit) = (Sim::embedded(remote, Duration::MAX), Duration::from_millis(20));
        assert!(look_for::<()>(limit, &sim, pending()).await.is_err());
        let outcome: Outcome<()> = call_for(limit, &sim, pending()).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    }
}
