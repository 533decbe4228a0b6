use serde::Deserialize;

use super::*;
use crate::network::Network;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Day {
    WorkingDay,
    Sunday,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Limit(u32);

#[derive(Debug, Deserialize, PartialEq)]
struct All<'a> {
    on: bool,
    limit: Limit,
    ratio: f64,
    note: &'a str,
    names: Vec<String>,
    day: Option<Day>,
    #[serde(default)]
    networks: Vec<Network>,
}

fn attributes(values: &[(&str, Value)]) -> Vec<Attribute> {
    values.iter().map(|(name, value)| Attribute { name: (*name).into(), value: value.clone() }).collect()
}

fn whole() -> Vec<(&'static str, Value)> {
    vec![
        ("on", Value::Boolean(true)),
        ("limit", Value::Integer(7)),
        ("ratio", Value::Double(0.5)),
        ("note", Value::Text("as it is".into())),
        ("names", Value::Texts(vec!["a".into(), String::new()])),
    ]
}

#[test]
fn every_type_is_read_and_what_is_absent_is_none() {
    let mut values = whole();
    let given = attributes(&values);
    let read: All<'_> = settings(&given).unwrap();
    assert_eq!((read.on, read.limit, read.ratio, read.note), (true, Limit(7), 0.5, "as it is"));
    assert_eq!((read.names, read.day, read.networks), (vec!["a".into(), String::new()], None, vec![]));
    values.push(("day", Value::Text("working_day".into())));
    values.push(("networks", Value::Texts(vec!["10.0.0.0/8".into()])));
    let given = attributes(&values);
    let read: All<'_> = settings(&given).unwrap();
    assert_eq!((read.day, read.networks.len()), (Some(Day::WorkingDay), 1));
}

#[test]
fn what_can_not_be_read_is_refused_in_a_sentence_that_names_it() {
    let table = [
        ("limit", None, "the setting `limit` is missing"),
        ("limit", Some(Value::Integer(-1)), "setting `limit`: invalid value: integer `-1`, expected u32"),
        ("limit", Some(Value::Text("7".into())), "setting `limit`: invalid type: string \"7\", expected u32"),
        ("on", Some(Value::Integer(1)), "setting `on`: invalid type: integer `1`, expected a boolean"),
        ("names", Some(Value::Text("a".into())), "setting `names`: invalid type: string \"a\", expected a sequence"),
        ("day", Some(Value::Text("monday".into())), "setting `day`: unknown variant `monday`, expected `working_day`"),
        ("day", Some(Value::Integer(1)), "setting `day`: not a string"),
        ("networks", Some(Value::Texts(vec!["10/8".into()])), "setting `networks`: `10/8` is no network"),
        ("limits", Some(Value::Integer(1)), "unknown setting `limits`; this policy knows [on, limit, ratio, note"),
    ];
    for (name, value, expected) in table {
        let mut values = whole();
        values.retain(|(other, _)| *other != name);
        values.extend(value.map(|value| (name, value)));
        let given = attributes(&values);
        let said = settings::<All<'_>>(&given).unwrap_err();
        assert!(said.starts_with(expected), "{said}\nshould say: {expected}");
    }
    assert_eq!(no_settings(&[]), Ok(()));
    let said = no_settings(&attributes(&[("x", Value::Boolean(true))])).unwrap_err();
    assert_eq!(said, "unknown setting `x`; this policy has no settings");
}
