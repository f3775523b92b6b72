//! Caller and callee over real connections, and those who listen in or come between.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse};
use flightline_engine::clock::SystemClock;
use flightline_engine::http::{Health, HttpPort};
use flightline_engine::metrics::StreamMetrics;

use super::call::{CallError, Caller};
use super::seal::Role;
use super::serve::{Handler, Outcome, routes};
use crate::entropy::SystemEntropy;

const SECRET: &[u8] = b"a secret of sixteen bytes or more";
const WAIT: Duration = Duration::from_secs(20);

/// Counts what it is told; refuses what is empty.
#[derive(Default)]
struct Counter(AtomicU64);

impl Handler for Counter {
    fn handle(self: Arc<Self>, role: Role, body: String) -> Outcome {
        Box::pin(async move {
            let word: String = serde_json::from_str(&body).map_err(|error| error.to_string())?;
            if word.is_empty() {
                return Err("an empty word says nothing".to_owned());
            }
            let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(format!("[{number},\"{word} of {role:?}\"]"))
        })
    }
}

fn app(counter: &Arc<Counter>) -> Router {
    let secrets = Arc::new(|role| (role == Role::Agent).then(|| SECRET.to_vec()));
    routes(Arc::clone(counter), secrets, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).unwrap()
}

fn start(counter: &Arc<Counter>) -> HttpPort {
    HttpPort::start("127.0.0.1:0", app(counter), Health::new(), StreamMetrics::new()).unwrap()
}

fn caller(address: SocketAddr, secret: &[u8]) -> Caller {
    Caller::new(&address.to_string(), Role::Agent, secret, Arc::new(SystemEntropy))
}

fn say(caller: &Caller, word: &str) -> Result<(u64, String), CallError> {
    caller.call(&word, WAIT)
}

#[test]
fn calls_are_answered_in_one_session_and_a_refusal_is_told() {
    let counter = Arc::default();
    let port = start(&counter);
    let caller = caller(port.local_addr(), SECRET);
    assert_eq!(say(&caller, "word").unwrap(), (1, "word of Agent".to_owned()));
    assert_eq!(say(&caller, "\u{e4} \u{1f600}").unwrap().0, 2);
    let Err(CallError::Refused(why)) = say(&caller, "") else { panic!("it was taken") };
    assert_eq!(why, "an empty word says nothing");
    assert_eq!(say(&caller, "on").unwrap().0, 3);
}

#[test]
fn another_secret_or_role_is_not_let_in() {
    let counter = Arc::default();
    let port = start(&counter);
    let wrong = caller(port.local_addr(), b"some other secret");
    assert!(matches!(say(&wrong, "word"), Err(CallError::NotLetIn { .. })));
    let user = Caller::new(&port.local_addr().to_string(), Role::User, SECRET, Arc::new(SystemEntropy));
    assert!(matches!(say(&user, "word"), Err(CallError::NotLetIn { .. })));
    assert_eq!(counter.0.load(Ordering::SeqCst), 0);
}

#[test]
fn a_callee_that_was_started_again_is_called_as_before() {
    let counter = Arc::default();
    let port = start(&counter);
    let address = port.local_addr();
    let caller = caller(address, SECRET);
    say(&caller, "word").unwrap();
    port.shutdown();
    assert!(matches!(say(&caller, "lost"), Err(CallError::Unreachable { .. })));
    let metrics = StreamMetrics::new();
    let _again = HttpPort::start(&address.to_string(), app(&counter), Health::new(), metrics).unwrap();
    assert_eq!(say(&caller, "word").unwrap().0, 2);
}

/// Passes one connection's bytes on, and keeps what the caller said.
fn eavesdrop(upstream: SocketAddr) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        let mut callee = TcpStream::connect(upstream).unwrap();
        let (mut back, mut to_caller) = (callee.try_clone().unwrap(), caller.try_clone().unwrap());
        let answers = thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut to_caller);
        });
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = caller.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..read]);
            callee.write_all(&buffer[..read]).unwrap();
        }
        callee.shutdown(Shutdown::Both).unwrap();
        let _ = answers.join();
        heard
    });
    (address, heard)
}

