//! What a request presents (RFC 6750), and what it must not carry further.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::decision::Denial;
use crate::secret::Secret;

/// Names of parameters in which secrets are sent by those who should not.
const SECRET_PARAMETERS: [&str; 6] = ["access_token", "api_key", "api-key", "apikey", "client_secret", "authorization"];
/// What others may take for a method, a path or an address.
const OVERRIDES: [&str; 9] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-method",
    "x-forwarded-uri",
];
/// What others may take for a decision or for a gateway.
const BELIEVED: [&str; 2] = ["x-access-", "x-cronflow-"];

/// The secret of the one `Authorization` header. An absent one is denied without asking anybody.
pub(super) fn secret(parts: &Parts, prefix: &str) -> Result<Secret, Arc<Denial>> {
    if parts.uri.query().is_some_and(|query| has_secret(query, prefix)) {
        return Err(invalid(
            "secrets don't belong into the query, where logs keep them; use the header `Authorization`",
        ));
    }
    let mut all = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(only) = all.next() else { return Err(unauthenticated()) };
    if all.next().is_some() {
        return Err(invalid("there is more than one header `Authorization`"));
    }
    let bearer = only.to_str().ok().and_then(|text| text.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, secret)| secret.trim());
    bearer.filter(|secret| !secret.is_empty()).map(Secret::new).ok_or_else(unauthenticated)
}

/// Takes away what a client may not say.
pub(super) fn clean(headers: &mut HeaderMap) {
    // Many servers read X_Access_Principal as X-Access-Principal.
    let is_taken_away = |name: &HeaderName| {
        let name = name.as_str().replace('_', "-");
        OVERRIDES.contains(&name.as_str()) || BELIEVED.iter().any(|begin| name.starts_with(begin))
    };
    let taken_away: Vec<HeaderName> = headers.keys().filter(|name| is_taken_away(name)).cloned().collect();
    for name in taken_away {
        headers.remove(name);
    }
}

fn has_secret(query: &str, prefix: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name).to_ascii_lowercase(), decoded(value));
        let is_prefixed = |text: &str| !prefix.is_empty() && text.trim_start().starts_with(prefix);
        SECRET_PARAMETERS.contains(&name.as_str()) || is_prefixed(&name) || is_prefixed(&value)
    })
}

/// A part of a query with its escapes taken back.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).replace('+', " ")
}

fn invalid(message: &str) -> Arc<Denial> {
    Arc::new(Denial::new(400, "invalid_request", message.to_owned()))
}

fn unauthenticated() -> Arc<Denial> {
    let message = "no credential is presented: `Authorization: Bearer …`";
    Arc::new(Denial::new(401, "unauthenticated", message.to_owned()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(target: &str, authorization: &[&str]) -> Parts {
        let mut request = Request::builder().uri(target);
        for value in authorization {
            request = request.header(AUTHORIZATION, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[track_caller]
    fn check(target: &str, authorization: &[&str], expected: Result<&str, u16>) {
        let found = secret(&parts(target, authorization), "cf_");
        let found = found.as_ref().map(Secret::expose).map_err(|denial| denial.status);
        assert_eq!(found, expected, "{target} {authorization:?}");
    }

    #[test]
    fn the_secret_is_the_bearer_of_the_one_header() {
        for value in ["Bearer s", "bearer s", "BEARER  s "] {
            check("/v1/jobs", &[value], Ok("s"));
        }
        for value in ["", "s", "Bearer", "Bearer ", "Basic s", "Bearers s"] {
            check("/v1/jobs", &[value], Err(401));
        }
        check("/v1/jobs", &[], Err(401));
        check("/v1/jobs", &["Bearer s", "Bearer s"], Err(400));
        check("/v1/jobs", &["Bearer s", "Basic t"], Err(400));
    }

    #[test]
    fn secrets_in_queries_are_refused() {
        for query in [
            "access_token=s",
            "ACCESS_TOKEN=s",
            "access%5Ftoken=s",
            "access_token",
            "a=b&api_key=s",
            "a=b;apikey=s",
            "key=cf_prod_s",
            "key=%63f_prod_s",
            "key=+cf_prod_s",
            "cf_prod_s",
        ] {
            check(&format!("/v1/jobs?{query}"), &["Bearer s"], Err(400));
            check(&format!("/v1/jobs?{query}"), &[], Err(400));
        }
        for query in ["", "limit=1", "cursor=abc%", "q=%zz&x=%E4", "token_type=x", "q=abcf_x"] {
            check(&format!("/v1/jobs?{query}"), &["Bearer s"], Ok("s"));
        }
    }

    #[test]
    fn what_others_may_believe_is_taken_away_in_any_spelling() {
        let mut headers = HeaderMap::new();
        let names = ["x-http-method-override", "X_HTTP_Method-Override", "x-access-principal", "X_Access_Workspace"];
        for name in names.iter().chain(&["x-cronflow-gateway", "x-original-url"]) {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), "x".parse().unwrap());
        }
        headers.append("x-accessory", "kept".parse().unwrap());
        clean(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-accessory"]);
    }
}
