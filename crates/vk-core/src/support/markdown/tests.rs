use expect_test::expect;

use crate::support::{FieldGroup, SupportTable, TokenVolume};

/// The section with this heading.
fn section(markdown: &str, heading: &str) -> String {
    let (_, rest) = markdown.split_once(&format!("### {heading}\n\n")).unwrap();
    rest.split("\n###").next().unwrap().to_owned()
}

#[test]
fn fields_that_fare_alike_share_a_row() {
    let table = SupportTable::minimal()
        .with_group(FieldGroup::Probes)
        .without("spec.containers[].livenessProbe.grpc")
        .honour_values("spec.restartPolicy", ["Never", "OnFailure"])
        .honour("spec.containers[].resources.limits['cpu']")
        .with_init_containers()
        .with_token_volume(TokenVolume::Omit);
    let markdown = table.to_markdown();
    expect![[r#"
        | field | honoured |
        | --- | --- |
        | `spec.containers[].livenessProbe.exec` | yes |
        | `spec.containers[].livenessProbe.failureThreshold` | yes |
        | `spec.containers[].livenessProbe.grpc` | no |
        | `spec.containers[].livenessProbe.httpGet` | yes, except `protocol` |
        | `spec.containers[].livenessProbe.initialDelaySeconds` | yes |
        | `spec.containers[].livenessProbe.periodSeconds` | yes |
        | `spec.containers[].livenessProbe.successThreshold` | yes |
        | `spec.containers[].livenessProbe.tcpSocket` | yes |
        | `spec.containers[].livenessProbe.terminationGracePeriodSeconds` | yes |
        | `spec.containers[].livenessProbe.timeoutSeconds` | yes |
        | `spec.containers[].readinessProbe` | yes, except `grpc.mode`, `httpGet.protocol` |
        | `spec.containers[].startupProbe` | yes, except `grpc.mode`, `httpGet.protocol` |
    "#]]
    .assert_eq(&section(&markdown, "Probes"));
    expect![[r#"
        | field | honoured |
        | --- | --- |
        | `spec.restartPolicy` | only "Never" or "OnFailure" |
    "#]]
    .assert_eq(&section(&markdown, "Restart policy of the pod"));
    expect![[r#"
        | field | honoured |
        | --- | --- |
        | `spec.containers[].resizePolicy[].restartPolicy` | no |
        | `spec.containers[].resources.limits` | no |
        | `spec.containers[].resources.limits['cpu']` | yes |
    "#]]
    .assert_eq(&section(&markdown, "Resource limits"));
    expect![[r#"
        | part of a pod | honoured |
        | --- | --- |
        | init containers | yes |
        | sidecars (init containers with `restartPolicy: Always`) | no |
        | ephemeral containers | no |
        | service account token volume | left out, pods run without |
    "#]]
    .assert_eq(markdown.split("\n###").next().unwrap());
}

#[test]
fn a_table_that_honours_everything_says_no_nowhere() {
    let markdown = SupportTable::everything().to_markdown();
    assert!(markdown.contains("| yes |") && !markdown.contains("| no |"), "{markdown}");
    assert!(SupportTable::empty().to_markdown().contains("| no |"));
}
