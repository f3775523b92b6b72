//! For eyes: serves the made-up cluster, so that somebody can look at it. Run with
//! `cargo test -p flightline-cluster --lib look -- --ignored --nocapture`, and log in with `a token for tests`.

use std::time::Duration;

use tokio::net::TcpListener;

use super::{Served, TOKEN, serve, serve_worker};

async fn show(served: Served, address: &str) {
    let listener = TcpListener::bind(address).await.unwrap();
    println!("http://{address} (token: {TOKEN})");
    let made = std::sync::Arc::clone(&served.made);
    let telling = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            made.log.lock().unwrap().push_str(
                "INFO epoch closed; \u{1b}[31m<b>42</b>\u{1b}[0m answers are durable in every required sink\n",
            );
            made.changed();
        }
    });
    served.pages.serve(listener, None, std::future::pending()).await;
    telling.abort();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is ended"]
async fn look_at_the_pages() {
    tokio::join!(show(serve(), "127.0.0.1:8380"), show(serve_worker(), "127.0.0.1:8381"));
}
