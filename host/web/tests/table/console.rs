//! The console: every page × every role × every state of the second factor, as the router's own table has them; and ids of others
//! in every path. What is expected is read from the policies' data, as of the API.

use std::collections::BTreeMap;

use access_model::{Id, IdKind};
use access_web::{ConsoleRoute, console_routes};
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, COOKIE};

use crate::bench::{Bench, Told};
use crate::people::{Factor, Town};
use crate::roles::{Level, Matrix, ROLES, make_own_role, rights};
use crate::strangers::{Pair, everything};

/// What a page answers somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// They are let in: a page, or what is wrong with what they sent.
    In,
    /// They are to give their second factor.
    Factor,
    /// They may not, and read why.
    Refused,
}

impl Outcome {
    fn of(told: &Told) -> Self {
        match (told.status, location(told)) {
            (303, to) if to.starts_with("/console/factor?next=") => Self::Factor,
            // A form is looked at after the permit.
            (403, _) if !told.body.contains("403 · csrf") => Self::Refused,
            (_, to) => {
                assert!(!to.starts_with("/console/sign-in"), "the session is over");
                assert!(told.status < 500, "{}", told.body);
                Self::In
            }
        }
    }

    fn expected(matrix: &Matrix, route: &ConsoleRoute, role: &str, is_wide: bool, factor: Factor) -> Option<Self> {
        let (action, level) = (route.action?, Level::of(&route.path));
        Some(match matrix.permits(action, role, is_wide, level) {
            false => Self::Refused,
            true if matrix.is_satisfied(action, role, is_wide, level, factor) => Self::In,
            true => Self::Factor,
        })
    }
}

fn location(told: &Told) -> &str {
    told.headers.get("location").map_or("", |value| value.to_str().unwrap())
}

/// A route's path with these segments, and examples for the others.
fn path(route: &ConsoleRoute, segments: &[(&str, &str)]) -> String {
    let mut path = route.path.clone();
    for (name, segment) in segments {
        path = path.replace(&format!("{{{name}}}"), segment);
    }
    for (name, kind) in [
        ("key", IdKind::Key),
        ("client", IdKind::Client),
        ("member", IdKind::Member),
        ("invitation", IdKind::Invitation),
        ("session", IdKind::Session),
        ("webhook", IdKind::Webhook),
        ("delivery", IdKind::Delivery),
    ] {
        path = path.replace(&format!("{{{name}}}"), &Id::example(kind));
    }
    path.replace("{policy}", "nobodys").replace("{role}", "nobodys").replace("{revision}", "1")
}

impl Bench {
    /// Asks for a page, as the browser of a session; what is posted is a form with these fields.
    async fn visit(&self, route: &ConsoleRoute, path: &str, secret: &str, fields: &str) -> Told {
        let request = Request::builder().method(route.method).uri(path);
        let request = request.header(COOKIE, format!("__Host-cronflow_session={secret}"));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = if route.method == "POST" { Body::from(fields.to_owned()) } else { Body::empty() };
        self.tell(request.body(body).unwrap()).await
    }
}

