//! The router on the in-memory store, with a clock that stands still and seeded randomness.

use std::path::Path;
use std::sync::Arc;

use access_authority::lifecycle::Installation;
use access_authority::lifecycle::demo::{Demo, demo};
use access_authority::lifecycle::root_key::RootKey;
use access_authority::policies::Policies;
use access_authority::{Authority, World};
use access_engine::{Compiler, Limits, Sandbox};
use access_model::clock::ManualClock;
use access_model::entropy::SeededEntropy;
use access_model::{Catalog, Entropy, Timestamp};
use access_store::{Memory, Metered};
use access_web::{App, PublicUrl, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request};
use tower::ServiceExt as _;

/// A router over a demo, and everybody who talks to it.
pub(crate) struct Bench {
    router: Router,
    pub(crate) demo: Demo,
}

/// What was answered.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
        Self::at(clock, None).await
    }

    /// By this clock, and under the policies in a folder.
    pub(crate) async fn at(clock: Arc<ManualClock>, policies: Option<&Path>) -> Self {
        let catalog = Arc::new(Catalog::parse(include_str!("../../../../policies/catalog.toml")).unwrap());
        let store = Arc::new(Metered::new(Arc::new(Memory::new(16))));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(b"web"));
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key"), entropy.as_ref()).unwrap();
        let demo = demo(store.as_ref(), &catalog, &root, clock.as_ref(), entropy.as_ref()).await.unwrap();
        let keyring = Installation::open(store.as_ref(), &root, true).await.unwrap();
        let policies = Policies::load(policies.map(Path::to_owned), &catalog, sandbox()).unwrap();
        let world = World { store, clock, entropy };
        let authority = Arc::new(Authority::new(world, catalog, keyring, policies, true).unwrap());
        let public_url = PublicUrl::parse("https://access.example.com").unwrap();
        let router = router(Arc::new(App::new(authority, Vec::new(), public_url)));
        Self { router, demo }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, bearer: Option<&str>, body: &str) -> Told {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.tell(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn tell(&self, request: Request<Body>) -> Told {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Told { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn operate(&self, method: &str, path: &str, body: &str) -> Told {
        // A segment by itself: an id may hold any letters.
        let path = path.replace("/WS", &format!("/{}", self.demo.workspace));
        self.send(method, &path, Some(self.demo.operator_token.expose()), body).await
    }
}

fn sandbox() -> Arc<Sandbox> {
    Arc::new(Sandbox::new(Limits::SERVING, Compiler::InProcess, None).unwrap())
}
