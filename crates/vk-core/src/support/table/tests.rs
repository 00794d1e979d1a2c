use super::*;

#[test]
fn a_rule_for_an_object_covers_the_fields_that_are_known() {
    let table = SupportTable::empty().honour("spec.containers[].lifecycle.preStop.exec");
    let rules: Vec<&str> = table.rules.keys().map(String::as_str).collect();
    let exec = "spec.containers[].lifecycle.preStop.exec";
    assert_eq!(rules, [exec, &format!("{exec}.command")]);
    assert_eq!(table.problems(), Vec::<String>::new());
}

#[test]
fn a_rule_for_a_mere_part_is_no_rule_of_its_own() {
    let table = SupportTable::empty().honour("spec.dnsConfig");
    assert!(!table.rules.contains_key("spec.dnsConfig"));
    assert!(table.rules.contains_key("spec.dnsConfig.options[].name"));
    assert_eq!(table.problems(), Vec::<String>::new());
}

#[test]
fn without_takes_back_what_a_group_gave() {
    let probes = SupportTable::empty().with_group(FieldGroup::Probes);
    let table = probes.clone().without("spec.containers[].livenessProbe.grpc");
    assert_eq!(probes.rules.len() - table.rules.len(), 3);
    assert_eq!(table, probes.without("spec.containers[].livenessProbe.grpc"));
}

#[test]
fn patterns_that_name_no_field_are_problems() {
    let table = SupportTable::minimal()
        .honour("spec.containers[].comand")
        .honour("spec.nodeName")
        .honour("spec.containers[].resources.limits['nvidia.com/gpu']")
        .honour("spec.containers.resources.limits.*")
        .honour("spec.securityContext.**")
        .honour("spec.nonsense.**");
    assert_eq!(
        table.problems(),
        [
            "spec.containers.resources.limits.* is not a field of a pod",
            "spec.containers[].comand is not a field of a pod",
            "spec.nodeName is not a field of a pod",
            "spec.nonsense.** is not a field of a pod",
        ]
    );
}

#[test]
fn every_group_has_fields_and_no_problems() {
    for group in FieldGroup::ALL.iter().filter(|group| **group != FieldGroup::ControlPlane) {
        let table = SupportTable::empty().with_group(*group);
        assert!(!table.rules.is_empty(), "{group:?}");
        assert_eq!(table.problems(), Vec::<String>::new(), "{group:?}");
    }
}
