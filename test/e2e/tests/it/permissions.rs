//! Least privilege: what the shipped roles permit is needed, whoever lacks some of it learns what, and everything else works.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stage::{
    Credentials, Environment, Identity, KubeletPort, Stage, condition, eventually, script, shipped_manifest, sleeper,
    text,
};

const NAME: &str = "agent";

/// A Role or ClusterRole of the shipped manifest.
#[derive(Clone)]
struct Role {
    kind: String,
    rules: Vec<Value>,
}

fn shipped_roles(stage: &Stage) -> Vec<Role> {
    let manifest = shipped_manifest().display().to_string();
    let arguments = ["create", "--dry-run=client", "--output=json", "--filename", &manifest];
    let printed = stage.environment().cluster.run_kubectl(&arguments).unwrap();
    let documents = serde_json::Deserializer::from_str(&printed).into_iter::<Value>().map(Result::unwrap);
    let roles = documents.filter(|document| document["kind"] == "ClusterRole" || document["kind"] == "Role");
    let roles: Vec<Role> = roles
        .map(|role| Role { kind: text(&role["kind"]), rules: role["rules"].as_array().unwrap().clone() })
        .collect();
    assert_eq!(roles.len(), 2, "{printed}");
    roles
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(text).collect()
}

/// The same without this resource, and the verbs on it that are gone.
fn without(roles: &[Role], resource: &str) -> (Vec<Role>, Vec<String>) {
    let (mut roles, mut verbs) = (roles.to_vec(), Vec::new());
    for role in &mut roles {
        for rule in &mut role.rules {
            let mut resources = words(&rule["resources"]);
            if resources.iter().any(|named| named == resource) {
                verbs.extend(words(&rule["verbs"]));
                resources.retain(|named| named != resource);
            }
            rule["resources"] = json!(resources);
        }
        role.rules.retain(|rule| rule["resources"] != json!([]));
    }
    (roles, verbs)
}

/// Lets the test's ServiceAccount do what these roles permit, and nothing else; answers with its kubeconfig.
fn permit(stage: &Stage, roles: &[Role]) -> PathBuf {
    let (version, name) = ("rbac.authorization.k8s.io/v1", format!("{}-{NAME}", stage.name()));
    let mut items = Vec::new();
    for role in roles {
        let mut metadata = json!({ "name": name });
        if role.kind == "Role" {
            metadata["namespace"] = json!("kube-node-lease");
            items.push(json!({
                "apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
                "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": stage.name() }],
            }));
        }
        items.push(json!({ "apiVersion": version, "kind": role.kind, "metadata": metadata, "rules": role.rules }));
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let manifest = stage.write("roles.json", &list.to_string());
    stage.environment().cluster.service_account_kubeconfig(stage.name(), NAME, &manifest).unwrap()
}

/// An agent to which one resource of the shipped roles is closed.
struct Trial {
    stage: Stage,
    roles: Vec<Role>,
    resource: &'static str,
}

impl Trial {
    fn without(resource: &'static str) -> Self {
        let mut stage = Stage::open(&Environment::read(), Identity::ServiceAccount);
        let roles = shipped_roles(&stage);
        let (fewer, verbs) = without(&roles, resource);
        assert!(!verbs.is_empty(), "the shipped roles have no rule for {resource}");
        let kubeconfig = permit(&stage, &fewer);
        // Docker pods cannot have claims.
        let claims = resource.starts_with("persistentvolume");
        let mut command = if claims { stage.command("mock") } else { stage.docker_command() };
        // Without the flag no agent starts that may not read Services, as another test shows.
        command.arg(format!("--kubeconfig={}", kubeconfig.display())).arg("--cluster-id=test");
        stage.start(&mut command);
        let mut this = Self { stage, roles, resource };
        for verb in verbs {
            this.log(&format!("not permitted: {verb} {resource}"), "add it to the ClusterRole");
        }
        this
    }

    /// A line that begins with this, ends the name of the resource with no letter, and contains the rest.
    fn log(&mut self, beginning: &str, rest: &str) {
        let more = [" ", "."].map(|end| format!("{beginning}{end}"));
        let agent = self.stage.agent();
        let line = eventually(&format!("a log line with {beginning:?}"), || {
            let log = agent.log();
            let found = log.lines().find(|line| more.iter().any(|more| line.contains(more.as_str())));
            found.map(str::to_owned).ok_or(log)
        });
        assert!(line.contains(rest), "{line}");
    }

    /// The feature was tried, and says what it lacks and what for.
    fn missed(&mut self, verb: &str, purpose: &str) {
        let refused = format!("the API server forbids {verb} {}", self.resource);
        self.log(&refused, &format!("needed for {purpose}"));
    }

    fn restore(&mut self) {
        permit(&self.stage, &self.roles);
    }

