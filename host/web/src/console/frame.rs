//! What stands around a page: who is signed in, where they are, where they can go, and what was just done.

use std::collections::BTreeSet;

use super::asset;
use super::flash::Flash;
use super::parts::{Escaped, Icon, icon};

/// Something with an id and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Public id.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
}

/// A link, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// Where to.
    pub(crate) href: String,
    /// What it says.
    pub(crate) label: String,
}

impl Link {
    /// A link.
    pub(crate) fn new(href: impl Into<String>, label: impl Into<String>) -> Self {
        Self { href: href.into(), label: label.into() }
    }
}

/// The part of the console that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// What goes on in a workspace.
    Overview,
    /// API keys.
    Keys,
    /// Where requests may come from.
    Network,
    /// A workspace's own policies.
    Policies,
    /// Who is told what happens.
    Webhooks,
    /// Who changed what.
    Audit,
    /// A workspace's settings.
    Settings,
    /// All workspaces.
    Workspaces,
    /// OAuth2 clients.
    Clients,
    /// People.
    Members,
    /// An organization's audit trail.
    OrganizationAudit,
    /// An organization's settings.
    Organization,
    /// The account of whoever is signed in.
    Profile,
}

/// The sections of a workspace: label, icon, path, and the action that shows it.
pub(crate) const OF_WORKSPACE: [(Section, &str, &str, &str, &str); 7] = [
    (Section::Overview, "Overview", "overview", "", "overview.get"),
    (Section::Keys, "API keys", "key", "/keys", "keys.list"),
    (Section::Network, "Network access", "network", "/network", "network.get"),
    (Section::Policies, "Policies", "policy", "/policies", "policies.list"),
    (Section::Webhooks, "Webhooks", "webhook", "/webhooks", "webhook_endpoints.list"),
    (Section::Audit, "Audit", "audit", "/audit", "audit.list"),
    (Section::Settings, "Settings", "settings", "/settings", "settings.get"),
];

/// The sections of an organization.
const OF_ORGANIZATION: [(Section, &str, &str, &str, &str); 5] = [
    (Section::Workspaces, "Workspaces", "workspaces", "/workspaces", "workspaces.list"),
    (Section::Clients, "OAuth clients", "client", "/clients", "clients.list"),
    (Section::Members, "Members and roles", "members", "/members", "members.list"),
    (Section::OrganizationAudit, "Audit", "audit", "/audit", "organization_audit.list"),
    (Section::Organization, "Security", "settings", "/settings", "organization_settings.get"),
];

/// A heading of the navigation, and what stands below it.
pub(crate) struct Group {
    /// The heading.
    pub(crate) name: String,
    /// The links.
    pub(crate) items: Vec<Item>,
}

/// A link of the navigation.
pub(crate) struct Item {
    /// Where to.
    pub(crate) href: String,
    /// What it says.
    pub(crate) label: &'static str,
    /// What it looks like.
    pub(crate) icon: Icon,
    /// Whether the page is there.
    pub(crate) is_current: bool,
}

/// What stands around a page of somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Where the page belongs.
    pub(crate) section: Section,
    /// Who is signed in.
    pub(crate) member: String,
    /// Their address.
    pub(crate) email: String,
    /// Their organization.
    pub(crate) organization: Option<Named>,
    /// The workspace that the page is about.
    pub(crate) workspace: Option<Named>,
    /// Those that they can switch to.
    pub(crate) workspaces: Vec<Named>,
    /// What each form carries.
    pub(crate) csrf: String,
    /// What was just done.
    pub(crate) flash: Option<Flash>,
    /// Actions that policies would permit here, as things stand: what else there is no button for.
    pub(crate) may: BTreeSet<String>,
    /// The same, of the organization as a whole.
    pub(crate) may_in_organization: BTreeSet<String>,
    /// Whether the host is one for trying out.
    pub(crate) is_dev: bool,
}

impl Frame {
    /// Whether an action would be permitted here.
    pub(crate) fn may(&self, action: &str) -> bool {
        self.may.contains(action)
    }

    /// A path below the workspace's.
    pub(crate) fn at(&self, path: &str) -> String {
        let id = self.workspace.as_ref().map_or("", |workspace| &workspace.id);
        format!("/console/workspaces/{id}{path}")
    }

    /// A path below the organization's.
    pub(crate) fn org(&self, path: &str) -> String {
        let id = self.organization.as_ref().map_or("", |organization| &organization.id);
        format!("/console/organizations/{id}{path}")
    }

