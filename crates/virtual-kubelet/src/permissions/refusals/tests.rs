use std::convert::Infallible;
use std::io;

use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What was logged, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn keep(&self) -> DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::fmt().with_writer(self.clone()).with_ansi(false).finish())
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Asks a server that answers this to everything; answers with what came through.
async fn ask(layer: &RefusalsLayer, path: &str, code: StatusCode, body: &Value) -> (StatusCode, Value) {
    let text = body.to_string();
    let server = tower::service_fn(move |_: Request<()>| {
        let answer = Response::builder().status(code).body(Full::new(Bytes::from(text.clone()))).unwrap();
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let answer = layer.layer(server).call(Request::patch(path).body(()).unwrap()).await.unwrap();
    let code = answer.status();
    (code, serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

const STATUS: &str = "/api/v1/namespaces/team-a/pods/web/status";

fn refusal() -> Value {
    json!({ "kind": "Status", "code": 403, "message": "User \"agent\" cannot patch resource \"pods/status\"" })
}

#[tokio::test]
async fn a_refusal_is_told_with_its_purpose_and_passed_on() {
    let (log, layer) = (Log::default(), RefusalsLayer::default());
    let _kept = log.keep();
    assert_eq!(ask(&layer, STATUS, StatusCode::FORBIDDEN, &refusal()).await, (StatusCode::FORBIDDEN, refusal()));
    let lines = log.lines();
    let told = "the API server forbids patch pods/status in team-a (needed for reporting the status of pods): User \"agent\" \
                cannot patch resource \"pods/status\"";
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].ends_with(told), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_told_once_in_a_while_whatever_the_namespace() {
    let (log, layer) = (Log::default(), RefusalsLayer::default());
    let _kept = log.keep();
    let other = STATUS.replace("team-a", "team-b");
    for path in [STATUS, &other, "/api/v1/nodes/vk"] {
        ask(&layer.clone(), path, StatusCode::FORBIDDEN, &refusal()).await;
    }
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
    tokio::time::advance(REMINDER).await;
    ask(&layer, &other, StatusCode::FORBIDDEN, &refusal()).await;
    assert_eq!(log.lines().len(), 3);
}

#[tokio::test]
async fn what_is_no_missing_permission_is_not_told() {
    let (log, layer) = (Log::default(), RefusalsLayer::default());
    let _kept = log.keep();
    let going = json!({
        "message": "namespace team-a is being terminated",
        "details": { "causes": [{ "reason": "NamespaceTerminating", "message": "it is being terminated" }] },
    });
    for (code, body) in [(StatusCode::FORBIDDEN, going), (StatusCode::OK, json!({})), (StatusCode::CONFLICT, refusal())]
    {
        assert_eq!(ask(&layer, STATUS, code, &body).await, (code, body));
    }
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_that_cannot_be_read_is_told_all_the_same() {
    let (log, layer) = (Log::default(), RefusalsLayer::default());
    let _kept = log.keep();
    ask(&layer, "/apis/example.com/v1/widgets/a", StatusCode::FORBIDDEN, &json!("no")).await;
    assert!(log.lines()[0].contains("forbids patch widgets.example.com: "), "{:?}", log.lines());
}
