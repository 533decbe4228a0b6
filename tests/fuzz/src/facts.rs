//! Facts: of every shape, and out of bytes.

use std::sync::LazyLock;

use cronflow_policy_cases::{Facts, Gateway, Value};

/// As they are commonly, with as much absent as can be, with text that is not ASCII, and large.
pub(crate) fn shapes() -> &'static [Facts] {
    static SHAPES: LazyLock<[Facts; 4]> = LazyLock::new(|| [Facts::sample(), bare(), foreign(), large()]);
    SHAPES.as_slice()
}

/// Facts as JSON, where the bytes are that; otherwise the bytes, cut into what facts are made of.
pub(crate) fn read(data: &[u8]) -> Facts {
    let mut facts = serde_json::from_slice(data).unwrap_or_else(|_| cut(data));
    // what the policies see
    facts.action.category = "customer".to_owned();
    facts
}

fn bare() -> Facts {
    let mut facts = Facts::sample();
    facts.organization = None;
    facts.workspace = None;
    facts.request = Default::default();
    facts.principal.organization = None;
    facts.principal.workspace = None;
    facts.principal.scopes = Vec::new();
    facts.action.scopes = Vec::new();
    facts
}

fn foreign() -> Facts {
    let mut facts = Facts::sample();
    let texts = ["日本", "", "\u{301}é", "\0", "🦀/ab", "::ffff:203.0.113.7"].map(str::to_owned).to_vec();
    facts.now = i64::MIN;
    facts.principal.scopes = texts.clone();
    facts.principal.ip_allow = Some(texts.clone());
    facts.request.path = Some("/é/日\u{301}\0🦀".to_owned());
    facts.request.ip = Some("٣".to_owned());
    facts.gateway = Some(Gateway { id: String::new(), organizations: texts.clone(), environments: texts.clone() });
    facts.context.insert("flag".to_owned(), Value::Boolean(true));
    facts.context.insert("age".to_owned(), Value::Integer(i64::MIN));
    facts.context.insert("ratio".to_owned(), Value::Double(f64::NAN));
    facts.resource.attributes.insert("owner".to_owned(), Value::Text("é".to_owned()));
    facts.resource.attributes.insert("tags".to_owned(), Value::Texts(texts));
    facts
}

/// As large as policies are given them.
fn large() -> Facts {
    let mut facts = Facts::sample();
    let texts = |count: usize, bytes: usize| (0..count).map(|i| format!("{i:0bytes$}")).collect::<Vec<String>>();
    facts.now = i64::MAX;
    facts.principal.scopes = texts(128, 512);
    facts.action.scopes = texts(64, 1_024);
    facts.principal.ip_allow = Some(texts(256, 256));
    facts.request.path = Some("/a".repeat(4 << 10));
    facts.context.insert("age".to_owned(), Value::Integer(i64::MAX));
    facts.context.insert("ratio".to_owned(), Value::Double(f64::MAX));
    facts.resource.attributes.insert("owner".to_owned(), Value::Text("o".repeat(1_024)));
    facts.resource.attributes.insert("tags".to_owned(), Value::Texts(texts(32, 1_024)));
    facts
}

/// Cuts bytes at each zero into texts, and deals them out. The first eight are a number.
fn cut(data: &[u8]) -> Facts {
    let mut facts = Facts::sample();
    let number = data.first_chunk().copied().map_or(0, i64::from_le_bytes);
    let texts: Vec<String> =
        data.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let text = |place: usize| texts.get(place).cloned();
    facts.now = number;
    facts.principal.created_at = number.rotate_left(8);
    facts.context.insert("age".to_owned(), Value::Integer(number));
    facts.context.insert("ratio".to_owned(), Value::Double(f64::from_bits(number.cast_unsigned())));
    facts.context.insert("flag".to_owned(), Value::Boolean(number % 2 == 0));
    facts.request.path = text(0);
    facts.request.ip = text(1);
    facts.resource.id = text(2);
    facts.resource.kind = text(3);
    if let Some(owner) = text(4) {
        facts.resource.attributes.insert("owner".to_owned(), Value::Text(owner));
    }
    facts.resource.attributes.insert("tags".to_owned(), Value::Texts(texts.clone()));
    facts.principal.ip_allow = Some(texts.clone());
    facts.principal.scopes = texts;
    facts
}
