//! Any facts, to policies that passed the gate.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use access_engine::{PolicyPackage, baseline};

use crate::{Judge, facts, package};

/// Whatever stands in facts, a policy comes to a verdict or to an error.
pub fn cel_facts(data: &[u8]) {
    let facts = facts::read(data);
    POLICIES.iter().for_each(|judge| judge.judge(&facts));
}

/// Every function, on what is not known before there are facts.
const ASKING: [&str; 24] = [
    "principal.scopes.exists(s, s in action.scopes) ? permit() : forbid('no', principal.scopes.join(', '))",
    "principal.scopes.all(s, action.scopes.exists(a, a.startsWith(s))) ? permit() : no_match()",
    "principal.ip_allow.containsIP(request.ip) ? permit() : forbid('no', request.ip)",
    "principal.ip_allow.containsCIDR(request.ip + '/24') ? permit() : no_match()",
    "cidr(request.ip + '/' + string(context.age)).masked() == cidr(resource.id) ? permit() : no_match()",
    "ip(request.ip).isGlobalUnicast() || ip(request.ip).isLoopback() ? permit() : forbid('no', string(ip(request.ip)))",
    "isIP(request.ip) && ip(request.ip).family() == 4 ? permit() : no_match()",
    "isCIDR(resource.id) && cidr(resource.id).prefixLength() > 8 ? permit() : no_match()",
    "cidr(resource.id).ip() == ip(request.ip) ? permit() : no_match()",
    "request.path.matches('^/v[0-9]+/(jobs|workers)(/.*)?$') ? permit() : forbid('no', request.path)",
    "request.path.matches('(?i)\\\\bdelete\\\\b') ? forbid('no', request.path.lowerAscii()) : no_match()",
    "request.path.split('/').exists_one(p, p.trim() == 'jobs') ? permit() : no_match()",
    "request.path.replace('/', '//').indexOf('//') == 0 ? forbid('no', request.path.substring(1)) : no_match()",
    "request.path.substring(context.age, 3 * context.age) == 'jobs' ? permit() : no_match()",
    "size(resource.attributes.tags) > 0 && resource.attributes.tags[context.age] == resource.attributes.owner \
     ? permit() : no_match()",
    "sets.contains(resource.attributes.tags, principal.scopes) || sets.equivalent(principal.roles, principal.methods) \
     ? permit() : no_match()",
    "sets.intersects(principal.scopes, resource.attributes.tags) ? permit() : no_match()",
    "timestamp(now / 1000).getHours('+02:00') < 9 ? forbid('no', string(timestamp(now / 1000))) : no_match()",
    "timestamp(now / 1000) - timestamp(principal.created_at / 1000) > duration('24h') ? permit() : no_match()",
    "timestamp(resource.id).getDayOfYear() == timestamp(resource.id).getMonth(resource.type) ? permit() : no_match()",
    "duration(resource.id).getMinutes() > 1 ? forbid('no', string(duration(resource.id))) : no_match()",
    "context.age * context.age / (context.age - 7) % 5 == -context.age ? permit() : no_match()",
    "context.ratio / 0.0 > double(context.age) || int(context.ratio) == int(resource.id) ? permit() : no_match()",
    "(context.flag ? bool(resource.id) : has(context.age)) && double(resource.id) < 1.5 ? permit() : step_up(900)",
];

/// Those, the policies that ship, and the ones to start from.
static POLICIES: LazyLock<Vec<Judge>> = LazyLock::new(|| {
    let asking = ASKING.iter().map(|source| package(source.as_bytes()));
    let shipped = baseline().unwrap_or_default().into_iter().map(Ok);
    let policies = asking.chain(shipped).chain(examples()).map(|package| package.and_then(Judge::of));
    let judges: Result<Vec<Judge>, _> = policies.collect();
    assert!(judges.is_ok(), "{:?}", judges.err());
    let judges = judges.unwrap_or_default();
    assert!(judges.len() > ASKING.len() + 8, "the policies that ship are missing");
    judges
});

fn examples() -> Vec<Result<PolicyPackage, Vec<access_engine::GateError>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies");
    ["office-hours", "deploy-freeze", "queue-owner"]
        .into_iter()
        .map(|name| {
            let file = |file: &str| (file.to_owned(), std::fs::read(folder.join(name).join(file)).unwrap_or_default());
            let files = BTreeMap::from(["manifest.toml", "policy.cel"].map(file));
            PolicyPackage::from_files(name, &files, None)
        })
        .collect()
}
