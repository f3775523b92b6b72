//! The pages as a whole, over the routes that are served.

mod access;
mod dataflow;
mod doing;
mod look;
mod routes;
mod sample;
mod streams;
mod tls;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use flightline_engine::clock::ManualClock;
use flightline_engine::supervised::Graph;
use tokio::sync::watch;
use tower::ServiceExt;

use super::{Access, NotHad, Pages, Settings, Sight, WorkerSight, master, worker};
use crate::entropy::Entropy;
use crate::ids::{Cores, JobId, Moment, ProcessRef, SpecNumber};
use crate::job::spec::JobSpec;
use crate::job::state::{Phase, StopHow};
use crate::job::upgrade::Changes;
use crate::master::upgrade::{NotUpgraded, Refused};
use crate::protocol::LogStream;
use crate::protocol::messages::{Submitted, Upgraded};
use crate::secret::Token;
use crate::view::{ClusterView, JobView, LineState, LineView, LogPiece, ModelView, WorkerView};

pub(super) const TOKEN: &str = "a token for tests";
const HOST: &str = "master.example:8080";

/// A made-up master, which keeps what it is asked to do.
pub(super) struct Made {
    pub(super) cluster: Mutex<ClusterView>,
    pub(super) log: Mutex<String>,
    pub(super) is_over: std::sync::atomic::AtomicBool,
    pub(super) submitted: Mutex<Vec<JobSpec>>,
    pub(super) upgraded: Mutex<Vec<(JobId, Changes)>>,
    pub(super) stopped: Mutex<Vec<(JobId, StopHow)>>,
    pub(super) is_broken: std::sync::atomic::AtomicBool,
    pub(super) standing: Mutex<LineState>,
    pub(super) changes: watch::Sender<u64>,
    pub(super) looks: AtomicU64,
}

impl Made {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            cluster: Mutex::new(sample::cluster()),
            log: Mutex::new("INFO began\n".to_owned()),
            is_over: false.into(),
            submitted: Mutex::default(),
            upgraded: Mutex::default(),
            stopped: Mutex::default(),
            is_broken: false.into(),
            standing: Mutex::new(LineState::Unregistered),
            changes: watch::Sender::new(0),
            looks: AtomicU64::new(0),
        })
    }

    fn changed(&self) {
        self.changes.send_modify(|number| *number += 1);
    }

    fn piece(&self, from: Option<u64>) -> LogPiece {
        let log = self.log.lock().unwrap();
        let from = usize::try_from(from.unwrap_or(0)).unwrap().min(log.len());
        let more = !self.is_over.load(Ordering::SeqCst);
        LogPiece { from: from as u64, next: log.len() as u64, text: log[from..].to_owned(), more }
    }
}

impl Sight for Made {
    fn cluster(&self) -> ClusterView {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.cluster.lock().unwrap().clone()
    }

    fn job(&self, id: JobId) -> Option<JobView> {
        sample::job(id)
    }

    fn graph(&self, id: JobId) -> Result<Graph, NotHad> {
        match id.0 {
            3 => Ok(dataflow::graph()),
            5 => Err(NotHad::NotAsItStands("job 5 is failed: nothing runs".to_owned())),
            _ => Err(NotHad::Away("worker elm can’t be asked: connection refused".to_owned())),
        }
    }

    fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad> {
        match (process.job.0, stream) {
            (9, _) => Err(NotHad::Away("worker fir can’t be asked: it timed out".to_owned())),
            (77, _) => Err(NotHad::Missing("there is no such process".to_owned())),
            (_, LogStream::Stderr) => Ok(self.piece(from)),
            (_, LogStream::Stdout) => {
                Ok(LogPiece { text: "{\"rows\":3}\n".to_owned(), next: 11, ..LogPiece::default() })
            }
        }
    }

    fn models(&self) -> Result<Vec<ModelView>, String> {
        Ok(sample::models())
    }

    fn current_model(&self) -> Option<(String, Moment)> {
        sample::models().into_iter().find(|model| model.current).map(|model| (model.id, model.saved))
    }

    fn model(&self, id: &str) -> Option<ModelView> {
        sample::models().into_iter().find(|model| model.id == id)
    }

    fn model_page(&self, id: &str) -> Option<Vec<u8>> {
        (id == "9f31c2ab77d0e4b1aa03").then(|| b"<!DOCTYPE html><h1>its report</h1><script>alert(1)</script>".to_vec())
    }

    fn submit(&self, spec: JobSpec, unless_running: bool) -> Result<Submitted, Vec<String>> {
        if spec.cores.0 > 64 {
            return Err(vec!["no worker has so many cores".to_owned(), "and <none> ever had".to_owned()]);
        }
        match spec.name.as_str() {
            "live delays" if unless_running => Ok(Submitted::Running(JobId(3))),
            "distances" if unless_running => Ok(Submitted::Ending(JobId(7))),
            _ => {
                self.submitted.lock().unwrap().push(spec);
                Ok(Submitted::New(JobId(3)))
            }
        }
    }

