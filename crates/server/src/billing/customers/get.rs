//! `GET /v1/customers/{id}`.

use farebox_store::billing::Customer;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn get(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let row = desk.find::<Customer>(call, call.id("id", "customer")?, "customer").await?;
    Ok(Reply::ok(&view::customer(&row)?)?)
}
