//! Plans: what a buyer orders.

mod agents;
mod balance;
mod burn;
mod get;
mod list;
mod mint;
mod order;
mod paid;
mod price;
mod purchase;
mod register;
mod view;

use std::sync::Arc;

use farebox_store::Plan;
use farebox_types::{Plan as PlanKind, PublicId};

use crate::{
    backend::Backend,
    keys::Caller,
    refusal::{Failure, Refusal},
};

pub(crate) use agents::agents;
pub(crate) use balance::{NO_CONTRACT, balance, balance_of};
pub(crate) use burn::burn;
pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use mint::{mint, mint_expirable};
pub(crate) use order::order;
pub(crate) use paid::grant_owed;
pub(crate) use price::{Price, family};
pub(crate) use register::{PlanRequest, checked_name, prepare, register};
pub(crate) use view::view;

impl Backend {
    /// A plan by the id a public call gives.
    pub(crate) async fn plan_named(&self, text: &str) -> Result<Arc<Plan>, Failure> {
        let id = parse(text)?;
        Ok(self.plan(id).await?.ok_or(Refusal::NoPlan)?)
    }

    /// A plan of the caller's merchant; another merchant's is not there.
    pub(crate) async fn own_plan(&self, caller: &Caller, text: &str) -> Result<Arc<Plan>, Failure> {
        let id = parse(text)?;
        if id.tenant != caller.tenant {
            return Err(Refusal::NoPlan.into());
        }
        Ok(self.plan(id).await?.ok_or(Refusal::NoPlan)?)
    }
}

fn parse(text: &str) -> Result<PublicId<PlanKind>, Refusal> {
    text.parse().map_err(|_| Refusal::number("planId", "a decimal uint256"))
}
