//! Finding an intent or a refund by our id.

use super::{
    PAYMENT_KEY, REFUND_KEY, Stripe,
    client::{Fields, Read},
    types::{DisputeObject, Intent, List, RefundObject},
    webhook::dispute_of,
};
use crate::{
    outcome::Fault,
    payment::{Disputed, ProviderPayment},
    provider::Whose,
    wire::segment,
};

/// Stripe's clock and ours are not further apart.
const SKEW_SECONDS: i64 = 3_600;
/// Pages of a hundred; beyond, a lookup says that it does not know.
const MAX_PAGES: usize = 100;

impl Stripe {
    /// The intent of that id.
    pub(super) async fn retrieve(&self, id: &str) -> Result<Option<Intent>, Fault> {
        let path = format!("/v1/payment_intents/{}", segment(id));
        match self.client.get(&path, &vec![("expand[]", "latest_charge".to_owned())]).await? {
            Read::Found(intent) => Ok(Some(intent)),
            Read::Missing => Ok(None),
            Read::Rejected(fault) => Err(fault),
        }
    }

    /// The intent that carries our id. Search is quick and lags behind; the list is slow and is the authority.
    pub(super) async fn find(&self, whose: &Whose) -> Result<Option<Intent>, Fault> {
        let ours = |intent: &Intent| {
            intent.metadata.as_ref().and_then(|all| all.get(PAYMENT_KEY)).is_some_and(|id| *id == whose.our_id)
        };
        if let Some(found) = self.search(&whose.our_id).await?.into_iter().find(ours) {
            return self.retrieve(&found.id).await;
        }
        let since = whose.created.seconds().saturating_sub(SKEW_SECONDS);
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let list = self.page(Some(since), after.as_deref()).await?;
            after = list.data.last().map(|last| last.id.clone());
            let more = list.has_more && after.is_some();
            if let Some(found) = list.data.into_iter().find(ours) {
                return Ok(Some(found));
            }
            if !more {
                return Ok(None);
            }
        }
        Err(self.client.fault("too many payments to look through"))
    }

    async fn search(&self, our_id: &str) -> Result<Vec<Intent>, Fault> {
        // Our ids have neither quotes nor backslashes; anything else is not searched for.
        if !our_id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            return Ok(Vec::new());
        }
        let fields = vec![("query", format!("metadata['{PAYMENT_KEY}']:'{our_id}'"))];
        match self.client.get::<List<Intent>>("/v1/payment_intents/search", &fields).await? {
            Read::Found(list) => Ok(list.data),
            Read::Missing | Read::Rejected(_) => Ok(Vec::new()),
        }
    }

    /// A page of intents made since then. Not every server that speaks the protocol filters by time.
    pub(super) async fn page(&self, since: Option<i64>, after: Option<&str>) -> Result<List<Intent>, Fault> {
        let mut fields: Fields<'_> = vec![("limit", "100".to_owned()), ("expand[]", "data.latest_charge".to_owned())];
        fields.extend(after.map(|after| ("starting_after", after.to_owned())));
        let all = fields.clone();
        fields.extend(since.map(|since| ("created[gte]", since.to_string())));
        let list = match self.client.get::<List<Intent>>("/v1/payment_intents", &fields).await? {
            Read::Rejected(_) => self.client.get::<List<Intent>>("/v1/payment_intents", &all).await?,
            other => other,
        };
        let mut list = match list {
            Read::Found(list) => list,
            Read::Missing => return Err(self.client.fault("there is no list of payments")),
            Read::Rejected(fault) => return Err(fault),
        };
        // The last one stays, for the next page begins behind it.
        let last = list.data.last().map(|last| last.id.clone());
        let young = |intent: &Intent| intent.created.zip(since).is_none_or(|(made, since)| made >= since);
        list.data.retain(|intent| young(intent) || (list.has_more && Some(&intent.id) == last.as_ref()));
        Ok(list)
    }

    /// How a disputed payment's dispute stands. Its charge says for ever that there was one, and not how it ended.
    pub(super) async fn with_dispute(&self, payment: ProviderPayment) -> Result<ProviderPayment, Fault> {
        if payment.dispute.is_none() {
            return Ok(payment);
        }
        let fields = vec![("payment_intent", payment.provider_id.clone()), ("limit", "1".to_owned())];
        let dispute = match self.client.get::<List<DisputeObject>>("/v1/disputes", &fields).await? {
            Read::Found(newest) => newest
                .data
                .first()
                .and_then(|one| dispute_of(&one.status).map(|dispute| Disputed { dispute, minor: Some(one.amount) })),
            // A server that speaks the protocol without its disputes.
            Read::Missing | Read::Rejected(_) => payment.dispute,
        };
        Ok(ProviderPayment { dispute, ..payment })
    }

    /// The refund of that intent that carries our id.
    pub(super) async fn find_refund(&self, intent: &str, our_refund: &str) -> Result<Option<RefundObject>, Fault> {
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut fields: Fields<'_> = vec![("payment_intent", intent.to_owned()), ("limit", "100".to_owned())];
            fields.extend(after.take().map(|after| ("starting_after", after)));
            let list = match self.client.get::<List<RefundObject>>("/v1/refunds", &fields).await? {
                Read::Found(list) => list,
                Read::Missing => return Ok(None),
                Read::Rejected(fault) => return Err(fault),
            };
            after = list.data.last().map(|last| last.id.clone()).filter(|_| list.has_more);
            let ours = |refund: &RefundObject| {
                refund.metadata.as_ref().and_then(|all| all.get(REFUND_KEY)).is_some_and(|id| id == our_refund)
            };
            if let Some(found) = list.data.into_iter().find(ours) {
                return Ok(Some(found));
            }
            if after.is_none() {
                return Ok(None);
            }
        }
        Err(self.client.fault("too many refunds to look through"))
    }
}
