//! Attacks on the kubelet API, from the network: each is refused, and meanwhile the node stays Ready and `kubectl` works.

mod compressed_headers;
mod credentials;
mod half_open;
mod requests;

use serde_json::json;

use crate::stage::{Credentials, Environment, Identity, KubeletPort, Stage, condition, eventually, sleeper};

/// A node with one pod, and somebody at its port.
struct Ground {
    stage: Stage,
    port: KubeletPort,
}

impl Ground {
    /// A node whose pods are only told of: its port is real.
    fn mock() -> Self {
        let mut stage = Stage::open(&Environment::read(), Identity::Node);
        let mut command = stage.command("mock");
        stage.start(&mut command);
        stage.until_ready();
        Self::around(stage)
    }

    fn docker() -> Self {
        Self::around(Stage::with_docker_node(Identity::Node))
    }

    fn around(stage: Stage) -> Self {
        stage.create_pod("web", json!({ "containers": [sleeper("main")] }));
        stage.until_running("web");
        let port = KubeletPort::of(&stage);
        Self { stage, port }
    }

    /// A user's certificate, without any right unless somebody gives one.
    fn user(&self, name: &str) -> Credentials {
        self.certificate(name, None, None)
    }

    /// Somebody who may do everything.
    fn administrator(&self) -> Credentials {
        self.certificate("attacks-administrator", Some("system:masters"), None)
    }

    fn certificate(&self, user: &str, group: Option<&str>, valid: Option<std::ops::Range<u64>>) -> Credentials {
        let content = test_cluster::CertificateContent { user, group, addresses: &[], valid };
        Credentials::Certificate(self.stage.environment().cluster.certificate(&content).unwrap())
    }

    /// The path of something about the one container.
    fn path(&self, verb: &str) -> String {
        format!("/{verb}/{}/web/main", self.stage.name())
    }

    /// The node is Ready and serves those who come by way of the API server.
    fn assert_well(&self) {
        let node = self.stage.node().unwrap();
        assert_eq!(condition(&node, "Ready"), "True", "{node}");
        let pods = format!("/api/v1/nodes/{}/proxy/pods", self.stage.name());
        let pods = eventually("the API server reaches the node", || self.stage.kubectl().run(&["get", "--raw", &pods]));
        assert!(pods.contains("\"web\""), "{pods}");
        self.stage.kubectl().ok(&["logs", "web"]);
    }
}
