//! What went wrong, as a page: who may not do something reads why and what to do, who lacks a second factor is asked for it.

use access_authority::Error;
use askama::Template;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cronflow_policy_cases::Reason;

use super::answer::{page, see_other};
use super::frame::Door;
use crate::problem::Problem;

/// Codes of denials that a second factor cures.
const STEP_UP: [&str; 2] = ["factor_missing", "factor_stale"];

/// What went wrong, on its way to the page that tells it.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    problem: Problem,
    again: Option<String>,
    next: Option<String>,
}

impl Trouble {
    /// The same, after which another page is gone on to: where what was asked for can be done.
    pub(crate) fn towards(self, page: String) -> Self {
        Self { next: Some(page), ..self }
    }

    /// Whether a second factor cures it.
    pub(crate) fn needs_factor(&self) -> bool {
        self.problem.status() == 403 && self.problem.all_reasons(|reason| STEP_UP.contains(&reason.code.as_str()))
    }

    /// The same, of a form: what was filled in stands there again when its page is gone back to.
    pub(crate) fn again(self, fields: String) -> Self {
        Self { again: Some(fields), ..self }
    }

    /// Whether it tells what is wrong with a form, so that its page tells it.
    pub(crate) fn is_of_form(&self) -> bool {
        matches!(self.problem.status(), 400 | 409 | 412 | 413 | 422) && self.problem.code() != "csrf"
    }

    /// What it says.
    pub(crate) fn text(&self) -> String {
        sentence(self.problem.detail())
    }

    /// The problem.
    pub(crate) const fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self { problem, again: None, next: None }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Problem::of(error).into()
    }
}

/// It is told by [`tell`], which knows what was asked for.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Tells what went wrong in an answer of the console.
pub(crate) async fn tell(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let asked = request.uri().path_and_query().map_or("/console", |path| path.as_str()).to_owned();
    let mut response = next.run(request).await;
    let Some(trouble) = response.extensions_mut().remove::<Trouble>() else { return response };
    let needs_factor = trouble.needs_factor();
    let Trouble { problem, again, next } = trouble;
    if needs_factor {
        let again = again.filter(|fields| fields.len() < 4_000);
        let back = match (next, again) {
            (Some(next), _) => next,
            _ if method == Method::GET => asked,
            (None, Some(fields)) => format!("{path}?{fields}"),
            (None, None) => path,
        };
        let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", &back).finish();
        return see_other(&format!("/console/factor?{next}"));
    }
    page(
        StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        &TroublePage::of(&problem),
    )
}

/// The page.
#[derive(Template)]
#[template(path = "console/trouble.html")]
pub(crate) struct TroublePage {
    door: Door,
    status: u16,
    code: String,
    heading: &'static str,
    lede: String,
    reasons: Vec<Reason>,
    decision_id: Option<String>,
    back: &'static str,
    back_label: &'static str,
}

impl TroublePage {
    fn of(problem: &Problem) -> Self {
        let status = problem.status();
        let (heading, lede) = match (status, problem.code()) {
            (_, "csrf") => ("That form has gone stale", sentence(problem.detail())),
            (401, _) => ("Sign in first", "Your session has ended.".to_owned()),
            (403, _) => ("You may not do that", "Your roles do not reach that far here. An owner or admin of your organization can give you one that does.".to_owned()),
            (404, _) => ("There is nothing here", "It may have been taken away, or the address is not whole.".to_owned()),
            (405, _) => ("Not like that", sentence(problem.detail())),
            (429, _) => ("Too much at once", sentence(problem.detail())),
            (503, _) => ("Out of reach for a moment", sentence(problem.detail())),
            (500.., _) => ("Something went wrong", "It is in the log. Try again, and tell whoever runs this host if it stays.".to_owned()),
            _ => ("That did not work", sentence(problem.detail())),
        };
        Self {
            door: Door { csrf: String::new(), flash: None },
            status,
            code: problem.code().to_owned(),
            heading,
            lede,
            reasons: if status == 403 { problem.reasons().to_vec() } else { Vec::new() },
            decision_id: problem.decision_id().map(str::to_owned),
            back: "/console",
            back_label: "Back to the console",
        }
    }

    /// A denial.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        let reason = Reason {
            code: "role_not_allowed".to_owned(),
            policy: Some("rbac".to_owned()),
            message: "none of the roles viewer has the action policies.publish".to_owned(),
        };
        let problem = Problem::new(403, "role_not_allowed", "denied");
        let door = Door::sample();
        Self { door, reasons: vec![reason], decision_id: Some("dec_5fXq2a1".to_owned()), ..Self::of(&problem) }
    }

    /// Nothing there.
    #[cfg(test)]
    pub(crate) fn not_found() -> Self {
        Self::of(&Problem::new(404, "not_found", "nothing"))
    }
}

/// A message as a sentence: with a capital and a stop, and quotation marks where the API quotes as code.
pub(crate) fn sentence(text: &str) -> String {
    let mut sentence = String::with_capacity(text.len() + 8);
    let mut is_open = false;
    for (at, character) in text.chars().enumerate() {
        match character {
            '`' => {
                is_open = !is_open;
                sentence.push(if is_open { '“' } else { '”' });
            }
            first if at == 0 => sentence.extend(first.to_uppercase()),
            other => sentence.push(other),
        }
    }
    if !text.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// Nothing is served there.
pub(crate) async fn nowhere() -> Trouble {
    Problem::new(404, "not_found", "nothing is served there").into()
}