/// Asks every page as somebody with the role, and tells where the outcome is not as the matrix says. No form is one of ours, so
/// nothing happens.
async fn differences(
    town: &Town,
    matrix: &Matrix,
    role: &str,
    is_wide: bool,
    factor: Factor,
    seen: &mut BTreeMap<Outcome, usize>,
) -> Vec<String> {
    let organization = town.demo.organization.to_string();
    let workspace = town.demo.workspace.to_string();
    let rights = rights(role, (!is_wide).then_some(workspace.as_str()));
    let somebody = town.person(&organization, &rights, factor).await;
    let mut wrong = Vec::new();
    for route in console_routes() {
        let Some(expected) = Outcome::expected(matrix, &route, role, is_wide, factor) else { continue };
        let path = path(&route, &[("organization", &organization), ("workspace", &workspace)]);
        let told = town.visit(&route, &path, &somebody.secret, "").await;
        let outcome = Outcome::of(&told);
        *seen.entry(outcome).or_default() += 1;
        if outcome != expected {
            let (method, status) = (route.method, told.status);
            wrong.push(format!(
                "{role} (everywhere: {is_wide}, {factor:?}) {method} {path}: {expected:?}, not {outcome:?} ({status})"
            ));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_shown_what_the_policies_data_says_on_every_page() {
    let matrix = Matrix::new(true);
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::new());
    for factor in Factor::ALL {
        let town = Town::new(None).await;
        make_own_role(&town).await;
        for role in ROLES {
            wrong.extend(differences(&town, &matrix, role, true, factor, &mut seen).await);
            wrong.extend(differences(&town, &matrix, role, false, factor, &mut seen).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() == 3 && seen.values().all(|count| *count > 50), "{seen:?}");
}

/// What needs no permit is the door and what leads elsewhere: a page that forgets to ask is none of these.
#[test]
fn every_page_needs_a_permit_but_the_door() {
    let open: Vec<_> = console_routes().into_iter().filter(|route| route.action.is_none()).collect();
    let open: Vec<_> = open.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(
        open,
        [
            "GET /console",
            "GET /console/sign-in",
            "POST /console/sign-in",
            "GET /console/sign-out",
            "GET /console/join",
            "POST /console/join",
            "GET /console/profile/password",
            "GET /console/profile/sessions/{session}/end",
            "GET /console/assets/{digest}/{name}",
        ]
    );
}

#[tokio::test]
async fn nobody_is_shown_a_page_that_needs_a_permit() {
    let bench = Bench::new().await;
    let workspace = bench.demo.workspace.to_string();
    for route in console_routes().iter().filter(|route| route.action.is_some()) {
        let path = path(route, &[("organization", &bench.demo.organization.to_string()), ("workspace", &workspace)]);
        let told = bench.visit(route, &path, "cf_ses_of_nobody", "").await;
        assert!(told.status == 303 && location(&told).starts_with("/console/sign-in?"), "{} {path}", route.method);
    }
}

/// What was answered, but for what was sent and what is never the same.
fn told_of(told: &Told, names: &[(&str, &str)]) -> (u16, String, String) {
    let mut body = told.body.clone();
    if let Some((before, rest)) = told.body.split_once("Decision <code>") {
        body = format!("{before}{}", rest.split_once("</code>").map_or(rest, |(_, after)| after));
    }
    let mut to = location(told).to_owned();
    for (name, stands_for) in names {
        (body, to) = (body.replace(name, stands_for), to.replace(name, stands_for));
    }
    (told.status, to, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_another_in_every_page_is_answered_as_if_it_did_not_exist() {
    let town = Town::new(None).await;
    let ours = town.demo.organization.to_string();
    let our_workspace = town.workspace(&ours).await;
    let theirs = town.organization().await;
    let their_workspace = town.workspace(&theirs).await;
    let foreign = everything(&town, &theirs, &their_workspace).await;
    let beside = town.workspace(&ours).await;
    let mut next_door = everything(&town, &ours, &beside).await;
    next_door.retain(|pair| ["workspace", "key"].contains(&pair.segment));
    let owner = town.person(&ours, &rights("owner", None), Factor::Fresh).await;
    let local = town.person(&ours, &rights("admin", Some(&our_workspace)), Factor::Fresh).await;
    for (who, secret, others) in [
        ("an owner of another organization", &owner.secret, &foreign),
        ("an admin of another workspace", &local.secret, &foreign),
        ("an admin of the workspace next door", &local.secret, &next_door),
    ] {
        let profile = ConsoleRoute { method: "GET", path: "/console/profile".to_owned(), action: None };
        let page = town.visit(&profile, &profile.path, secret, "").await.body;
        let token = page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        let mut asked = 0;
        for route in console_routes().iter().filter(|route| route.action.is_some()) {
            let named: Vec<&Pair> =
                others.iter().filter(|pair| route.path.contains(&format!("{{{}}}", pair.segment))).collect();
            // Every choice of what is another's: all of it, or each by itself below what is ours.
            let mut choices: Vec<Vec<&Pair>> = named.iter().map(|pair| vec![*pair]).collect();
            choices.push(named);
            for choice in choices.iter().filter(|choice| !choice.is_empty()) {
                let names: Vec<(&str, &str)> = choice
                    .iter()
                    .flat_map(|pair| [(pair.theirs.as_str(), pair.segment), (pair.nobodys.as_str(), pair.segment)])
                    .collect();
                let answer = async |id: fn(&Pair) -> &str| {
                    let mut segments: Vec<(&str, &str)> = choice.iter().map(|pair| (pair.segment, id(pair))).collect();
                    segments.extend([("organization", ours.as_str()), ("workspace", our_workspace.as_str())]);
                    let told = town.visit(route, &path(route, &segments), secret, &format!("csrf={token}")).await;
                    told_of(&told, &names)
                };
                let of_theirs = answer(|pair| &pair.theirs).await;
                let of_nobodys = answer(|pair| &pair.nobodys).await;
                let segments: Vec<_> = choice.iter().map(|pair| pair.segment).collect();
                let what = format!("{who}: {} {} with their {segments:?}", route.method, route.path);
                assert_eq!(of_theirs, of_nobodys, "{what}");
                assert!(matches!(of_theirs.0, 200 | 400 | 403 | 404), "{what}: {of_theirs:?}");
                asked += 1;
            }
        }
        assert!(asked > 20, "{who} asked {asked} times");
    }
}
