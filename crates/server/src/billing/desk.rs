//! What every verb of `/v1` works with.

use std::{net::IpAddr, sync::Arc};

use farebox_api::{Code, ProblemCode};
use farebox_store::{
    ApiToken, OperationKey, Store,
    billing::{Ask, Billing, Cursor, Done, Entity, Feature, Put, Row},
};
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::edge::{Call, Denial, Page, Reply};
use crate::{
    backend::Backend,
    facilitator::{RateCaller, RateLimit, Windows},
    payments::Payments,
};

/// How the billing API is run.
#[derive(Debug, Clone, Default)]
pub struct BillingSettings {
    /// Requests of one token, in this process.
    pub rate: Option<RateLimit>,
    /// Requests of one address to operations that need no token, in this process.
    pub public_rate: Option<RateLimit>,
    /// Whether checkouts may return to any domain.
    pub redirect_policy: RedirectPolicy,
    /// Checkouts return to these domains and those below them only, besides a merchant's own. If none are listed, the
    /// policy says what that means.
    pub redirect_domains: Vec<String>,
    /// What pages of ours are reached at, without a slash at its end; relative links unless given.
    pub public_url: Option<String>,
    /// What checkouts are paid through; without it nothing that costs can be begun.
    pub payments: Option<Payments>,
    /// The provider's own script on the checkout's page, for providers that take cards by it.
    pub script: Option<PageScript>,
}

/// A card provider's script, as the checkout's page loads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageScript {
    /// Where it is loaded from.
    pub url: String,
    /// The key that the provider made for browsers: nobody can take money with it.
    pub key: String,
}

/// Where checkouts may return to when no domain is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedirectPolicy {
    /// Anywhere.
    #[default]
    Lenient,
    /// Anywhere in test mode, nowhere in live mode.
    StrictWhenLive,
    /// Nowhere.
    Strict,
}

/// What every verb works with. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) backend: Backend,
    pub(super) billing: Billing,
    pub(super) settings: Arc<BillingSettings>,
    limits: Option<Arc<Windows>>,
    public_limits: Option<Arc<Windows>>,
}

impl Desk {
    pub(super) fn new(backend: Backend, settings: BillingSettings) -> Self {
        let windows = |rate: Option<RateLimit>| rate.map(|rate| Arc::new(Windows::new(rate)));
        let (limits, public_limits) = (windows(settings.rate), windows(settings.public_rate));
        let billing = backend.billing().clone();
        Self { backend, billing, settings: Arc::new(settings), limits, public_limits }
    }

    pub(super) fn store(&self) -> &dyn Store {
        &**self.backend.store()
    }

    /// Counts a request of this token.
    pub(super) fn take(&self, token: &ApiToken) -> Result<(), Denial> {
        self.counted(self.limits.as_deref(), RateCaller::Key(token.id), "this token")
    }

    /// Counts a request without a token, from this address.
    pub(super) fn take_from(&self, peer: IpAddr) -> Result<(), Denial> {
        self.counted(self.public_limits.as_deref(), RateCaller::Peer(peer), "this address")
    }

    fn counted(&self, limits: Option<&Windows>, caller: RateCaller, who: &str) -> Result<(), Denial> {
        let Some(limits) = limits else { return Ok(()) };
        let standing = limits.take(caller, self.backend.now());
        if standing.allowed {
            return Ok(());
        }
        let detail = format!("{who} may ask {} times in its window, and has", standing.limit);
        Err(Denial { wait: Some(standing.wait), ..Denial::new(ProblemCode::RateLimited, detail) })
    }

    /// What the request under this key was answered before.
    pub(super) async fn answered(&self, call: &Call) -> Result<Option<Reply>, Denial> {
        self.billing.answered(&call.ask()).await?.as_ref().map(recalled).transpose()
    }

    /// Keeps an answer that wrote nothing, so that a repeat is answered alike.
    pub(super) async fn remember(&self, call: &Call, reply: Reply) -> Result<Reply, Denial> {
        self.write(call, Vec::new(), &reply).await
    }

    /// As [`Self::remember`], where there is a key to keep it under.
    pub(super) async fn remember_if_named(&self, call: &Call, reply: Reply) -> Result<Reply, Denial> {
        if call.key.is_some() { self.remember(call, reply).await } else { Ok(reply) }
    }

    /// Writes rows, with the answer that a repeat of the request is given.
    pub(super) async fn write(&self, call: &Call, rows: Vec<Put>, reply: &Reply) -> Result<Reply, Denial> {
        self.write_as(call, call.name(), rows, reply).await
    }

    /// As [`Self::write`], under another name than the caller's key.
    pub(super) async fn write_as(
        &self,
        call: &Call,
        operation: OperationKey,
        rows: Vec<Put>,
        reply: &Reply,
    ) -> Result<Reply, Denial> {
        let ask = Ask { operation, ..call.ask() };
        recalled(&self.billing.put(&ask, rows, reply.stored()).await?)
    }

    /// A row, if the tenant has it.
    pub(super) async fn row<T: Entity>(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<Row<T>>, Denial> {
        Ok(self.billing.get(tenant, id).await?)
    }

    /// A row of the caller's tenant.
    pub(super) async fn find<T: Entity>(&self, call: &Call, id: Uuid, what: &str) -> Result<Row<T>, Denial> {
        self.row(call.tenant, id).await?.ok_or_else(|| Denial::not_found(what))
    }

    /// The row with this name.
    pub(super) async fn named<T: Entity>(&self, tenant: Id<Merchant>, name: &str) -> Result<Option<Row<T>>, Denial> {
        Ok(self.billing.named(tenant, name).await?)
    }

    /// A page of rows, and one more if there is one.
    pub(super) async fn rows<T: Entity>(
        &self,
        call: &Call,
        parent: Option<Uuid>,
        page: Page,
    ) -> Result<Vec<Row<T>>, Denial> {
        let cursor = Cursor { after: page.after, limit: page.limit.saturating_add(1) };
        Ok(self.billing.list(call.tenant, parent, cursor).await?)
    }

    /// Every row of a kind, as far as a catalogue goes: the newest thousand.
    pub(super) async fn all<T: Entity>(&self, call: &Call) -> Result<Vec<Row<T>>, Denial> {
        Ok(self.billing.list(call.tenant, None, Cursor::first(1000)).await?)
    }

    /// The feature with this code.
    pub(super) async fn feature(&self, call: &Call, code: &Code) -> Result<Row<Feature>, Denial> {
        let row = self.named::<Feature>(call.tenant, &format!("code:{code}")).await?;
        row.filter(|row| !row.value.archived).ok_or_else(|| Denial::not_found("feature"))
    }

    /// The tenant's time: its test clock's, if it has one.
    pub(super) async fn now(&self, tenant: Id<Merchant>) -> Result<Timestamp, Denial> {
        Ok(self.billing.now(tenant).await?)
    }
}

/// The answer of a write, the first time or again.
pub(super) fn recalled(done: &Done) -> Result<Reply, Denial> {
    Ok(Reply::recalled(&done.answer, done.replayed)?)
}

pub(super) fn conflict() -> Denial {
    Denial::new(ProblemCode::IdempotencyConflict, "this Idempotency-Key was used before for another request")
}