    fn create(&self, pod: &str, container: Value) {
        self.stage.create_pod(pod, Self::alone(container));
    }

    /// A pod's spec that refers to nothing but Services.
    fn alone(container: Value) -> Value {
        json!({ "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0, "containers": [container] })
    }

    fn until_node_ready(&self) {
        self.stage.until_node("the node is ready", |node| condition(node, "Ready") == "True");
    }

    /// Pods that do not need what is missing run.
    fn everything_else_works(&self) {
        self.until_node_ready();
        self.create("other", sleeper("main"));
        self.stage.until_running("other");
        eventually("its log", || self.stage.kubectl().run(&["logs", "other"]));
    }

    /// A pod waits for what the agent may not read, and its user is told what that is; it runs as soon as the agent may.
    fn a_pod_waits(&mut self, verb: &str, purpose: &str, spec: Value) {
        self.stage.create_pod("waits", spec);
        self.missed(verb, purpose);
        let resource = self.resource;
        let (kind, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        self.stage.until_pod("waits", "says what it waits for", |pod| {
            let told = pod.container("main")["state"]["waiting"]["message"].to_string();
            told.contains("forbidden") && told.contains(kind) && told.contains(subresource)
        });
        if resource != "services" {
            self.everything_else_works();
        }
        assert_eq!(self.stage.pod("waits").unwrap().phase(), "Pending");
        self.restore();
        self.stage.until_running("waits");
    }
}

/// A test for each resource of the shipped roles.
macro_rules! without {
    ($($test:ident $resource:literal;)*) => {
        const TRIED: &[&str] = &[$($resource),*];
        mod without {
            $(#[test] fn $test() { super::$test(super::Trial::without($resource)); })*
        }
    };
}

without! {
    nodes "nodes";
    node_status "nodes/status";
    pods "pods";
    pod_status "pods/status";
    config_maps "configmaps";
    secrets "secrets";
    services "services";
    claims "persistentvolumeclaims";
    volumes "persistentvolumes";
    tokens "serviceaccounts/token";
    events "events";
    token_reviews "tokenreviews";
    access_reviews "subjectaccessreviews";
    leases "leases";
}

#[test]
fn every_rule_is_tried() {
    let stage = Stage::open(&Environment::read(), Identity::ServiceAccount);
    let roles = shipped_roles(&stage);
    let mut shipped: Vec<String> =
        roles.iter().flat_map(|role| &role.rules).flat_map(|rule| words(&rule["resources"])).collect();
    let mut tried: Vec<String> = TRIED.iter().map(ToString::to_string).collect();
    shipped.sort();
    tried.sort();
    assert_eq!(shipped, tried);
}

fn nodes(mut trial: Trial) {
    trial.missed("list", "registering the node");
    eventually("the heartbeat goes on", || match trial.stage.lease()["spec"]["renewTime"].as_str() {
        Some(_) => Ok(()),
        None => Err("no lease".to_owned()),
    });
    trial.restore();
    trial.stage.until_ready();
}

fn node_status(mut trial: Trial) {
    // A new Node comes with its status; what changes later is what is missed.
    trial.everything_else_works();
    let foreign = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False", "reason": "Foreign" }] } });
    let name = trial.stage.name().to_owned();
    trial.stage.kubectl().ok(&["patch", "node", &name, "--subresource=status", "--patch", &foreign.to_string()]);
    trial.missed("patch", "reporting the node's status");
    trial.restore();
    trial.until_node_ready();
}

fn pods(mut trial: Trial) {
    trial.stage.until_ready();
    trial.missed("list", "running pods");
    trial.create("web", sleeper("main"));
    trial.restore();
    trial.stage.until_running("web");
}

fn pod_status(mut trial: Trial) {
    trial.stage.until_ready();
    trial.create("web", sleeper("main"));
    trial.missed("patch", "reporting the status of pods");
    trial.restore();
    trial.stage.until_running("web");
}

fn config_maps(mut trial: Trial) {
    let data = json!({ "kind": "ConfigMap", "data": { "word": "here" } });
    waits_for_variable(&mut trial, data, "configMapKeyRef", "pods that refer to ConfigMaps");
}

fn secrets(mut trial: Trial) {
    let data = json!({ "kind": "Secret", "stringData": { "word": "here" } });
    waits_for_variable(&mut trial, data, "secretKeyRef", "pods that refer to Secrets");
}

fn waits_for_variable(trial: &mut Trial, mut object: Value, key: &str, purpose: &str) {
    object["apiVersion"] = json!("v1");
    object["metadata"] = json!({ "name": "words" });
    trial.stage.kubectl().create(&object);
    let mut container = sleeper("main");
    container["env"] = json!([{ "name": "WORD", "valueFrom": { key: { "name": "words", "key": "word" } } }]);
    trial.a_pod_waits("get", purpose, Trial::alone(container));
}

fn services(mut trial: Trial) {
    trial.a_pod_waits("list", "service environment variables", Trial::alone(sleeper("main")));
}

fn claims(mut trial: Trial) {
    let spec = with_claim(&trial);
    trial.a_pod_waits("get", "pods with persistent volumes", spec);
}

fn volumes(mut trial: Trial) {
    let spec = with_claim(&trial);
    trial.a_pod_waits("get", "pods with persistent volumes", spec);
}

/// A pod with a claim, and the volume that the claim is bound to.
fn with_claim(trial: &Trial) -> Value {
    let (stage, name) = (&trial.stage, trial.stage.name());
    let size = json!({ "storage": "1Mi" });
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": name },
        "spec": {
            "capacity": size, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "hostPath": { "path": stage.shared() }, "claimRef": { "namespace": name, "name": "data" },
        },
    }));
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": {
            "resources": { "requests": size }, "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": name,
        },
    }));
    let mut container = sleeper("main");
    container["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    let mut spec = Trial::alone(container);
    spec["volumes"] = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    spec
}

