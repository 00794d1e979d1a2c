//! The API server in process answers as the real one does: the same requests go to both.
//!
//! With `VK_RECORD=1` in the environment the answers of the real one are written into
//! `crates/vk-apiserver/tests/recorded` anew, where the kernel's own tests compare with them.

mod in_process;
mod real;
mod recordings;

use std::time::Duration;

use test_cluster::{Component, ControlPlane, ControlPlaneOptions};
use test_exchanges::{Answer, Exchange, Names, Session, User, compare};
use tokio::runtime::Builder;

use in_process::InProcess;
use real::Real;

/// Whom tokens are for that name nobody, as clusters made by kubeadm have it.
const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: usize = 30;

/// A control plane of its own, of which only the API server runs when the requests come: what other components write
/// would come at any time.
#[test]
fn the_kernel_answers_as_the_real_api_server_does() {
    let api_server_flags = vec![format!("--api-audiences={AUDIENCE}")];
    let options = ControlPlaneOptions { api_server_flags, ..ControlPlaneOptions::default() };
    let mut control_plane = ControlPlane::start(options).unwrap();
    for component in [Component::Scheduler, Component::ControllerManager] {
        control_plane.stop_component(component).unwrap();
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut problems = Vec::new();
    for mut file in recordings::all() {
        let names = Names::of_recording(file.stem());
        let mut both = runtime.block_on(Both::open(&control_plane, names));
        for (line, exchange) in (1..).zip(&mut file.recording.exchanges) {
            let (real, kernel) = runtime.block_on(both.send(exchange));
            let differs = |from, found| {
                compare(line, exchange, &real, found).map(|difference| format!("{}: {from}: {difference}", file.name))
            };
            problems.extend(differs("the kernel", &kernel));
            if !recordings::renewed() {
                problems.extend(differs("the recording", &Answer::recorded(exchange)));
            }
            exchange.code = real.code;
            exchange.answer = real.body;
        }
        if recordings::renewed() {
            file.write();
        }
    }
    assert!(problems.is_empty(), "{} answers differ\n{}", problems.len(), problems.join("\n"));
}

/// A session with each of the two servers.
struct Both {
    real: (Real, Session),
    kernel: (InProcess, Session),
}

impl Both {
    async fn open(control_plane: &ControlPlane, names: Names) -> Self {
        let real = Real::connect(control_plane, &names).await;
        let kernel = InProcess::new(&names);
        Self { real: (real, Session::new(names.clone())), kernel: (kernel, Session::new(names)) }
    }

    async fn send(&mut self, exchange: &Exchange) -> (Answer, Answer) {
        let (server, session) = &mut self.kernel;
        let (code, text) = server.send(exchange.user, session.request(exchange).unwrap()).await;
        let kernel = session.answered(exchange, code, &text);
        let mut real = self.send_to_real(exchange).await;
        for _ in 0..PATIENCE {
            if !may_be_late(exchange, &real, &kernel) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            real = self.send_to_real(exchange).await;
        }
        (real, kernel)
    }

    async fn send_to_real(&mut self, exchange: &Exchange) -> Answer {
        let (server, session) = &mut self.real;
        let (code, text) = server.send(exchange.user, session.request(exchange).unwrap()).await;
        session.answered(exchange, code, &text)
    }
}

/// The node authorizer of the real server learns of pods a little later than their creator. What it refuses, or what
/// only reads, can be sent again.
fn may_be_late(exchange: &Exchange, real: &Answer, kernel: &Answer) -> bool {
    let of_node = matches!(exchange.user, User::Node | User::Other);
    let refused = |answer: &Answer| answer.code == 403;
    of_node && refused(real) != refused(kernel) && (refused(real) || exchange.method == "GET")
}
