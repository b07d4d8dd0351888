//! The same calls for programs without an async runtime: they wait.

use std::{future::IntoFuture, sync::mpsc};

use farebox_api::Cursor;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::{
    client::Client as AsyncClient,
    error::{BadClient, Error},
    listing::{Filter, Listing},
};

/// A [`Client`](crate::Client) that waits for its answers, with one thread of its own that keeps the connections.
///
/// ```no_run
/// use farebox_client::{Client, blocking};
/// use farebox_types::Secret;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = blocking::Client::new(Client::builder(Secret::new("pl_test_…".into())).build()?)?;
/// let customer = client.call(|api| api.customers().create("ann@example.com").name("Ann"))?;
/// for subscription in client.list(|api| api.customers().subscriptions(customer.id)) {
///     println!("{}", subscription?.plan_code);
/// }
/// # Ok(())
/// # }
/// ```
///
/// In an async program it holds up the thread it is called on: use the other client there.
pub struct Client {
    client: AsyncClient,
    /// Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.client.fmt(f)
    }
}

impl Client {
    /// Takes a client in.
    ///
    /// # Errors
    /// [`BadClient::Thread`] if the system gives no thread.
    pub fn new(client: AsyncClient) -> Result<Self, BadClient> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(BadClient::Thread)?;
        Ok(Self { client, runtime: Some(runtime) })
    }

    /// Makes a call and waits for its answer.
    ///
    /// # Errors
    /// Those of the call.
    pub fn call<C, T>(&self, make: impl FnOnce(&AsyncClient) -> C) -> Result<T, Error>
    where
        C: IntoFuture<Output = Result<T, Error>>,
        C::IntoFuture: Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        let future = make(&self.client).into_future();
        let runtime = self.runtime.as_ref().ok_or(Error::Path)?;
        runtime.spawn(async move {
            // Nobody is left to be told if this fails.
            let _ = answer.send(future.await);
        });
        answered.recv().map_err(|lost| Error::Transport(lost.into()))?
    }

    /// A whole list, one after the other; a page is asked for when the one before is read. Ends after an error.
    #[expect(private_bounds, reason = "what narrows a list down is ours to say")]
    pub fn list<T, F>(&self, make: impl FnOnce(&AsyncClient) -> Listing<T, F>) -> impl Iterator<Item = Result<T, Error>>
    where
        T: DeserializeOwned + Send + 'static,
        F: Filter,
    {
        Pages { client: self, next: Some(make(&self.client)), last: None }.flatten()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it is forbidden inside an async program, where this may be dropped too.
            runtime.shutdown_background();
        }
    }
}

struct Pages<'a, T, F> {
    client: &'a Client,
    next: Option<Listing<T, F>>,
    last: Option<Cursor>,
}

impl<T, F> Iterator for Pages<'_, T, F>
where
    T: DeserializeOwned + Send + 'static,
    F: Filter,
{
    type Item = Vec<Result<T, Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let listing = self.next.take()?;
        let page = match self.client.call(|_| listing.clone()) {
            Ok(page) => page,
            Err(error) => return Some(vec![Err(error)]),
        };
        let mut items: Vec<_> = page.data.into_iter().map(Ok).collect();
        match page.next_cursor.filter(|_| page.has_more) {
            Some(cursor) if self.last == Some(cursor) => items.push(Err(Error::circle())),
            Some(cursor) => {
                self.last = Some(cursor);
                self.next = Some(listing.after(cursor));
            }
            None => {}
        }
        Some(items)
    }
}
