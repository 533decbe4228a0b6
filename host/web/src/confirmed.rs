//! `X-CronFlow-Confirmed: false`: what was asked for is done, and a fail-over of the store may undo it.

use access_authority::confirming;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const CONFIRMED: HeaderName = HeaderName::from_static("x-cronflow-confirmed");

/// Says so of an answer, where it is so.
pub(crate) async fn tell(request: Request, next: Next) -> Response {
    let (mut response, is_confirmed) = confirming(next.run(request)).await;
    if !is_confirmed {
        response.headers_mut().insert(CONFIRMED, HeaderValue::from_static("false"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_confirmed_needs_no_word() {
        let router: Router = Router::new().route("/", post(|| async {}).route_layer(from_fn(tell)));
        let request = axum::http::Request::post("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert!(response.status().is_success() && !response.headers().contains_key(CONFIRMED));
    }
}
