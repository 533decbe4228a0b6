//! Valid values, drawn from schemas: seeded, so that the same are drawn again.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema;
use super::spec::{Operation, Spec, fields, resolve};
use super::world::{Sent, World};

/// Texts to choose from where a schema says what they look like.
const TEXTS: &[&str] = &[
    "a",
    "https://example.com/hooks",
    "http://127.0.0.1:9/hooks",
    "production",
    "staging",
    "*",
    "ci",
    "e2e-7",
    "x-0",
    "Grüße, 世界",
    "naïve café",
    "🦀",
    "a b",
    "2026-11-01",
    "0",
    "jobs:read",
    "203.0.113.0/24",
    "203.0.113.7",
    "2001:db8::/32",
    "::1",
    "2001:db8::7",
    "GET",
    "POST",
    "/v1/jobs",
    "jobs.list",
    "team",
    "null",
    "true",
    "~!$",
];
const TIMES: &[&str] = &[
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.123456789+02:00",
    "1970-01-01T00:00:00Z",
    "9998-12-31T23:59:59Z",
    "2099-06-30T23:59:60Z",
];

/// Draws (SplitMix64).
pub(super) struct Draw(u64);

impl Draw {
    /// Draws of their own for each `stream` of a seed.
    pub(super) fn new(seed: u64, stream: &str) -> Self {
        Self(stream.bytes().fold(seed, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).expect("a count")).expect("a count")
    }

    pub(super) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A valid request. The first round leaves out what may be left out, the second leaves out nothing.
    pub(super) fn valid(
        &mut self,
        spec: &Spec,
        operation: &Operation,
        world: &World<'_>,
        ids: &BTreeMap<String, String>,
        round: usize,
    ) -> Sent {
        let optional = |draw: &mut Self| if round < 2 { round == 1 } else { draw.one_in(2) };
        let mut sent = Sent::new(spec, operation, ids);
        for parameter in operation.parameters_in("query") {
            // A cursor can't be made up.
            if parameter["name"] != "cursor" && (parameter["required"] == true || optional(self)) {
                let value = match parameter["name"].as_str() {
                    // Whom it is asked about has to be there.
                    Some("principal") => Value::String(world.make("member", self)),
                    _ => self.value(&spec.document, &parameter["schema"], world, round),
                };
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                sent.query.push((parameter["name"].as_str().expect("a name").to_owned(), text));
            }
        }
        if operation.takes_header("Idempotency-Key") && optional(self) {
            sent.headers.push(("Idempotency-Key".into(), format!("key-{}", self.next()).into_bytes()));
        }
        sent.json = operation.body().map(|schema| self.value(&spec.document, schema, world, round));
        sent
    }

    /// The request with the body that the document shows, where it shows one.
    pub(super) fn as_shown(
        &mut self,
        spec: &Spec,
        operation: &Operation,
        ids: &BTreeMap<String, String>,
        valid: Sent,
    ) -> Sent {
        match operation.shown_body() {
            Some(shown) => Sent { json: Some(shown.clone()), ..Sent::new(spec, operation, ids) },
            None => valid,
        }
    }

    /// A value for `schema`.
    pub(super) fn value(&mut self, document: &Value, schema: &Value, world: &World<'_>, round: usize) -> Value {
        let target = resolve(document, schema);
        let examples = schema.get("examples").or_else(|| target.get("examples")).and_then(Value::as_array);
        // Later rounds make up more: names may have to be new.
        let shown = if round < 2 { !self.one_in(3) } else { self.one_in(3) };
        if let Some(examples) = examples.filter(|_| shown) {
            return self.one_of(examples).clone();
        }
        if let Some(only) = target.get("const") {
            return only.clone();
        }
        if let Some(all) = target["enum"].as_array() {
            return self.one_of(all).clone();
        }
        let ways = ["anyOf", "oneOf"].iter().find_map(|name| target.get(name)?.as_array()).cloned();
        match (target.get("type"), ways) {
            (None, Some(ways)) => {
                let way = self.one_of(&ways).clone();
                self.value(document, &way, world, round)
            }
            (Some(_), Some(ways)) => {
                let way = self.one_of(&ways).clone();
                self.of_type(document, &with(document, target, &way), world, round)
            }
            _ => self.of_type(document, target, world, round),
        }
    }

