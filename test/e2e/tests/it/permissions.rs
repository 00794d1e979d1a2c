//! Least privilege: the shipped ClusterRole holds no rule that is not needed, and whoever lacks one learns which.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stage::{Credentials, Environment, Identity, KubeletPort, Stage, eventually, shipped_manifest, text};

/// The shipped Role and ClusterRole: kind and rules.
fn shipped_roles(stage: &Stage) -> Vec<(String, Vec<Value>)> {
    let manifest = shipped_manifest().display().to_string();
    let printed = stage.kubectl().ok(&["create", "--dry-run=client", "--output=json", "--filename", &manifest]);
    // One document after the other, or a list of them.
    let documents = serde_json::Deserializer::from_str(&printed).into_iter::<Value>().map(Result::unwrap);
    let items = documents.flat_map(|document| document["items"].as_array().cloned().unwrap_or_else(|| vec![document]));
    let roles = items.filter(|item| item["kind"] == "ClusterRole" || item["kind"] == "Role");
    roles.map(|role| (text(&role["kind"]), role["rules"].as_array().unwrap().clone())).collect()
}

/// A kubeconfig of a ServiceAccount that holds these roles and no others.
fn account_with(stage: &Stage, name: &str, roles: &[(String, Vec<Value>)]) -> PathBuf {
    let mut items = Vec::new();
    for (kind, rules) in roles {
        let (version, role) = ("rbac.authorization.k8s.io/v1", format!("{}-{name}", stage.name()));
        if kind == "ClusterRole" {
            items.push(json!({
                "apiVersion": version, "kind": kind, "metadata": { "name": role }, "rules": rules,
            }));
            continue;
        }
        let metadata = json!({ "name": role, "namespace": "kube-node-lease" });
        items.push(json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules }));
        items.push(json!({
            "apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": stage.name() }],
        }));
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let manifest = stage.write(&format!("{name}.json"), &list.to_string());
    stage.environment().cluster.service_account_kubeconfig(stage.name(), name, &manifest).unwrap()
}

fn without(roles: &[(String, Vec<Value>)], resource: &str) -> Vec<(String, Vec<Value>)> {
    let names = |rule: &Value| rule["resources"].as_array().unwrap().iter().any(|named| named == resource);
    let keep = |rules: &[Value]| rules.iter().filter(|rule| !names(rule)).cloned().collect();
    roles.iter().map(|(kind, rules)| (kind.clone(), keep(rules))).collect()
}

fn start(stage: &mut Stage, kubeconfig: &std::path::Path, more: &[&str]) {
    let mut command = stage.command("mock");
    command.arg(format!("--kubeconfig={}", kubeconfig.display())).arg("--cluster-id=test").args(more);
    stage.start(&mut command);
}

#[test]
fn each_rule_is_needed_and_missed_by_name() {
    let mut stage = Stage::open(&Environment::read(), Identity::ServiceAccount);
    let roles = shipped_roles(&stage);
    assert_eq!(roles.len(), 2, "{roles:?}");
    let rules: Vec<Value> = roles.iter().flat_map(|(_, rules)| rules.clone()).collect();
    for (number, removed) in rules.iter().enumerate() {
        let remaining: Vec<(String, Vec<Value>)> = roles
            .iter()
            .map(|(kind, rules)| (kind.clone(), rules.iter().filter(|rule| *rule != removed).cloned().collect()))
            .collect();
        let kubeconfig = account_with(&stage, &format!("without-{number}"), &remaining);
        start(&mut stage, &kubeconfig, &[]);
        for resource in removed["resources"].as_array().unwrap() {
            for verb in removed["verbs"].as_array().unwrap() {
                stage.agent().until_log(&format!("not permitted: {} {}", text(verb), text(resource)));
            }
        }
        stage.kill_agent();
    }
    let kubeconfig = account_with(&stage, "complete", &roles);
    start(&mut stage, &kubeconfig, &[]);
    stage.until_ready();
    assert!(!stage.agent().log().contains("not permitted"), "{}", stage.agent().log());
}

#[test]
fn a_review_that_is_not_permitted_is_named_where_it_is_missed() {
    let mut stage = Stage::open(&Environment::read(), Identity::ServiceAccount);
    let roles = shipped_roles(&stage);
    let kubeconfig = account_with(&stage, "agent", &without(&without(&roles, "tokenreviews"), "subjectaccessreviews"));
    start(&mut stage, &kubeconfig, &[]);
    stage.until_ready();
    let port = KubeletPort::of(&stage);
    let token = stage.kubectl().ok(&["create", "token", "default"]).trim().to_owned();
    assert_eq!(port.get(&Credentials::Token(token), "/pods").status, Some(401));
    stage.agent().until_log("needs the verb create on tokenreviews");
    let pods = format!("/api/v1/nodes/{}/proxy/pods", stage.name());
    let said = stage.kubectl().run(&["get", "--raw", &pods]).unwrap_err();
    assert!(!said.contains("subjectaccessreviews"), "the reason is for the log: {said}");
    stage.agent().until_log("needs the verb create on subjectaccessreviews");
}

#[test]
fn whoever_may_read_the_node_may_do_so_with_a_token() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = stage.command("mock");
    stage.start(&mut command);
    stage.until_ready();
    let name = stage.name().to_owned();
    let (role, account) = (format!("--clusterrole={name}"), format!("--serviceaccount={name}:scraper"));
    let kubectl = stage.kubectl();
    kubectl.ok(&["create", "serviceaccount", "scraper"]);
    kubectl.ok(&["create", "clusterrole", &name, "--verb=get", "--resource=nodes/pods"]);
    kubectl.ok(&["create", "clusterrolebinding", &name, &role, &account]);
    let scraper = Credentials::Token(kubectl.ok(&["create", "token", "scraper"]).trim().to_owned());
    let port = KubeletPort::of(&stage);
    eventually("the right counts", || match port.get(&scraper, "/pods").status {
        Some(200) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(port.get(&scraper, "/containerLogs/a/b/c").status, Some(403));
    for kind in ["clusterrolebinding", "clusterrole"] {
        stage.kubectl().ok(&["delete", kind, &name]);
    }
}
