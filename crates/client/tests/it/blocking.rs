//! The client that waits.

use farebox_client::{Error, blocking};

use crate::{
    client,
    upstream::{Answer, Upstream},
};

const FIRST: &str = r#"{"data":[{"id":"00000000-0000-0000-0000-000000000001","code":"a","name":"A"}],
    "has_more":true,"next_cursor":"AAAAAAAAAAAAAAAAAAAAAQ"}"#;
const LAST: &str = r#"{"data":[{"id":"00000000-0000-0000-0000-000000000003","code":"c","name":"C"}],"has_more":false,"next_cursor":null}"#;

/// The upstream runs in the test's own runtime; the client is used from a thread that has none, as in a plain program.
async fn plain<T: Send + 'static>(script: Vec<Answer>, work: fn(&blocking::Client) -> T) -> (T, Upstream) {
    let upstream = Upstream::start(script).await;
    let client = blocking::Client::new(client(&upstream)).unwrap();
    let done = std::thread::spawn(move || work(&client));
    let result = tokio::task::spawn_blocking(move || done.join().unwrap()).await.unwrap();
    (result, upstream)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_their_answers_and_keep_connections_and_retries() {
    let script = vec![Answer::Status(503), Answer::Json(200, LAST), Answer::Json(200, LAST), Answer::Status(404)];
    let (error, upstream) = plain(script, |api| {
        for _ in 0..2 {
            api.call(|api| api.products().list()).unwrap();
        }
        api.call(|api| api.customers().get(uuid::Uuid::nil())).unwrap_err()
    })
    .await;
    assert!(matches!(error, Error::NotFound(_)));
    assert_eq!((upstream.seen().len(), upstream.connections()), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_reads_on_to_its_end_or_its_first_error() {
    let whole = vec![Answer::Json(200, FIRST), Answer::Json(200, LAST)];
    let read = |api: &blocking::Client| -> Vec<Result<String, Error>> {
        api.list(|api| api.products().list()).map(|it| it.map(|product| product.code.to_string())).collect()
    };
    let (codes, _) = plain(whole, read).await;
    assert_eq!(codes.into_iter().map(Result::unwrap).collect::<String>(), "ac");
    let (codes, _) = plain(vec![Answer::Json(200, FIRST), Answer::Status(403)], read).await;
    assert!(matches!(codes[..], [Ok(_), Err(Error::Authorization(_))]));
    let (codes, upstream) = plain(vec![Answer::Json(200, FIRST); 9], read).await;
    assert!(matches!(codes.last(), Some(Err(Error::Decode(_)))));
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn it_may_be_used_and_dropped_inside_an_async_program() {
    let upstream = Upstream::start(vec![]).await;
    let client = blocking::Client::new(client(&upstream)).unwrap();
    assert_eq!(format!("{client:?}"), "Client { mode: Some(Test), .. }");
    drop(client);
}
