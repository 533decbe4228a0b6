//! The service that asks first.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response};
use tower_service::Service;

use super::{Settings, answer, path, presented};
use crate::decision::{Allow, Decision, Denial};
use crate::question::Question;

/// A service behind an [`AccessLayer`](super::AccessLayer).
#[derive(Clone)]
pub struct Access<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Access<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Access<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Access({:?})", self.inner)
    }
}

impl<S, In, Out> Service<Request<In>> for Access<S>
where
    S: Service<Request<In>, Response = Response<Out>> + Clone + Send + 'static,
    S::Future: Send,
    In: Send + 'static,
    Out: From<Bytes>,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        // The one that is ready goes along; its clone has to be asked again whether it is.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let presented = parts.headers.contains_key(AUTHORIZATION);
            let allow = match settings.decide(&parts).await {
                Ok(allow) => allow,
                Err(denial) => return Ok(answer::deny(&denial, presented)),
            };
            settings.let_in(&mut parts, &allow);
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            if let Some(quota) = allow.quota {
                answer::rate_limit(response.headers_mut(), quota);
            }
            Ok(response)
        })
    }
}

impl Settings {
    async fn decide(&self, parts: &Parts) -> Result<Arc<Allow>, Arc<Denial>> {
        let decision = match self.question(parts) {
            Ok(question) => self.client.authorize(&question).await,
            Err(denial) => return Err(denial),
        };
        match decision {
            Decision::Allow(allow) => Ok(allow),
            Decision::Deny(denial) => {
                if let Some(cause) = denial.cause() {
                    tracing::warn!(%cause, "a request was denied, for nothing could be decided");
                }
                Err(denial)
            }
        }
    }

    /// What is asked about a request; or why nobody needs to be asked.
    fn question(&self, parts: &Parts) -> Result<Question, Arc<Denial>> {
        let secret = presented::secret(parts, &self.prefix)?;
        let path = parts.uri.path();
        if path::hides_letters(path) {
            let message = "the path escapes what needs no escape, so that servers may read it differently";
            return Err(Arc::new(Denial::new(403, "unknown_action", message.to_owned())));
        }
        let mut question =
            Question::request(secret, parts.method.as_str(), path).environment(self.environment.as_str());
        if let Some(client) = (self.peer)(parts).and_then(|peer| self.proxies.client(peer, &parts.headers)) {
            question = question.ip(client);
        }
        Ok(match &self.describe {
            Some(describe) => describe(parts, question),
            None => question,
        })
    }

    /// Makes of a request what the service gets to see.
    fn let_in(&self, parts: &mut Parts, allow: &Arc<Allow>) {
        presented::clean(&mut parts.headers);
        if !self.keeps_authorization {
            parts.headers.remove(AUTHORIZATION);
        }
        parts.extensions.insert(allow.principal.clone());
        parts.extensions.insert(Allow::clone(allow));
    }
}
