//! The console, talked to as browsers do: pages, forms, and what another site can't send.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod bench;
#[path = "table/people.rs"]
mod people;

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use bench::{Bench, Told};
use people::{Factor, Person, Town, text};
use serde_json::{Value, json};

/// A browser that has a session's cookie.
struct Browser {
    bench: Arc<Town>,
    secret: String,
}

impl Browser {
    async fn new() -> Self {
        let bench = Arc::new(Town::new(None).await);
        let secret = bench.demo.operator_token.expose().to_owned();
        Self { bench, secret }
    }

    /// A person's.
    fn of(bench: &Arc<Town>, person: &Person) -> Self {
        Self { bench: Arc::clone(bench), secret: person.secret.clone() }
    }

    fn at(&self, path: &str) -> String {
        let path = path.replace("ORG", &self.bench.demo.organization.to_string());
        path.replace("WS", &self.bench.demo.workspace.to_string())
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let cookie = format!("__Host-cronflow_session={}", self.secret);
        Request::builder().method(method).uri(self.at(path)).header(COOKIE, cookie).header(HOST, "access.example.com")
    }

    async fn get(&self, path: &str) -> Told {
        self.bench.tell(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// What each form of a page carries.
    async fn token(&self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let (_, rest) = page.body.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    async fn send(&self, path: &str, fields: &str) -> Told {
        let token = self.token(path).await;
        let request = self.request("POST", path).header(ORIGIN, "https://access.example.com");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.bench.tell(request.body(Body::from(format!("csrf={token}&{fields}"))).unwrap()).await
    }
}

/// What a page's form was made from.
fn version(page: &Told) -> &str {
    let (_, rest) = page.body.split_once("name=\"version\" value=\"").unwrap();
    rest.split('"').next().unwrap()
}

/// Where the second factor leads on to, of whoever is asked for it.
#[track_caller]
fn after_the_factor(told: &Told) -> String {
    let location = header(told, "location");
    let (path, query) = location.split_once('?').unwrap_or_else(|| panic!("{} {}", told.status, told.body));
    assert_eq!((told.status, path), (303, "/console/factor"));
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    next.unwrap().1.into_owned()
}

fn header<'t>(told: &'t Told, name: &str) -> &'t str {
    told.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// Everything that a workspace and an organization have a page for.
const PAGES: [&str; 18] = [
    "/console/workspaces/WS",
    "/console/workspaces/WS/keys",
    "/console/workspaces/WS/keys/issue",
    "/console/workspaces/WS/network",
    "/console/workspaces/WS/policies",
    "/console/workspaces/WS/policies/new",
    "/console/workspaces/WS/try",
    "/console/workspaces/WS/audit",
    "/console/workspaces/WS/settings",
    "/console/organizations/ORG/workspaces",
    "/console/organizations/ORG/clients",
    "/console/organizations/ORG/clients/register",
    "/console/organizations/ORG/members",
    "/console/organizations/ORG/members/invite",
    "/console/organizations/ORG/permissions",
    "/console/organizations/ORG/roles/new",
    "/console/organizations/ORG/audit",
    "/console/organizations/ORG/settings",
];

#[tokio::test]
async fn every_page_is_served_under_a_strict_policy_and_kept_by_nobody() {
    let browser = Browser::new().await;
    for path in PAGES {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(
            header(&page, "content-security-policy").starts_with("default-src 'none'; script-src 'self';"),
            "{path}"
        );
        assert!(!header(&page, "content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(header(&page, "cache-control"), "no-store", "{path}");
        assert_eq!(
            (header(&page, "x-frame-options"), header(&page, "referrer-policy")),
            ("DENY", "no-referrer"),
            "{path}"
        );
        for asset in page.body.split("\"/console/assets/").skip(1) {
            let asset = asset.split('"').next().unwrap();
            let served = browser.bench.send("GET", &format!("/console/assets/{asset}"), None, "").await;
            assert_eq!((served.status, header(&served, "cache-control")), (200, "public, max-age=31536000, immutable"));
        }
    }
}

#[tokio::test]
async fn nobody_is_sent_to_the_door_and_back() {
    let bench = Bench::new().await;
    let told = bench.send("GET", "/console/workspaces/ws_00doesnotexist0000/keys?cursor=a", None, "").await;
    assert_eq!(told.status, 303);
    let next = "/console/sign-in?next=%2Fconsole%2Fworkspaces%2Fws_00doesnotexist0000%2Fkeys%3Fcursor%3Da";
    assert_eq!(header(&told, "location"), next);
}

#[tokio::test]
async fn what_is_not_there_is_a_page() {
    let browser = Browser::new().await;
    for path in [
        "/console/nowhere",
        "/console/workspaces/WS/keys/key_00doesnotexist0000",
        "/console/workspaces/WS/keys/nonsense",
        "/console/workspaces/ws_00doesnotexist0000/keys",
        "/console/workspaces/WS/policies/absent",
        "/console/organizations/ORG/clients/cl_00aaaaaaaaaaaaaaaa",
    ] {
        let page = browser.get(path).await;
        assert!(
            page.status == 404 && page.body.contains("There is nothing here"),
            "{path}: {} {}",
            page.status,
            page.body
        );
    }
}

#[tokio::test]
async fn a_key_is_issued_shown_once_and_revoked() {
    let browser = Browser::new().await;
    let refused = browser.send("/console/workspaces/WS/keys/issue", "kind=production&name=&scopes=jobs:read").await;
    assert!(refused.status == 200 && refused.body.contains("id=\"name-error\""), "{}", refused.body);
    let issued = browser.send("/console/workspaces/WS/keys/issue", "kind=production&name=ci&scopes=jobs:read").await;
    let (_, rest) = issued.body.split_once("<code id=\"secret\"").unwrap();
    let secret = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    assert!(secret.starts_with("cf_prod_"), "{}", issued.body);
    let (_, rest) = issued.body.split_once("/keys/key_").unwrap();
    let key = format!("/console/workspaces/WS/keys/key_{}", rest.split('"').next().unwrap());
    let shown = browser.get(&key).await;
    assert!(shown.status == 200 && !shown.body.contains(secret), "{}", shown.body);
    let revoked = browser.send(&format!("{key}/revoke"), "").await;
    assert_eq!((revoked.status, header(&revoked, "location")), (303, &*browser.at(&format!("{key}?done=key-revoked"))));
    assert!(browser.get(&format!("{key}?done=key-revoked")).await.body.contains("The key is revoked for good."));
    assert!(browser.get(&key).await.body.contains(">revoked</span>"));
}

#[tokio::test]
async fn a_form_of_another_site_or_session_changes_nothing() {
    let browser = Browser::new().await;
    let path = "/console/workspaces/WS/network";
    let token = browser.token(path).await;
    let send = async |origin: &str, site: &str, fields: String| {
        let request = browser.request("POST", path).header(ORIGIN, origin).header("sec-fetch-site", site);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        browser.bench.tell(request.body(Body::from(fields)).unwrap()).await
    };
    let ours = "https://access.example.com";
    let change = "do=save&version=1&ip_allow=203.0.113.0/24&confirmed=yes";
    for (origin, site, fields) in [
        (ours, "same-origin", change.to_owned()),
        (ours, "same-origin", format!("csrf=wrong&{change}")),
        (ours, "same-origin", format!("csrf={token}&csrf={token}&{change}")),
        ("https://evil.example", "cross-site", format!("csrf={token}&{change}")),
        ("null", "cross-site", format!("csrf={token}&{change}")),
    ] {
        let told = send(origin, site, fields).await;
        assert!(told.status == 403 && told.body.contains("That form has gone stale"), "{origin}: {}", told.status);
    }
    let rules = browser.bench.operate("GET", "/v1/workspaces/WS/network", "").await;
    assert!(rules.body.contains("\"ip_allow\":null"), "{}", rules.body);
}

#[tokio::test]
async fn an_allow_list_is_previewed_before_it_is_saved() {
    let browser = Browser::new().await;
    let path = "/console/workspaces/WS/network";
    let made_from = version(&browser.get(path).await).to_owned();
    let change = format!("version={made_from}&ip_allow=203.0.113.0/24%0D%0A2001:db8::/32&egress_allow=");
    // Saving without having looked is a preview, since keys used from where it is asked would be denied.
    for does in ["preview", "save"] {
        let preview = browser.send(path, &format!("do={does}&{change}")).await;
        assert!(
            preview.status == 200 && preview.body.contains("It would lock out your own address."),
            "{}",
            preview.body
        );
    }
    let saved = browser.send(path, &format!("do=save&confirmed=yes&{change}")).await;
    assert_eq!((saved.status, header(&saved, "location")), (303, &*browser.at(&format!("{path}?done=network-saved"))));
    let stale = browser.send(path, &format!("do=save&confirmed=yes&{change}")).await;
    assert!(stale.status == 200 && stale.body.contains("It was changed since"), "{}", stale.body);
    let wrong = browser.send(path, "do=preview&ip_allow=10.0.0.300").await;
    assert!(wrong.body.contains("id=\"ip_allow-error\""), "{}", wrong.body);
}

#[tokio::test]
async fn a_policy_is_checked_kept_published_tried_rolled_back() {
    let browser = Browser::new().await;
    let new = "/console/workspaces/WS/policies/new";
    let upload = |does: &str, source: &str, name: &str| {
        let cases =
            r#"[{"name":"off","facts":{"action":{"name":"jobs.list"}},"expect":{"effect":"forbid","codes":["off"]}}]"#;
        let fields = [("do", does), ("name", name), ("source", source), ("cases", cases), ("mode", "enforce")];
        fields
            .map(|(name, value)| {
                format!("{name}={}", value.replace('%', "%25").replace('&', "%26").replace('+', "%2B"))
            })
            .join("&")
    };
    let good = "action.name == \"jobs.list\" ? forbid(\"off\", \"no listing\") : no_match()";
    let typo =
        browser.send(new, &upload("check", "action.nam == \"x\" ? forbid(\"a\", \"b\") : no_match()", "off")).await;
    assert!(typo.body.contains("The gate objects.") && typo.body.contains("“action.nam”"), "{}", typo.body);
    let fails = browser.send(new, &upload("publish", "no_match()", "off")).await;
    assert!(fails.body.contains("1 case fails."), "{}", fails.body);
    let passes = browser.send(new, &upload("check", good, "off")).await;
    assert!(passes.body.contains("<b>It passes.</b>"), "{}", passes.body);
    let published = browser.send(new, &upload("publish", good, "off")).await;
    let policy = "/console/workspaces/WS/policies/off";
    assert_eq!(
        header(&published, "location"),
        browser.at(&format!("{policy}?done=policy-published")),
        "{}",
        published.body
    );
    for path in ["", "/edit", "/revisions/1", "/diff?from=1&to=1"] {
        assert_eq!(browser.get(&format!("{policy}{path}")).await.status, 200, "{path}");
    }

    let keys = browser.get("/console/workspaces/WS/try").await;
    let production = keys.body.split("<option value=\"").find(|option| option.contains("production · active")).unwrap();
    let production = production.split('"').next().unwrap();
    let ask = format!("key={production}&method=GET&path=/v1/jobs&ip=203.0.113.7&environment=production");
    let denied = browser.send("/console/workspaces/WS/try", &ask).await;
    assert!(
        denied.body.contains("It would be denied: off") && denied.body.contains("How it came to that"),
        "{}",
        denied.body
    );
    let back = browser.send(&format!("{policy}/rollback"), "").await;
    assert_eq!(header(&back, "location"), browser.at(&format!("{policy}?done=policy-rolled-back")));
    assert!(browser.send("/console/workspaces/WS/try", &ask).await.body.contains("It would be allowed"));
    let gone = browser.send(&format!("{policy}/delete"), "").await;
    assert_eq!(header(&gone, "location"), browser.at("/console/workspaces/WS/policies?done=policy-deleted"));
}

#[tokio::test]
async fn a_client_is_registered_edited_rotated_and_ended() {
    let browser = Browser::new().await;
    let list = "/console/organizations/ORG/clients";
    let terms = browser.at("name=billing&scopes=jobs:read&workspaces=WS&environments=*");
    let issued = browser.send(&format!("{list}/register"), &terms).await;
    assert!(issued.body.contains("cf_cs_") && issued.body.contains("grant_type=client_credentials"), "{}", issued.body);
    let (_, rest) = issued.body.split_once("/clients/cl_").unwrap();
    let client = format!("{list}/cl_{}", rest.split('"').next().unwrap());
    let form = browser.get(&format!("{client}/edit")).await;
    let (_, rest) = form.body.split_once("name=\"version\" value=\"").unwrap();
    let version = rest.split('"').next().unwrap();
    let edited = browser.send(&format!("{client}/edit"), &format!("version={version}&{terms}&scopes=jobs:write")).await;
    assert_eq!(header(&edited, "location"), browser.at(&format!("{client}?done=client-updated")), "{}", edited.body);
    let rotated = browser.send(&format!("{client}/rotate"), "overlap_seconds=3600").await;
    assert!(rotated.body.contains("billing has a new secret"), "{}", rotated.body);
    assert!(browser.get(&client).await.body.contains("overlapping"));
    for (change, said) in [("disable", "client-disabled"), ("enable", "client-enabled"), ("revoke", "client-revoked")] {
        let told = browser.send(&format!("{client}/{change}"), "").await;
        assert_eq!(header(&told, "location"), browser.at(&format!("{client}?done={said}")), "{}", told.body);
    }
}

#[tokio::test]
async fn somebody_is_invited_by_a_link_that_is_shown_once_and_taken_back() {
    let browser = Browser::new().await;
    let list = "/console/organizations/ORG/members";
    let refused = browser.send(&format!("{list}/invite"), "email=nobody&roles=developer").await;
    assert!(refused.body.contains("id=\"email-error\""), "{}", refused.body);
    let invited = browser.send(&format!("{list}/invite"), "email=dev@acme.example&roles=developer").await;
    assert!(invited.body.contains("https://access.example.com/console/join?invitation=cf_inv_"), "{}", invited.body);
    let listed = browser.get(list).await;
    assert!(listed.body.contains("dev@acme.example") && !listed.body.contains("cf_inv_"), "{}", listed.body);
    let (_, rest) = listed.body.split_once("/invitations/inv_").unwrap();
    let revoke = format!("/console/organizations/ORG/invitations/inv_{}", rest.split('"').next().unwrap());
    let revoked = browser.send(&revoke, "").await;
    assert_eq!(
        header(&revoked, "location"),
        browser.at(&format!("{list}?done=invitation-revoked")),
        "{}",
        revoked.body
    );
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted() {
    let browser = Browser::new().await;
    let matrix = "/console/organizations/ORG/permissions";
    let role = "/console/organizations/ORG/roles/key-rotator";
    let reserved = browser.send("/console/organizations/ORG/roles/new", "name=owner&actions=keys.list").await;
    assert!(
        reserved.status == 200 && reserved.body.contains("role=\"alert\"") || reserved.body.contains("-error"),
        "{}",
        reserved.body
    );
    let made = browser.send("/console/organizations/ORG/roles/new", "name=key-rotator&actions=keys.list").await;
    assert_eq!(header(&made, "location"), browser.at(&format!("{matrix}?done=role-saved")), "{}", made.body);
    assert!(browser.get(matrix).await.body.contains("key-rotator</a>"));
    let form = browser.get(role).await;
    let (_, rest) = form.body.split_once("name=\"version\" value=\"").unwrap();
    let version = rest.split('"').next().unwrap();
    let fields = format!("version={version}&actions=keys.list&actions=keys.rotate&description=rotates");
    let changed = browser.send(role, &fields).await;
    assert_eq!(header(&changed, "location"), browser.at(&format!("{matrix}?done=role-saved")), "{}", changed.body);
    let deleted = browser.send(&format!("{role}/delete"), "").await;
    assert_eq!(header(&deleted, "location"), browser.at(&format!("{matrix}?done=role-deleted")), "{}", deleted.body);
}

#[tokio::test]
async fn signing_in_is_bound_to_the_browser_that_was_shown_the_form() {
    let bench = Bench::new().await;
    let door = bench.send("GET", "/console/sign-in?next=/console/profile", None, "").await;
    let cookie = header(&door, "set-cookie");
    assert!(
        cookie.starts_with("__Host-cronflow_guest=") && cookie.contains("; Secure; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (_, rest) = door.body.split_once("name=\"csrf\" value=\"").unwrap();
    let token = rest.split('"').next().unwrap().to_owned();
    let owner = &bench.demo.owner;
    let send = async |cookie: &str, password: &str| {
        let request = Request::builder().method("POST").uri("/console/sign-in").header(COOKIE, cookie);
        let request = request.header("sec-fetch-site", "same-origin");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let fields = format!("csrf={token}&next=/console/profile&email={}&password={password}", owner.email);
        bench.tell(request.body(Body::from(fields)).unwrap()).await
    };
    let right = owner.password.expose();
    assert_eq!(send("", right).await.status, 403);
    assert_eq!(send("__Host-cronflow_guest=another", right).await.status, 403);
    let wrong = send(&cookie, "not the password at all").await;
    assert!(wrong.status == 401 && wrong.body.contains("role=\"alert\""), "{}", wrong.body);
    let inside = send(&cookie, right).await;
    assert_eq!(header(&inside, "location"), "/console/factor?next=%2Fconsole%2Fprofile", "{}", inside.body);
    let session = header(&inside, "set-cookie");
    assert!(session.starts_with("__Host-cronflow_session=cf_ses_") && session.contains("HttpOnly"), "{session}");
}

/// Makes a role of an organization's own.
async fn make_role(town: &Town, organization: &str, name: &str, actions: &[&str]) {
    let path = format!("/v1/organizations/{organization}/roles/{name}");
    let made = town.operate("PUT", &path, &json!({ "actions": actions }).to_string()).await;
    assert_eq!(made.status, 200, "{}", made.body);
}

#[tokio::test]
async fn roles_that_a_members_form_does_not_show_are_kept() {
    let town = Arc::new(Town::new(None).await);
    let organization = town.organization().await;
    let oldest = town.workspace(&organization).await;
    for _ in 0..12 {
        town.workspace(&organization).await;
    }
    let clerks = ["members.list", "members.get", "members.update", "keys.list"];
    make_role(&town, &organization, "watch", &["keys.list"]).await;
    make_role(&town, &organization, "blind-clerk", &clerks).await;
    make_role(&town, &organization, "clerk", &[clerks.as_slice(), &["roles.list"]].concat()).await;
    let rights = json!({ "roles": ["watch"], "workspaces": { &oldest: ["watch"] } });
    let member = town.person(&organization, &rights, Factor::None).await;
    let path = format!("/console/organizations/{organization}/members/{}", member.id);
    let held = async || {
        let told = town.operate("GET", &format!("/v1/organizations/{organization}/members/{}", member.id), "").await;
        let told: Value = serde_json::from_str(&told.body).unwrap();
        json!({ "roles": told["roles"], "workspaces": told["workspaces"] })
    };
    // Neither lists workspaces, one of them no roles either.
    for (role, name, roles) in [("blind-clerk", "Ada+B", ""), ("clerk", "Ada+C", "&roles=watch")] {
        let clerk = town.person(&organization, &json!({ "roles": [role] }), Factor::Fresh).await;
        let browser = Browser::of(&town, &clerk);
        let page = browser.get(&path).await;
        let saved = browser.send(&path, &format!("version={}&name={name}{roles}", version(&page))).await;
        assert_eq!(header(&saved, "location"), format!("{path}?done=member-updated"), "{}", saved.body);
        assert_eq!(held().await, rights, "{role}");
    }
    // Whoever sees all of them is offered all of them, and takes away what is not ticked.
    let owner = town.person(&organization, &json!({ "roles": ["owner"] }), Factor::Fresh).await;
    let browser = Browser::of(&town, &owner);
    for form in ["members/invite", "clients/register"] {
        let page = browser.get(&format!("/console/organizations/{organization}/{form}")).await;
        assert!(
            page.body.contains(&format!("in:{oldest}")) || page.body.contains(&format!("value=\"{oldest}\"")),
            "{form}"
        );
    }
    let page = browser.get(&path).await;
    assert!(page.body.contains("value=\"Ada C\"") && page.body.contains(&format!("in:{oldest}")), "{}", page.body);
    let saved = browser.send(&path, &format!("version={}&name=Ada&roles=viewer", version(&page))).await;
    assert_eq!(header(&saved, "location"), format!("{path}?done=member-updated"), "{}", saved.body);
    assert_eq!(held().await, json!({ "roles": ["viewer"], "workspaces": {} }));
}

#[tokio::test]
async fn who_has_roles_in_workspaces_alone_goes_there_and_between_them() {
    let town = Arc::new(Town::new(None).await);
    let organization = town.organization().await;
    let (here, there) = (town.workspace(&organization).await, town.workspace(&organization).await);
    let elsewhere = town.workspace(&organization).await;
    let name = async |id: &str| text(&town.operate("GET", &format!("/v1/workspaces/{id}"), "").await, 200, "name");
    let rights = json!({ "workspaces": { &here: ["developer"], &there: ["viewer"] } });
    for factor in Factor::ALL {
        let browser = Browser::of(&town, &town.person(&organization, &rights, factor).await);
        let home = browser.get("/console").await;
        assert_eq!(header(&home, "location"), format!("/console/workspaces/{here}"), "{factor:?}: {}", home.body);
        let page = browser.get(header(&home, "location")).await;
        assert_eq!(page.status, 200, "{factor:?}: {}", page.body);
        for id in [&here, &there] {
            let link = format!("<a href=\"/console/workspaces/{id}\"");
            assert!(page.body.contains(&link) && page.body.contains(&name(id).await), "{}", page.body);
        }
        for absent in [&*elsewhere, "All workspaces", "<h2>Organization"] {
            assert!(!page.body.contains(absent), "{absent}: {}", page.body);
        }
    }
    // The first page is one that the role has, or one that a second factor opens.
    make_role(&town, &organization, "watch", &["keys.list"]).await;
    for (role, leads) in
        [("watch", format!("/console/workspaces/{here}/keys")), ("admin", "/console/factor?next=%2Fconsole".to_owned())]
    {
        let rights = json!({ "workspaces": { &here: [role] } });
        let browser = Browser::of(&town, &town.person(&organization, &rights, Factor::None).await);
        assert_eq!(header(&browser.get("/console").await, "location"), leads);
    }
}

#[tokio::test]
async fn a_policy_that_asks_for_the_factor_again_is_kept_and_published_after() {
    let town = Arc::new(Town::new(None).await);
    let organization = town.demo.organization.to_string();
    let browser = Browser::of(&town, &town.person(&organization, &json!({ "roles": ["owner"] }), Factor::Given).await);
    let fields = "do=publish&name=off&mode=enforce&source=no_match()&cases=";
    let told = browser.send("/console/workspaces/WS/policies/new", fields).await;
    let next = after_the_factor(&told);
    assert_eq!(next, browser.at("/console/workspaces/WS/policies/off/publish?revision=1"));
    let page = browser.get(&next).await;
    assert!(page.body.contains("Publish revision 1 of off?"), "{}", page.body);
    let kept = browser.get("/console/workspaces/WS/policies/off/revisions/1").await;
    assert!(kept.status == 200 && kept.body.contains("no_match()"), "{}", kept.body);
    // The revision that is to be published goes the same way.
    let told = browser.send("/console/workspaces/WS/policies/off/publish", "revision=1").await;
    assert_eq!(after_the_factor(&told), next);
}

#[tokio::test]
async fn a_form_that_asks_for_the_factor_again_is_filled_in_after() {
    let town = Arc::new(Town::new(None).await);
    let organization = town.demo.organization.to_string();
    let browser = Browser::of(&town, &town.person(&organization, &json!({ "roles": ["owner"] }), Factor::Given).await);
    let path = "/console/organizations/ORG/settings";
    let made_from = version(&browser.get(path).await).to_owned();
    let fields = format!("version={made_from}&description=Ours+%26+theirs&mfa_required=yes&audit_retention_days=400");
    let told = browser.send(path, &fields).await;
    let page = browser.get(&after_the_factor(&told)).await;
    assert_eq!((page.status, version(&page)), (200, &*made_from), "{}", page.body);
    for said in ["Ours &amp; theirs", "value=\"400\"", "checked"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    let client = json!({ "name": "billing", "workspaces": [town.demo.workspace.to_string()] }).to_string();
    let client = town.operate("POST", &format!("/v1/organizations/{organization}/clients"), &client).await;
    let rotate = format!("/console/organizations/ORG/clients/{}/rotate", text(&client, 201, "client_id"));
    let told = browser.send(&rotate, "overlap_seconds=0").await;
    let page = browser.get(&after_the_factor(&told)).await;
    assert!(page.body.contains("value=\"0\" selected"), "{}", page.body);
}

#[tokio::test]
async fn invitations_that_were_used_are_members_and_the_others_have_pages() {
    let town = Arc::new(Town::new(None).await);
    let organization = town.organization().await;
    let owner = town.person(&organization, &json!({ "roles": ["owner"] }), Factor::Fresh).await;
    let browser = Browser::of(&town, &owner);
    let list = format!("/console/organizations/{organization}/members");
    let page = browser.get(&list).await;
    assert!(page.body.contains("Nobody is invited right now"), "{}", page.body);
    for _ in 0..101 {
        let request = json!({ "email": format!("{}@acme.example", town.next_name()), "roles": ["viewer"] }).to_string();
        let path = format!("/v1/organizations/{organization}/invitations");
        assert_eq!(town.operate("POST", &path, &request).await.status, 201);
    }
    let page = browser.get(&list).await;
    let (_, next) = page.body.split_once("?invited=").unwrap();
    let next = browser.get(&format!("{list}?invited={}", next.split('"').next().unwrap())).await;
    let shown = |told: &Told| told.body.matches("/revoke\"").count();
    assert_eq!((shown(&page), shown(&next)), (100, 1));
    assert!(next.body.contains("aria-label=\"Pages of invitations\""), "{}", next.body);
}
