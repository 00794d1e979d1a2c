//! Volumes as containers find them.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Identity, RUN_UNTIL_STOPPED, Stage, eventually, script};

under_both_identities! {
    every_volume_holds_what_it_should
    changed_contents_reach_running_containers
    host_paths_are_shared_below_the_configured_prefixes_alone
    volumes_in_memory_go_with_their_pod
}

fn every_volume_holds_what_it_should(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    create_data(&stage);
    let read = "cd /v; cat config/greeting; echo; cat item/renamed; echo; cat secret/password; echo; \
                stat -L -c %a secret/password; cat pod/name; echo; grep app pod/labels; cat pod/cpu; echo; \
                cat all/greeting; echo; cat all/password; echo; cat all/ns; echo; ls empty | wc -l; cat single; echo; \
                touch config/x 2>/dev/null || echo read-only";
    let mut main = script("main", read);
    main["resources"] = json!({ "requests": { "cpu": "250m" } });
    main["volumeMounts"] = json!([
        { "name": "config", "mountPath": "/v/config" },
        { "name": "item", "mountPath": "/v/item" },
        { "name": "secret", "mountPath": "/v/secret" },
        { "name": "pod", "mountPath": "/v/pod" },
        { "name": "all", "mountPath": "/v/all" },
        { "name": "empty", "mountPath": "/v/empty" },
        { "name": "config", "mountPath": "/v/single", "subPath": "greeting" },
    ]);
    let field = |path: &str| json!({ "fieldPath": path });
    let cpu = json!({ "containerName": "main", "resource": "requests.cpu", "divisor": "1m" });
    stage.create_pod("reader", json!({
        "restartPolicy": "Never",
        "containers": [main],
        "volumes": [
            { "name": "config", "configMap": { "name": "data" } },
            { "name": "item", "configMap": { "name": "data", "items": [{ "key": "greeting", "path": "renamed" }] } },
            { "name": "secret", "secret": { "secretName": "keys", "defaultMode": 0o400 } },
            { "name": "pod", "downwardAPI": { "items": [
                { "path": "name", "fieldRef": field("metadata.name") },
                { "path": "labels", "fieldRef": field("metadata.labels") },
                { "path": "cpu", "resourceFieldRef": cpu },
            ] } },
            { "name": "all", "projected": { "sources": [
                { "configMap": { "name": "data" } },
                { "secret": { "name": "keys" } },
                { "downwardAPI": { "items": [{ "path": "ns", "fieldRef": field("metadata.namespace") }] } },
            ] } },
            { "name": "empty", "emptyDir": {} },
        ],
    }));
    stage.until_phase("reader", "Succeeded");
    let expected = format!(
        "hello\nhello\nt0p\n400\nreader\napp=\"reader\"\n250\nhello\nt0p\n{}\n0\nhello\nread-only\n",
        stage.name()
    );
    assert_eq!(stage.kubectl().ok(&["logs", "reader"]), expected);
}

fn changed_contents_reach_running_containers(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    create_data(&stage);
    let watch = "while true; do echo \"$(cat /v/config/greeting) $(cat /v/secret/password) $(cat /v/pod/note)\"; sleep 1 & wait $!; done";
    let mut main = script("main", &format!("trap 'exit 0' TERM; {watch}"));
    main["volumeMounts"] = json!([
        { "name": "config", "mountPath": "/v/config" },
        { "name": "secret", "mountPath": "/v/secret" },
        { "name": "pod", "mountPath": "/v/pod" },
    ]);
    let note = json!({ "path": "note", "fieldRef": { "fieldPath": "metadata.annotations['note']" } });
    stage.create_pod(
        "watcher",
        json!({
            "containers": [main],
            "volumes": [
                { "name": "config", "configMap": { "name": "data" } },
                { "name": "secret", "secret": { "secretName": "keys" } },
                { "name": "pod", "downwardAPI": { "items": [note] } },
            ],
        }),
    );
    let before = stage.until_running("watcher");
    let last = || {
        let said = stage.kubectl().run(&["logs", "watcher", "--tail=1"])?;
        Ok::<_, String>(said.trim_end().to_owned())
    };
    let until = |wanted: &str| {
        eventually(wanted, || last().and_then(|said| if said == wanted { Ok(()) } else { Err(said) }));
    };
    until("hello t0p");
    stage.kubectl().ok(&["patch", "configmap", "data", "--patch", r#"{"data": {"greeting": "goodbye"}}"#]);
    stage.kubectl().ok(&["patch", "secret", "keys", "--patch", r#"{"stringData": {"password": "s3cret"}}"#]);
    stage.kubectl().ok(&["annotate", "pod", "watcher", "note=noted"]);
    until("goodbye s3cret noted");
    assert_eq!(stage.until_running("watcher").runs(), before.runs());
}

fn host_paths_are_shared_below_the_configured_prefixes_alone(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let path = stage.shared().join("made");
    let pod = |path: &Value, kind: &str| {
        let mut main = script("main", "echo from inside > /host/file");
        main["volumeMounts"] = json!([{ "name": "host", "mountPath": "/host" }]);
        json!({
            "restartPolicy": "Never",
            "containers": [main],
            "volumes": [{ "name": "host", "hostPath": { "path": path, "type": kind } }],
        })
    };
    stage.create_pod("inside", pod(&json!(path), "DirectoryOrCreate"));
    stage.create_pod("outside", pod(&json!("/etc"), "Directory"));
    stage.until_phase("inside", "Succeeded");
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "from inside\n");
    stage.until_pod("outside", "is refused", |pod| pod.waiting("main") == "CreateContainerConfigError");
    stage.until_event("outside", "UnsupportedField", "hostPath");
    assert_eq!(stage.docker().of_pod("outside"), []);
}

fn volumes_in_memory_go_with_their_pod(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    create_data(&stage);
    let in_memory = |path: &str| format!("grep ' {path} tmpfs' /proc/mounts > /dev/null && echo {path} is in memory");
    let text = format!("{}; {}; {RUN_UNTIL_STOPPED}", in_memory("/scratch"), in_memory("/secret"));
    let mut main = script("main", &text);
    main["volumeMounts"] =
        json!([{ "name": "scratch", "mountPath": "/scratch" }, { "name": "secret", "mountPath": "/secret" }]);
    stage.create_pod(
        "scratch",
        json!({ "containers": [main], "volumes": [
        { "name": "scratch", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
        { "name": "secret", "secret": { "secretName": "keys" } },
    ] }),
    );
    stage.until_running("scratch");
    eventually("its words", || {
        let said = stage.kubectl().run(&["logs", "scratch"])?;
        (said == "/scratch is in memory\n/secret is in memory\n").then_some(()).ok_or(said)
    });
    let mounted = || {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        mounts.lines().filter(|line| line.contains(stage.name())).count()
    };
    // One for the emptyDir, one for the files of all pods.
    assert_eq!(mounted(), 2);
    stage.kubectl().ok(&["delete", "pod", "scratch"]);
    eventually("nothing mounted", || if mounted() == 0 { Ok(()) } else { Err("still mounted".to_owned()) });
}

fn create_data(stage: &Stage) {
    let metadata = |name: &str| json!({ "name": name });
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("data"), "data": { "greeting": "hello" },
    }));
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata("keys"), "stringData": { "password": "t0p" },
    }));
}
