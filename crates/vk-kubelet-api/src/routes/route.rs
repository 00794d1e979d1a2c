//! What a path means, for authorization and for serving: it is read once, so the two cannot disagree.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::authorization::Verb;

/// A path, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    /// Subresources of the Node, any one of which gives access (KEP-2862).
    pub(super) subresources: &'static [&'static str],
    /// Whether it runs or opens something in a pod.
    interactive: bool,
}

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The log of a container.
    ContainerLogs(ContainerPath),
    /// A command in a container.
    Exec(SessionPath),
    /// The process of a container.
    Attach(SessionPath),
    /// A command in a container, whose output is the answer.
    Run(SessionPath),
    /// Connections to a pod.
    PortForward(ForwardPath),
    /// The node's pods.
    Pods,
    /// The pods that run in the back end.
    RunningPods,
    /// What the node and its pods use.
    StatsSummary,
    /// Metrics.
    Metrics(MetricsPage),
    /// The configuration in effect.
    Configz,
    /// All health checks, or one.
    Healthz(Option<String>),
    /// Nothing. Permission is needed nevertheless to learn so.
    Unserved,
}

/// The pages of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetricsPage {
    /// The agent's own.
    Agent,
    /// What node, pods and containers use, for autoscalers.
    Resource,
    /// The same and more, for dashboards.
    Containers,
    /// What probes have found.
    Probes,
}

/// `/{namespace}/{pod}`, decoded and otherwise as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodPath {
    pub(super) namespace: String,
    pub(super) pod: String,
}

/// `/{namespace}/{pod}/{container}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContainerPath {
    pub(super) pod: PodPath,
    pub(super) container: String,
}

/// `/{namespace}/{pod}`, or with the pod's UID after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForwardPath {
    pub(super) pod: PodPath,
    pub(super) uid: Option<String>,
}

/// `/{namespace}/{pod}/{container}`, or with the pod's UID before the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionPath {
    pub(super) container: ContainerPath,
    pub(super) uid: Option<String>,
}

/// A path as metrics name it: the first segment, as a kubelet's do, so that there are few of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathLabel {
    pub(crate) text: &'static str,
    /// Whether it leads to sessions, which last as long as their client wants.
    pub(crate) long_running: bool,
}

/// The first segments that mean something here or to a kubelet.
const FIRST_SEGMENTS: [&str; 15] = [
    "attach",
    "checkpoint",
    "configz",
    "containerLogs",
    "exec",
    "flagz",
    "healthz",
    "logs",
    "metrics",
    "pods",
    "portForward",
    "run",
    "runningpods",
    "stats",
    "statusz",
];

impl PathLabel {
    /// The label of a URL's path, percent-encoded.
    pub(crate) fn of(path: &str) -> Self {
        let mut segments = path.strip_prefix('/').unwrap_or_default().split('/').map(decode);
        let first = segments.next().flatten().unwrap_or_default();
        let known = FIRST_SEGMENTS.iter().find(|known| **known == first);
        let text = match (known, segments.next().flatten().as_deref()) {
            (Some(&"metrics"), Some("cadvisor")) => "metrics/cadvisor",
            (Some(&"metrics"), Some("probes")) => "metrics/probes",
            (Some(&"metrics"), Some("resource")) => "metrics/resource",
            (Some(&"metrics"), Some(other)) if !other.is_empty() => "other",
            (known, _) => known.copied().unwrap_or("other"),
        };
        Self { text, long_running: matches!(text, "exec" | "attach" | "portForward") }
    }
}

const PROXY: &[&str] = &["proxy"];
const PODS: &[&str] = &["pods", "proxy"];
const CONFIGZ: &[&str] = &["configz", "proxy"];

