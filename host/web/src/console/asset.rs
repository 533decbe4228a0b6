//! Files that pages load: embedded, addressed by their content, so that browsers keep them until a release changes them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

/// Name, type, content.
const ASSETS: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("assets/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// One for all, so that they always fit each other.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let digest = ASSETS.iter().fold(Sha256::new(), |digest, (.., content)| digest.chain_update(content)).finalize();
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// Where an asset is served.
pub(crate) fn path(name: &str) -> String {
    format!("/console/assets/{}/{name}", DIGEST.as_str())
}

/// Serves one. One of another release is answered with this one's, and not kept.
pub(crate) async fn serve(Path((digest, name)): Path<(String, String)>) -> Response {
    let Some((_, kind, content)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if digest == *DIGEST { "public, max-age=31536000, immutable" } else { "no-store" };
    ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, keep), (X_CONTENT_TYPE_OPTIONS, "nosniff")], *content).into_response()
}
