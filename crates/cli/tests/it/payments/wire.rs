//! A wire between two programs. It can hold what is written, so that a process can be killed at exactly that moment.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What the wire does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Carries it.
    Open,
    /// Holds writes (POST) on their way out.
    HoldsRequests,
    /// Holds their answers.
    HoldsAnswers,
    /// Breaks every connection, with all that is held.
    Cut,
}

pub(crate) struct Wire {
    pub(crate) url: String,
    flow: watch::Sender<Flow>,
    held: Arc<AtomicUsize>,
}

impl Wire {
    /// A wire to `far`.
    pub(crate) async fn to(far: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (flow, state) = watch::channel(Flow::Open);
        let held = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&held);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // Nobody is there while a process is down.
                let Ok(far) = TcpStream::connect(far).await else { continue };
                tokio::spawn(carry(near, far, state.clone(), Arc::clone(&count)));
            }
        });
        Self { url, flow, held }
    }

    pub(crate) fn set(&self, flow: Flow) {
        self.held.store(0, Ordering::SeqCst);
        self.flow.send_replace(flow);
    }

    /// Waits until so many writes, or answers to writes, are held.
    pub(crate) async fn holds(&self, count: usize) {
        for _ in 0..400 {
            if self.held.load(Ordering::SeqCst) >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{} of {count} are held", self.held.load(Ordering::SeqCst));
    }
}

async fn carry(near: TcpStream, far: TcpStream, state: watch::Receiver<Flow>, held: Arc<AtomicUsize>) {
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let writes = AtomicBool::new(false);
    let asked = |bytes: &[u8]| {
        if bytes.starts_with(b"POST ") || bytes.starts_with(b"GET ") {
            writes.store(bytes.starts_with(b"POST "), Ordering::SeqCst);
        }
        writes.load(Ordering::SeqCst)
    };
    let answered = |_: &[u8]| writes.load(Ordering::SeqCst);
    tokio::select! {
        () = pump((near_in, far_out), state.clone(), (Flow::HoldsRequests, &held), asked) => {}
        () = pump((far_in, near_out), state.clone(), (Flow::HoldsAnswers, &held), answered) => {}
    }
}

/// Carries bytes one way until either side is gone or the wire is cut.
async fn pump(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    mut state: watch::Receiver<Flow>,
    (holds, held): (Flow, &AtomicUsize),
    of_a_write: impl Fn(&[u8]) -> bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let mut cut = state.clone();
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = cut.wait_for(|flow| *flow == Flow::Cut) => return,
        };
        let Ok(1..) = read else { return };
        let part = &bytes[..read.unwrap_or_default()];
        let flow = *state.borrow();
        if of_a_write(part) && flow == holds {
            held.fetch_add(1, Ordering::SeqCst);
            if state.wait_for(|flow| *flow != holds).await.is_err() {
                return;
            }
        }
        if *state.borrow() == Flow::Cut || to.write_all(part).await.is_err() {
            return;
        }
    }
}
