//! kubectl against the API server in process: what people type first, by the newest kubectl and by an older one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, thread};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use test_cluster::{Clients, Programs};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use vk_apiserver::{ApiServer, Identity, Options};

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}"#;

/// A server that listens, and a kubectl.
struct Desk {
    kubectl: PathBuf,
    server: SocketAddr,
    directory: PathBuf,
}

impl Desk {
    fn open(kubectl: PathBuf, directory: &Path) -> Self {
        fs::create_dir_all(directory).unwrap();
        Self { kubectl, server: listen(), directory: directory.to_owned() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Whether the command succeeded, and what it printed, on either stream.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(&self.kubectl)
            .arg(format!("--server=http://{}", self.server))
            .args(arguments)
            .env("KUBECONFIG", "/dev/null")
            .env("KUBECACHEDIR", self.directory.join("cache"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(printed).unwrap())
    }

    /// The command succeeds and prints all of this.
    #[track_caller]
    fn prints(&self, command: &str, expected: &[&str]) {
        self.check(command, true, expected);
    }

    /// The command fails and prints all of this.
    #[track_caller]
    fn refuses(&self, command: &str, expected: &[&str]) {
        self.check(command, false, expected);
    }

    #[track_caller]
    fn check(&self, command: &str, succeeds: bool, expected: &[&str]) {
        let arguments: Vec<&str> = command.split(' ').collect();
        let (succeeded, printed) = self.run(&arguments);
        // Columns are as wide as their longest cell.
        let squeezed = printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let squeezed = squeezed.collect::<Vec<_>>().join("\n");
        assert_eq!(succeeded, succeeds, "kubectl {command}\n{printed}");
        for part in expected {
            assert!(squeezed.contains(part), "kubectl {command}: no {part:?} in\n{printed}");
        }
    }
}

/// Serves an empty cluster, whose requests are all the administrator's, until the test ends.
fn listen() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let server = ApiServer::new(Options::default(), Timestamp::now);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(server.service(Identity::admin()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    address
}

#[test]
fn the_newest_kubectl() {
    first_hour(&Programs::build().unwrap().directory().join("kubectl"), "newest");
}

#[test]
fn an_older_kubectl() {
    first_hour(&Clients::build().unwrap().old_kubectl(), "older");
}

fn first_hour(kubectl: &Path, name: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kubectl-in-process-{name}"));
    let desk = Desk::open(kubectl.to_owned(), &directory);
    looks_around(&desk);
    explains(&desk);
    makes_things(&desk);
    changes_things(&desk);
    uses_typed_clients(&desk);
    takes_things_away(&desk);
    fs::remove_dir_all(&directory).unwrap();
}

fn looks_around(desk: &Desk) {
    desk.prints("version", &["Server Version: v1.36.3"]);
    desk.prints("get --raw /readyz", &["ok"]);
    desk.prints(
        "api-resources",
        &[
            "pods po v1 true Pod",
            "nodes no v1 false Node",
            "jobs batch/v1 true Job",
            "certificatesigningrequests csr certificates.k8s.io/v1 false CertificateSigningRequest",
        ],
    );
    desk.prints("api-versions", &["batch/v1", "coordination.k8s.io/v1", "v1"]);
    desk.prints("get namespaces", &["NAME STATUS AGE", "default Active"]);
    desk.prints("get pods", &["No resources found in default namespace."]);
    desk.prints("get all", &["service/kubernetes ClusterIP 10."]);
    desk.refuses("get deployments", &[r#"the server doesn't have a resource type "deployments""#]);
}

fn explains(desk: &Desk) {
    desk.prints("explain pods", &["KIND: Pod", "VERSION: v1", "spec <PodSpec>"]);
    desk.prints("explain pod.spec.containers.image", &["FIELD: image <string>", "Container image name"]);
    desk.prints("explain job.spec --recursive", &["GROUP: batch", "backoffLimit <integer>"]);
    desk.refuses("explain pod.nothing", &[r#"field "nothing" does not exist"#]);
}

fn makes_things(desk: &Desk) {
    let pod = desk.file("pod.json", POD);
    let settings = desk.file(
        "settings.json",
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}"#,
    );
    let wrong = desk.file("wrong.json", &POD.replace("\"image\"", "\"imag\""));
    desk.prints(&format!("create -f {settings}"), &["configmap/settings created"]);
    desk.prints("get configmaps settings", &["NAME DATA AGE", "settings 1 "]);
    desk.refuses(&format!("create -f {wrong}"), &[r#"strict decoding error: unknown field "spec.containers[0].imag""#]);
    let odd =
        desk.file("odd.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "dta": {}}"#);
    desk.prints(
        &format!("create --validate=warn -f {odd}"),
        &[r#"Warning: unknown field "dta""#, "configmap/odd created"],
    );
    desk.prints(&format!("create --dry-run=server -f {pod}"), &["pod/web created (server dry run)"]);
    desk.refuses("get pod web", &[r#"Error from server (NotFound): pods "web" not found"#]);
    desk.prints(&format!("apply -f {pod}"), &["pod/web created"]);
    desk.prints(&format!("apply -f {pod}"), &["pod/web unchanged"]);
    desk.prints("get pods", &["NAME READY STATUS RESTARTS AGE", "web 0/1 Pending 0 "]);
    desk.prints(
        "get pods -o wide --show-labels",
        &["NODE NOMINATED NODE READINESS GATES LABELS", "<none> <none> <none> <none> app=web"],
    );
    desk.prints("get pods --sort-by=.metadata.name -o name", &["pod/web"]);
    desk.prints("describe pod web", &["Name: web", "Image: nginx"]);
}

fn changes_things(desk: &Desk) {
    let changed = desk.file("changed.json", &POD.replace("nginx", "nginx:2"));
    desk.prints("label pod web tier=front", &["pod/web labeled"]);
    desk.prints("annotate pod web note=kept", &["pod/web annotated"]);
    desk.prints(&format!("apply -f {changed}"), &["pod/web configured"]);
    desk.prints("get pod web -o jsonpath={.spec.containers[0].image}/{.metadata.labels.tier}", &["nginx:2/front"]);
    desk.prints(r#"patch pod web -p {"metadata":{"labels":{"tier":"back"}}}"#, &["pod/web patched"]);
    desk.prints("wait pod web --for=jsonpath={.metadata.labels.tier}=back --timeout=20s", &["pod/web condition met"]);
    desk.prints("set image pod/web web=nginx:3 --dry-run=server", &["pod/web image updated (server dry run)"]);
    desk.prints("events", &["No events found in default namespace."]);
    desk.refuses(
        &format!("apply --server-side -f {changed}"),
        &["server-side apply is not served here", "without --server-side"],
    );
}

/// kubectl sends these in protobuf.
fn uses_typed_clients(desk: &Desk) {
    desk.prints("create configmap typed --from-literal=a=b --from-literal=c=d", &["configmap/typed created"]);
    desk.prints("get configmap typed -o jsonpath={.data}", &[r#"{"a":"b","c":"d"}"#]);
    desk.prints("create secret generic typed --from-literal=a=b", &["secret/typed created"]);
    desk.prints("get secrets", &["NAME TYPE DATA AGE", "typed Opaque 1 "]);
    desk.prints("create namespace typed", &["namespace/typed created"]);
    desk.prints("create serviceaccount typed", &["serviceaccount/typed created"]);
    desk.prints("create token typed --duration=20m", &["."]);
    desk.prints("auth can-i create pods", &["yes"]);
    desk.prints("auth can-i get /version", &["yes"]);
    desk.prints("auth can-i --list", &["*.* [] [] [*]", "[*] [] [*]"]);
    desk.prints("auth whoami", &["Username kubernetes-admin", "system:masters"]);
}

fn takes_things_away(desk: &Desk) {
    desk.prints("delete pod web --dry-run=server", &[r#"pod "web" deleted"#, "(server dry run)"]);
    desk.prints("get pod web", &["web 0/1"]);
    desk.prints("delete pod web --timeout=20s", &[r#"pod "web" deleted"#]);
    desk.prints("delete namespace typed --timeout=20s", &[r#"namespace "typed" deleted"#]);
    desk.prints("delete configmaps --all", &[r#"configmap "odd" deleted"#, r#"configmap "settings" deleted"#]);
    desk.prints("get pods", &["No resources found in default namespace."]);
}