fn tokens(mut trial: Trial) {
    let spec = json!({ "terminationGracePeriodSeconds": 0, "containers": [sleeper("main")] });
    trial.a_pod_waits("create", "pods with a service account token", spec);
}

fn events(mut trial: Trial) {
    trial.stage.until_ready();
    trial.missed("create", "Events");
    trial.everything_else_works();
}

fn token_reviews(mut trial: Trial) {
    trial.stage.until_ready();
    let token = Credentials::Token(trial.stage.kubectl().ok(&["create", "token", "default"]).trim().to_owned());
    let port = KubeletPort::of(&trial.stage);
    assert_eq!(port.get(&token, "/pods").status, Some(401));
    trial.missed("create", "clients of the kubelet API with bearer tokens");
    // The API server comes with a certificate.
    trial.everything_else_works();
    trial.restore();
    eventually("the token is known", || match port.get(&token, "/pods").status {
        Some(403) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

fn access_reviews(mut trial: Trial) {
    trial.stage.until_ready();
    trial.create("web", script("main", "echo said; exec sleep 100000"));
    trial.stage.until_running("web");
    let refused = trial.stage.kubectl().run(&["logs", "web"]).unwrap_err();
    assert!(!refused.contains("subjectaccessreviews"), "the reason is for the log: {refused}");
    trial.missed("create", "kubectl logs and exec");
    trial.restore();
    eventually("the log", || trial.stage.kubectl().run(&["logs", "web"]));
}

fn leases(mut trial: Trial) {
    trial.missed("get", "the node lease");
    trial.restore();
    trial.stage.until_ready();
    trial.everything_else_works();
}

#[test]
fn without_the_clusters_id_the_agent_says_how_to_go_on() {
    let mut stage = Stage::open(&Environment::read(), Identity::ServiceAccount);
    let (fewer, _) = without(&shipped_roles(&stage), "services");
    let kubeconfig = permit(&stage, &fewer);
    let mut command = stage.command("mock");
    command.arg(format!("--kubeconfig={}", kubeconfig.display()));
    stage.start(&mut command);
    stage.agent().until_log("grant it, as the shipped ClusterRole does, or give --cluster-id");
}

#[test]
fn a_node_needs_no_role_of_its_own() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = stage.docker_command();
    stage.start(&mut command);
    stage.until_ready();
    for kind in ["configmap", "secret"] {
        let mut arguments = vec!["create", kind];
        arguments.extend((kind == "secret").then_some("generic"));
        stage.kubectl().ok(&[&arguments[..], &["words", "--from-literal=word=here"]].concat());
    }
    let mut container = script("main", "echo said; exec sleep 100000");
    container["envFrom"] = json!([{ "configMapRef": { "name": "words" } }, { "secretRef": { "name": "words" } }]);
    stage.create_pod("web", json!({ "terminationGracePeriodSeconds": 0, "containers": [container] }));
    stage.until_running("web");
    eventually("the log", || match stage.kubectl().run(&["logs", "web"]) {
        Ok(said) if said == "said\n" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let token = Credentials::Token(stage.kubectl().ok(&["create", "token", "default"]).trim().to_owned());
    assert_eq!(KubeletPort::of(&stage).get(&token, "/pods").status, Some(403), "it is known, and may nothing");
    stage.kubectl().ok(&["delete", "pod", "web"]);
    stage.until_gone("web");
    let bindings =
        stage.kubectl().ok(&["get", "rolebindings,clusterrolebindings", "--all-namespaces", "--output=json"]);
    assert!(!bindings.contains(&format!("system:node:{}", stage.name())), "{bindings}");
    let log = stage.agent().log();
    assert!(!log.contains("not permitted") && !log.contains("the API server forbids"), "{log}");
}
