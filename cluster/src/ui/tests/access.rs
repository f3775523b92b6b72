//! Who is let in, and who is not.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use flightline_engine::clock::ManualClock;
use std::sync::Arc;
use std::time::Duration;

use super::{Made, Served, Sight, TOKEN, access, bearer, form, hasty, master, serve, serve_worker, with_cookie};

/// Everything that the master has.
const ROUTES: [(&str, &str); 23] = [
    ("GET", "/"),
    ("GET", "/jobs/3"),
    ("GET", "/jobs/3/logs/4/0"),
    ("GET", "/jobs/3/stop"),
    ("POST", "/jobs/3/stop"),
    ("GET", "/jobs/3/kill"),
    ("POST", "/jobs/3/kill"),
    ("GET", "/submit"),
    ("POST", "/submit"),
    ("GET", "/models"),
    ("GET", "/models/9f31c2ab77d0e4b1aa03/report"),
    ("GET", "/events?of=/"),
    ("GET", "/metrics"),
    ("GET", "/api/cluster"),
    ("POST", "/api/jobs"),
    ("GET", "/api/jobs/3"),
    ("GET", "/api/jobs/3/graph"),
    ("GET", "/api/jobs/3/logs/4/0"),
    ("POST", "/api/jobs/3/stop"),
    ("POST", "/api/jobs/3/kill"),
    ("POST", "/api/jobs/3/upgrade"),
    ("GET", "/api/models"),
    ("POST", "/logout"),
];

