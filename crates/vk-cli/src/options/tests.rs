use std::sync::Arc;

use clap::Parser;
use vk_core::machine::Release;
use vk_core::orphan::OrphanAction;
use vk_provider::ProviderFactory;

use super::*;
use crate::flags::CommandLine;

fn providers() -> Providers {
    Providers::new([Arc::new(vk_provider_mock::MockFactory) as Arc<dyn ProviderFactory>])
}

fn options(line: &str, variables: &[(&'static str, &'static str)]) -> Result<Options, String> {
    let words = std::iter::once("virtual-kubelet").chain(line.split(' ').filter(|word| !word.is_empty()));
    let line = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
    let environment = Environment::new(variables.iter().copied());
    Options::new(line.flags, &line.ignored, &[], &environment, &providers()).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_the_go_projects() {
    let options = options("--provider mock", &[]).unwrap();
    assert_eq!(options.node.name, "virtual-kubelet");
    assert_eq!(options.node.operating_system, OperatingSystem::Linux);
    assert_eq!(options.cluster.domain, "cluster.local");
    assert_eq!(options.kubelet_api.address.to_string(), ":10250");
    assert_eq!(options.metrics, MetricsAddress::Default(ListenAddress { host: None, port: 10255 }));
    assert_eq!(options.cluster.startup_timeout, None);
    assert_eq!(options.node.unsupported_fields, UnsupportedFields::Strict);
    assert!(options.warnings.is_empty());
}

#[test]
fn the_go_projects_own_manifest_works() {
    let line = "--nodename vkubelet-mock-0 --provider mock --provider-config /vkubelet-mock-0-cfg.json --startup-timeout 10s \
                --log-level debug --trace-exporter jaeger --trace-sample-rate=always";
    let variables = [("KUBELET_PORT", "10250"), ("VKUBELET_POD_IP", "10.1.2.3"), ("JAEGER_AGENT_ENDPOINT", "x:1")];
    let options = options(line, &variables).unwrap();
    assert_eq!(options.node.name, "vkubelet-mock-0");
    assert_eq!(options.node.addresses, ["10.1.2.3".parse::<IpAddr>().unwrap()]);
    assert_eq!(options.cluster.startup_timeout, Some(Duration::from_secs(10)));
    let warned: Vec<_> = options.warnings.iter().map(|warning| warning.setting.as_str()).collect();
    assert_eq!(warned, ["--trace-exporter", "--trace-sample-rate"]);
}

#[test]
fn each_flag_without_effect_warns_once_and_says_why() {
    let flags = [
        "--namespace default",
        "--enable-node-lease=false",
        "--full-resync-period 1m30s",
        "--kube-api-qps 100",
        "--kube-api-burst 200",
        "--trace-exporter jaeger,ocagent",
        "--trace-service-name vk",
        "--trace-tag a=b",
        "--trace-sample-rate 10",
        "--trace-zpages-addr :8080",
    ];
    for flag in flags {
        let warnings = options(flag, &[]).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{flag}: {warnings:?}");
        assert!(flag.starts_with(&warnings[0].setting), "{flag}: {warnings:?}");
        assert!(!warnings[0].message.is_empty(), "{flag}");
    }
    assert_eq!(options("--pod-sync-workers 50", &[]).unwrap().node.pod_workers, Some(50));
}

#[test]
fn booleans_have_the_forms_of_go() {
    assert!(options("--disable-taint", &[]).unwrap().node.taint.is_none());
    assert!(options("--disable-taint=T", &[]).unwrap().node.taint.is_none());
    assert!(options("--disable-taint=false", &[]).unwrap().node.taint.is_some());
    assert!(options("--disable-taint --disable-taint=0", &[]).unwrap().node.taint.is_some());
    assert!(options("--disable-taint=maybe", &[]).unwrap_err().contains("--disable-taint"));
}

#[test]
fn the_last_of_several_flags_wins() {
    assert_eq!(options("--nodename a --nodename b", &[]).unwrap().node.name, "b");
}

#[test]
fn the_node_name_comes_from_flag_environment_or_default() {
    let variables = [("DEFAULT_NODE_NAME", "from-variable")];
    assert_eq!(options("--nodename from-flag", &variables).unwrap().node.name, "from-flag");
    assert_eq!(options("", &variables).unwrap().node.name, "from-variable");
    assert_eq!(options("", &[("DEFAULTNODE_NAME", "node-cli")]).unwrap().node.name, "node-cli");
}

#[test]
fn empty_values_mean_that_nothing_was_given() {
    let line =
        "--nodename= --provider= --provider-config= --kubeconfig= --client-verify-ca= --state-dir= --node-ip= --os=";
    let options = options(line, &[("KUBELET_PORT", "")]).unwrap();
    assert_eq!(options.node.provider_config, None);
    assert_eq!(options.cluster.kubeconfig, None);
    assert!(options.node.addresses.is_empty());
    assert_eq!(options.kubelet_api.address.port, 10250);
}

#[test]
fn an_empty_metrics_address_serves_none() {
    assert_eq!(options("--metrics-addr=", &[]).unwrap().metrics, MetricsAddress::None);
    let address = ListenAddress { host: Some(IpAddr::from([127, 0, 0, 1])), port: 9 };
    assert_eq!(options("--metrics-addr 127.0.0.1:9", &[]).unwrap().metrics, MetricsAddress::Given(address));
}

#[test]
fn the_kubelet_api_listens_where_it_is_told() {
    let address = |line: &str| options(line, &[("KUBELET_PORT", "1234")]).unwrap().kubelet_api.address.to_string();
    assert_eq!(address(""), ":1234");
    assert_eq!(address("--listen-address 10.0.0.1"), "10.0.0.1:1234");
    assert_eq!(address("--listen-address ::1"), "[::1]:1234");
    assert_eq!(address("--listen-address 10.0.0.1:5"), "10.0.0.1:5");
}

#[test]
fn certificates_come_from_the_environment_and_the_client_ca_from_its_flag_first() {
    let variables = [
        ("APISERVER_CERT_LOCATION", "/tls.crt"),
        ("APISERVER_KEY_LOCATION", "/tls.key"),
        ("APISERVER_CA_CERT_LOCATION", "/ca.crt"),
    ];
    let api = options("", &variables).unwrap().kubelet_api;
    let files = |certificate: &str, key: &str| ServingCertificate::Files {
        certificate: Some(certificate.into()),
        key: Some(key.into()),
    };
    assert_eq!(api.serving, files("/tls.crt", "/tls.key"));
    let api = options("--tls-cert-file /a.crt --tls-private-key-file /a.key", &variables).unwrap().kubelet_api;
    assert_eq!(api.serving, files("/a.crt", "/a.key"));
    assert_eq!(api.client_ca, Some("/ca.crt".into()));
    assert!(!api.allow_anonymous);
    let api = options("--client-verify-ca /other.crt", &variables).unwrap().kubelet_api;
    assert_eq!(api.client_ca, Some("/other.crt".into()));
}

#[test]
fn anonymous_access_takes_two_flags() {
    let refused = options("--no-verify-clients", &[]).unwrap_err();
    assert!(refused.contains("--insecure-allow-anonymous") && refused.contains("--client-verify-ca"), "{refused}");
    assert!(options("--no-verify-clients --insecure-allow-anonymous=false", &[]).is_err());
    assert!(options("--no-verify-clients --insecure-allow-anonymous", &[]).unwrap().kubelet_api.allow_anonymous);
    assert!(!options("--insecure-allow-anonymous", &[]).unwrap().kubelet_api.allow_anonymous);
}

#[test]
fn each_bad_value_names_its_setting_and_the_remedy() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);
    let cases: [Case; 22] = [
        ("--nodename Upper", &[], "--nodename", "lower-case"),
        ("", &[("DEFAULT_NODE_NAME", "a_b")], "DEFAULT_NODE_NAME", "lower-case"),
        ("--provider cloud", &[], "--provider", "use one of mock"),
        ("--os plan9", &[], "--os", "linux or windows"),
        ("--node-ip 10.0.0", &[], "--node-ip", "10.0.0.10"),
        ("--node-ip 10.0.0.1,10.0.0.2", &[], "--node-ip", "each family"),
        ("", &[("VKUBELET_POD_IP", "0.0.0.0")], "VKUBELET_POD_IP", "reaches"),
        ("--cluster-dns dns", &[], "--cluster-dns", "IP address"),
        ("--cluster-id a/b", &[], "--cluster-id", "63"),
        ("--startup-timeout 10", &[], "--startup-timeout", "1m30s"),
        ("--stream-idle-timeout=-1s", &[], "--stream-idle-timeout", "negative"),
        ("--metrics-addr 10255", &[], "--metrics-addr", ":10255"),
        ("--listen-address host", &[], "--listen-address", "127.0.0.1"),
        ("", &[("KUBELET_PORT", "http")], "KUBELET_PORT", "65535"),
        ("", &[("KUBELET_PORT", "70000")], "KUBELET_PORT", "65535"),
        ("--unsupported-fields ignore", &[], "--unsupported-fields", "strict or warn"),
        ("--pod-sync-workers 0", &[], "--pod-sync-workers", "1.."),
        ("--trace-tag nodeName=x", &[], "--trace-tag", "another key"),
        ("--trace-tag x", &[], "--trace-tag", "KEY=VALUE"),
        ("--trace-sample-rate 101", &[], "--trace-sample-rate", "0 to 100"),
        ("--taint a=b", &[], "--taint", "VKUBELET_TAINT_VALUE"),
        ("--unknown", &[], "--unknown", "--help"),
    ];
    for (line, variables, setting, remedy) in cases {
        let message = options(line, variables).unwrap_err();
        assert!(message.contains(setting), "{line}: {message:?} lacks {setting:?}");
        assert!(message.contains(remedy), "{line}: {message:?} lacks {remedy:?}");
    }
}

