use super::*;

fn expanded(item: &str) -> String {
    expand(TokenStream::new(), item.parse().unwrap()).to_string()
}

#[test]
fn a_function_becomes_a_policy() {
    let plain = expanded("/// Says \"no\".\n/// Always.\n#[inline]\npub fn judge(facts: &Facts) -> Verdict { no() }");
    assert!(plain.contains(r#""Says \"no\".\nAlways.""#), "{plain}");
    assert!(plain.contains("judge (facts)") && plain.contains("no_settings"), "{plain}");
    assert!(plain.contains("pub fn judge (facts : & Facts) -> Verdict { no () }"), "{plain}");
    let set = expanded("/// D.\nfn evaluate(facts: &Facts, settings: &Map<A, B>,) -> Verdict { x }");
    assert!(set.replace(' ', "").contains("settings::<Map<A,B>>(settings)"), "{set}");
}

#[test]
fn what_is_no_policy_is_refused_in_one_sentence() {
    for (item, message) in [
        ("struct Policy;", "stands on a function"),
        ("fn evaluate(facts: &Facts) -> Verdict { x }", "say in a doc comment"),
        ("/// D.\nfn evaluate() -> Verdict { x }", "takes `facts: &Facts`"),
        ("/// D.\nfn evaluate(facts: &Facts, settings: Settings) -> Verdict { x }", "`settings: &Settings`"),
        ("/// D.\nfn evaluate(a: &A, b: &B, c: &C) -> Verdict { x }", "takes `facts: &Facts`"),
        ("/// D.\nfn evaluate<T>(facts: &T) -> Verdict { x }", "is not generic"),
        ("/// D.\nasync fn evaluate(facts: &Facts) -> Verdict { x }", "neither async nor unsafe"),
    ] {
        let said = expanded(item);
        assert!(said.contains("compile_error") && said.contains(message), "{item}\n{said}");
    }
    let said = expand("name".parse().unwrap(), TokenStream::new()).to_string();
    assert!(said.contains("takes no arguments"), "{said}");
}
