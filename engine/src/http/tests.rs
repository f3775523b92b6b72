use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::Instant;

use axum::body::Bytes;
use axum::routing::post;

use super::*;
use crate::log::Partition;

/// Far more than anything here takes, far less than for ever.
const LONG: Duration = Duration::from_secs(30);

fn port_with(router: Router) -> (HttpPort, Health, StreamMetrics) {
    let (health, metrics) = (Health::new(), StreamMetrics::new());
    let port = HttpPort::start("127.0.0.1:0", router, health.clone(), metrics.clone()).unwrap();
    (port, health, metrics)
}

fn connect(port: &HttpPort) -> TcpStream {
    let stream = TcpStream::connect(port.local_addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends a request, and reads all that comes until the other end closes.
fn exchange(port: &HttpPort, bytes: &[u8]) -> String {
    let mut stream = connect(port);
    // The other end may close as soon as it has seen enough.
    let _ = stream.write_all(bytes);
    all_of(stream)
}

/// Sends bytes and an end, as `nc` does.
fn throw(port: &HttpPort, bytes: &[u8]) -> String {
    let mut stream = connect(port);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    all_of(stream)
}

fn all_of(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get_page(port: &HttpPort, path: &str) -> String {
    exchange(port, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
}

#[test]
fn health_is_ok_only_while_running_and_says_why_not() {
    let (port, health, _) = port_with(Router::new());
    let says = |code: &str, body: &str| {
        let answer = get_page(&port, "/health");
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")) && answer.ends_with(body), "{answer}");
    };
    says("503", r#"{"state":"starting"}"#);
    health.running();
    says("200", r#"{"state":"running"}"#);
    health.draining();
    says("503", r#"{"state":"draining"}"#);
    health.failed("the disk is full");
    says("503", r#"{"state":"failed","reason":"the disk is full"}"#);
}

#[test]
fn metrics_and_status_show_what_is_counted() {
    let (port, _, metrics) = port_with(Router::new());
    metrics.read(Partition(1), 41, 4100);
    let page = get_page(&port, "/metrics");
    assert!(page.contains("content-type: application/openmetrics-text"), "{page}");
    assert!(page.contains("flightline_requests_read_total{partition=\"1\"} 41\n"), "{page}");
    let status = get_page(&port, "/status");
    let body = status.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        serde_json::from_str::<crate::metrics::StreamStatus>(body).unwrap().partitions[&Partition(1)].requests,
        41
    );
}

#[test]
fn the_callers_routes_stand_beside_ours() {
    let echo = Router::new().route("/echo", post(async |body: Bytes| body));
    let (port, _, _) = port_with(echo);
    let answer =
        exchange(&port, b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("abc"), "{answer}");
    assert!(get_page(&port, "/nothing").starts_with("HTTP/1.1 404 "));
    assert!(exchange(&port, b"DELETE /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").contains(" 405 "));
}

#[test]
fn a_taken_port_is_a_sentence() {
    let (port, _, _) = port_with(Router::new());
    let again = HttpPort::start(&port.local_addr().to_string(), Router::new(), Health::new(), StreamMetrics::new());
    let error = again.unwrap_err();
    assert!(matches!(error, HttpError::Taken { address } if address == port.local_addr()), "{error}");
    assert!(error.to_string().contains("taken by another process"), "{error}");
    assert_eq!(error.exit(), Exit::ClusterStart);
    let address = port.local_addr().to_string();
    port.shutdown();
    HttpPort::start(&address, Router::new(), Health::new(), StreamMetrics::new()).unwrap();
}

#[test]
fn what_is_no_address_is_refused() {
    for bad in ["", "8090", "localhost", "127.0.0.1:99999", "256.1.1.1:80:80"] {
        let error = HttpPort::start(bad, Router::new(), Health::new(), StreamMetrics::new()).unwrap_err();
        assert!(matches!(error, HttpError::Address { .. }), "{bad}: {error}");
        assert_eq!(error.exit(), Exit::Usage);
    }
    // An address that is not ours (reserved for documentation).
    let error = HttpPort::start("192.0.2.1:0", Router::new(), Health::new(), StreamMetrics::new()).unwrap_err();
    assert!(matches!(error, HttpError::Refused { .. }), "{error}");
}

#[test]
fn it_survives_whatever_is_sent() {
    let (port, health, _) = port_with(Router::new());
    health.running();
    let endless_head = [b"GET /health HTTP/1.1\r\nx: ", &vec![b'a'; 1 << 20][..]].concat();
    let many_headers = format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5000));
    let junk: Vec<u8> = (0..5000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let attempts: [&[u8]; 8] = [
        b"",
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &junk,
        &endless_head,
        many_headers.as_bytes(),
    ];
    for bytes in attempts {
        let answer = throw(&port, bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(get_page(&port, "/health").starts_with("HTTP/1.1 200 "));
    }
    // Connections that are opened and dropped, as a scan does, and some that stay and say nothing.
    let silent: Vec<_> = (0..100).map(|_| connect(&port)).collect();
    for _ in 0..200 {
        drop(connect(&port));
    }
    assert!(get_page(&port, "/health").starts_with("HTTP/1.1 200 "));
    drop(silent);
}

#[test]
fn a_client_that_sends_its_head_slowly_is_cut_off() {
    let hasty = Limits { head: Duration::from_millis(100), ..LIMITS };
    let port = HttpPort::open("127.0.0.1:0", own_routes(Health::new(), StreamMetrics::new()), hasty).unwrap();
    let mut slow = connect(&port);
    let begun = Instant::now();
    slow.write_all(b"GET /health HTTP/1.1\r\nx: ").unwrap();
    let answer = all_of(slow);
    assert!(begun.elapsed() < LONG, "it was never cut off");
    assert!(!answer.contains(" 200 "), "{answer}");
}

/// Ends within a second while a connection is silent, one is half-way in its head, one handler waits for ever, and one
/// blocks its thread.
#[test]
fn it_ends_within_a_second_with_open_connections() {
    let (entered, enters) = mpsc::sync_channel(2);
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(released));
    let waits = entered.clone();
    let router = Router::new()
        .route(
            "/waits",
            get(async move || {
                waits.send(()).unwrap();
                std::future::pending::<()>().await;
            }),
        )
        .route(
            "/blocks",
            get(async move || {
                let blocked = tokio::task::spawn_blocking(move || {
                    entered.send(()).unwrap();
                    let _ = released.lock().unwrap().recv();
                });
                let _ = blocked.await;
            }),
        );
    let (port, _, _) = port_with(router);
    let silent = connect(&port);
    let mut half = connect(&port);
    half.write_all(b"GET /he").unwrap();
    let requests = ["/waits", "/blocks"].map(|path| {
        let mut stream = connect(&port);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        stream
    });
    for _ in &requests {
        enters.recv_timeout(LONG).unwrap();
    }
    let address = port.local_addr();
    let begun = Instant::now();
    port.shutdown();
    let took = begun.elapsed();
    // The sum of the waits is the promise; a busy machine may add to it.
    const { assert!(LIMITS.grace.as_millis() + BLOCKED_GRACE.as_millis() < 1000) };
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    drop((release, silent, half, requests));
}

/// An answer that is on its way when the port closes still arrives whole.
#[test]
fn a_request_that_runs_may_end() {
    let (entered, enters) = mpsc::sync_channel(1);
    let (release, released) = oneshot::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(Some(released)));
    let router = Router::new().route(
        "/soon",
        get(async move || {
            let released = released.lock().unwrap().take().unwrap();
            entered.send(()).unwrap();
            released.await.unwrap();
            "done"
        }),
    );
    let (port, _, _) = port_with(router);
    let mut stream = connect(&port);
    stream.write_all(b"GET /soon HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    enters.recv_timeout(LONG).unwrap();
    let closing = thread::spawn(move || port.shutdown());
    release.send(()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    closing.join().unwrap();
}

fn small_port(limits: Limits, app: Router) -> HttpPort {
    HttpPort::open("127.0.0.1:0", app, limits).unwrap()
}

/// A crowd that said nothing, or half a head, kept others out until its time was over: ten seconds.
#[test]
fn connections_that_ask_for_nothing_keep_nobody_out() {
    let few = Limits { connections: 2, head: 10 * LONG, ..LIMITS };
    let port = small_port(few, Router::new().route("/", get(async || "here")));
    let mut silent: Vec<_> = (0..6).map(|_| connect(&port)).collect();
    for stream in silent.iter_mut().step_by(2) {
        // It may have made room already.
        let _ = stream.write_all(b"GET / HT");
    }
    assert!(get_page(&port, "/").ends_with("here"));
    let mut kept_alive = connect(&port);
    kept_alive.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = [0; 4096];
    let length = kept_alive.read(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..length]).starts_with("HTTP/1.1 200 "));
    let others = [connect(&port), connect(&port)];
    assert_eq!(all_of(kept_alive), "", "it has its answer, and makes room");
    drop((silent, others));
}

/// Its answer is given up, and the memory that it had.
#[test]
fn a_client_that_does_not_read_its_answer_is_cut_off() {
    struct Held(Vec<u8>, mpsc::Sender<()>);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.1.send(());
        }
    }
    let (drops, dropped) = mpsc::channel();
    let large = async move || Bytes::from_owner(Held(vec![b'x'; 64 << 20], drops));
    let hasty = Limits { stalled: Duration::from_millis(200), ..LIMITS };
    let port = small_port(hasty, Router::new().route("/", get(large)));
    let mut lazy = connect(&port);
    lazy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    dropped.recv_timeout(LONG).unwrap();
    drop(lazy);
}

/// From other machines; those of this one have no share.
#[test]
fn a_share_that_is_used_up_is_said() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        serve::send_away(stream, address);
        let said = all_of(client);
        assert!(said.starts_with("HTTP/1.1 503 ") && said.ends_with("\r\n\r\n"), "{said}");
    });
}

