use base64_of::encode;

use super::stream::{ALLOW, Stream};
use super::*;
use crate::entropy::SeededEntropy;
use crate::id::Shard;

const CATALOG: &str = include_str!("../../../../policies/catalog.toml");

fn catalog() -> Catalog {
    Catalog::parse(CATALOG).unwrap()
}

/// One of each sort: its kind and its text.
fn planted() -> Vec<(String, String)> {
    let entropy = SeededEntropy::new(b"planted");
    let home = Shard::new(7).unwrap();
    let draw = |Shape { kind, prefix, id_kind }: Shape| {
        let id = Id::draw(id_kind, home, &entropy).unwrap();
        (kind, PlainSecret::draw(&prefix, &id, &entropy).unwrap().expose().to_owned())
    };
    shapes(&catalog()).into_iter().map(draw).collect()
}

fn production() -> String {
    planted().into_iter().find(|(kind, _)| kind == "production").unwrap().1
}

#[track_caller]
fn check(text: &[u8], expected: &[&str]) {
    let found = Scanner::new(&catalog()).find(text);
    let found: Vec<&str> = found.iter().map(|found| found.secret.expose()).collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
}

/// Base64 (RFC 4648), written down once more so that the reading is not checked by itself.
mod base64_of {
    pub(super) fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let held = group.iter().fold(0_u32, |held, byte| (held << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
            for at in 0..=group.len() {
                text.push(char::from(DIGITS[(held >> (18 - 6 * at)) as usize & 63]));
            }
        }
        text
    }
}

#[test]
fn every_sort_is_found_however_it_is_written() {
    let scanner = Scanner::new(&catalog());
    for (kind, secret) in planted() {
        let wide = |little: bool| -> Vec<u8> {
            let pair = |byte: u8| if little { [byte, 0] } else { [0, byte] };
            format!("key: {secret}").bytes().flat_map(pair).collect()
        };
        let folded: String = encode(format!("a secret, which is {secret}, was told to somebody").as_bytes())
            .as_bytes()
            .chunks(40)
            .map(|line| format!("    {}\r\n", str::from_utf8(line).unwrap()))
            .collect();
        let mut texts = vec![
            (secret.clone().into_bytes(), Encoding::Plain),
            (format!("{{\"a\":\"x\\n{secret}\",\"b\":1}}").into_bytes(), Encoding::Plain),
            ([&[0, 255, 7], secret.as_bytes(), &[0, 1]].concat(), Encoding::Plain),
            (wide(true), Encoding::Utf16),
            (wide(false), Encoding::Utf16),
            (folded.into_bytes(), Encoding::Base64),
        ];
        for before in ["", ":", "id", "cl_", "user:"] {
            texts.push((encode(format!("{before}{secret}").as_bytes()).into_bytes(), Encoding::Base64));
        }
        for (text, encoding) in texts {
            let found = scanner.find(&text);
            let [found] = found.as_slice() else { panic!("{} of {kind} in {text:?}", found.len()) };
            assert_eq!((&found.kind, found.encoding), (&kind, encoding));
            assert_eq!(found.secret.expose(), secret);
            assert!(found.shown().len() < 32 && secret.starts_with(found.shown().trim_end_matches('…')));
            assert_eq!(found.fingerprint(), sha256_hex(secret.as_bytes())[..32]);
        }
    }
}