#[test]
fn where_there_are_several_providers_one_has_to_be_named() {
    let mock = || Arc::new(vk_provider_mock::MockFactory) as Arc<dyn ProviderFactory>;
    let several = Providers::new([mock(), mock()]);
    assert!(several.choose(None).err().unwrap().to_string().contains("--provider"));
    assert!(several.choose(Some("mock")).is_ok());
    assert!(providers().choose(None).is_ok());
}

#[test]
fn policies_of_the_node_have_names_and_defaults() {
    let node = options("--provider mock", &[]).unwrap().node;
    assert_eq!(node.outage_policy, OutagePolicy::ZeroAllocatable);
    assert_eq!(node.daemon_set_pods, DaemonSetPods::Run);
    assert_eq!(node.orphans, OrphanPolicy::default());
    assert_eq!(node.release, Release::OnDelete);
    assert!(!node.deregister_on_exit);

    let line = "--provider mock --provider-outage-policy not-ready --daemonset-pods=ignore --orphan-policy adopt \
                --orphan-age 5m --orphan-limit 3,20% --release-after 1h --deregister-on-exit";
    let node = options(&line.split_whitespace().collect::<Vec<_>>().join(" "), &[]).unwrap().node;
    assert_eq!(node.outage_policy, OutagePolicy::NotReady);
    assert_eq!(node.daemon_set_pods, DaemonSetPods::Ignore);
    let orphans =
        OrphanPolicy { action: OrphanAction::Adopt, age: Duration::from_secs(300), unquestioned: 3, most_percent: 20 };
    assert_eq!(node.orphans, orphans);
    assert_eq!(node.release, Release::AfterTerminal(Duration::from_secs(3600)));
    assert!(node.deregister_on_exit);
    assert_eq!(options("--provider mock --orphan-limit 40%", &[]).unwrap().node.orphans.unquestioned, 10);
}

