//! What holds for every environment.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A declared variable: literal with references, or from a key that may not exist.
fn any_variable() -> impl Strategy<Value = Value> {
    let name = "[A-D]";
    let literal = (name, "[xyz$()A-D]{0,12}").prop_map(|(name, value)| json!({"name": name, "value": value}));
    let key = prop::sample::select(vec!["USER", "PASSWORD", "none"]);
    let from = (name, key).prop_map(|(name, key)| {
        let selector = json!({"name": "login", "key": key, "optional": true});
        json!({"name": name, "valueFrom": {"secretKeyRef": selector}})
    });
    prop_oneof![3 => literal, 1 => from]
}

/// What a kubelet computes, with one map and no order.
fn as_in_the_kubelet(variables: &[Value]) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for variable in variables {
        let name = variable["name"].as_str().unwrap().to_owned();
        let value = match variable.pointer("/valueFrom/secretKeyRef/key").and_then(Value::as_str) {
            Some("USER") => "ann".to_owned(),
            Some("PASSWORD") => "s3cret".to_owned(),
            Some(_) => continue,
            None => substituted(variable["value"].as_str().unwrap(), &env),
        };
        env.insert(name, value);
    }
    env
}

/// Character by character, without the code under test.
fn substituted(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("$(").and_then(|inside| inside.split_once(')')) {
            out.push_str(env.get(name).map_or(&format!("$({name})"), |value| value));
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

proptest! {
    #[test]
    fn names_are_unique_and_values_those_of_a_kubelet(variables in prop::collection::vec(any_variable(), 0..10)) {
        let resolved = resolve(json!({ "env": variables })).unwrap();
        let env: BTreeMap<String, String> = resolved
            .env
            .iter()
            .map(|variable| (variable.name.clone(), variable.value.reveal().unwrap().to_owned()))
            .collect();
        prop_assert_eq!(env.len(), resolved.env.len());
        prop_assert_eq!(env, as_in_the_kubelet(&variables));
    }

    #[test]
    fn the_order_follows_the_declaration(variables in prop::collection::vec(any_variable(), 0..10)) {
        let resolved = resolve(json!({ "env": variables })).unwrap();
        let last = |name: &str| variables.iter().rposition(|variable| {
            variable["name"] == name && variable.pointer("/valueFrom/secretKeyRef/key") != Some(&json!("none"))
        });
        let positions: Vec<_> = resolved.env.iter().map(|variable| last(&variable.name)).collect();
        prop_assert!(positions.is_sorted());
    }

    #[test]
    fn secrets_show_in_no_log(variables in prop::collection::vec(any_variable(), 0..10)) {
        let args = ["$(A)", "$(B)$(C)", "$(D)"];
        let resolved = resolve(json!({"env": variables, "args": args})).unwrap();
        let logged = format!("{resolved:?}");
        prop_assert!(!logged.contains("s3cret"));
        let secret: BTreeSet<&str> = resolved
            .env
            .iter()
            .filter(|variable| matches!(variable.value, EnvValue::Secret(_)))
            .map(|variable| variable.name.as_str())
            .collect();
        prop_assert_eq!(matches!(resolved.args[0], EnvValue::Secret(_)), secret.contains("A"));
    }
}