    fn stop(&self, id: JobId, how: StopHow) -> Result<(), NotHad> {
        match id.0 {
            5 => Err(NotHad::NotAsItStands("job 5 is over already".to_owned())),
            77 => Err(NotHad::Missing("there is no job 77".to_owned())),
            _ => {
                self.stopped.lock().unwrap().push((id, how));
                Ok(())
            }
        }
    }

    fn is_ready(&self) -> bool {
        !self.is_broken.load(Ordering::SeqCst)
    }

    fn upgrade(&self, id: JobId, changes: Changes) -> Result<Upgraded, Refused> {
        if id == JobId(5) {
            return Err(Refused::NotUpgraded(NotUpgraded::Over(id, Phase::Failed)));
        }
        if changes.cores > Some(Cores(64)) {
            return Err(Refused::Mistakes(vec!["no worker has so many cores".to_owned()]));
        }
        self.upgraded.lock().unwrap().push((id, changes));
        // Job 2 is an earlier run of a schedule, of which job 3 is the present one.
        Ok(Upgraded { job: if id == JobId(2) { JobId(3) } else { id }, specification: SpecNumber(2), next_run: false })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl WorkerSight for Made {
    fn worker(&self) -> WorkerView {
        sample::the_worker()
    }

    fn now(&self) -> Moment {
        sample::NOW
    }

    fn line(&self) -> LineView {
        LineView { master: "head:7077".to_owned(), standing: *self.standing.lock().unwrap() }
    }

    fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad> {
        Sight::log(self, process, stream, from)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// A server of pages, and all that can be set about it.
pub(super) struct Served {
    pub(super) made: Arc<Made>,
    pub(super) clock: ManualClock,
    pub(super) pages: Pages,
}

/// Other bytes each time.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(0);
        bytes[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        Ok(())
    }
}

pub(super) fn access(clock: &ManualClock, tls: bool) -> Access {
    let (clock, entropy) = (Arc::new(clock.clone()), Arc::new(Counting(AtomicU64::new(1))));
    Access::with_delay(&Token::new(TOKEN), "master-8080", tls, clock, entropy, Duration::from_millis(1))
}

/// Looks at once whenever something changes, and hardly ever otherwise.
pub(super) fn hasty() -> Settings {
    Settings { pace: Duration::from_millis(1), look_every: Duration::from_secs(3600), ..Settings::default() }
}

pub(super) fn serve() -> Served {
    let (made, clock) = (Made::new(), ManualClock::new());
    let pages = master(Arc::clone(&made) as Arc<dyn Sight>, access(&clock, false), hasty());
    Served { made, clock, pages }
}

pub(super) fn serve_worker() -> Served {
    let (made, clock) = (Made::new(), ManualClock::new());
    let pages = worker("ash", Arc::clone(&made) as Arc<dyn WorkerSight>, access(&clock, false), hasty());
    Served { made, clock, pages }
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) code: StatusCode,
    pub(super) head: axum::http::HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.head.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Served {
    pub(super) fn router(&self) -> Router {
        self.pages.router()
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.raw(request).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 16 << 20).await.unwrap();
        Answer { code: head.status, head: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(super) async fn raw(&self, request: Request<Body>) -> Response<Body> {
        self.router().oneshot(request).await.unwrap()
    }

    /// With the token.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(bearer("GET", path, "")).await
    }

    /// Logs in, and gives the cookie and what forms carry.
    pub(super) async fn log_in(&self) -> (String, String) {
        let answer = self.ask(form("/login", "", &format!("token={}", TOKEN.replace(' ', "+")))).await;
        assert_eq!(answer.code, StatusCode::SEE_OTHER, "{}", answer.body);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let page = self.ask(with_cookie("/submit", &cookie)).await.body;
        let seal = page.split("name=\"seal\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        (cookie, seal)
    }
}

pub(super) fn bearer(method: &str, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("host", HOST);
    request.header("authorization", format!("Bearer {TOKEN}")).body(Body::from(body.to_owned())).unwrap()
}

pub(super) fn with_cookie(path: &str, cookie: &str) -> Request<Body> {
    Request::builder().uri(path).header("host", HOST).header("cookie", cookie).body(Body::empty()).unwrap()
}

/// A form, as a browser sends it from a page of ours.
pub(super) fn form(path: &str, cookie: &str, typed: &str) -> Request<Body> {
    let request = Request::builder().method("POST").uri(path).header("host", HOST).header("cookie", cookie);
    let request = request.header("origin", format!("http://{HOST}")).header("sec-fetch-site", "same-origin");
    request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(typed.to_owned())).unwrap()
}
