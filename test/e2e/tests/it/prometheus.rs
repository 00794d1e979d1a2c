//! The real Prometheus scrapes us and complains of nothing.

use std::process::Command;

use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::stage::{AgentProcess, Identity, Stage, eventually, free_address, script, text};

under_both_identities! {
    prometheus_scrapes_every_page_with_a_client_certificate
    prometheus_scrapes_every_page_with_the_token_of_a_service_account
}

const PAGES: [&str; 4] = ["/metrics", "/metrics/resource", "/metrics/cadvisor", "/metrics/probes"];

/// Pairs of a page and of a query that finds a series of it.
fn series(stage: &Stage) -> [(&'static str, String); 4] {
    let of_pod = format!("namespace=\"{}\",pod=\"web\"", stage.name());
    [
        (PAGES[0], "virtual_kubelet_build_info".to_owned()),
        (PAGES[1], format!("container_memory_working_set_bytes{{container=\"main\",{of_pod}}}")),
        (PAGES[2], format!("container_network_receive_bytes_total{{{of_pod}}}")),
        (PAGES[3], format!("prober_probe_total{{result=\"successful\",{of_pod}}}")),
    ]
}

fn prometheus_scrapes_every_page_with_a_client_certificate(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let (certificate, key) = stage.environment().cluster.kubelet_client();
    let authority = stage.environment().cluster.authority();
    scrapes_every_page(
        &stage,
        &json!({ "tls_config": { "ca_file": authority, "cert_file": certificate, "key_file": key } }),
    );
}

/// As a Prometheus does that runs in the cluster, with the one right that it takes.
fn prometheus_scrapes_every_page_with_the_token_of_a_service_account(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let kubectl = stage.kubectl();
    let name = stage.name().to_owned();
    let (role, account) = (format!("--clusterrole={name}"), format!("--serviceaccount={name}:prometheus"));
    kubectl.ok(&["create", "serviceaccount", "prometheus"]);
    let token = kubectl.ok(&["create", "token", "prometheus"]);
    let token = stage.write("token", token.trim());
    let access = json!({
        "authorization": { "credentials_file": token },
        "tls_config": { "ca_file": stage.environment().cluster.authority() },
    });
    let prometheus = Prometheus::start(&stage, &access);
    eventually("the node knows it, and lets it read nothing", || {
        let targets = prometheus.targets()?;
        let refused = targets["data"]["activeTargets"].as_array().into_iter().flatten();
        let refused = refused.filter(|target| text(&target["lastError"]).contains("403")).count();
        if refused == PAGES.len() { Ok(()) } else { Err(targets.to_string()) }
    });
    drop(prometheus);
    kubectl.ok(&["create", "clusterrole", &name, "--verb=get", "--resource=nodes/metrics"]);
    kubectl.ok(&["create", "clusterrolebinding", &name, &role, &account]);
    scrapes_every_page(&stage, &access);
    for kind in ["clusterrolebinding", "clusterrole"] {
        stage.kubectl().ok(&["delete", kind, &name]);
    }
}

fn scrapes_every_page(stage: &Stage, access: &Value) {
    let mut main = script("main", "sleep 100000");
    main["readinessProbe"] = json!({ "exec": { "command": ["true"] }, "periodSeconds": 1 });
    stage.create_pod("web", json!({ "terminationGracePeriodSeconds": 1, "containers": [main] }));
    stage.until_running("web");
    let prometheus = Prometheus::start(stage, access);
    for (page, query) in series(stage) {
        eventually(&format!("{query} of {page}"), || {
            let said = prometheus.get(&[("query", &query)])?;
            let found = said["data"]["result"].as_array().into_iter().flatten().any(|one| one["metric"]["job"] == page);
            if found { Ok(()) } else { Err(format!("{said}\n{}", prometheus.targets()?)) }
        });
    }
    // Every page was read to its end, and read again.
    eventually("two scrapes of every page", || {
        let said = prometheus.get(&[("query", "count_over_time(up[5m])")])?;
        let mut counts = said["data"]["result"].as_array().into_iter().flatten().map(|one| one["value"][1].as_str());
        let all = counts.clone().count() == PAGES.len();
        if all && counts.all(|count| count != Some("1")) { Ok(()) } else { Err(said.to_string()) }
    });
    let targets = prometheus.targets().unwrap();
    let active = targets["data"]["activeTargets"].as_array().unwrap();
    assert_eq!(active.len(), PAGES.len());
    for target in active {
        assert_eq!((&target["health"], &target["lastError"]), (&json!("up"), &json!("")), "{target:#}");
    }
    let log = prometheus.process.log();
    for complaint in ["level=warn", "level=error", "out-of-order", "duplicate"] {
        assert!(!log.contains(complaint), "{log}");
    }
}

struct Prometheus {
    process: AgentProcess,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Prometheus {
    /// Scrapes the node with these credentials, as a scrape configuration has them.
    fn start(stage: &Stage, access: &Value) -> Self {
        let cluster = &stage.environment().cluster;
        let jobs = PAGES.map(|page| {
            let mut job = access.clone();
            job["job_name"] = json!(page);
            job["metrics_path"] = json!(page);
            job["scheme"] = json!("https");
            job["static_configs"] = json!([{ "targets": [stage.kubelet_address().to_string()] }]);
            job
        });
        // JSON is YAML too.
        let config = json!({ "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": jobs });
        let config = stage.write("prometheus.yml", &config.to_string());
        let address = free_address(cluster);
        let mut command = Command::new("prometheus");
        command.args([
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", config.with_file_name("prometheus").display()),
            format!("--web.listen-address={address}"),
        ]);
        let mut process = AgentProcess::start(&mut command, cluster, &config.with_file_name("prometheus.log"));
        process.until_log("Server is ready to receive web requests");
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let config = Config::new(format!("http://{address}").parse().unwrap());
        let client = runtime.block_on(async { Client::try_from(config).unwrap() });
        Self { process, client, runtime }
    }

    fn get(&self, query: &[(&str, &str)]) -> Result<Value, String> {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.request(&format!("/api/v1/query?{}", query.join("&")))
    }

    fn targets(&self) -> Result<Value, String> {
        self.request("/api/v1/targets")
    }

    fn request(&self, path: &str) -> Result<Value, String> {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        self.runtime.block_on(self.client.request(request)).map_err(|error| error.to_string())
    }
}

/// Percent-encoded as far as it takes.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}
