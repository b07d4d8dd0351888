//! Lists, by page and as a stream.

use std::{future::Future, future::IntoFuture, pin::Pin};

use farebox_api::{Cursor, List};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use crate::{call::Call, client::Client, error::Error, operation::Operation, watch::About};

/// A list: its first page when awaited, all of it by [`stream`](Self::stream). `F` is what it can be narrowed down by.
///
/// Newest first. What is added while one reads does not move what is read: nothing comes twice, nothing is left out.
#[must_use = "a list is read when it is awaited or streamed"]
pub struct Listing<T, F = ()> {
    client: Client,
    operation: &'static Operation,
    path: String,
    about: About,
    limit: Option<u32>,
    cursor: Option<Cursor>,
    pub(crate) filter: F,
    item: std::marker::PhantomData<fn() -> T>,
}

impl<T, F: Clone> Clone for Listing<T, F> {
    fn clone(&self) -> Self {
        let Self { client, operation, path, about, limit, cursor, filter, item } = self;
        let (client, path, about, filter) = (client.clone(), path.clone(), about.clone(), filter.clone());
        Self { client, operation, path, about, limit: *limit, cursor: *cursor, filter, item: *item }
    }
}

/// Parameters of a query.
pub(crate) trait Filter: Clone + Default + Send + Sync + 'static {
    fn pairs(&self) -> Vec<(&'static str, String)>;
}

impl Filter for () {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

#[expect(private_bounds, reason = "what narrows a list down is ours to say")]
impl<T, F: Filter> Listing<T, F> {
    pub(crate) fn new(client: &Client, operation: &'static Operation, path: String) -> Self {
        let (client, about, item) = (client.clone(), About::default(), std::marker::PhantomData);
        Self { client, operation, path, about, limit: None, cursor: None, filter: F::default(), item }
    }

    pub(crate) fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.filter.pairs());
        query.extend_pairs(self.limit.map(|limit| ("limit", limit.to_string())));
        query.extend_pairs(self.cursor.map(|cursor| ("cursor", cursor.to_string())));
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

impl<T, F> Listing<T, F> {
    /// How many on a page, 1 to 100; 20 unless said.
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Begins behind this place: the `next_cursor` of a page.
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }
}

#[expect(private_bounds, reason = "what narrows a list down is ours to say")]
impl<T: DeserializeOwned + Send + 'static, F: Filter> Listing<T, F> {
    /// One page.
    ///
    /// # Errors
    /// As every call.
    pub async fn send(&self) -> Result<List<T>, Error> {
        let call = Call::<(), List<T>>::new(&self.client, self.operation, self.path(), ());
        call.about(self.about.clone()).send().await
    }

    /// Everything, one after the other; a page is asked for when the one before is read. Ends after an error.
    ///
    /// ```no_run
    /// use farebox_client::Client;
    /// use futures_util::TryStreamExt;
    ///
    /// # async fn all(client: Client) -> Result<(), farebox_client::Error> {
    /// let mut customers = std::pin::pin!(client.customers().list().limit(100).stream());
    /// while let Some(customer) = customers.try_next().await? {
    ///     println!("{}", customer.email);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(self) -> impl Stream<Item = Result<T, Error>> + Send + use<T, F> {
        let pages = stream::try_unfold(Some(self), async |listing: Option<Self>| {
            let Some(listing) = listing else { return Ok(None) };
            let page = listing.send().await?;
            let next = match page.next_cursor.filter(|_| page.has_more) {
                // The same place again would never end.
                Some(cursor) if listing.cursor == Some(cursor) => {
                    return Err(Error::circle());
                }
                Some(cursor) => Some(listing.after(cursor)),
                None => None,
            };
            Ok(Some((stream::iter(page.data).map(Ok), next)))
        });
        pages.try_flatten()
    }
}

impl<T: DeserializeOwned + Send + 'static, F: Filter> IntoFuture for Listing<T, F> {
    type Output = Result<List<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.send().await })
    }
}
