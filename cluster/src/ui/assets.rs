//! The files of the pages, inside the binary.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(super) const STYLE: Asset =
    Asset { path: "/assets/ui.css", kind: "text/css; charset=utf-8", text: include_str!("../../assets/ui.css") };
pub(super) const SCRIPT: Asset = Asset {
    path: "/assets/live.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("../../assets/live.js"),
};
pub(super) const ICON: Asset =
    Asset { path: "/assets/icon.svg", kind: "image/svg+xml", text: include_str!("../../assets/icon.svg") };

/// All of them.
pub(super) const ALL: [Asset; 3] = [STYLE, SCRIPT, ICON];

impl Asset {
    /// The file, unless the client has it already. A page and its files are of one build: a browser asks each time.
    pub(super) fn answer(self, headers: &HeaderMap) -> Response {
        let hash = Sha256::digest(self.text.as_bytes());
        let tag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("\"{tag}\"");
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let about = [(CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag.clone())];
        if known.flat_map(|tags| tags.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag) {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        (about, [(CONTENT_TYPE, self.kind)], self.text).into_response()
    }
}