#[test]
fn connections_are_as_many_as_files_allow() {
    assert_eq!(affordable(2), 2);
    let most = affordable(usize::MAX);
    assert!(most >= 1 && affordable(most) == most, "{most}");
}

#[test]
fn a_handler_is_told_where_a_request_comes_from() {
    let here = get(async |axum::Extension(Peer(peer)): axum::Extension<Peer>| peer.to_string());
    let port = small_port(LIMITS, Router::new().route("/", here));
    let mut stream = connect(&port);
    let own = stream.local_addr().unwrap().to_string();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    assert!(all_of(stream).ends_with(&own));
}

/// Certificate and key of `localhost`, and what serves with them.
fn certified(folder: &std::path::Path) -> (rcgen::CertifiedKey<rcgen::KeyPair>, Tls) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::read(&certificate, &key).unwrap();
    (made, tls)
}

#[tokio::test]
async fn an_encrypted_server_answers_who_shakes_hands_and_cuts_off_who_does_not() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let folder = tempfile::tempdir().unwrap();
    let (made, tls) = certified(folder.path());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hasty = Limits { connections: 3, head: Duration::from_millis(300), ..LIMITS };
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let app = Router::new().route("/", get(async || "here"));
    let serving = tokio::spawn(serve_tls(stopped, listener, app, hasty, tls));

    // More silent ones than there are places, and junk: each is closed when its time is over.
    let mut others = Vec::new();
    for junk in [&b""[..], b"", b"", b"", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"SSH-2.0-x\r\n"] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(junk).await.unwrap();
        others.push(stream);
    }
    for mut other in others {
        let mut said = Vec::new();
        let _ = tokio::time::timeout(LONG, other.read_to_end(&mut said)).await.expect("it is closed");
        assert!(!said.starts_with(b"HTTP"), "in the clear: {said:?}");
    }

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(std::sync::Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(std::sync::Arc::new(config));
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("here"), "{answer}");
    stop.send(()).unwrap();
    serving.await.unwrap();
}