    /// Whether all workspaces can be seen in a list of their own.
    pub(crate) fn has_list(&self) -> bool {
        self.may_in_organization.contains("workspaces.list")
    }

    /// Whether a workspace is the one that the page is about.
    pub(crate) fn is_in(&self, workspace: &Named) -> bool {
        self.workspace.as_ref().is_some_and(|here| here.id == workspace.id)
    }

    /// Two letters for whoever is signed in.
    pub(crate) fn initials(&self) -> String {
        let words = self.member.split_whitespace();
        words.filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect()
    }

    /// Where one can go from here.
    pub(crate) fn nav(&self) -> Vec<Group> {
        type Sections = [(Section, &'static str, &'static str, &'static str, &'static str)];
        let items = |sections: &Sections, may: &BTreeSet<String>, at: &dyn Fn(&str) -> String| -> Vec<Item> {
            let seen =
                sections.iter().filter(|(section, .., action)| may.contains(*action) || *section == self.section);
            seen.map(|(section, label, name, path, _)| Item {
                href: at(path),
                label,
                icon: icon(name),
                is_current: *section == self.section,
            })
            .collect()
        };
        let mut groups = Vec::new();
        if let Some(workspace) = &self.workspace {
            let items = items(&OF_WORKSPACE, &self.may, &|path| self.at(path));
            groups.push(Group { name: format!("Workspace {}", workspace.name), items });
        }
        if let Some(organization) = &self.organization {
            let items = items(&OF_ORGANIZATION, &self.may_in_organization, &|path| self.org(path));
            groups.push(Group { name: format!("Organization {}", organization.name), items });
        }
        // Members of single workspaces see nothing of the organization.
        groups.retain(|group| !group.items.is_empty());
        groups
    }

    /// An icon.
    #[expect(clippy::unused_self, reason = "templates reach what their page holds")]
    pub(crate) const fn icon(&self, name: &'static str) -> Icon {
        icon(name)
    }

    /// The product's mark.
    #[expect(clippy::unused_self, reason = "templates reach what their page holds")]
    pub(crate) const fn logo(&self) -> Logo {
        Logo
    }

    /// Where an asset is served.
    #[expect(clippy::unused_self, reason = "templates reach what their page holds")]
    pub(crate) fn asset(&self, name: &str) -> String {
        asset::path(name)
    }

    /// Somebody who may do everything.
    #[cfg(test)]
    pub(crate) fn sample(section: Section) -> Self {
        let named = |id: &str, name: &str| Named { id: id.to_owned(), name: name.to_owned() };
        let all = || super::visitor::ACTIONS.iter().map(|action| (*action).to_owned()).collect();
        Self {
            section,
            member: "Ada Owner".to_owned(),
            email: "owner@acme.example".to_owned(),
            organization: Some(named("org_07Hn2kQx81LmZpT4", "acme")),
            workspace: Some(named("ws_07bQ4mZr9TkXw2Lp", "main")),
            workspaces: vec![named("ws_07bQ4mZr9TkXw2Lp", "main"), named("ws_07pLw8Vt3NcYk5Ds", "batch-jobs")],
            csrf: "sample".to_owned(),
            flash: None,
            may: all(),
            may_in_organization: all(),
            is_dev: false,
        }
    }
}

/// What stands around a page of somebody who is not signed in yet, or not wholly.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// What each form carries.
    pub(crate) csrf: String,
    /// What was just done.
    pub(crate) flash: Option<Flash>,
}

impl Door {
    /// An icon.
    #[expect(clippy::unused_self, reason = "templates reach what their page holds")]
    pub(crate) const fn icon(&self, name: &'static str) -> Icon {
        icon(name)
    }

    /// The product's mark.
    #[expect(clippy::unused_self, reason = "templates reach what their page holds")]
    pub(crate) const fn logo(&self) -> Logo {
        Logo
    }

    /// Where an asset is served.
    #[expect(clippy::unused_self, reason = "templates reach what their page holds")]
    pub(crate) fn asset(&self, name: &str) -> String {
        asset::path(name)
    }

    /// A door.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self { csrf: "sample".to_owned(), flash: None }
    }
}

/// The product's mark: a key's head that is a clock.
pub(crate) struct Logo;

impl std::fmt::Display for Logo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = asset::path("icon.svg");
        write!(f, "<img src=\"{}\" alt=\"\" width=\"28\" height=\"28\">", Escaped(&path))
    }
}

impl askama::filters::HtmlSafe for Logo {}
