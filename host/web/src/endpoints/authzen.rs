//! AuthZEN Authorization API 1.0 (OpenID): the same questions as at `/v1/authorize`, as other products ask them.
//!
//! Reading order: [`entities`] (what an evaluation is made of), [`property`] (its free values), [`question`] (how it becomes a
//! question), [`answer`] (how the decision is told), then the endpoints: [`evaluation`], [`evaluations`], [`metadata`].
//!
//! Search is not offered, and the metadata say so by not naming it: no set of policies could tell who all may do something.

mod answer;
mod entities;
pub(crate) mod evaluation;
pub(crate) mod evaluations;
pub(crate) mod metadata;
mod property;
mod question;

/// What people read of both endpoints.
pub(crate) const NOTES: &str = "AuthZEN Authorization API 1.0. A denial is a 200 with `decision: false`. Who presented a secret is a subject of type \
`credential`, with the secret in `properties.secret` and the asker's own name for it in `id`. Any other subject is one on the \
asker's word: it has no scopes and no quota, and nothing is allowed to it but by a policy that speaks of such. `action.name` is the \
catalog's; `context.ip`, `method`, `path` and `environment` are what `request` is at `/v1/authorize`; `resource.properties.workspace` is \
the resource's workspace. `X-Request-ID` is said again.";
