//! How a decision is told.

use std::sync::Arc;

use access_authority::decide::{DecisionId, PrincipalView};
use access_authority::{Answer, Outcome};
use access_model::meter::QuotaView;
use cronflow_policy_cases::Reason;
use schemars::JsonSchema;
use serde::Serialize;

/// The authentication context that a second factor gives, as RFC 9470 §3 asks for it.
const SECOND_FACTOR: &str = "urn:cronflow-access:acr:second-factor";
/// The code of a denial that a second factor would lift.
const STEP_UP: &str = "step_up_required";

/// A decision.
#[derive(Serialize, JsonSchema)]
#[schemars(example = example())]
pub(crate) struct Evaluated {
    /// Whether it is allowed.
    pub(super) decision: bool,
    /// Why, and what goes with it.
    context: Context,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "decision": false,
        "context": {
            "decision_id": "dec_5fXq2a1",
            "status": 403,
            "policy_revision": 0,
            "set_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "reasons": [{
                "code": "missing_scope",
                "policy": "scopes",
                "message": "`jobs.create` needs the scope jobs:write",
            }],
        },
    })
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "EvaluatedContext")]
enum Context {
    /// It was decided.
    Decided(Box<Decided>),
    /// Nothing was decided, since the evaluation is malformed.
    Malformed {
        /// What is wrong with it.
        error: Malformed,
    },
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EvaluationDecided")]
struct Decided {
    /// Names this decision in logs and audit records.
    decision_id: DecisionId,
    /// The HTTP status that an enforcement point answers its client with: 200, 401, 403, 429 or 503.
    #[schemars(extend("enum" = [200, 401, 403, 429, 503]))]
    status: u16,
    /// Revision of the workspace's own policy set.
    policy_revision: u64,
    /// Digest of everything that decided: platform set, catalog, tenant set.
    set_digest: Arc<str>,
    /// Why. Empty when allowed.
    reasons: Vec<Reason>,
    /// What the subject must authenticate with for it to be allowed (RFC 9470): separated by spaces, as in its challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr_values: Option<String>,
    /// Who acts, where the asker may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<PrincipalView>,
    /// How much of the quota is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaView>,
    /// Seconds to wait before trying again, where that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MalformedEvaluation")]
struct Malformed {
    /// 400.
    status: u16,
    /// What is wrong with it.
    message: String,
}

impl Evaluated {
    /// An evaluation that could not be asked.
    pub(super) fn malformed(message: String) -> Self {
        Self { decision: false, context: Context::Malformed { error: Malformed { status: 400, message } } }
    }
}

impl From<Answer> for Evaluated {
    fn from(answer: Answer) -> Self {
        let steps_up = answer.reasons.iter().any(|reason| reason.code == STEP_UP);
        let decided = Decided {
            decision_id: answer.decision_id,
            status: answer.status,
            policy_revision: answer.policy_revision,
            set_digest: answer.set_digest,
            reasons: answer.reasons,
            acr_values: steps_up.then(|| SECOND_FACTOR.to_owned()),
            principal: answer.principal,
            quota: answer.quota,
            retry_after: answer.retry_after,
        };
        Self { decision: answer.decision == Outcome::Allow, context: Context::Decided(Box::new(decided)) }
    }
}