#[test]
fn a_policy_that_is_none_is_refused_with_those_that_are() {
    for (line, part) in [
        (
            "--provider-outage-policy evict",
            "--provider-outage-policy: \"evict\" is not a policy: use one of zero-allocatable",
        ),
        ("--daemonset-pods no", "--daemonset-pods: \"no\" is not a policy: use one of run, ignore, reject"),
        ("--orphan-policy kill", "--orphan-policy: \"kill\" is not a policy: use one of delete, adopt, report"),
        ("--orphan-age 0s", "--orphan-age: less than a second"),
        ("--release-after 0s", "--release-after: nobody could read the logs"),
        ("--orphan-limit 120%", "--orphan-limit: \"120%\" is neither"),
        ("--orphan-limit few", "--orphan-limit: \"few\" is neither"),
    ] {
        let error = options(&format!("--provider mock {line}"), &[]).unwrap_err();
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

#[test]
fn tokens_are_on_and_their_caches_are_a_kubelets_unless_told_otherwise() {
    let api = options("", &[]).unwrap().kubelet_api;
    assert!(api.tokens);
    let seconds = |caching: ReviewCaching| {
        [caching.tokens, caching.authorization.authorized, caching.authorization.unauthorized].map(|ttl| ttl.as_secs())
    };
    assert_eq!(seconds(api.caching), [120, 300, 30]);
    let line = "--authentication-token-webhook=false --authentication-token-webhook-cache-ttl 1s \
                --authorization-webhook-cache-authorized-ttl 0 --authorization-webhook-cache-unauthorized-ttl 24h";
    let api = options(line, &[]).unwrap().kubelet_api;
    assert!(!api.tokens);
    assert_eq!(seconds(api.caching), [1, 0, 86_400]);
    for flag in [
        "--authentication-token-webhook-cache-ttl",
        "--authorization-webhook-cache-authorized-ttl",
        "--authorization-webhook-cache-unauthorized-ttl",
    ] {
        let error = options(&format!("{flag} 25h"), &[]).unwrap_err();
        assert!(error.contains(flag) && error.contains("24h"), "{error}");
    }
}

#[test]
fn there_is_one_serving_certificate() {
    let serving = |line: &str| options(line, &[]).map(|options| options.kubelet_api.serving);
    assert_eq!(serving("--rotate-server-certificates"), Ok(ServingCertificate::Requested));
    assert_eq!(serving("--self-signed-serving-certificate"), Ok(ServingCertificate::SelfSigned));
    assert!(matches!(serving("--rotate-server-certificates=false"), Ok(ServingCertificate::Files { .. })));
    let both = serving("--rotate-server-certificates --self-signed-serving-certificate").unwrap_err();
    assert!(both.contains("--rotate-server-certificates") && both.contains("--self-signed"), "{both}");
    for flag in ["--rotate-server-certificates", "--self-signed-serving-certificate"] {
        let error = serving(&format!("{flag} --tls-cert-file /a.crt")).unwrap_err();
        assert!(error.starts_with(flag) && error.contains("--tls-cert-file"), "{error}");
    }
}

#[test]
fn a_bootstrap_needs_a_kubeconfig_to_write() {
    let error = options("--bootstrap-kubeconfig /b", &[("KUBECONFIG", "/k")]).unwrap_err();
    assert!(error.contains("--bootstrap-kubeconfig") && error.contains("--kubeconfig"), "{error}");
    let error = options("--bootstrap-kubeconfig /b --kubeconfig /b", &[]).unwrap_err();
    assert!(error.contains("same file"), "{error}");
    let error = options("--rotate-certificates", &[]).unwrap_err();
    assert!(error.contains("--rotate-certificates") && error.contains("--kubeconfig"), "{error}");
    let line = "--bootstrap-kubeconfig /b --kubeconfig /k --rotate-certificates --cert-dir /pki";
    let options = options(line, &[]).unwrap();
    let client = options.cluster.client_certificate;
    assert_eq!((client.bootstrap_kubeconfig, client.rotate), (Some("/b".into()), true));
    assert_eq!(options.node.certificate_dir, Some("/pki".into()));
}
