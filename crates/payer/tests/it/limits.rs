//! What bounds a payer: budgets, reusable tokens, sizes; and what it never prints.

use farebox_payer::{BadSetup, Budget, PayError, Payer, Secret, Tries};
use farebox_x402::header;

use crate::{
    KEY,
    backend::Backend,
    builder, payer,
    seller::{Act, Seller},
};

#[tokio::test]
async fn only_plans_of_the_budget_are_paid_from() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Serve]).await);
    let eighth = builder(&backend).budget(Budget::default().plan("8")).build().unwrap();
    eighth.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(backend.asked()[0].accepted.plan_id, "8");

    let ninth = builder(&backend).budget(Budget::default().plan("9")).build().unwrap();
    let error = ninth.get(&seller.url("/joke")).send().await.unwrap_err();
    assert!(matches!(error, PayError::NothingPayable { .. }), "{error:?}");
    assert_eq!(backend.asked().len(), 1);
}

#[tokio::test]
async fn a_number_of_payments_is_shared_by_clones_and_never_exceeded() {
    let (backend, seller) = (Backend::start().await, Seller::start(vec![Act::Serve; 20]).await);
    let payer = builder(&backend).budget(Budget::default().payments(3)).build().unwrap();
    let requests = (0..20).map(|_| {
        let (payer, url) = (payer.clone(), seller.url("/joke"));
        tokio::spawn(async move { payer.get(&url).send().await.is_ok() })
    });
    let mut served = 0;
    for request in requests.collect::<Vec<_>>() {
        served += usize::from(request.await.unwrap());
    }
    assert_eq!((served, backend.asked().len(), seller.tokens().len()), (3, 3, 3));
}

#[tokio::test]
async fn a_payment_that_got_no_token_is_not_counted() {
    let seller = Seller::start([]).await;
    let broken = Backend::answering(500, "").await;
    let payer = builder(&broken).budget(Budget::default().payments(1)).build().unwrap();
    for _ in 0..2 {
        let error = payer.get(&seller.url("/joke")).send().await.unwrap_err();
        assert!(matches!(error, PayError::Backend { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_reusable_token_is_minted_once_for_an_origin_and_again_after_a_refusal() {
    let backend = Backend::start().await;
    let seller = Seller::start([Act::Serve, Act::Serve, Act::Refuse("BCK.X402.0005"), Act::Serve]).await;
    let payer = builder(&backend).reusable_tokens().build().unwrap();
    for served in [true, true, false] {
        assert_eq!(payer.get(&seller.url("/joke")).send().await.is_ok(), served);
    }
    assert_eq!(backend.asked().len(), 1);
    assert_eq!((backend.asked()[0].token_version, &backend.asked()[0].resource), (Some(2), &None));
    payer.get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(backend.asked().len(), 2);

    let other = Seller::start([Act::Serve]).await;
    payer.get(&other.url("/joke")).send().await.unwrap();
    assert_eq!(backend.asked().len(), 3, "a token is not shown to another origin");
}

#[tokio::test]
async fn a_delegation_goes_with_every_token() {
    let (backend, seller) = (Backend::start().await, Seller::start([Act::Serve]).await);
    builder(&backend).delegation("d-1").build().unwrap().get(&seller.url("/joke")).send().await.unwrap();
    assert_eq!(backend.asked()[0].delegation_config, Some(serde_json::json!({"delegationId": "d-1"})));
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit_and_no_further() {
    let (backend, seller) = (Backend::start().await, Seller::start([]).await);
    let exact = builder(&backend).max_answer("free".len()).build().unwrap();
    assert_eq!(&exact.get(&seller.url("/free")).send().await.unwrap().body()[..], b"free");
    let short = builder(&backend).max_answer("free".len() - 1).build().unwrap();
    let error = short.get(&seller.url("/free")).send().await.unwrap_err();
    assert!(matches!(error, PayError::TooLong { limit: 3, receipt: None }), "{error:?}");
}

#[tokio::test]
async fn a_paid_answer_that_is_too_long_shows_its_receipt() {
    let receipt = header::encode(&crate::seller::receipt(true)).to_str().unwrap().to_owned();
    let long = Act::Answer(200, vec![("payment-response", receipt)], "ha".repeat(100));
    let (backend, seller) = (Backend::start().await, Seller::start([long]).await);
    let error = builder(&backend).max_answer(100).build().unwrap().get(&seller.url("/joke")).send().await.unwrap_err();
    let PayError::TooLong { limit: 100, receipt: Some(receipt) } = error else { panic!("{error:?}") };
    assert!(receipt.success);
    assert_eq!(seller.tokens().len(), 1);
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_says_so() {
    let payer = payer(&Backend::start().await);
    for url in ["", "/joke", "ftp://a/joke", "http://"] {
        let error = payer.get(url).send().await.unwrap_err();
        assert!(matches!(error, PayError::BadRequest(_)), "{url}: {error:?}");
    }
    for (name, value) in [("payment-signature", "mine"), ("X-Payment", "mine"), ("a b", "c"), ("a", "b\nc")] {
        let error = payer.get("http://127.0.0.1:1/").header(name, value).send().await.unwrap_err();
        assert!(matches!(error, PayError::BadRequest(_)), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn neither_token_nor_key_nor_the_callers_headers_are_printed() {
    let backend = Backend::start().await;
    let seller = Seller::start(vec![Act::Answer(503, Vec::new(), String::new()); 3]).await;
    let payer = payer(&backend);
    let request = payer.get(&seller.url("/joke?secret=q")).header("authorization", "Bearer mine");
    let error = request.send().await.unwrap_err();
    let text = format!("{error} {error:?} {payer:?}");
    assert!(text.contains("/joke"), "{text}");
    for secret in [KEY, "mine", "secret=q", seller.tokens()[0].as_str()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_the_token_is_not_shown() {
    // The only token this backend mints is known beforehand, so the seller can echo it.
    let (backend, probe) = (Backend::start().await, Seller::start([Act::Serve]).await);
    payer(&backend).get(&probe.url("/joke")).send().await.unwrap();
    let token = probe.tokens().remove(0);

    let echo = serde_json::json!({"code": token, "message": format!("bad token {token}")}).to_string();
    let backend = Backend::start().await;
    let seller = Seller::start([Act::Answer(402, Vec::new(), echo)]).await;
    let error = payer(&backend).get(&seller.url("/joke")).send().await.unwrap_err();
    assert_eq!(seller.tokens(), [token.as_str()]);
    assert!(matches!(error, PayError::Refused { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(&token[..40]));
}

#[test]
fn a_payer_that_cannot_work_is_not_built() {
    let with = |url: &str, key: &str| Payer::builder().credits(url, Secret::new(key.into()));
    assert!(matches!(Payer::builder().build(), Err(BadSetup::NoMeans)));
    for url in ["", "backend", "ftp://a", "http://u:p@a", "http://a?x", "http://a#x"] {
        assert!(matches!(with(url, "k").build(), Err(BadSetup::Address)), "{url}");
    }
    assert!(matches!(with("http://a", "").build(), Err(BadSetup::Key)));
    assert!(matches!(with("http://a", "a\nb").build(), Err(BadSetup::Key)));
    let never = with("http://a", "k").tries(Tries { most: 0, ..Tries::default() });
    assert!(matches!(never.build(), Err(BadSetup::NoTries)));
    assert!(with("https://a/", "k").build().is_ok());
}
