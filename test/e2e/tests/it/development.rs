//! `virtual-kubelet dev`: a cluster of its own, with the real `kubectl`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stage::Environment;

/// A directory for one test's cluster; gone afterwards.
struct Place {
    environment: Environment,
    directory: PathBuf,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let environment = Environment::read();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = environment.cluster.directory().join(format!("dev-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self { environment, directory }
    }

    /// The program, on a free port.
    fn dev(&self, arguments: &[&str]) -> Command {
        let mut command = self.environment.program();
        let path = format!("{}:/usr/bin:/bin", self.environment.cluster.programs().display());
        command.args(["dev", "--listen-address=127.0.0.1:0"]).arg(self.state_dir()).args(arguments);
        command.env("PATH", path).stdin(Stdio::null());
        command
    }

    fn state_dir(&self) -> String {
        format!("--state-dir={}", self.directory.join("state").display())
    }

    /// Runs a shell script against a cluster of one node.
    fn script(&self, provider: &str, script: &str) -> Output {
        self.dev(&["--provider", provider, "--run", "--", "/bin/sh", "-euc", script]).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn printed(output: &Output) -> String {
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {said}", output.status);
    said
}

#[test]
fn a_pod_runs_in_docker_and_its_logs_come_back() {
    let place = Place::new();
    let image = crate::stage::IMAGE;
    let script = format!(
        "kubectl run hello --image={image} --image-pull-policy=Never --restart=Never -- echo hello from dev
         kubectl wait --for=jsonpath='{{.status.phase}}'=Succeeded --timeout=60s pod/hello
         kubectl logs hello
         kubectl run stays --image={image} --image-pull-policy=Never -- sleep 1000
         kubectl wait --for=condition=Ready --timeout=60s pod/stays
         kubectl exec stays -- echo inside
         echo from outside | kubectl exec -i stays -- cat
         kubectl exec stays -- sh -c 'exit 7' || echo code $?"
    );
    let said = printed(&place.script("docker", &script));
    for line in ["hello from dev", "inside", "from outside", "code 7"] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
    let left = Command::new("docker")
        .args(["-H", &place.environment.docker_host, "ps", "-aq", "--filter"])
        .arg("label=io.kubernetes.pod.name=stays")
        .output()
        .unwrap();
    assert_eq!(text(&left.stdout), "", "pods end with the cluster");
}

#[test]
fn requests_for_a_pod_reach_its_node() {
    let place = Place::new();
    let script = "kubectl run web --image=any
         kubectl wait --for=condition=Ready --timeout=60s pod/web
         kubectl logs web --tail=1
         kubectl logs web -c other || true
         kubectl exec web -- exit 3 || echo code $?
         kubectl port-forward pod/web :80 > forwarded &
         until grep -q 127.0.0.1 forwarded; do sleep 0.1; done
         port=$(sed -n 's/.*127.0.0.1:\\([0-9]*\\) .*/\\1/p' forwarded)
         curl -sS http://127.0.0.1:$port/path
         kill $!
         kubectl get --raw /api/v1/nodes/dev-1/proxy/healthz
         kubectl get --raw /api/v1/nodes/dev-1/proxy/pods | head -c 40
         kubectl --as=joe get pods || true
         kubectl --as=joe get --raw /api/v1/nodes/dev-1/proxy/pods || true
         kubectl --as=joe --as-group=system:masters get pods";
    let output = place
        .dev(&["--provider=mock", "--run", "--", "/bin/sh", "-euc", script])
        .current_dir(&place.directory)
        .output()
        .unwrap();
    let said = printed(&output);
    for line in [
        "mock container web of pod default/web runs",
        "container other is not valid for pod web",
        "code 3",
        "mock pod default/web: GET /path",
        "ok{\"kind\":\"PodList\"",
        "User \"joe\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
        "User \"joe\" cannot get resource \"nodes/proxy\"",
    ] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
}

#[test]
fn who_shows_wrong_credentials_gets_nothing() {
    let place = Place::new();
    let script = r#"server=$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}')
         kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d > ca
         status() { curl -sS --cacert ca -o answer -w '%{http_code} ' "$@"; }
         status $server/api/v1/pods
         status -H 'Authorization: Bearer wrong' $server/api/v1/pods
         token=$(echo '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":[]}}' |
             kubectl create --raw /api/v1/namespaces/default/serviceaccounts/default/token -f - |
             sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
         status -H "Authorization: Bearer $token" $server/api/v1/pods
         grep -o 'User [^ ]*' answer
         status -H "Authorization: Bearer $token" -H 'Impersonate-User: kubernetes-admin' $server/api/v1/pods
         status $server/version"#;
    let output = place
        .dev(&["--provider=mock", "--run", "--", "/bin/sh", "-euc", script])
        .current_dir(&place.directory)
        .output()
        .unwrap();
    let said = printed(&output);
    assert!(said.contains("403 401 403 User \\\"system:serviceaccount:default:default\\\""), "{said}");
    assert!(said.contains("401 200"), "{said}");
}

#[test]
fn the_command_says_how_it_ends() {
    let place = Place::new();
    assert_eq!(place.script("mock", "exit 42").status.code(), Some(42));
    let output = place.dev(&["--provider=mock", "--run", "--", "/no/such/program"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--run: /no/such/program cannot be run"), "{}", text(&output.stderr));
}

#[test]
fn several_nodes_share_the_pods() {
    let script = "for pod in 1 2 3 4 5 6; do kubectl run pod-$pod --image=any; done
         kubectl wait --for=condition=Ready --timeout=60s pod --all
         kubectl get pods -o jsonpath='{.items[*].spec.nodeName}'";
    let place = Place::new();
    let output =
        place.dev(&["--provider=mock", "--nodes=3", "--run", "--", "/bin/sh", "-euc", script]).output().unwrap();
    let said = printed(&output);
    for node in ["dev-1", "dev-2", "dev-3"] {
        assert!(said.contains(node), "{node} has a pod:\n{said}");
    }
}

/// Waits until the cluster has told where its kubeconfig is.
fn until_ready(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.by_ref().map_while(Result::ok).any(|line| line.contains("export KUBECONFIG="));
    assert!(told, "it has ended: {:?}", child.wait());
    // Nobody reads on; what it has to say goes nowhere.
    std::thread::spawn(move || lines.for_each(drop));
}

#[test]
fn it_ends_with_the_first_signal_and_keeps_others_away_until_then() {
    let place = Place::new();
    let mut child = place.dev(&["--provider=mock"]).stdout(Stdio::piped()).spawn().unwrap();
    until_ready(&mut child);
    let second = place.dev(&["--provider=mock"]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains("--state-dir") && text(&second.stderr).contains("in use"));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_stands_in_the_way_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--listen-address={}", taken.local_addr().unwrap());
    let own = place.directory.join("own");
    fs::write(&own, "apiVersion: v1\nkind: Config\n").unwrap();
    let own_flag = format!("--kubeconfig={}", own.display());
    let file = Path::new("/proc/nowhere");
    let cases: [(&[&str], &[&str]); 6] = [
        (&[&taken], &["--listen-address", "in use", "port 0"]),
        (&[&own_flag], &["--kubeconfig", "was not written by virtual-kubelet dev"]),
        (&["--provider=none"], &["--provider", "\"none\"", "docker", "mock"]),
        (&["--nodes=0"], &["--nodes"]),
        (&["--run"], &["COMMAND"]),
        (&[&format!("--state-dir={}", file.display())], &["--state-dir", "/proc/nowhere"]),
    ];
    for (arguments, words) in cases {
        let mut command = place.environment.program();
        command.args(["dev", "--provider=mock", "--listen-address=127.0.0.1:0"]).arg(place.state_dir()).args(arguments);
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{word} in what is said of {arguments:?}:\n{said}");
        }
    }
    assert_eq!(fs::read_to_string(&own).unwrap(), "apiVersion: v1\nkind: Config\n");
}
