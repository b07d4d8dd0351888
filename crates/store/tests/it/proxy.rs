//! A wire between store and server that is cut at chosen messages.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// When the wire is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client's n-th write since the cut before does not arrive.
    Before(u32),
    /// The client's n-th write since the cut before arrives, and is answered; the answer does not arrive.
    After(u32),
    /// COMMIT does not arrive.
    BeforeCommit,
    /// COMMIT arrives, and is answered; the answer does not arrive.
    AfterCommit,
}

#[derive(Clone)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cuts: Mutex<VecDeque<Cut>>,
    closed: AtomicBool,
}

impl Proxy {
    /// A proxy before the server of `url`.
    pub(crate) async fn before(url: &str) -> Self {
        let server = address(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let proxy = Self { port, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.closed.load(Ordering::SeqCst) {
                    tokio::spawn(carry(client, server.clone(), Arc::clone(&shared)));
                }
            }
        });
        proxy
    }

    /// `url` by way of this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replacen(address(url), &format!("127.0.0.1:{}", self.port), 1)
    }

    /// Cuts as said, one after the other.
    pub(crate) fn arm(&self, cuts: &[Cut]) {
        *self.shared.cuts.lock().unwrap() = cuts.iter().copied().collect();
    }

    /// Forgets the cuts that have not happened, and says how many.
    pub(crate) fn disarm(&self) -> usize {
        std::mem::take(&mut *self.shared.cuts.lock().unwrap()).len()
    }

    /// Whether new connections are dropped at once.
    pub(crate) fn close(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::SeqCst);
    }
}

/// `host:port` of a URL.
fn address(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let (authority, _) = rest.split_once('/').unwrap();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Both ways until one side ends or the wire is cut; then both connections are dropped.
async fn carry(mut client: TcpStream, server: String, shared: Arc<Shared>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(1..) = read else { return };
                let sent = &up[..read.unwrap()];
                match shared.meets(sent) {
                    None if server.write_all(sent).await.is_ok() => {}
                    Some(Cut::After(_) | Cut::AfterCommit) => {
                        server.write_all(sent).await.unwrap();
                        let _answer = server.read(&mut down).await;
                        return;
                    }
                    _ => return,
                }
            }
            read = server.read(&mut down) => {
                let Ok(1..) = read else { return };
                if client.write_all(&down[..read.unwrap()]).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Shared {
    /// The next cut, if this write is the one it waits for.
    fn meets(&self, sent: &[u8]) -> Option<Cut> {
        let mut cuts = self.cuts.lock().unwrap();
        let next = cuts.front_mut()?;
        match next {
            Cut::Before(left) | Cut::After(left) if *left > 1 => {
                *left -= 1;
                None
            }
            Cut::BeforeCommit | Cut::AfterCommit if sent != b"Q\0\0\0\x0bCOMMIT\0" => None,
            _ => cuts.pop_front(),
        }
    }
}
