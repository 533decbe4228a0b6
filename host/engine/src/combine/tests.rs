use cronflow_policy_cases::Facts;

use super::*;

fn combine<'a>(said: impl IntoIterator<Item = Said<'a>>) -> Decision {
    super::combine(Facts::sample().as_ref(), said)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Errs,
    Forbids,
    Permits,
    Nothing,
}

fn said(policy: &'static str, grants: bool, says: Says) -> Said<'static> {
    let verdict = match says {
        Says::Errs => Err(Fault::Evaluation),
        Says::Forbids => Ok(Verdict::forbid(format!("from_{policy}"), "because")),
        Says::Permits => Ok(Verdict::permit()),
        Says::Nothing => Ok(Verdict::no_match()),
    };
    Said { policy, grants, verdict }
}

fn codes(decision: &Decision) -> Vec<(String, Option<String>)> {
    match decision {
        Decision::Allow => Vec::new(),
        Decision::Deny(reasons) => reasons.iter().map(|r| (r.code.clone(), r.policy.clone())).collect(),
    }
}

/// Every pair of modules, one that grants and one that does not, in both orders: the whole table.
#[test]
fn the_table_cell_by_cell() {
    let all = [Says::Errs, Says::Forbids, Says::Permits, Says::Nothing];
    for granting in all {
        for other in all {
            for reversed in [false, true] {
                let mut modules = vec![said("granting", true, granting), said("other", false, other)];
                if reversed {
                    modules.reverse();
                }
                let decision = combine(modules);
                let any = |says| granting == says || other == says;
                let names = |says| {
                    let mut names: Vec<&str> = [("granting", granting), ("other", other)]
                        .into_iter()
                        .filter(|(_, s)| *s == says)
                        .map(|(name, _)| name)
                        .collect();
                    if reversed {
                        names.reverse();
                    }
                    names
                };
                let expected: Vec<(String, Option<String>)> = if any(Says::Errs) {
                    names(Says::Errs).into_iter().map(|n| ("policy_error".into(), Some(n.into()))).collect()
                } else if any(Says::Forbids) {
                    names(Says::Forbids).into_iter().map(|n| (format!("from_{n}"), Some(n.into()))).collect()
                } else if granting == Says::Permits {
                    Vec::new()
                } else {
                    vec![("not_permitted".into(), None)]
                };
                assert_eq!(codes(&decision), expected, "{granting:?} {other:?} {reversed}");
                assert_eq!(decision == Decision::Allow, expected.is_empty());
            }
        }
    }
}

#[test]
fn nobody_asked_is_not_permitted() {
    assert_eq!(codes(&combine([])), [("not_permitted".to_owned(), None)]);
}

#[test]
fn a_denial_always_has_a_reason() {
    let unexplained =
        Said { policy: "quiet", grants: true, verdict: Ok(Verdict { effect: Effect::Forbid, ..Verdict::no_match() }) };
    assert_eq!(codes(&combine([unexplained])), [("forbidden".to_owned(), Some("quiet".to_owned()))]);
}

#[test]
fn an_error_says_nothing_of_its_cause() {
    let Decision::Deny(reasons) = combine([said("p", true, Says::Errs)]) else { panic!() };
    assert_eq!(reasons[0].message, "policy `p` could not be evaluated, so the request is denied");
}

/// A second factor of ten seconds ago, of the future, and none at all.
#[test]
fn an_obligation_can_only_narrow() {
    let mut facts = Facts::sample();
    let said = |seconds| {
        let step_up = Said { policy: "careful", grants: false, verdict: Ok(Verdict::step_up(seconds)) };
        [said("granting", true, Says::Permits), step_up]
    };
    for (ago, seconds, allowed) in
        [(Some(10), 10, true), (Some(10), 9, false), (Some(-1), 10, false), (None, u32::MAX, false)]
    {
        facts.principal.factor_at = ago.map(|ago| facts.now - ago * 1000);
        let decision = super::combine(facts.as_ref(), said(seconds));
        let expected =
            if allowed { Vec::new() } else { vec![("step_up_required".to_owned(), Some("careful".to_owned()))] };
        assert_eq!(codes(&decision), expected, "{ago:?} {seconds}");
    }
    facts.principal.factor_at = Some(facts.now);
    let [_, alone] = said(10);
    assert_eq!(codes(&super::combine(facts.as_ref(), [alone])), [("not_permitted".to_owned(), None)]);
}
