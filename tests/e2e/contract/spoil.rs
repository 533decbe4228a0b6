//! What is done to a valid request: one thing at a time, so that a fault names its cause.

use serde_json::{Map, Value, json};

use super::draw::Draw;
use super::spec::{Operation, Spec, fields, resolve};
use super::world::{Sent, World, encoded};

/// Odd values that are tried for each field.
const ODD_VALUES: usize = 7;

/// A valid request, spoiled in every way.
pub(super) fn all(spec: &Spec, operation: &Operation, valid: &Sent, world: &World<'_>, draw: &mut Draw) -> Vec<Sent> {
    let mut all = Vec::new();
    match (&valid.json, operation.body()) {
        (Some(json), Some(schema)) => {
            let mut bodies = Vec::new();
            in_body(&spec.document, schema, json, "", draw, &mut |how, body| bodies.push((how, body)));
            all.extend(bodies.into_iter().map(|(how, body)| Sent { json: Some(body), spoiled: how, ..valid.clone() }));
            all.extend(raw_bodies(valid, json));
        }
        _ => {
            let unasked = Sent { json: Some(json!({ "surprise": 1 })), ..valid.clone() };
            all.push(Sent { spoiled: "a body that is not taken".into(), ..unasked });
        }
    }
    all.extend(paths(operation, valid, world));
    all.extend(queries(operation, valid, draw));
    all.extend(methods(operation, valid));
    all.extend(headers(operation, valid, draw));
    all
}

/// Spoils every field of `value`, and the fields of those. `emit` gets the whole again.
fn in_body(
    document: &Value,
    schema: &Value,
    value: &Value,
    place: &str,
    draw: &mut Draw,
    emit: &mut dyn FnMut(String, Value),
) {
    let schema = resolve(document, schema);
    let Some(object) = value.as_object() else { return };
    let with = |name: &str, value: Value| {
        let mut whole = object.clone();
        whole.insert(name.to_owned(), value);
        Value::Object(whole)
    };
    let (properties, _) = fields(schema);
    emit(format!("`{place}` with a field more"), with("surprise", json!(1)));
    for name in object.keys() {
        let mut whole = object.clone();
        whole.remove(name);
        emit(format!("`{place}` without `{name}`"), Value::Object(whole));
    }
    for (name, field) in &properties {
        let field = resolve(document, field);
        let mut values = boundaries(field, object.get(name));
        let odd = odd_values();
        values.extend((0..ODD_VALUES).map(|_| draw.one_of(&odd).clone()));
        for value in values {
            let shown: String = value.to_string().chars().take(40).collect();
            emit(format!("`{place}/{name}` is {shown}"), with(name, value));
        }
        if let Some(inner) = object.get(name) {
            let place = format!("{place}/{name}");
            in_body(document, field, inner, &place, draw, &mut |how, inner| emit(how, with(name, inner)));
            if let (Some(item), true) = (inner.get(0), field["items"].is_object()) {
                let place = format!("{place}/0");
                in_body(document, &field["items"], item, &place, draw, &mut |how, item| {
                    emit(how, with(name, json!([item])))
                });
            }
        }
    }
}

/// Values at the edges of what a schema allows, and just beyond.
fn boundaries(schema: &Value, value: Option<&Value>) -> Vec<Value> {
    let count = |name: &str| schema[name].as_u64().and_then(|count| usize::try_from(count).ok());
    let mut values = Vec::new();
    if let Some(most) = count("maxLength").filter(|most| *most < 10_000) {
        values.extend(["x".repeat(most), "x".repeat(most + 1), "é".repeat(most), "🦀".repeat(most)].map(Value::from));
    }
    if let Some(most) = schema["maximum"].as_u64() {
        values.extend([json!(most), json!(most + 1), json!(u64::MAX)]);
    }
    if let Some(least) = schema["minimum"].as_i64() {
        values.extend([json!(least), json!(least - 1), json!(i64::MIN)]);
    }
    if let (Some(most), Some(item)) = (count("maxItems"), value.and_then(|value| value.get(0))) {
        values.extend([json!(vec![item; most]), json!(vec![item; most + 1])]);
    }
    if let Some(most) = count("maxProperties") {
        let named = |count: usize| Value::Object((0..count).map(|number| (format!("n{number}"), json!("v"))).collect());
        values.extend([named(most), named(most + 1)]);
    }
    values
}

