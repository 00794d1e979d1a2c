//! Requests to the API server, as the agent and as the server count them.

use std::collections::BTreeMap;

use crate::exposition::{Sample, samples};

/// One kind of request and of answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// In the words of Kubernetes' authorization: create, patch, deletecollection.
    pub(crate) verb: String,
    /// With its subresource, as in `pods/status`.
    pub(crate) resource: String,
    /// The status code.
    pub(crate) code: String,
}

impl Kind {
    /// Whether this changes something. The heartbeat is left out: it follows the clock, not the pods.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "patch" | "update" | "delete")
            && self.resource != "leases"
            && !self.resource.ends_with("reviews")
    }

    pub(crate) fn is_of_events(&self) -> bool {
        self.resource == "events"
    }
}

/// How many of each kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Requests(BTreeMap<Kind, u64>);

impl Requests {
    /// What the agent's `/metrics` says it has sent.
    pub(crate) fn of_agent(exposition: &str) -> Self {
        Self::count(&samples(exposition, &["virtual_kubelet_api_requests_total"]), |sample| Kind {
            verb: sample.label("verb").to_owned(),
            resource: sample.label("resource").to_owned(),
            code: sample.label("code").to_owned(),
        })
    }

    /// What the API server's `/metrics` says it has answered, whoever asked.
    pub(crate) fn of_server(exposition: &str) -> Self {
        Self::count(&samples(exposition, &["apiserver_request_total"]), |sample| {
            let resource = sample.label("resource").to_owned();
            Kind {
                verb: verb(sample.label("verb")),
                resource: match sample.label("subresource") {
                    "" => resource,
                    subresource => format!("{resource}/{subresource}"),
                },
                code: sample.label("code").to_owned(),
            }
        })
    }

    fn count(samples: &[Sample], kind: impl Fn(&Sample) -> Kind) -> Self {
        let mut requests = BTreeMap::new();
        for sample in samples {
            // Counters are whole numbers that a float holds exactly.
            *requests.entry(kind(sample)).or_default() += sample.value as u64;
        }
        Self(requests)
    }

    /// What has come since.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let new = |(kind, count): (&Kind, &u64)| {
            let count = count - earlier.0.get(kind).copied().unwrap_or(0).min(*count);
            (count > 0).then(|| (kind.clone(), count))
        };
        Self(self.0.iter().filter_map(new).collect())
    }

    pub(crate) fn get(&self, kind: &Kind) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.0.keys()
    }

    /// The sum over some kinds.
    pub(crate) fn sum(&self, of: impl Fn(&Kind) -> bool) -> u64 {
        self.0.iter().filter(|(kind, _)| of(kind)).map(|(_, count)| count).sum()
    }
}

/// The server names verbs as HTTP does where that tells enough.
fn verb(of_server: &str) -> String {
    match of_server {
        "POST" => "create".to_owned(),
        "PUT" => "update".to_owned(),
        other => other.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(verb: &str, resource: &str, code: &str) -> Kind {
        Kind { verb: verb.into(), resource: resource.into(), code: code.into() }
    }

    #[test]
    fn both_sides_count_in_the_same_words() {
        let agent = r#"virtual_kubelet_api_requests_total{verb="patch",resource="pods/status",code="200"} 3
virtual_kubelet_api_requests_total{verb="create",resource="events",code="201"} 2"#;
        let server = r#"apiserver_request_total{code="200",resource="pods",scope="resource",subresource="status",verb="PATCH"} 3
apiserver_request_total{code="201",resource="events",scope="resource",subresource="",verb="POST"} 1
apiserver_request_total{code="201",resource="events",scope="namespace",subresource="",verb="POST"} 1"#;
        assert_eq!(Requests::of_agent(agent), Requests::of_server(server));
    }

    #[test]
    fn a_difference_holds_what_is_new() {
        let at = |patches: u32| {
            Requests::of_agent(&format!(
                "virtual_kubelet_api_requests_total{{verb=\"patch\",resource=\"pods/status\",code=\"200\"}} {patches}\n\
                 virtual_kubelet_api_requests_total{{verb=\"list\",resource=\"pods\",code=\"200\"}} 1"
            ))
        };
        let new = at(5).since(&at(2));
        assert_eq!(new.kinds().collect::<Vec<_>>(), [&kind("patch", "pods/status", "200")]);
        assert_eq!((new.get(&kind("patch", "pods/status", "200")), new.sum(Kind::is_write)), (3, 3));
    }

    #[test]
    fn reads_and_the_heartbeat_are_no_writes_of_pods() {
        for (verb, resource) in [("patch", "leases"), ("watch", "pods"), ("create", "subjectaccessreviews")] {
            assert!(!kind(verb, resource, "200").is_write(), "{verb} {resource}");
        }
        assert!(kind("delete", "pods", "200").is_write());
    }
}