impl Route {
    /// Reads the path of a URL, percent-encoded. Anything unknown needs `nodes/proxy` and is not served.
    pub(super) fn parse(path: &str) -> Self {
        let segments: Option<Vec<String>> = path.strip_prefix('/').unwrap_or_default().split('/').map(decode).collect();
        let mut segments = segments.unwrap_or_default();
        // As for a kubelet, one slash at the end makes no difference.
        if segments.len() > 1 && segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        let mut segments = segments.into_iter();
        let first = segments.next().unwrap_or_default();
        let rest: Vec<String> = segments.collect();
        match first.as_str() {
            "containerLogs" => {
                Self::new(container_path(rest).map_or(Endpoint::Unserved, Endpoint::ContainerLogs), PROXY)
            }
            "pods" if rest.is_empty() => Self::new(Endpoint::Pods, PODS),
            "healthz" => Self::new(healthz(rest), &["healthz", "proxy"]),
            "runningpods" if rest.is_empty() => Self::new(Endpoint::RunningPods, PODS),
            "pods" | "runningpods" => Self::new(Endpoint::Unserved, PODS),
            "configz" if rest.is_empty() => Self::new(Endpoint::Configz, CONFIGZ),
            "configz" => Self::new(Endpoint::Unserved, CONFIGZ),
            "flagz" => Self::new(Endpoint::Unserved, &["configz"]),
            "statusz" => Self::new(Endpoint::Unserved, &["statusz"]),
            "stats" if rest == ["summary"] => Self::new(Endpoint::StatsSummary, &["stats"]),
            "stats" => Self::new(Endpoint::Unserved, &["stats"]),
            "metrics" => Self::new(metrics(&rest), &["metrics"]),
            "logs" => Self::new(Endpoint::Unserved, &["log"]),
            "checkpoint" => Self::new(Endpoint::Unserved, &["checkpoint"]),
            "exec" => Self::interactive(session_path(rest).map_or(Endpoint::Unserved, Endpoint::Exec)),
            "attach" => Self::interactive(session_path(rest).map_or(Endpoint::Unserved, Endpoint::Attach)),
            "run" => Self::interactive(session_path(rest).map_or(Endpoint::Unserved, Endpoint::Run)),
            "portForward" => Self::interactive(forward_path(rest).map_or(Endpoint::Unserved, Endpoint::PortForward)),
            _ => Self::new(Endpoint::Unserved, PROXY),
        }
    }

    fn new(endpoint: Endpoint, subresources: &'static [&'static str]) -> Self {
        Self { endpoint, subresources, interactive: false }
    }

    fn interactive(endpoint: Endpoint) -> Self {
        Self { interactive: true, ..Self::new(endpoint, PROXY) }
    }

    /// The verb that a permission must have; `None` if the method has none.
    pub(super) fn verb(&self, method: &Method) -> Option<Verb> {
        let verb = Verb::of_method(method)?;
        Some(if self.interactive { Verb::Create } else { verb })
    }
}

