//! Uploads as forms: the same as JSON, with the file as it is.

use harness::{Client, Host, Request, Response};
use serde_json::{Value, json};

use super::{delete_job, forbids_deleting, policy, publish};
use crate::wat;

/// Names of parts, and what is in them.
type Parts<'a> = &'a [(&'a str, &'a [u8])];

fn form(parts: Parts<'_>) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, bytes) in parts {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        form.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    form.extend(b"--b--\r\n");
    form
}

fn send(client: &Client, path: &str, body: Vec<u8>) -> Response {
    client.send(&Request::new("PUT", path).body("multipart/form-data; boundary=b", body))
}

#[test]
fn a_form_is_the_same_upload() {
    let host = Host::dev();
    let put = |parts: Parts<'_>| send(host.operator(), &policy(&host, "closing", "?publish=true"), form(parts));
    let forbids = |mode: &str| wat::bytes(&wat::module(&wat::verdict(1), &format!("(export \"{mode}\" (memory 0))")));
    let first = put(&[("policy", br#"{ "engine": "wasm" }"#), ("module", &forbids("a"))]).check_json(200);
    delete_job(&host).check_deny(&["shut"]);
    let again = json!({ "engine": "wasm", "module_base64": super::base64(&forbids("a")) });
    let again = publish(&host, "closing", &again);
    assert_eq!((&again["revision"], &again["policy_revision"]), (&first["revision"], &first["policy_revision"]));

    let source = b"forbid(\"closed\", \"as well\")";
    let upload =
        br#"{ "engine": "cel", "mode": "enforce", "cases": [{ "name": "x", "expect": { "effect": "forbid", "codes": ["closed"] } }] }"#;
    let second = put(&[("source", source), ("policy", upload)]).check_json(200);
    assert_eq!(second["revision"]["revision"], 2, "{second}");
    delete_job(&host).check_deny(&["closed"]);
    let shown = host.operator().get(&policy(&host, "closing", "/revisions/2")).check_json(200);
    assert_eq!(shown["source"].as_str().map(str::as_bytes), Some(source.as_slice()));
}

#[test]
fn a_form_that_is_none_is_refused_and_says_what_to_do() {
    let host = Host::dev();
    publish(&host, "no-deleting", &forbids_deleting("first"));
    let path = policy(&host, "no-deleting", "?publish=true");
    let check = |response: Response, status, code, says: &str| {
        let problem: Value = response.check_problem(status, code);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{says}: {problem}");
        delete_job(&host).check_deny(&["first"]);
    };
    let put = |parts: Parts<'_>| send(host.operator(), &path, form(parts));
    let (cel, source) = (("policy", br#"{ "engine": "cel" }"#.as_slice()), ("source", b"no_match()".as_slice()));
    let wasm = ("policy", br#"{ "engine": "wasm" }"#.as_slice());
    for (parts, says) in [
        ([source].as_slice(), "the part `policy` is missing"),
        (&[cel], "`source`: a policy with `engine` cel has a `source`"),
        (&[wasm, source], "`module_base64`: a policy with `engine` wasm"),
        (&[cel, source, ("module", b"\0asm")], "`source`: a policy with `engine` cel"),
        (&[cel, cel, source], "the part `policy` is there twice"),
        (&[cel, source, ("surprise", b"")], "another name; send `policy`, and `source` or `module`"),
        (&[cel, ("", b"")], "another name"),
        (&[cel, ("source", b"\xff")], "the part `source` is not UTF-8"),
        (&[("policy", br#"{ "engine": "cel", "source": "no_match()" }"#), source], "take it out of `policy`"),
        (&[("policy", br#"{ "engine": "cel", "module": "x" }"#), source], "the part `policy`: `module`: unknown field"),
        (&[("policy", b"{"), source], "the part `policy`: the body is not JSON (line 1"),
    ] {
        check(put(parts), 400, "invalid_request", says);
    }
    let whole = form(&[cel, source]);
    for cut in [0, 3, 40, whole.len() - 30, whole.len() - 8] {
        check(send(host.operator(), &path, whole[..cut].to_vec()), 400, "invalid_request", "");
    }
    for kind in ["multipart/form-data", "multipart/mixed; boundary=b", "application/octet-stream"] {
        let request = Request::new("PUT", &path).body(kind, whole.clone());
        check(host.operator().send(&request), 415, "unsupported_media_type", "");
    }
    let none = form(&[cel, ("source", b"permit(")]);
    check(send(host.operator(), &path, none), 422, "policy_refused", "policy.cel:1:");
    let long = vec![b' '; 17 << 10];
    check(put(&[cel, ("source", &long)]), 413, "payload_too_large", "policy.cel:1:");
    check(put(&[wasm, ("module", &vec![0; (1 << 20) + 1])]), 413, "payload_too_large", "1048576");
    check(put(&[wasm, ("module", &vec![0; 3 << 20])]), 413, "payload_too_large", "send less");
    // Whoever may not upload learns nothing.
    let other = host.client(Some(&host.issue("production", &["jobs:read"]).secret));
    send(&other, &path, form(&[cel, cel])).check_problem(403, "missing_scope");
}