fn odd_values() -> Vec<Value> {
    let mut values: Vec<Value> = [
        "",
        " ",
        "\0",
        "a\nb",
        "a\rb\u{7f}",
        "\u{202e}desrever",
        "\u{feff}",
        "\u{1b}[2J",
        "e\u{301}",
        "../../etc/passwd",
        "%00",
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "-1",
        "1e400",
        "null",
        "0.0.0.0/0",
        "::/0",
        "fe80::1%eth0",
        "2026-02-30T25:61:00Z",
        "0000-00-00T00:00:00Z",
        "+275760-09-13T00:00:00Z",
        "-9999-01-01T00:00:00Z",
        "*",
    ]
    .map(Value::from)
    .into();
    values.extend([
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(u64::MAX),
        json!(i64::MIN),
        json!([]),
        json!([null]),
        json!([[]]),
        json!([""]),
        json!(["*", "*"]),
        json!(["a\0b"]),
        json!({}),
        json!({ "": "" }),
        json!({ "a": { "b": 1 } }),
        json!({ "\u{202e}": "\0" }),
        json!("x".repeat(10_000)),
        json!(vec!["x"; 5_000]),
        (0..120).fold(json!(1), |inner, _| json!([inner])),
    ]);
    values
}

/// Bodies that are not what they should be at all.
fn raw_bodies(valid: &Sent, json: &Value) -> Vec<Sent> {
    let text = json.to_string();
    let doubled = text.replacen('{', r#"{"name":"a","name":"b","credential":"a","credential":"b","#, 1);
    let raw: [(&str, Vec<u8>); 21] = [
        ("nothing", Vec::new()),
        ("a brace", b"{".into()),
        ("half", text.as_bytes()[..text.len() / 2].into()),
        ("null", b"null".into()),
        ("a list", b"[]".into()),
        ("a number", b"7".into()),
        ("a string", b"\"x\"".into()),
        ("two documents", format!("{text}{text}").into()),
        ("a comma too many", text.replacen('}', ",}", 1).into()),
        ("a doubled field", doubled.into()),
        ("a byte order mark", format!("\u{feff}{text}").into()),
        ("bytes that are not UTF-8", b"{\"name\":\"\xff\xfe\"}".into()),
        ("a lone surrogate", br#"{"name":"\ud800"}"#.to_vec()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a bare NUL", b"\0".into()),
        ("NaN", b"{\"name\":NaN}".into()),
        ("a comment", format!("/* */{text}").into()),
        ("depth", "[".repeat(20_000).into()),
        ("deep objects", "{\"a\":".repeat(20_000).into()),
        ("a huge number", format!("{{\"name\":{}}}", "9".repeat(10_000)).into()),
        ("more than is taken", format!("{text}{}", " ".repeat(300_000)).into()),
    ];
    let spoiled = |(how, bytes): (&str, Vec<u8>)| Sent {
        raw: Some(("application/json".into(), bytes)),
        spoiled: format!("body: {how}"),
        ..valid.clone()
    };
    let types =
        ["text/plain", "", "application/xml", "multipart/form-data; boundary=x", "application/jsonp", "json", ";;"];
    let typed = |content_type: &str| Sent {
        raw: Some((content_type.to_owned(), text.clone().into())),
        spoiled: format!("content type `{content_type}`"),
        ..valid.clone()
    };
    raw.into_iter().map(spoiled).chain(types.into_iter().map(typed)).collect()
}

/// Segments that are no ids, or ids of nothing.
fn paths(operation: &Operation, valid: &Sent, world: &World<'_>) -> Vec<Sent> {
    let given: Vec<&str> = valid.path.split('/').collect();
    let mut all = Vec::new();
    for (at, _) in operation.path.split('/').enumerate().filter(|(_, segment)| segment.starts_with('{')) {
        let id = given[at];
        let (kind, body) = id.split_once('_').unwrap_or((id, ""));
        let mut odd: Vec<String> =
            ["", "x", "%00", "%ff", "%2e%2e", "%2F", "a b", "🦀", "*", "null", "{id}", "%25", "'", "_", "-1"]
                .map(str::to_owned)
                .into();
        odd.extend(world.ids());
        odd.extend([
            format!("{kind}_00doesnotexist0000"),
            format!("{kind}_99doesnotexist0000"),
            format!("{kind}_{}", body.to_uppercase()),
            format!("{kind}_{body}0"),
            format!("{}_{body}", kind.to_uppercase()),
            format!("nope_{body}"),
            format!("{id}%00"),
            "x".repeat(2_000),
        ]);
        for odd in odd {
            let mut segments = given.clone();
            let segment = encoded(&odd);
            segments[at] = &segment;
            let spoiled = format!("a segment of the path is `{}`", odd.chars().take(40).collect::<String>());
            all.push(Sent { path: segments.join("/"), spoiled, leads_elsewhere: odd.is_empty(), ..valid.clone() });
        }
    }
    let path = format!("{}/", valid.path);
    all.push(Sent { path, spoiled: "a slash too many".into(), leads_elsewhere: true, ..valid.clone() });
    all
}

fn queries(operation: &Operation, valid: &Sent, draw: &mut Draw) -> Vec<Sent> {
    let names: Vec<&str> =
        operation.parameters_in("query").filter_map(|parameter| parameter["name"].as_str()).collect();
    let odd = [
        "",
        " ",
        "0",
        "-1",
        "1",
        "200",
        "201",
        "1.5",
        "1e3",
        "99999999999999999999999",
        "abc",
        "%00",
        "%ff",
        "%zz",
        "null",
        "true",
        "[]",
        "🦀",
        "a&b=c",
        "AAAA",
        "eyJhIjoxfQ",
        "2026-01-31",
        "2026-02-30T25:61:00Z",
        "9999-12-31T23:59:59Z",
        "+1",
        "x'y",
        "key_00doesnotexist0000",
        "../..",
    ];
    let mut all = Vec::new();
    let mut spoil = |how: String, more: &[(&str, &str)]| {
        let mut sent = valid.clone();
        sent.query.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        sent.query.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        all.push(Sent { spoiled: how, ..sent });
    };
    for name in &names {
        for value in odd {
            spoil(format!("`{name}` of the query is `{value}`"), &[(name, value)]);
        }
        spoil(format!("`{name}` stands twice in the query"), &[(name, "1"), (name, "2")]);
        spoil(format!("`{name}` of the query is long"), &[(name, &"x".repeat(3_000))]);
    }
    for name in ["surprise", "limit[]", "", "%zz", "🦀"] {
        let value: &str = odd[draw.below(odd.len())];
        spoil(format!("the query has `{name}`"), &[(name, value)]);
    }
    all
}

/// Methods that the path does not take, and HEAD, which follows GET.
fn methods(operation: &Operation, valid: &Sent) -> Vec<Sent> {
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "CONNECTED"];
    let spoiled = |method: &str| Sent { method: method.into(), spoiled: "another method".into(), ..valid.clone() };
    let fits = |sent: &Sent| match sent.is_of_another_method() {
        true => operation.takes_some_methods(),
        false => sent.method == "HEAD" && operation.method == "GET",
    };
    all.into_iter().map(spoiled).filter(fits).collect()
}

fn headers(operation: &Operation, valid: &Sent, draw: &mut Draw) -> Vec<Sent> {
    let long = "x".repeat(8_000);
    let odd: [(&str, &[u8]); 30] = [
        ("If-Match", b"*"),
        ("If-Match", b"\"0\""),
        ("If-Match", b"W/\"0\""),
        ("If-Match", b"\"a\", \"b\""),
        ("If-Match", b"0"),
        ("If-Match", b""),
        ("If-Match", b"\xff\xfe"),
        ("If-Match", b"\"18446744073709551616\""),
        ("If-Match", long.as_bytes()),
        ("If-None-Match", b"*"),
        ("If-Modified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT"),
        ("If-Unmodified-Since", b"garbage"),
        ("Idempotency-Key", b""),
        ("Idempotency-Key", b" "),
        ("Idempotency-Key", b"a b"),
        ("Idempotency-Key", b"\xf0\x9f\xa6\x80"),
        ("Idempotency-Key", long.as_bytes()),
        ("Idempotency-Key", b"\"quoted\""),
        ("Accept", b"text/html"),
        ("Accept", b"application/xml;q=0"),
        ("Accept-Encoding", b"gzip, br, *;q=0"),
        ("Content-Encoding", b"gzip"),
        ("Range", b"bytes=0-1"),
        ("X-HTTP-Method-Override", b"DELETE"),
        ("X-Forwarded-For", b"garbage, 10.0.0.1:99999"),
        ("Forwarded", b"for=\"[::1]:bad\""),
        ("Cookie", b"session=x; session=y"),
        ("Origin", b"null"),
        ("X-Odd", b"\x80\xff"),
        ("X-Long", long.as_bytes()),
    ];
    let with = |headers: Vec<(&str, Vec<u8>)>, how: String| {
        let mut sent = valid.clone();
        sent.headers.retain(|(name, _)| headers.iter().all(|(other, _)| name != other));
        sent.headers.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Sent { spoiled: how, ..sent }
    };
    let one = |(name, value): &(&str, &[u8])| with(vec![(name, value.to_vec())], format!("an odd `{name}`"));
    let mut all: Vec<Sent> = odd.iter().map(one).collect();
    for name in ["If-Match", "Idempotency-Key"] {
        let twice = vec![(name, b"\"1\"".to_vec()), (name, b"\"2\"".to_vec())];
        all.push(with(twice, format!("`{name}` twice")));
    }
    if operation.takes_header("Idempotency-Key") {
        let key = format!("again-{}", draw.below(usize::MAX)).into_bytes();
        let again = with(vec![("Idempotency-Key", key)], "the same `Idempotency-Key` again".into());
        let body = Map::from_iter([("name".to_owned(), json!("another"))]);
        let other = Sent {
            json: Some(body.into()),
            spoiled: "its `Idempotency-Key` with another body".into(),
            ..again.clone()
        };
        all.extend([again.clone(), again, other]);
    }
    all
}
