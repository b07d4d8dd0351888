//! `PUT /v1/admin/products/{code}`.

use farebox_api::ProductConfig;
use farebox_store::billing::Product;
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    code, upsert,
};

pub(in crate::billing) async fn put_product(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let config: ProductConfig = call.body()?;
    let code = code(call, &config.code)?;
    let present = desk.named::<Product>(call.tenant, &format!("code:{code}")).await?;
    let id = present.as_ref().map_or_else(Uuid::now_v7, |row| row.value.id);
    let wanted = Product { id, name: config.name.unwrap_or_else(|| code.clone()), code, archived: false };
    upsert(desk, call, present, wanted, "product_written").await
}
