//! A store behind a real port, for tests.

use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::routes;
use crate::embedded::EmbeddedStore;

/// A port that is served until this is dropped.
pub(crate) struct Served {
    /// `host:port`.
    pub(crate) address: String,
    runtime: Option<Runtime>,
}

impl Served {
    pub(crate) fn start(store: Arc<EmbeddedStore>) -> Self {
        Self::serve(routes(store))
    }

    pub(super) fn serve(routes: Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, runtime: Some(runtime) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
