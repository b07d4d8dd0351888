//! Customers.

use axum::http::Method;
use serde_json::{Value, json};

use super::shop::{Shop, id_of};
use crate::world::World;

on_both! {
    async fn the_same_email_is_the_same_customer_for_ever(world: &World) {
        let shop = Shop::open(world).await;
        let first = shop.post("/v1/customers", json!({"email": " Ann@Example.com "})).await.is(201);
        assert_eq!((&first["email"], &first["currency"]), (&json!("ann@example.com"), &json!("USD")));
        world.pass(2 * 86_400);
        let again = shop.post("/v1/customers", json!({"email": "ann@example.com", "name": "Other"})).await.is(200);
        assert_eq!(again, first);
        let found = shop.get("/v1/customers?email=ANN@example.com").await.is(200);
        assert_eq!(found["data"], json!([first]));
        assert_eq!(world.count("customer_created").await, 1);
    }

    async fn many_at_once_make_one_customer(world: &World) {
        let shop = Shop::open(world).await;
        let body = json!({"email": "ann@example.com"});
        let asking = (0..16).map(|at| shop.post_named("/v1/customers", if at % 2 == 0 { "same" } else { "" }, body.clone()));
        let answers = futures_join(asking).await;
        let ids: Vec<String> = answers.iter().map(|answer| id_of(&answer.json())).collect();
        assert!(answers.iter().all(|answer| [200, 201].contains(&answer.status)));
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    async fn a_patch_changes_what_it_names_and_null_takes_away(world: &World) {
        let shop = Shop::open(world).await;
        let id = shop.customer("ann@example.com").await;
        let path = format!("/v1/customers/{id}");
        let patch = json!({"external_id": "u-1", "name": null, "metadata": {"deep": {"a": [1, 2.5]}}});
        let patched = shop.call(Method::PATCH, &path, "k", Some(patch)).await.is(200);
        assert_eq!((&patched["external_id"], &patched["name"]), (&json!("u-1"), &Value::Null));
        assert_eq!(shop.get(&path).await.is(200), patched);
        let other = shop.customer("bob@example.com").await;
        let taken = shop.call(Method::PATCH, &format!("/v1/customers/{other}"), "", Some(json!({"external_id": "u-1"}))).await;
        taken.refused(409, "paylera.conflict");
    }

    async fn a_list_is_paged_newest_first_and_stable_under_inserts(world: &World) {
        let shop = Shop::open(world).await;
        let mut ids = Vec::new();
        for at in 0..5 {
            ids.push(shop.customer(&format!("c{at}@example.com")).await);
        }
        ids.reverse();
        let first = shop.get("/v1/customers?limit=2").await.is(200);
        shop.customer("late@example.com").await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = shop.get(&format!("/v1/customers?limit=3&cursor={cursor}")).await.is(200);
        let read = |page: &Value| page["data"].as_array().unwrap().iter().map(id_of).collect::<Vec<_>>();
        assert_eq!([read(&first), read(&second)].concat(), ids);
        assert_eq!((&second["has_more"], &second["next_cursor"]), (&json!(false), &Value::Null));
        for query in ["limit=0", "limit=101", "limit=x", "cursor=nonsense"] {
            shop.get(&format!("/v1/customers?{query}")).await.refused(400, "paylera.bad_parameter");
        }
    }

    async fn an_empty_invoice_list_is_a_list(world: &World) {
        let shop = Shop::open(world).await;
        let id = shop.customer("ann@example.com").await;
        let list = shop.get(&format!("/v1/customers/{id}/invoices?status=open")).await.is(200);
        assert_eq!(list, json!({"data": [], "has_more": false, "next_cursor": null}));
        shop.get(&format!("/v1/customers/{id}/invoices?status=odd")).await.refused(400, "paylera.bad_parameter");
    }
}

pub(super) async fn futures_join<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(all).await
}
