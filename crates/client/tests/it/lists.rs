//! Lists.

use farebox_client::{Error, api::Product};
use futures_util::{StreamExt, TryStreamExt};

use crate::{
    client,
    upstream::{Answer, Upstream},
};

/// Cursors as the API makes them: sixteen bytes in base64url.
const FIRST: &str = r#"{"data":[{"id":"00000000-0000-0000-0000-000000000001","code":"a","name":"A"},
    {"id":"00000000-0000-0000-0000-000000000002","code":"b","name":"B"}],"has_more":true,"next_cursor":"AAAAAAAAAAAAAAAAAAAAAg"}"#;
const EMPTY: &str = r#"{"data":[],"has_more":true,"next_cursor":"AAAAAAAAAAAAAAAAAAAAAw"}"#;
const LAST: &str = r#"{"data":[{"id":"00000000-0000-0000-0000-000000000003","code":"c","name":"C"}],"has_more":false,"next_cursor":null}"#;

fn codes(products: &[Product]) -> String {
    products.iter().map(|product| product.code.as_str()).collect()
}

#[tokio::test]
async fn a_page_says_where_the_next_one_begins() {
    let upstream = Upstream::start(vec![Answer::Json(200, FIRST), Answer::Json(200, LAST)]).await;
    let client = client(&upstream);
    let first = client.products().list().limit(2).await.unwrap();
    assert_eq!((codes(&first.data).as_str(), first.has_more), ("ab", true));
    let last = client.products().list().after(first.next_cursor.unwrap()).await.unwrap();
    assert_eq!((codes(&last.data).as_str(), last.next_cursor), ("c", None));
    assert_eq!(upstream.seen()[1].line, "GET /v1/products?cursor=AAAAAAAAAAAAAAAAAAAAAg");
}

#[tokio::test]
async fn a_stream_reads_on_to_the_end_and_no_further_than_it_is_asked() {
    let pages = vec![Answer::Json(200, FIRST), Answer::Status(503), Answer::Json(200, EMPTY), Answer::Json(200, LAST)];
    let upstream = Upstream::start(pages).await;
    let mut stream = std::pin::pin!(client(&upstream).products().list().limit(2).stream());
    assert!(upstream.seen().is_empty(), "nothing is asked before somebody reads");
    let first: Vec<Product> = stream.by_ref().take(2).try_collect().await.unwrap();
    assert_eq!((codes(&first).as_str(), upstream.seen().len()), ("ab", 1));
    let rest: Vec<Product> = stream.try_collect().await.unwrap();
    assert_eq!(codes(&rest), "c");
    let lines: Vec<String> = upstream.seen().into_iter().map(|seen| seen.line).collect();
    let page = |cursor: &str| format!("GET /v1/products?limit=2&cursor={cursor}");
    let second = page("AAAAAAAAAAAAAAAAAAAAAg");
    assert_eq!(lines, ["GET /v1/products?limit=2".to_owned(), second.clone(), second, page("AAAAAAAAAAAAAAAAAAAAAw")]);
}

#[tokio::test]
async fn a_stream_ends_with_the_first_error() {
    let upstream = Upstream::start(vec![Answer::Json(200, FIRST), Answer::Status(401), Answer::Json(200, LAST)]).await;
    let read: Vec<_> = client(&upstream).products().list().stream().collect().await;
    assert_eq!(read.len(), 3);
    assert!(matches!(read[2], Err(Error::Authentication(_))));
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_an_error_and_no_endless_list() {
    let upstream = Upstream::start(vec![Answer::Json(200, FIRST); 9]).await;
    let read: Vec<_> = client(&upstream).products().list().stream().collect().await;
    assert!(matches!(read.last(), Some(Err(Error::Decode(_)))));
    assert_eq!(upstream.seen().len(), 2);
}
