//! Asking for and recording usage.

use farebox_api::{
    Amount, BatchResults, Check, CheckRequest, Code, Consume, OnInsufficient, Properties, Time, Track, TrackBatch,
};
use farebox_types::IdempotencyKey;
use uuid::Uuid;

use crate::{
    call::Call,
    client::Client,
    operation::{CHECK, CONSUME, TRACK, TRACK_BATCH},
    watch::About,
};

/// Whose usage: a customer's, by its id or by one of its subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A customer.
    Customer(Uuid),
    /// The customer of this subscription.
    Subscription(Uuid),
}

impl Holder {
    const fn customer(self) -> Option<Uuid> {
        match self {
            Self::Customer(id) => Some(id),
            Self::Subscription(_) => None,
        }
    }

    const fn subscription(self) -> Option<Uuid> {
        match self {
            Self::Subscription(id) => Some(id),
            Self::Customer(_) => None,
        }
    }

    fn about(self, feature: &Code) -> About {
        About { customer: self.customer(), subscription: self.subscription(), feature: Some(feature.clone()) }
    }
}

impl Client {
    /// Whether a feature may be used now, and what is left. Writes nothing.
    ///
    /// ```no_run
    /// use farebox_client::{Client, Holder, api::Amount};
    ///
    /// # async fn ask(client: Client, customer: uuid::Uuid) -> Result<(), Box<dyn std::error::Error>> {
    /// let one = Amount::from_micros(1_000_000);
    /// let answer = client.check(Holder::Customer(customer), "api_calls".parse()?).required_usage(one).await?;
    /// if answer.allowed {
    ///     client.track(Holder::Customer(customer), "api_calls".parse()?, one).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn check(&self, whose: Holder, feature_code: Code) -> Call<CheckRequest, Check> {
        let about = whose.about(&feature_code);
        let (customer_id, subscription_id) = (whose.customer(), whose.subscription());
        let body = CheckRequest { customer_id, subscription_id, feature_code, required_usage: Amount::ZERO };
        Call::new(self, &CHECK, CHECK.path(&[]), body).about(about)
    }

    /// Records that `value` of a feature was used: once under its key, however often it is sent.
    pub fn track(&self, whose: Holder, feature_code: Code, value: Amount) -> Call<Track, ()> {
        let about = whose.about(&feature_code);
        let body = Track {
            customer_id: whose.customer(),
            subscription_id: whose.subscription(),
            feature_code,
            value,
            properties: Properties::default(),
            dedup_key: None,
            occurred_at: None,
            on_insufficient: None,
        };
        Call::new(self, &TRACK, TRACK.path(&[]), body).about(about)
    }

    /// Records up to 1000 events in one call, each on its own: the results say what became of each, in order. Give events
    /// their `dedup_key`s, and a batch that was lost half-way can be sent again.
    pub fn track_batch(&self, events: Vec<Track>) -> Call<TrackBatch, BatchResults> {
        Call::new(self, &TRACK_BATCH, TRACK_BATCH.path(&[]), TrackBatch { events })
    }

    /// Checks and takes in one: all of `value`, or nothing. `allowed` says which.
    pub fn consume(&self, customer_id: Uuid, feature_code: Code, value: Amount) -> Call<Consume, Check> {
        let about = Holder::Customer(customer_id).about(&feature_code);
        Call::new(self, &CONSUME, CONSUME.path(&[]), Consume { customer_id, feature_code, value }).about(about)
    }
}

impl Call<CheckRequest, Check> {
    /// How much is wanted; 0, which asks whether there is any, unless said.
    pub const fn required_usage(mut self, amount: Amount) -> Self {
        self.body.required_usage = amount;
        self
    }
}

impl<T> Call<Track, T> {
    /// The event's own name: it is counted once, for ever. It is the call's idempotency key as well, unless that has one.
    pub fn dedup_key(mut self, key: IdempotencyKey) -> Self {
        self.body.dedup_key = Some(key.to_string());
        self.key.get_or_insert(key);
        self
    }

    /// What else is said of the event, for metrics that look at it: paths and texts.
    pub fn properties(mut self, properties: Properties) -> Self {
        self.body.properties = properties;
        self
    }

    /// When it happened; now unless said.
    pub const fn occurred_at(mut self, at: Time) -> Self {
        self.body.occurred_at = Some(at);
        self
    }

    /// What to do when the balance does not reach: it is recorded all the same unless said.
    pub const fn on_insufficient(mut self, choice: OnInsufficient) -> Self {
        self.body.on_insufficient = Some(choice);
        self
    }
}

impl Call<Track, ()> {
    /// The same, answered by what is left after it.
    pub fn with_balance(self) -> Call<Track, Check> {
        self.represented()
    }
}
