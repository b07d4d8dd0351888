//! Takes webhooks and keeps them as they came.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};

#[derive(Default)]
struct Taken {
    all: Vec<(HeaderMap, Vec<u8>)>,
    failing: u32,
}

pub(crate) struct Listener {
    pub(crate) url: String,
    taken: Arc<Mutex<Taken>>,
}

impl Listener {
    pub(crate) async fn start() -> Self {
        let taken = Arc::<Mutex<Taken>>::default();
        let routes = Router::new().route("/hook", post(keep)).with_state(Arc::clone(&taken));
        Self { url: format!("{}/hook", super::serve(routes).await), taken }
    }

    pub(crate) fn fail_next(&self, times: u32) {
        self.taken.lock().unwrap().failing = times;
    }

    /// Waits for that many deliveries, and a little longer for one too many.
    pub(crate) async fn take(&self, count: usize) -> Vec<(HeaderMap, Vec<u8>)> {
        for _ in 0..200 {
            if self.taken.lock().unwrap().all.len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let all = self.taken.lock().unwrap().all.clone();
        assert_eq!(all.len(), count, "deliveries");
        all
    }
}

async fn keep(State(taken): State<Arc<Mutex<Taken>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut taken = taken.lock().unwrap();
    taken.all.push((headers, body.to_vec()));
    if taken.failing == 0 {
        return StatusCode::OK;
    }
    taken.failing -= 1;
    StatusCode::SERVICE_UNAVAILABLE
}