    fn of_type(&mut self, document: &Value, schema: &Value, world: &World<'_>, round: usize) -> Value {
        let ty = match &schema["type"] {
            Value::Array(types) => self.one_of(types).clone(),
            ty => ty.clone(),
        };
        match ty.as_str() {
            Some("object") => self.object(document, schema, world, round),
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                let most = schema["maxItems"].as_u64().unwrap_or(3).min(3).max(least);
                let count = least + self.next() % (most - least + 1);
                (0..count).map(|_| self.value(document, &schema["items"], world, round)).collect()
            }
            Some("string") => json!(self.text(schema, world)),
            Some("integer") => {
                let least = schema["minimum"].as_u64().unwrap_or(0);
                let most = schema["maximum"].as_u64().unwrap_or(1_000_000);
                let between = least + self.next() % (most - least + 1);
                json!(*self.one_of(&[least, most, between, least.max(60).min(most)]))
            }
            Some("number") => json!(*self.one_of(&[0.0, -1.5, 1e300])),
            Some("boolean") => json!(self.one_in(2)),
            Some("null") => Value::Null,
            _ => json!({}),
        }
    }

    fn object(&mut self, document: &Value, schema: &Value, world: &World<'_>, round: usize) -> Value {
        let (properties, required) = fields(schema);
        let mut object = Map::new();
        for (name, schema) in &properties {
            let optional = if round < 2 { round == 1 } else { self.one_in(2) };
            if required.contains(name) || optional {
                object.insert(name.clone(), self.value(document, schema, world, round));
            }
        }
        if properties.is_empty() && schema["additionalProperties"].is_object() {
            for _ in 0..self.below(4) {
                let name = self.text(&schema["propertyNames"], world);
                object.insert(name, self.value(document, &schema["additionalProperties"], world, round));
            }
        }
        Value::Object(object)
    }

    /// A text that fits, out of those that are known.
    fn text(&mut self, schema: &Value, world: &World<'_>) -> String {
        if schema["format"] == "date-time" {
            return (*self.one_of(TIMES)).to_owned();
        }
        let known = TEXTS.iter().map(|text| (*text).to_owned()).chain(world.ids());
        let longest =
            schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok()).filter(|most| *most < 2_000);
        let mut known: Vec<String> = known.chain(longest.map(|most| "x".repeat(most))).collect();
        let fitting = |text: &String| {
            let fits = |name: &str, fits: &dyn Fn(u64) -> bool| schema[name].as_u64().is_none_or(fits);
            let length = u64::try_from(text.chars().count()).expect("a count");
            fits("minLength", &|least| least <= length)
                && fits("maxLength", &|most| length <= most)
                && schema.get("format").is_none_or(|format| schema::has_format(format, text))
                && schema.get("pattern").is_none_or(|pattern| schema::matches(pattern, text))
        };
        known.retain(&fitting);
        // A name may have to be new.
        let new = format!("n{}", self.next());
        if schema.get("pattern").is_some() && fitting(&new) && self.one_in(2) {
            return new;
        }
        assert!(!known.is_empty(), "no text is known for {schema}; add one");
        self.one_of(&known).clone()
    }
}

/// `schema` with what one of its `ways` adds: a narrower type, required fields, and what those require.
fn with(document: &Value, schema: &Value, way: &Value) -> Value {
    let mut whole = resolve(document, schema).clone();
    let more = way["required"].as_array().cloned().unwrap_or_default();
    let mut required = whole["required"].as_array().cloned().unwrap_or_default();
    required.extend(more);
    whole["required"] = Value::Array(required);
    for narrower in ["type", "format", "pattern"] {
        if let Some(says) = way.get(narrower) {
            whole[narrower] = says.clone();
        }
    }
    for (name, more) in way["properties"].as_object().into_iter().flatten() {
        let field = with(document, &whole["properties"][name], more);
        whole["properties"][name] = field;
    }
    whole
}
