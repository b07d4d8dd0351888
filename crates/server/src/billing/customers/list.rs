//! `GET /v1/customers?email=`.

use farebox_api::List;
use farebox_store::billing::Customer;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn list(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    if let Some(email) = call.parameter("email") {
        let row = desk.named::<Customer>(call.tenant, &Customer::name_of_email(email)).await?;
        let data = row.iter().map(view::customer).collect::<Result<Vec<_>, _>>()?;
        return Ok(Reply::ok(&List { data, has_more: false, next_cursor: None })?);
    }
    let rows = desk.rows::<Customer>(call, None, page).await?;
    let data = rows.iter().map(view::customer).collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&List::page(data, page.length(), |customer| customer.id))?)
}
