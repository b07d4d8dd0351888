//! A request, as prices, hooks and subscriptions see it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use serde::de::DeserializeOwned;

/// A request for a paid route. Cheap to clone. Its payment headers are marked sensitive.
#[derive(Clone)]
pub struct Asked {
    inner: Arc<Inner>,
}

struct Inner {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>, body: Bytes) -> Self {
        let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
        let extensions = request.extensions().clone();
        Self { inner: Arc::new(Inner { method, uri, headers, extensions, body }) }
    }

    /// How it is asked.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// What is asked for.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.inner.uri
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.inner.uri.path()
    }

    /// A header's first value, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers.get(name)?.to_str().ok()
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// What outer layers have found out about the request: who it is from.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.inner.extensions
    }

    /// The body; the handler gets it too. Empty where only a hook looks, and nothing else had to read it.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.inner.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// What reading it fails with.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.inner.body)
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { method, uri, .. } = &*self.inner;
        f.debug_struct("Asked").field("method", method).field("path", &uri.path()).finish_non_exhaustive()
    }
}
