//! What is sold, as the configuration file has it: written by code, again and again, to the same end.

use std::marker::PhantomData;

use farebox_api::{
    Changed, Code, Feature, FeatureConfig, Metric, MetricConfig, Plan, PlanConfig, Product, ProductConfig,
};

use crate::{
    call::Call,
    client::Client,
    listing::Listing,
    operation::{
        ARCHIVE_FEATURE, ARCHIVE_METRIC, ARCHIVE_PLAN, ARCHIVE_PRODUCT, LIST_ALL_PLANS, LIST_ALL_PRODUCTS,
        LIST_FEATURES, LIST_METRICS, Operation, PUT_FEATURE, PUT_METRIC, PUT_PLAN, PUT_PRODUCT,
    },
};

/// The four kinds of things that are sold.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a>(pub(super) &'a Client);

/// Things of one kind, called by their codes.
#[derive(Clone, Copy)]
pub struct Shelf<'a, Config, Thing> {
    client: &'a Client,
    put: &'static Operation,
    list: &'static Operation,
    archive: &'static Operation,
    things: PhantomData<fn(Config) -> Thing>,
}

impl<'a> Admin<'a> {
    /// Features.
    #[must_use]
    pub const fn features(self) -> Shelf<'a, FeatureConfig, Feature> {
        Shelf {
            client: self.0,
            put: &PUT_FEATURE,
            list: &LIST_FEATURES,
            archive: &ARCHIVE_FEATURE,
            things: PhantomData,
        }
    }

    /// Products.
    #[must_use]
    pub const fn products(self) -> Shelf<'a, ProductConfig, Product> {
        let (list, archive) = (&LIST_ALL_PRODUCTS, &ARCHIVE_PRODUCT);
        Shelf { client: self.0, put: &PUT_PRODUCT, list, archive, things: PhantomData }
    }

    /// Billable metrics.
    #[must_use]
    pub const fn billable_metrics(self) -> Shelf<'a, MetricConfig, Metric> {
        Shelf { client: self.0, put: &PUT_METRIC, list: &LIST_METRICS, archive: &ARCHIVE_METRIC, things: PhantomData }
    }

    /// Plans: a change is a new version, and subscriptions keep theirs.
    #[must_use]
    pub const fn plans(self) -> Shelf<'a, PlanConfig, Plan> {
        Shelf { client: self.0, put: &PUT_PLAN, list: &LIST_ALL_PLANS, archive: &ARCHIVE_PLAN, things: PhantomData }
    }
}

impl<Config, Thing> Shelf<'_, Config, Thing> {
    /// Writes the thing with this code, unless it is so already: `changed` says. Its code in `config` must be the same.
    pub fn put(self, code: &Code, config: Config) -> Call<Config, Changed> {
        Call::new(self.client, self.put, self.put.path(&[code]), config)
    }

    /// Lists what is not archived.
    pub fn list(self) -> Listing<Thing> {
        Listing::new(self.client, self.list, self.list.path(&[]))
    }

    /// Takes it out of sale.
    pub fn archive(self, code: &Code) -> Call<(), ()> {
        Call::new(self.client, self.archive, self.archive.path(&[code]), ())
    }
}