#[test]
fn secrets_that_grew_together_are_told_apart() {
    let all: Vec<String> = planted().into_iter().map(|(_, secret)| secret).collect();
    check(all.concat().as_bytes(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    let one = production();
    check(format!("{one}{one}").as_bytes(), &[&one, &one]);
    check(format!("cf_prod_{one}").as_bytes(), &[&one]);
    check(format!("cf_{}_{one}", &one[..30]).as_bytes(), &[&one]);
    check(format!("x{one}x").as_bytes(), &[&one]);
}

#[test]
fn what_looks_alike_is_none() {
    let one = production();
    let swapped = format!("{}{}", &one[..one.len() - 1], if one.ends_with('0') { '1' } else { '0' });
    let longer = format!("{}0{}", &one[..20], &one[20..]);
    let elsewhere = one.replacen("cf_prod_", "cf_stg_", 1);
    for text in [
        "",
        "cf_",
        "cf_prod_",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        &one[..one.len() - 1],
        &one[1..],
        &swapped,
        &longer,
        &elsewhere,
        &one.to_uppercase(),
        &one.replace('_', "-"),
        &format!("{}\u{e9}{}", &one[..30], &one[31..]),
        &format!("cf_prod_{}", "0".repeat(56)),
        &encode(swapped.as_bytes()),
    ] {
        check(text.as_bytes(), &[]);
    }
}

#[test]
fn a_root_key_is_known_by_the_name_of_its_file() {
    let digits = "0f".repeat(32);
    assert!(root_key(b"root.key", format!("{digits}\n").as_bytes()).is_some());
    let found = root_key(b"root.key", digits.as_bytes()).unwrap();
    assert_eq!((found.shown().as_str(), found.kind.as_str()), ("…", ROOT_KEY));
    for copy in ["root.key.bak", "root.key~", "root.key-2026"] {
        assert!(root_key(copy.as_bytes(), digits.as_bytes()).is_some(), "{copy}");
    }
    for (name, content) in
        [("Cargo.lock", digits.clone()), ("root.key", digits[1..].to_owned()), ("root.key", "x".repeat(64))]
    {
        assert!(root_key(name.as_bytes(), content.as_bytes()).is_none(), "{name}");
    }
}

#[test]
fn a_root_key_is_known_by_the_variable_that_it_is_given_to() {
    let (digits, name) = ("0F".repeat(32), ROOT_KEY_VARIABLE);
    let scanner = Scanner::new(&catalog());
    for text in [
        format!("DEBUG=1\n{name}={digits}\n"),
        format!("export {name}='{digits}'; serve"),
        format!("  {name}: \"{digits}\"\r\n"),
        format!("{{\"env\":\"{{\\\"{name}\\\": \\\"{digits}\\\"}}\"}}"),
        format!("{name} = {digits}"),
    ] {
        let found = scanner.find(text.as_bytes());
        let [found] = found.as_slice() else { panic!("{} in {text}", found.len()) };
        assert_eq!((found.kind.as_str(), found.secret.expose()), (ROOT_KEY, digits.as_str()));
        assert_eq!(&text[found.span.clone()][..name.len()], name);
        assert_eq!(found.fingerprint(), root_key(b"root.key", digits.as_bytes()).unwrap().fingerprint());
        assert!(!scanner.without_secrets(&text).contains(&digits));
    }
    for text in [
        format!("{name}=vault:secret/data/access#root_key"),
        format!("{name}_FILE={digits}"),
        format!("{name} {digits}"),
        format!("{name}={digits}0"),
        format!("{name}={}", &digits[1..]),
        format!("{name}=\n{digits}"),
        format!("SHA256={digits}"),
        format!("{name}={}", "x".repeat(64)),
    ] {
        check(text.as_bytes(), &[]);
    }
}

#[test]
fn a_stream_says_where_and_loses_nothing_between_its_parts() {
    let (scanner, one) = (Scanner::new(&catalog()), production());
    let filler = "let answer = 42;\n".repeat(100_000);
    let text = format!("{filler}  {one}\nmore {one} // {ALLOW}\n{filler}{}\n{one}", encode(one.as_bytes()));
    let lines = 100_000;
    for part in [1 << 20, 1_000_003, text.len()] {
        let mut stream = Stream::new(&scanner);
        text.as_bytes().chunks(part).for_each(|part| stream.take(part));
        let found: Vec<_> = stream.end().iter().map(|finding| (finding.line, finding.column, finding.offset)).collect();
        let [first, last] = [filler.len() + 2, text.len() - one.len()].map(|offset| offset as u64);
        let encoded = last - 1 - encode(one.as_bytes()).len() as u64;
        let expected = [(lines + 1, 3, first), (2 * lines + 3, 1, encoded), (2 * lines + 4, 1, last)];
        assert_eq!(found, expected, "in parts of {part}");
    }
}

#[test]
fn wherever_parts_are_cut_every_secret_is_found_once() {
    let (scanner, one) = (Scanner::new(&catalog()), production());
    let dense = format!("{one} {} ", encode(format!("x{one}").as_bytes())).repeat(10_000);
    let mut stream = Stream::new(&scanner);
    dense.as_bytes().chunks(77_777).for_each(|part| stream.take(part));
    assert_eq!(stream.end().len(), 20_000);
}
