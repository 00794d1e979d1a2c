use super::*;
use crate::resolve::tests::service;

fn names(services: &[ServiceFacts], namespace: &str, links: bool) -> Vec<String> {
    service_variables(services, namespace, links).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn a_service_is_described_twice_over() {
    let services = [service("shop", "my-db", "10.1.0.9", &[("sql", "TCP", 5432), ("dns-udp", "UDP", 53)])];
    assert_eq!(
        names(&services, "shop", true),
        [
            "MY_DB_SERVICE_HOST=10.1.0.9",
            "MY_DB_SERVICE_PORT=5432",
            "MY_DB_SERVICE_PORT_SQL=5432",
            "MY_DB_SERVICE_PORT_DNS_UDP=53",
            "MY_DB_PORT=tcp://10.1.0.9:5432",
            "MY_DB_PORT_5432_TCP_PROTO=tcp",
            "MY_DB_PORT_5432_TCP_PORT=5432",
            "MY_DB_PORT_5432_TCP_ADDR=10.1.0.9",
            "MY_DB_PORT_5432_TCP=tcp://10.1.0.9:5432",
            "MY_DB_PORT_53_UDP_PROTO=udp",
            "MY_DB_PORT_53_UDP_PORT=53",
            "MY_DB_PORT_53_UDP_ADDR=10.1.0.9",
            "MY_DB_PORT_53_UDP=udp://10.1.0.9:53",
        ]
    );
}

#[test]
fn an_ipv6_address_stands_in_brackets_in_urls_only() {
    let services = [service("shop", "db", "fd00::9", &[("", "", 80)])];
    let variables = names(&services, "shop", true);
    assert!(variables.contains(&"DB_SERVICE_HOST=fd00::9".to_owned()));
    assert!(variables.contains(&"DB_PORT=tcp://[fd00::9]:80".to_owned()));
    assert!(variables.contains(&"DB_PORT_80_TCP=tcp://[fd00::9]:80".to_owned()));
}

#[test]
fn headless_services_and_those_of_other_namespaces_are_left_out() {
    let services = [
        service("shop", "headless", "None", &[("", "TCP", 80)]),
        service("shop", "external", "", &[("", "TCP", 80)]),
        service("other", "db", "10.1.0.9", &[("", "TCP", 80)]),
        service("other", "kubernetes", "10.1.0.10", &[("", "TCP", 80)]),
        service("default", "web", "10.1.0.11", &[("", "TCP", 80)]),
    ];
    assert_eq!(names(&services, "shop", true), Vec::<String>::new());
}

#[test]
fn the_api_server_is_named_even_without_service_links() {
    let services = [
        service("default", "kubernetes", "10.1.0.1", &[("https", "TCP", 443)]),
        service("shop", "db", "10.1.0.9", &[("", "TCP", 80)]),
    ];
    let hosts = |links| {
        let mut variables = names(&services, "shop", links);
        variables.retain(|variable| variable.contains("_SERVICE_HOST="));
        variables
    };
    assert_eq!(hosts(false), ["KUBERNETES_SERVICE_HOST=10.1.0.1"]);
    assert_eq!(hosts(true), ["DB_SERVICE_HOST=10.1.0.9", "KUBERNETES_SERVICE_HOST=10.1.0.1"]);
}

#[test]
fn a_service_of_the_pods_namespace_called_kubernetes_wins_in_any_order() {
    let of_default = service("default", "kubernetes", "10.1.0.1", &[("", "TCP", 443)]);
    let of_pod = service("shop", "kubernetes", "10.1.0.2", &[("", "TCP", 443)]);
    for services in [[of_default.clone(), of_pod.clone()], [of_pod, of_default]] {
        assert_eq!(names(&services, "shop", true)[0], "KUBERNETES_SERVICE_HOST=10.1.0.2");
        assert_eq!(names(&services, "shop", false)[0], "KUBERNETES_SERVICE_HOST=10.1.0.1");
    }
}

#[test]
fn a_service_without_ports_has_only_a_host() {
    assert_eq!(names(&[service("shop", "db", "10.1.0.9", &[])], "shop", true), ["DB_SERVICE_HOST=10.1.0.9"]);
}