fn decode(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

fn container_path(segments: Vec<String>) -> Option<ContainerPath> {
    let [namespace, pod, container] = segments.try_into().ok()?;
    Some(ContainerPath { pod: PodPath { namespace, pod }, container })
}

fn forward_path(mut segments: Vec<String>) -> Option<ForwardPath> {
    let uid = (segments.len() == 3).then(|| segments.pop()).flatten();
    let [namespace, pod] = segments.try_into().ok()?;
    Some(ForwardPath { pod: PodPath { namespace, pod }, uid })
}

fn session_path(mut segments: Vec<String>) -> Option<SessionPath> {
    let uid = (segments.len() == 4).then(|| segments.remove(2));
    Some(SessionPath { container: container_path(segments)?, uid })
}

fn metrics(segments: &[String]) -> Endpoint {
    let page = match segments {
        [] => MetricsPage::Agent,
        [page] if page == "resource" => MetricsPage::Resource,
        [page] if page == "cadvisor" => MetricsPage::Containers,
        [page] if page == "probes" => MetricsPage::Probes,
        _ => return Endpoint::Unserved,
    };
    Endpoint::Metrics(page)
}

fn healthz(mut segments: Vec<String>) -> Endpoint {
    match (segments.pop(), segments.is_empty()) {
        (None, _) => Endpoint::Healthz(None),
        (Some(check), true) => Endpoint::Healthz(Some(check)),
        (Some(_), false) => Endpoint::Unserved,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(path: &str, method: Method) -> (&'static [&'static str], Option<Verb>) {
        let route = Route::parse(path);
        (route.subresources, route.verb(&method))
    }

    #[test]
    fn subresources_are_those_of_a_kubelet() {
        for (path, subresources) in [
            ("/containerLogs/ns/pod/c", &["proxy"] as &[&str]),
            ("/pods", &["pods", "proxy"]),
            ("/pods/", &["pods", "proxy"]),
            ("/runningpods/", &["pods", "proxy"]),
            ("/healthz", &["healthz", "proxy"]),
            ("/healthz/ping", &["healthz", "proxy"]),
            ("/configz", &["configz", "proxy"]),
            ("/flagz", &["configz"]),
            ("/statusz", &["statusz"]),
            ("/stats/summary", &["stats"]),
            ("/metrics", &["metrics"]),
            ("/metrics/cadvisor", &["metrics"]),
            ("/logs/kubelet.log", &["log"]),
            ("/checkpoint/ns/pod/c", &["checkpoint"]),
            ("/exec/ns/pod/c", &["proxy"]),
            ("/", &["proxy"]),
            ("", &["proxy"]),
            ("*", &["proxy"]),
            ("/podsx", &["proxy"]),
            ("//pods", &["proxy"]),
            ("/%ff", &["proxy"]),
        ] {
            assert_eq!(Route::parse(path).subresources, subresources, "{path}");
        }
    }

    #[test]
    fn running_something_takes_create_whatever_the_method() {
        for path in ["/exec/ns/pod/c", "/attach/ns/pod/c", "/run/ns/pod/c", "/portForward/ns/pod", "/%65xec/ns/pod/c"] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                assert_eq!(asked(path, method.clone()), (PROXY, Some(Verb::Create)), "{method} {path}");
            }
        }
        assert_eq!(asked("/containerLogs/ns/pod/c", Method::GET), (PROXY, Some(Verb::Get)));
        assert_eq!(asked("/pods", Method::POST), (PODS, Some(Verb::Create)));
    }

    #[test]
    fn methods_without_a_verb_have_no_permission_to_ask_for() {
        for method in [Method::HEAD, Method::OPTIONS, Method::TRACE, Method::CONNECT] {
            assert_eq!(asked("/exec/ns/pod/c", method.clone()).1, None, "{method}");
        }
    }

    #[test]
    fn sessions_may_name_the_uid() {
        let path = |path| match Route::parse(path).endpoint {
            Endpoint::Exec(path) | Endpoint::Attach(path) | Endpoint::Run(path) => {
                Some((path.container.container, path.uid))
            }
            _ => None,
        };
        assert_eq!(path("/exec/ns/pod/c"), Some(("c".into(), None)));
        assert_eq!(path("/attach/ns/pod/uid-1/c"), Some(("c".into(), Some("uid-1".into()))));
        assert_eq!(path("/run/ns/pod/uid-1/c"), Some(("c".into(), Some("uid-1".into()))));
        assert_eq!((path("/exec/ns/pod"), path("/exec/a/b/c/d/e")), (None, None));
        let forward = |path| match Route::parse(path).endpoint {
            Endpoint::PortForward(ForwardPath { pod, uid }) => Some((pod.namespace, pod.pod, uid)),
            _ => None,
        };
        assert_eq!(forward("/portForward/ns/pod"), Some(("ns".into(), "pod".into(), None)));
        assert_eq!(forward("/portForward/ns/pod/uid-1"), Some(("ns".into(), "pod".into(), Some("uid-1".into()))));
        assert_eq!((forward("/portForward/ns"), forward("/portForward/a/b/c/d")), (None, None));
    }

    #[test]
    fn endpoints_are_exact() {
        let logs = |path| match Route::parse(path).endpoint {
            Endpoint::ContainerLogs(path) => Some((path.pod.namespace, path.pod.pod, path.container)),
            _ => None,
        };
        assert_eq!(logs("/containerLogs/a/b/c"), Some(("a".into(), "b".into(), "c".into())));
        assert_eq!(logs("/containerLogs/a/%2e%2e%2Fb/c"), Some(("a".into(), "../b".into(), "c".into())));
        for path in ["/containerLogs", "/containerLogs/a/b", "/containerLogs/a/b/c/d", "/containerlogs/a/b/c"] {
            assert_eq!(Route::parse(path).endpoint, Endpoint::Unserved, "{path}");
        }
        for (path, endpoint) in [
            ("/runningpods/", Endpoint::RunningPods),
            ("/configz", Endpoint::Configz),
            ("/stats/summary", Endpoint::StatsSummary),
            ("/stats", Endpoint::Unserved),
            ("/stats/summary/x", Endpoint::Unserved),
            ("/metrics", Endpoint::Metrics(MetricsPage::Agent)),
            ("/metrics/", Endpoint::Metrics(MetricsPage::Agent)),
            ("/metrics/resource", Endpoint::Metrics(MetricsPage::Resource)),
            ("/metrics/cadvisor", Endpoint::Metrics(MetricsPage::Containers)),
            ("/metrics/probes", Endpoint::Metrics(MetricsPage::Probes)),
            ("/metrics/other", Endpoint::Unserved),
            ("/metrics/resource/x", Endpoint::Unserved),
        ] {
            assert_eq!(Route::parse(path).endpoint, endpoint, "{path}");
        }
        assert_eq!(Route::parse("/healthz").endpoint, Endpoint::Healthz(None));
        assert_eq!(Route::parse("/healthz/ping").endpoint, Endpoint::Healthz(Some("ping".into())));
        assert_eq!(Route::parse("/healthz/a/b").endpoint, Endpoint::Unserved);
    }

    #[test]
    fn labels_are_few_whatever_is_asked_for() {
        let label = |path| PathLabel::of(path).text;
        for (path, text) in [
            ("/exec/ns/pod/c", "exec"),
            ("/exec", "exec"),
            ("/%65xec/ns/pod/c", "exec"),
            ("/containerLogs/ns/pod/c", "containerLogs"),
            ("/metrics", "metrics"),
            ("/metrics/", "metrics"),
            ("/metrics/resource", "metrics/resource"),
            ("/metrics/made-up", "other"),
            ("/stats/summary", "stats"),
            ("/runningpods/", "runningpods"),
            ("/", "other"),
            ("", "other"),
            ("*", "other"),
            ("//pods", "other"),
            ("/made-up", "other"),
            ("/%ff", "other"),
        ] {
            assert_eq!(label(path), text, "{path}");
        }
        let long_running: Vec<&str> =
            FIRST_SEGMENTS.into_iter().filter(|first| PathLabel::of(&format!("/{first}/a/b/c")).long_running).collect();
        assert_eq!(long_running, ["attach", "exec", "portForward"]);
    }

    proptest! {
        #[test]
        fn whatever_is_served_has_a_label(first in "[a-zA-Z]{0,12}", known in proptest::sample::select(&FIRST_SEGMENTS)) {
            for first in [first.as_str(), known] {
                let served = Route::parse(&format!("/{first}")) != Route::parse("/") || first == "logs";
                prop_assert!(!served || PathLabel::of(&format!("/{first}")).text == first, "{first}");
            }
        }

        #[test]
        fn any_path_needs_some_permission(path in "[/a-zA-Z%0-9.]{0,60}") {
            prop_assert!(!Route::parse(&path).subresources.is_empty());
        }
    }
}
