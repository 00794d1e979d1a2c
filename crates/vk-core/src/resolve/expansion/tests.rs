use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::resolve::{LateField, LateFields};

fn variables() -> BTreeMap<&'static str, EnvValue> {
    [
        ("A", EnvValue::Literal("1".to_owned())),
        ("EMPTY", EnvValue::Literal(String::new())),
        ("DOLLARS", EnvValue::Literal("$(A)".to_owned())),
        ("MAP", EnvValue::ConfigMap("blue".to_owned())),
        ("KEY", EnvValue::Secret(SecretString::new("s3cret"))),
        ("IP", EnvValue::Late(LateField::PodIp.into())),
    ]
    .into()
}

fn expanded(text: &str) -> EnvValue {
    let variables = variables();
    expand(text, |name| variables.get(name))
}

/// As `third_party/forked/golang/expansion` of Kubernetes 1.36 expands.
#[test]
fn texts_expand_as_a_kubelet_expands_them() {
    for (text, expected) in [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(A)", "x1y1"),
        ("$(EMPTY)", ""),
        ("$(NONE)", "$(NONE)"),
        ("$()", "$()"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$(DOLLARS)", "$(A)"),
        ("$A ${A}", "$A ${A}"),
        ("$", "$"),
        ("$$", "$"),
        ("a$", "a$"),
        ("$(A", "$(A"),
        ("$(A$(A)", "$(A$(A)"),
        ("$(A$$", "$(A$"),
        ("$(A)$(", "1$("),
        ("$( A )", "$( A )"),
        ("é$(A)é$é", "é1é$é"),
    ] {
        assert_eq!(expanded(text), EnvValue::Literal(expected.to_owned()), "{text}");
    }
}

#[test]
fn the_origin_of_what_is_inserted_marks_the_whole() {
    assert_eq!(expanded("$(MAP)-$(A)"), EnvValue::ConfigMap("blue-1".to_owned()));
    assert_eq!(expanded("$(MAP):$(KEY)"), EnvValue::Secret(SecretString::new("blue:s3cret")));
    assert_eq!(expanded("$$(KEY)"), EnvValue::Literal("$(KEY)".to_owned()));
}

#[test]
fn what_is_not_known_yet_leaves_gaps() {
    let late = LateFields { pod_ips: Some(vec!["10.0.0.7".parse().unwrap()]), host_ips: None };
    let EnvValue::Late(value) = expanded("http://$(IP):$(A)") else { panic!("not late") };
    assert_eq!(value.fill(&LateFields::default()), None);
    assert_eq!(value.fill(&late), Some(EnvValue::Literal("http://10.0.0.7:1".to_owned())));

    let EnvValue::Late(value) = expanded("$(KEY)@$(IP)") else { panic!("not late") };
    assert_eq!(value.fill(&late), Some(EnvValue::Secret(SecretString::new("s3cret@10.0.0.7"))));
    assert_eq!(format!("{value:?}"), "[redacted]");

    let late_secret = EnvValue::Late(value);
    let EnvValue::Late(copy) = expand("$(LATE)", |_| Some(&late_secret)) else { panic!("not late") };
    assert!(copy.is_secret());
}

proptest! {
    #[test]
    fn text_without_dollars_is_left_alone(text in "[^$]*") {
        prop_assert_eq!(expanded(&text), EnvValue::Literal(text));
    }

    #[test]
    fn doubled_dollars_undo_expansion(text in "[$()A-C ]*") {
        prop_assert_eq!(expanded(&text.replace('$', "$$")), EnvValue::Literal(text));
    }

    #[test]
    fn a_secret_never_ends_up_in_a_literal(text in "[$()KEYAIPM]*") {
        if let EnvValue::Literal(literal) | EnvValue::ConfigMap(literal) = expanded(&text) {
            prop_assert!(!literal.contains("s3cret"));
        }
        let with_secret = expanded(&format!("{}$(KEY)", text.replace('$', "$$")));
        prop_assert!(matches!(with_secret, EnvValue::Secret(_)));
    }
}
