//! Work that must end, even if nobody waits for it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;
use tracing::Instrument;

/// Runs in place while it is awaited; dropped before its end, it moves to a task of its own and ends there.
///
/// The usual case, a caller that stays, pays for no task.
pub(crate) struct Finish<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T: Send + 'static> Finish<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work.in_current_span())) }
    }
}

impl<T: Send + 'static> Future for Finish<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Finish<T> {
    fn drop(&mut self) {
        // Work that panicked cannot go on.
        let Some(work) = self.work.take().filter(|_| !std::thread::panicking()) else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(work)),
            Err(_) => tracing::warn!("no runtime is left to finish a payment in"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn awaited_work_answers_in_place() {
        assert_eq!(Finish::new(async { 7 }).await, 7);
    }

    #[tokio::test]
    async fn abandoned_work_still_ends() {
        let (ended, end) = oneshot::channel();
        let work = Finish::new(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            ended.send(()).unwrap();
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), work).await.is_err());
        tokio::time::timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn work_that_was_never_polled_still_ends() {
        let (ended, end) = oneshot::channel();
        drop(Finish::new(async move { ended.send(()).unwrap() }));
        tokio::time::timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
    }
}
