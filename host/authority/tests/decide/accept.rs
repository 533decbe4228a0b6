//! Accepting an invitation: once, in time, by whoever has its secret, and whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use access_authority::invitations::InvitationRequest;
use access_authority::members::{MemberChange, MemberUpdate};
use access_authority::sign_in::{InvitationAcceptance, SessionOpened, SignInRequest, Visitor};
use access_authority::{Error, IfMatch, PageRequest, Target};
use access_model::{Id, PlainSecret};

use crate::bench::Bench;

const PASSWORD: &str = "seven quiet lanterns";

impl Bench {
    /// An invitation into an organization, by the operator.
    async fn invite(&self, organization: Id, email: &str) -> PlainSecret {
        let target = Target::organization(organization);
        let permit = self.authority.require(&self.operator().await, "invitations.create", target, None).await.unwrap();
        let request =
            InvitationRequest { email: email.into(), roles: vec!["developer".into()], workspaces: Default::default() };
        self.authority.invite(&permit, request, None).await.unwrap().now().unwrap().secret
    }

    async fn accept(&self, invitation: &PlainSecret) -> Result<SessionOpened, Error> {
        let request = InvitationAcceptance {
            invitation: invitation.clone(),
            name: "Ada".into(),
            password: PlainSecret::new(PASSWORD.into()),
        };
        self.authority.accept_invitation(&request, &Visitor::default()).await
    }

    async fn signs_in(&self, email: &str) -> Result<SessionOpened, Error> {
        let password = PlainSecret::new(PASSWORD.into());
        let request = SignInRequest { email: email.into(), password, code: None };
        self.authority.sign_in(&request, &Visitor::default()).await
    }

    async fn members(&self, organization: Id) -> usize {
        let target = Target::organization(organization);
        let permit = self.authority.require(&self.operator().await, "members.list", target, None).await.unwrap();
        self.authority.list_members(&permit, &PageRequest::default()).await.unwrap().items.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_acceptances_at_once_make_one_member() {
    let bench = Arc::new(Bench::new().await);
    let invitation = bench.invite(bench.demo.organization, "ada@example.com").await;
    let before = bench.members(bench.demo.organization).await;
    let all: Vec<_> = (0..50)
        .map(|_| {
            let (bench, invitation) = (Arc::clone(&bench), invitation.clone());
            tokio::spawn(async move { bench.accept(&invitation).await })
        })
        .collect();
    let mut opened = Vec::new();
    for one in all {
        match one.await.unwrap() {
            Ok(session) => opened.push(session),
            Err(error) => assert!(matches!(error, Error::Invitation(_) | Error::Contended), "{error}"),
        }
    }
    assert_eq!((opened.len(), bench.members(bench.demo.organization).await), (1, before + 1));
    assert_eq!(bench.signs_in("Ada@Example.com").await.unwrap().member, opened[0].member);
}

#[tokio::test]
async fn an_invitation_is_good_once_in_time_and_with_its_secret() {
    let bench = Bench::new().await;
    let invitation = bench.invite(bench.demo.organization, "ada@example.com").await;
    for wrong in ["", "cf_inv_", &invitation.expose()[..30], bench.demo.operator_token.expose()] {
        let refused = bench.accept(&PlainSecret::new(wrong.into())).await;
        assert!(matches!(refused, Err(Error::NotFound { what: "invitation", .. })), "{wrong}");
    }
    bench.accept(&invitation).await.unwrap();
    assert!(matches!(bench.accept(&invitation).await, Err(Error::Invitation(_))), "used");
    let late = bench.invite(bench.demo.organization, "grace@example.com").await;
    bench.clock.advance(Duration::from_secs(7 * 86_400));
    assert!(matches!(bench.accept(&late).await, Err(Error::Invitation(_))), "expired");
    assert!(matches!(bench.signs_in("grace@example.com").await, Err(Error::SignInFailed)));
}

#[tokio::test]
async fn an_invitation_ends_with_the_right_of_whoever_sent_it() {
    let bench = Bench::new().await;
    let here = Target::organization(bench.demo.organization);
    let invite = async |secret: &PlainSecret, email: &str, roles: &[&str]| {
        let permit = bench.permit_of(secret, "invitations.create", here.clone()).await.unwrap();
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let request = InvitationRequest { email: email.into(), roles, workspaces: Default::default() };
        bench.authority.invite(&permit, request, None).await.unwrap().now().unwrap().secret
    };
    let owner = bench.owner_signs_in(Some(bench.code())).await.unwrap();
    let first = invite(&owner.secret, "grace@example.com", &["admin"]).await;
    let grace = bench.accept(&first).await.unwrap();
    let operator = bench.operator().await;
    let change = async |roles: &[&str]| {
        let permit = bench.authority.require(&operator, "members.update", here.clone(), None).await.unwrap();
        let roles = Some(roles.iter().map(|role| (*role).to_owned()).collect());
        let update = MemberUpdate { roles, ..MemberUpdate::default() };
        bench.authority.update_member(&permit, &grace.member, update, &IfMatch::Any).await.unwrap();
    };
    // Grace invites with the factor that admins need.
    let enrolled = bench.enrolled(&grace.secret).await;
    let (wide, narrow) = (
        invite(&enrolled, "second@example.com", &["admin"]).await,
        invite(&enrolled, "third@example.com", &["viewer"]).await,
    );
    change(&["viewer"]).await;
    for invitation in [&wide, &narrow] {
        assert!(matches!(bench.accept(invitation).await, Err(Error::Invitation(_))), "a viewer invites nobody");
    }
    change(&["admin"]).await;
    bench.accept(&narrow).await.unwrap();
    let permit = bench.authority.require(&operator, "members.remove", here.clone(), None).await.unwrap();
    bench.authority.change_member(&permit, &grace.member, MemberChange::Remove, &IfMatch::Any).await.unwrap();
    assert!(matches!(bench.accept(&wide).await, Err(Error::Invitation(_))), "nor does nobody");
}

#[tokio::test]
async fn an_address_is_one_member_s() {
    let bench = Bench::new().await;
    let permit =
        bench.authority.require(&bench.operator().await, "organizations.create", Target::platform(), None).await;
    let request = access_authority::organizations::OrganizationRequest { name: "globex".into() };
    let created = bench.authority.create_organization(&permit.unwrap(), request, None).await.unwrap();
    let globex = created.now().unwrap().id;
    let [first, second] = [bench.demo.organization, globex];
    let (first, second) = (bench.invite(first, "ada@example.com").await, bench.invite(second, "ADA@example.com").await);
    bench.accept(&first).await.unwrap();
    assert!(matches!(bench.accept(&second).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn what_is_cut_short_is_done_by_the_next_try() {
    let bench = Bench::new().await;
    let invitation = bench.invite(bench.demo.organization, "ada@example.com").await;
    let mut commits = 0;
    loop {
        bench.failing.take(commits);
        match bench.accept(&invitation).await {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, Error::StoreUnavailable), "{error}"),
        }
        commits += 1;
    }
    bench.failing.take(usize::MAX);
    assert!(commits >= 1, "an address and a member are two commits");
    assert_eq!(bench.members(bench.demo.organization).await, 2);
    bench.signs_in("ada@example.com").await.unwrap();
}
