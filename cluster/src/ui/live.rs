//! `GET /events?of=PATH`: what changes on a page that stands open.
//!
//! A stream looks whenever something changed, at most once in [`Settings::pace`](super::Settings::pace), and sends those
//! parts of the page whose text is another. What nobody told of (time passes, a graph counts) is looked at now and then. Of a
//! log it sends what was added. A stream ends when the session or the server does.
//!
//! | event | data |
//! |---|---|
//! | `part` | `{"name":…,"mark":…,"html":…}`: what is now in the part of this name |
//! | `log` | `{"next":…,"html":…}`: what was added, up to this place |
//! | `end` | nothing more will come |

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::sleep;

use super::access::Caller;
use super::page::Part;
use super::site::{Fault, Site};

/// What a look at a page gave.
pub(super) enum Seen {
    /// Its parts.
    Parts(Vec<Part>),
    /// What was added to a log.
    Log {
        /// Where the next piece begins.
        next: u64,
        html: String,
        /// Whether more may come.
        more: bool,
    },
    /// It can't be seen just now.
    Nothing,
    /// It is no more.
    Gone,
}

/// How a page is looked at again and again. It may keep what it has seen.
pub(super) trait Look<S: ?Sized>: Send + 'static {
    fn look(&mut self, sight: &S) -> Seen;
}

struct Following<S: ?Sized, L> {
    site: Site<S>,
    caller: Caller,
    /// On its way to a thread and back.
    look: Option<L>,
    changes: watch::Receiver<u64>,
    ending: watch::Receiver<bool>,
    sent: HashMap<&'static str, String>,
    waiting: VecDeque<Event>,
    state: State,
    _place: OwnedSemaphorePermit,
}

#[derive(PartialEq)]
enum State {
    /// It must be looked at once: at the start, or because there is more.
    Look,
    /// It is looked at when something changes.
    Wait,
    /// Nothing comes after what waits.
    Over,
}

/// The stream of a page's changes.
///
/// # Errors
/// Too many pages stand open.
pub(super) fn follow<S, L>(
    site: &Site<S>,
    caller: Caller,
    changes: watch::Receiver<u64>,
    look: L,
) -> Result<Response, Fault>
where
    S: ?Sized + Send + Sync + 'static,
    L: Look<S>,
{
    let busy = |_| {
        let why = "too many pages stand open; this one shows changes when it is loaded again";
        Fault::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, why)
    };
    let place = Arc::clone(&site.0.streams).try_acquire_owned().map_err(busy)?;
    let following = Following {
        site: site.clone(),
        caller,
        look: Some(look),
        changes,
        ending: site.0.ending.subscribe(),
        sent: HashMap::new(),
        waiting: VecDeque::new(),
        state: State::Look,
        _place: place,
    };
    let events = stream::unfold(following, async |mut following| {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    let alive = KeepAlive::new().interval(site.0.settings.keep_alive).text("alive");
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

impl<S: ?Sized + Send + Sync + 'static, L: Look<S>> Following<S, L> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match self.state {
                State::Over => return None,
                State::Look => {}
                State::Wait => {
                    if !self.wait().await {
                        return None;
                    }
                }
            }
            if *self.ending.borrow() || !self.site.0.access.still_holds(&self.caller) {
                return None;
            }
            self.state = State::Wait;
            self.changes.mark_unchanged();
            let mut look = self.look.take()?;
            let seen = self.site.see(move |sight| {
                let seen = look.look(sight);
                (look, seen)
            });
            match seen.await {
                Ok((look, seen)) => {
                    self.look = Some(look);
                    self.tell(seen);
                }
                // Its page connects again, by and by.
                Err(_) => return None,
            }
        }
    }

    /// Waits until it is time to look again; false if the server ends.
    async fn wait(&mut self) -> bool {
        let settings = self.site.0.settings;
        let ready = async {
            sleep(settings.pace).await;
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() {
                    sleep(settings.look_every).await;
                },
                () = sleep(settings.look_every) => {}
            }
        };
        tokio::select! {
            () = ready => true,
            _ = self.ending.wait_for(|ending| *ending) => false,
        }
    }

    fn tell(&mut self, seen: Seen) {
        match seen {
            Seen::Parts(parts) => {
                for part in parts {
                    let mark = part.mark();
                    if self.sent.get(part.name) != Some(&mark) {
                        let data = json!({"name": part.name, "mark": mark, "html": part.body});
                        self.waiting.push_back(Event::default().event("part").data(data.to_string()));
                        self.sent.insert(part.name, mark);
                    }
                }
            }
            Seen::Log { next, html, more } => {
                if !html.is_empty() {
                    let data = json!({"next": next, "html": html});
                    self.waiting.push_back(Event::default().event("log").data(data.to_string()));
                    self.state = State::Look;
                } else if !more {
                    self.end();
                }
            }
            Seen::Nothing => {}
            Seen::Gone => self.end(),
        }
    }

    fn end(&mut self) {
        self.waiting.push_back(Event::default().event("end").data("{}"));
        self.state = State::Over;
    }
}
