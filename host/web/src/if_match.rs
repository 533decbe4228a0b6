//! `If-Match` in, `ETag` out (RFC 9110 §8.8.3, §13.1.1). A tag is the version of a record, in quotes.

use std::convert::Infallible;

use access_authority::{Current, IfMatch};
use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use crate::endpoints::json;
use crate::problem::Problem;

/// What the request says of the version that it was made from, or the problem with that, to be told after the permit.
#[derive(Debug)]
pub(crate) struct Condition(pub(crate) Result<IfMatch, Problem>);

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let malformed = || {
            let detail = "`If-Match` is not `*` and no list of tags such as \"42\"; send what `ETag` said";
            Problem::new(400, "invalid_request", detail)
        };
        Ok(Self(read(&parts.headers).ok_or_else(malformed)))
    }
}

/// JSON out, with the version that names it.
pub(crate) fn tagged(status: StatusCode, current: &Current<impl Serialize>) -> Response {
    with_tag(json(status, &current.shown), current.version)
}

/// Names what an answer shows.
pub(crate) fn with_tag(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn read(headers: &HeaderMap) -> Option<IfMatch> {
    let mut values = headers.get_all(IF_MATCH).iter().peekable();
    if values.peek().is_none() {
        return Some(IfMatch::Any);
    }
    let values = values.map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>()?;
    // All our records exist, once they are found.
    if values.iter().map(|value| value.trim()).eq(["*"]) {
        return Some(IfMatch::Any);
    }
    let mut strong = Vec::new();
    let mut any = false;
    for mut rest in values {
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let weak = rest.strip_prefix("W/");
            let (tag, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            if !tag.bytes().all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte)) {
                return None;
            }
            any = true;
            // The comparison is the strong one: a weak tag is like no other.
            if weak.is_none() {
                strong.push(tag.to_owned());
            }
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
    any.then_some(IfMatch::One(strong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Option<&[&str]>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        let expected = expected.map(|tags| IfMatch::One(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        assert_eq!(read(&headers), expected, "{values:?}");
    }

    #[test]
    fn lists_of_tags_are_read() {
        check(&["\"42\""], Some(&["42"]));
        check(&["\"42\", \"43\""], Some(&["42", "43"]));
        check(&[" \"42\"\t,,\"a,b\" , "], Some(&["42", "a,b"]));
        check(&["\"42\"", "\"43\""], Some(&["42", "43"]));
        check(&["\"\""], Some(&[""]));
        check(&["W/\"42\""], Some(&[]));
        check(&["W/\"42\", \"42\""], Some(&["42"]));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for malformed in [
            "",
            " ",
            ",",
            "42",
            "\"42",
            "42\"",
            "\"42\" \"43\"",
            "w/\"42\"",
            "W/42",
            "\"4 2\"",
            "*, \"42\"",
            "**",
            "\"a\"b\"",
        ] {
            check(&[malformed], None);
        }
        check(&["*", "*"], None);
    }

    #[test]
    fn whichever_it_is() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers), Some(IfMatch::Any));
        headers.insert(IF_MATCH, HeaderValue::from_static(" * "));
        assert_eq!(read(&headers), Some(IfMatch::Any));
    }
}
