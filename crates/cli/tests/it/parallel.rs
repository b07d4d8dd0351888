//! A thousand requests at once.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    stack::{Api, Stack},
    world::{Engine, World},
};

const REQUESTS: usize = 1_000;

/// How many requests were answered how.
async fn all_at_once(api: &Arc<Api>, token: &str) -> BTreeMap<u16, usize> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let (api, http, token) = (Arc::clone(api), http.clone(), token.to_owned());
            tokio::spawn(async move { api.ask(&http, token.as_bytes()).await.0 })
        })
        .collect();
    let mut answers = BTreeMap::new();
    for request in requests {
        *answers.entry(request.await.unwrap()).or_default() += 1;
    }
    answers
}

async fn on_both(test: impl AsyncFn(&Stack)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(world) = World::new(engine).await else { continue };
        let stack = Stack::new(&world).await;
        test(&stack).await;
        stack.finish().await;
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_with_one_single_use_token_run_the_handler_once_and_get_one_answer() {
    on_both(async |stack| {
        let shop = stack.shop("acme", 10_000).await;
        let api = Arc::new(stack.api(&shop.plan).await);
        let answers = all_at_once(&api, &shop.single_use_token().await).await;
        assert_eq!(answers, BTreeMap::from([(200, REQUESTS)]), "one answer, for all of them");
        assert_eq!((api.runs(), shop.balance().await), (1, 9_999));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_on_37_credits_run_the_handler_37_times() {
    on_both(async |stack| {
        let shop = stack.shop("acme", 37).await;
        let api = Arc::new(stack.api(&shop.plan).await);
        let answers = all_at_once(&api, &shop.reusable_token().await).await;
        assert_eq!(answers, BTreeMap::from([(200, 37), (402, REQUESTS - 37)]));
        assert_eq!((api.runs(), shop.balance().await), (37, 0));
    })
    .await;
}