fn stranger(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).header("host", "x").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn without_the_token_there_is_nothing_to_see_or_do() {
    let served = serve();
    for (method, path) in ROUTES {
        let answer = served.ask(stranger(method, path)).await;
        let is_led = answer.code == StatusCode::SEE_OTHER && answer.header("location").starts_with("/login?next=/");
        assert!(is_led || answer.code == StatusCode::UNAUTHORIZED, "{method} {path}: {}", answer.code);
        assert!(!answer.body.contains("live delays") && !answer.body.contains("beech"), "{method} {path}");
    }
    for path in ["/nothing", "/api/nothing", "/assets/other"] {
        assert_ne!(served.ask(stranger("GET", path)).await.code, StatusCode::NOT_FOUND, "what there is, is not told");
    }
    let worker = serve_worker();
    for path in ["/", "/jobs/3/logs/4/0", "/events?of=/", "/metrics", "/api/worker", "/api/jobs/3/logs/4/0"] {
        let code = worker.ask(stranger("GET", path)).await.code;
        assert!(matches!(code, StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED), "{path}: {code}");
    }
    assert!(served.made.stopped.lock().unwrap().is_empty() && served.made.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn that_it_is_up_and_how_to_log_in_are_for_all() {
    let served = serve();
    let health = served.ask(stranger("GET", "/health")).await;
    assert_eq!((health.code, health.body.as_str()), (StatusCode::OK, r#"{"state":"up"}"#));
    for path in ["/login", "/assets/ui.css", "/assets/live.js", "/assets/icon.svg"] {
        assert_eq!(served.ask(stranger("GET", path)).await.code, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn every_answer_forbids_what_is_not_ours() {
    let served = serve();
    let policy = "frame-ancestors 'none'";
    for path in ["/", "/health", "/assets/ui.css", "/nothing", "/api/cluster", "/metrics"] {
        for answer in [served.get(path).await, served.ask(stranger("GET", path)).await] {
            assert!(answer.header("content-security-policy").contains(policy), "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        }
    }
    let page = served.get("/").await;
    assert!(
        page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; style-src 'self'")
    );
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_says_no_more() {
    let served = serve();
    for given in ["Bearer wrong", "Bearer", "Basic YTpi", "bearer  ", &format!("Basic {TOKEN}")] {
        let request =
            Request::builder().uri("/api/cluster").header("authorization", given).body(Body::empty()).unwrap();
        let answer = served.ask(request).await;
        assert_eq!(answer.code, StatusCode::UNAUTHORIZED, "{given}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert_eq!(answer.body, r#"{"error":"the token is wrong"}"#);
    }
    let answer = served.ask(form("/login", "", "token=%22%3E%3Cscript%3E&next=//evil")).await;
    assert_eq!((answer.code, answer.header("set-cookie")), (StatusCode::UNAUTHORIZED, ""));
    assert!(
        answer.body.contains("The token is wrong.")
            && !answer.body.contains("<script>")
            && !answer.body.contains("evil")
    );
}

#[tokio::test]
async fn whoever_logs_in_is_led_on_and_has_a_guarded_cookie() {
    let served = serve();
    let answer = served.ask(form("/login", "", &format!("token={}&next=%2Fjobs%2F3", TOKEN.replace(' ', "+")))).await;
    assert_eq!((answer.code, answer.header("location")), (StatusCode::SEE_OTHER, "/jobs/3"));
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(served.ask(with_cookie("/jobs/3", cookie)).await.code, StatusCode::OK);
    assert_eq!(served.ask(with_cookie("/api/jobs/3", cookie)).await.code, StatusCode::OK, "to look at");

    let encrypted = {
        let (made, clock) = (Made::new(), ManualClock::new());
        let pages = master(Arc::clone(&made) as Arc<dyn Sight>, access(&clock, true), hasty());
        Served { made, clock, pages }
    };
    let answer = encrypted.ask(form("/login", "", &format!("token={}", TOKEN.replace(' ', "+")))).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
}

#[tokio::test]
async fn an_expired_or_ended_session_is_none() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    served.clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(served.ask(with_cookie("/", &cookie)).await.code, StatusCode::SEE_OTHER);
    assert_eq!(served.ask(form("/jobs/3/kill", &cookie, &format!("seal={seal}"))).await.code, StatusCode::UNAUTHORIZED);

    let (cookie, seal) = served.log_in().await;
    let answer = served.ask(form("/logout", &cookie, &format!("seal={seal}"))).await;
    assert_eq!((answer.code, answer.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(served.ask(with_cookie("/", &cookie)).await.code, StatusCode::SEE_OTHER);
    assert!(served.made.stopped.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_form_that_another_site_sends_does_nothing() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    let (_, of_another) = served.log_in().await;
    let good = format!("seal={seal}");
    for (typed, header) in [
        (String::new(), None),
        (format!("seal={of_another}"), None),
        (format!("{good}x"), None),
        (good.clone(), Some(("origin", "http://evil.example"))),
        (good.clone(), Some(("origin", "null"))),
        (good.clone(), Some(("sec-fetch-site", "cross-site"))),
    ] {
        for path in ["/jobs/3/kill", "/jobs/3/stop", "/submit", "/logout"] {
            let mut request = form(path, &cookie, &typed);
            if let Some((name, value)) = header {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            assert_eq!(served.ask(request).await.code, StatusCode::FORBIDDEN, "{path} {typed} {header:?}");
        }
    }
    let mut silent = form("/jobs/3/kill", &cookie, &good);
    silent.headers_mut().remove("origin");
    silent.headers_mut().remove("sec-fetch-site");
    assert_eq!(served.ask(silent).await.code, StatusCode::FORBIDDEN, "it does not say where it comes from");
    assert!(served.made.stopped.lock().unwrap().is_empty() && served.made.submitted.lock().unwrap().is_empty());
    assert_eq!(served.ask(with_cookie("/", &cookie)).await.code, StatusCode::OK, "still logged in");
}

#[tokio::test]
async fn a_session_does_nothing_over_the_api_and_the_token_nothing_by_forms() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    for path in ["/api/jobs", "/api/jobs/3/stop", "/api/jobs/3/kill", "/api/jobs/3/upgrade"] {
        assert_eq!(
            served.ask(form(path, &cookie, &format!("seal={seal}"))).await.code,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    assert_eq!(served.ask(bearer("POST", "/jobs/3/kill", "")).await.code, StatusCode::FORBIDDEN);
    assert!(served.made.stopped.lock().unwrap().is_empty());
}