#[test]
fn what_was_listened_to_can_not_be_said_again() {
    let counter = Arc::default();
    let port = start(&counter);
    let (address, heard) = eavesdrop(port.local_addr());
    let caller = caller(address, SECRET);
    say(&caller, "stop everything").unwrap();
    drop(caller);
    let heard = heard.join().unwrap();
    let text = String::from_utf8_lossy(&heard);
    assert!(
        text.contains("stop everything") && !text.contains("a secret of"),
        "it is not encrypted, but has no secret in it"
    );

    let mut again = TcpStream::connect(port.local_addr()).unwrap();
    again.write_all(&heard).unwrap();
    let (mut answers, mut buffer) = (String::new(), [0; 4096]);
    while answers.matches("HTTP/1.1").count() < 2 || !answers.ends_with("this call was made before") {
        let read = again.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "{answers}");
        answers.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(answers.contains("HTTP/1.1 200") && answers.contains("HTTP/1.1 401"), "{answers}");
    assert_eq!(counter.0.load(Ordering::SeqCst), 1);
}

/// Answers everybody as a callee does who knows the protocol, but not the secret.
#[test]
fn an_answer_without_the_secret_is_not_believed() {
    let wrong = Arc::new(|_| Some(b"some other secret".to_vec()));
    let counter = Arc::<Counter>::default();
    let app = routes(counter, wrong, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).unwrap();
    let port = HttpPort::start("127.0.0.1:0", app, Health::new(), StreamMetrics::new()).unwrap();
    assert!(matches!(say(&caller(port.local_addr(), SECRET), "word"), Err(CallError::NotLetIn { .. })));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let zeros = "0".repeat(64);
        let welcome = format!(r#"{{"session":"{}","nonce":"{zeros}","issued":1}}"#, "0".repeat(32));
        let answer = format!(r#"{{"done":true,"body":"[1,\"yes\"]","tag":"{zeros}"}}"#);
        for body in [welcome, answer] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 64 << 10];
            let _ = stream.read(&mut head).unwrap();
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
        }
    });
    assert!(matches!(say(&caller(address, SECRET), "word"), Err(CallError::Impostor { .. })));
}

/// Whoever gave the port of the pages was shown a whole page as the reason.
#[test]
fn a_port_of_something_else_is_told_in_one_line() {
    let page = "<!doctype html>\n<title>Log in</title>\n".repeat(500);
    let login = (StatusCode::UNAUTHORIZED, Html(page.clone()));
    let long = (StatusCode::UNAUTHORIZED, format!("\n \n{}\u{1b}[2J{}", "x".repeat(100), "y".repeat(10_000)));
    let no_callees = [
        Router::new().fallback(move || async move { login.clone().into_response() }),
        Router::new().fallback(move || async move { Html(page.clone()) }),
        Router::new(),
    ];
    for app in no_callees {
        let port = HttpPort::start("127.0.0.1:0", app, Health::new(), StreamMetrics::new()).unwrap();
        let error = say(&caller(port.local_addr(), SECRET), "word").unwrap_err();
        assert!(matches!(error, CallError::NoCallee { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains("the master takes them at port 7077") && !told.contains('<'), "{told}");
        assert!(told.lines().count() == 1 && told.chars().count() < 400, "{told}");
    }
    let app = Router::new().fallback(move || async move { long.clone() });
    let port = HttpPort::start("127.0.0.1:0", app, Health::new(), StreamMetrics::new()).unwrap();
    let error = say(&caller(port.local_addr(), SECRET), "word").unwrap_err();
    let CallError::NotLetIn { why, .. } = error else { panic!("{error}") };
    assert!(
        why.chars().count() == 201 && why.starts_with("xxx") && why.ends_with("y…") && !why.contains('\u{1b}'),
        "{why}"
    );
}

/// Nobody knows whether a call was done whose answer did not come; one that nobody heard was not.
#[test]
fn a_call_that_may_have_been_heard_is_told_from_one_that_was_not() {
    let nobody = caller("127.0.0.1:1".parse().unwrap(), SECRET);
    let error = say(&nobody, "word").unwrap_err();
    assert!(error.is_away() && !error.may_be_done(), "{error:?}");

    let counter = Arc::new(Dying::default());
    let secrets = Arc::new(|role| (role == Role::Agent).then(|| SECRET.to_vec()));
    let app = routes(Arc::clone(&counter), secrets, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).unwrap();
    let port = HttpPort::start("127.0.0.1:0", app, Health::new(), StreamMetrics::new()).unwrap();
    let error = say(&caller(port.local_addr(), SECRET), "word").unwrap_err();
    assert!(error.is_away() && error.may_be_done(), "{error:?}");
    assert_eq!(counter.0.load(Ordering::SeqCst), 1);
}

/// Does what it is told, and never answers.
#[derive(Default)]
struct Dying(AtomicU64);

impl Handler for Dying {
    fn handle(self: Arc<Self>, _role: Role, _body: String) -> Outcome {
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("the callee dies here")
        })
    }
}
