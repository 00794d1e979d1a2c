use std::collections::BTreeMap;

use expect_test::expect_file;
use serde_json::json;

use super::*;

/// Everything that can be allowed.
fn most_permissive() -> DockerConfig {
    DockerConfig {
        allow_privileged: true,
        allow_host_namespaces: true,
        host_path_prefixes: vec!["/srv".into()],
        ..DockerConfig::default()
    }
}

/// Rows of a table's Markdown, by field.
fn rows(table: &SupportTable) -> BTreeMap<String, String> {
    let markdown = table.to_markdown();
    let rows = markdown.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    rows.map(|(field, verdict)| (field.to_owned(), verdict.to_owned())).collect()
}

#[test]
fn every_rule_names_a_field() {
    assert_eq!(support(&most_permissive()).problems(), Vec::<String>::new());
}

#[test]
fn what_is_not_honoured_is_named() {
    let pod = json!({"spec": {
        "volumes": [
            {"name": "a", "hostPath": {"path": "/etc"}}, {"name": "b", "hostPath": {"path": "/srv/x"}},
            {"name": "c", "nfs": {"server": "s", "path": "/"}},
        ],
        "containers": [{
            "name": "web", "image": "a",
            "livenessProbe": {"httpGet": {"port": 80}},
            "readinessProbe": {"grpc": {"port": 80, "mode": "TLS"}},
            "lifecycle": {"preStop": {"exec": {"command": ["true"]}}, "postStart": {"tcpSocket": {"port": 1}}},
            "resources": {"limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}},
            "securityContext": {"privileged": true, "seccompProfile": {"type": "RuntimeDefault"}},
        }],
    }});
    let config = DockerConfig { host_path_prefixes: vec!["/srv".into()], ..DockerConfig::default() };
    let refused: Vec<String> = support(&config).check(&pod).into_iter().map(|field| field.path).collect();
    let expected = [
        "readinessProbe.grpc.mode",
        "postStart.tcpSocket",
        "nvidia.com/gpu",
        "privileged",
        "spec.volumes[0].hostPath",
        "spec.volumes[2].nfs",
    ];
    for field in expected {
        assert!(refused.iter().any(|path| path.contains(field)), "{field} in {refused:?}");
    }
    for field in ["livenessProbe", "preStop", "limits['cpu']", "seccomp", "spec.volumes[1]"] {
        assert!(!refused.iter().any(|path| path.contains(field)), "{field} in {refused:?}");
    }
}

#[test]
fn what_only_the_configuration_forbids_is_refused_with_the_setting_that_allows_it() {
    let security = json!({"privileged": true, "capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}});
    let pod = json!({"spec": {
        "hostNetwork": true, "hostIPC": true,
        "volumes": [{"name": "a", "hostPath": {"path": "/etc"}}],
        "initContainers": [{"name": "init", "image": "a", "securityContext": security}],
        "containers": [{"name": "web", "image": "a"}],
    }});
    let refused = |config: &DockerConfig| -> Vec<String> {
        support(config).check(&pod).iter().map(ToString::to_string).collect()
    };
    let usual = refused(&DockerConfig::default());
    for (field, setting) in [
        ("spec.hostNetwork", "allow_host_namespaces"),
        ("spec.hostIPC", "allow_host_namespaces"),
        ("spec.volumes[0].hostPath", "host_path_prefixes"),
        ("spec.initContainers[0].securityContext.privileged", "allow_privileged"),
        ("spec.initContainers[0].securityContext.capabilities.add", "allowed_capabilities"),
    ] {
        let told = usual.iter().any(|text| text.starts_with(field) && text.contains(setting));
        assert!(told, "{field} and {setting} in {usual:#?}");
    }
    let elsewhere = DockerConfig { host_path_prefixes: vec!["/srv".into()], ..DockerConfig::default() };
    assert!(refused(&elsewhere).iter().any(|text| text.contains("below \"/srv\" is; host_path_prefixes")));
    let everything = DockerConfig { host_path_prefixes: vec!["/etc".into()], ..most_permissive() };
    assert_eq!(refused(&everything), Vec::<String>::new());
}

#[test]
fn saying_no_to_what_is_not_honoured_asks_for_nothing() {
    let pod = json!({"spec": {
        "hostNetwork": false, "hostPID": false, "hostIPC": false, "shareProcessNamespace": false,
        "containers": [{"name": "web", "image": "a", "securityContext": {"privileged": false}}],
    }});
    assert_eq!(support(&DockerConfig::default()).check(&pod), Vec::new());
}

/// `UPDATE_EXPECT=1 cargo test --package vk-provider-docker support` writes the page anew.
#[test]
fn the_page_of_fields_is_the_support_table() {
    let usual = support(&DockerConfig::default());
    let known = rows(&usual);
    let configured: String = rows(&support(&most_permissive()))
        .into_iter()
        .filter(|(field, verdict)| known.get(field) != Some(verdict))
        .map(|(field, verdict)| format!("| `{field}` | {verdict} |\n"))
        .collect();
    let page = format!(
        "# Fields that the Docker provider honours\n\nWritten by a test from the [support \
         table](../../providers/docker/src/support.rs); `virtual-kubelet providers docker --markdown` prints\nit too. A pod \
         that asks for a field marked \"no\" is refused by the field's name. [docker.md](docker.md) says what else is\nrefused.\n\n\
         ## Without configuration\n\n{}\n## With `allow_privileged`, `allow_host_namespaces` and `host_path_prefixes = \
         [\"/srv\"]`\n\nThese differ:\n\n| field | honoured |\n| --- | --- |\n{configured}",
        usual.to_markdown()
    );
    expect_file!["../../../../docs/providers/docker-fields.md"].assert_eq(&page);
}

/// The short table of docs/providers/docker.md: each name in backticks is a field, honoured or not as its column says.
#[test]
fn the_short_table_of_the_documentation_is_true() {
    let document = include_str!("../../../../docs/providers/docker.md");
    let (_, section) = document.split_once("| honoured | refused by field |").unwrap();
    let lines = section.lines().skip(2).take_while(|line| line.starts_with('|'));
    let known = rows(&support(&most_permissive()));
    let named = |field: &str, name: &str| field.split('.').any(|part| part.trim_end_matches("[]") == name);
    let honours = |name: &str| {
        let found: Vec<bool> =
            known.iter().filter(|(field, _)| named(field, name)).map(|(_, verdict)| verdict != "no").collect();
        assert!(!found.is_empty(), "{name} names no field");
        found.contains(&true)
    };
    let mut names = 0;
    for line in lines {
        let columns: Vec<&str> = line.trim_matches('|').split('|').collect();
        for (column, expected) in [(columns[0], true), (columns[1], false)] {
            for name in column.split('`').skip(1).step_by(2) {
                names += 1;
                assert_eq!(honours(name), expected, "{name}");
            }
        }
    }
    assert!(names > 20, "the table was read: {names}");
}
