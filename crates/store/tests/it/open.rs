//! PostgreSQL: what somebody reads who gave the wrong URL.

use std::sync::Arc;

use farebox_store::{Fault, PostgresStore, Retry};
use farebox_types::{Secret, SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::world::{admin_url, on_database};

async fn refused(url: &str) -> Fault {
    let Err(fault) = PostgresStore::open(&Secret::new(url.to_owned()), Arc::new(SystemClock)).await else {
        panic!("this cannot be opened")
    };
    assert!(!fault.what.contains("hunter2"), "{fault}");
    fault
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let fault = refused(&format!("postgres://me:hunter2@{unused}/farebox")).await;
    assert!(fault.what.contains(&unused.to_string()) && fault.what.contains("is it running"), "{fault}");
    assert!(matches!(fault.retry, Retry::After(_)));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let Some(admin) = admin_url() else { return };
    let fault = refused(&on_database(&admin, "no_such_database")).await;
    assert!(fault.what.contains("no database `no_such_database`") && fault.what.contains("createdb"), "{fault}");
    assert_eq!(fault.retry, Retry::Never);
}

#[tokio::test]
async fn a_user_that_is_refused_is_named() {
    let Some(admin) = admin_url() else { return };
    let (_, rest) = admin.split_once("://").unwrap();
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let fault = refused(&format!("postgres://nobody_we_know:hunter2@{place}")).await;
    assert!(fault.what.contains("refused the user `nobody_we_know`"), "{fault}");
    assert_eq!(fault.retry, Retry::Never);
}

#[tokio::test]
async fn a_server_that_is_too_old_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://me:hunter2@{}/farebox?sslmode=disable", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut startup = [0; 1024];
        assert!(client.read(&mut startup).await.unwrap() > 8);
        let mut greeting = b"R\0\0\0\x08\0\0\0\0".to_vec();
        let status = b"server_version\x0013.4\0";
        greeting.extend(b"S\0\0\0");
        greeting.push(u8::try_from(status.len() + 4).unwrap());
        greeting.extend(status);
        greeting.extend(b"Z\0\0\0\x05I");
        client.write_all(&greeting).await.unwrap();
        // Until the client goes.
        while client.read(&mut startup).await.is_ok_and(|read| read > 0) {}
    });
    let fault = refused(&url).await;
    assert!(fault.what.contains("runs PostgreSQL 13") && fault.what.contains("14 or newer"), "{fault}");
    assert_eq!(fault.retry, Retry::Never);
    server.await.unwrap();
}
