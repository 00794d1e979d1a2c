//! Requests that mean one thing to one reader and another to the next, and those that are too large.

use super::Ground;
use crate::stage::Answer;

fn is_refusal(answer: &Answer) -> bool {
    answer.status.is_none_or(|status| (400..500).contains(&status))
}

/// What only a request that was smuggled in could have brought.
fn holds_pods(answer: &Answer) -> bool {
    answer.text.contains("PodList")
}

#[test]
fn a_request_inside_another_is_not_answered() {
    let ground = Ground::mock();
    let admin = ground.administrator();
    let smuggled = "GET /pods HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
    assert!(holds_pods(&ground.port.send(&admin, smuggled.as_bytes())), "the request itself is good");
    let (length, chunk) = (smuggled.len(), format!("0\r\n\r\n{smuggled}"));
    for (head, body) in [
        (format!("Content-Length: {}\r\nTransfer-Encoding: chunked", chunk.len()), chunk.as_str()),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {}", chunk.len()), chunk.as_str()),
        ("Transfer-Encoding: xchunked\r\nContent-Length: 0".to_owned(), smuggled),
        ("Transfer-Encoding: chunked, identity".to_owned(), chunk.as_str()),
        (format!("Content-Length: 0\r\nContent-Length: {length}"), smuggled),
        (format!("Content-Length: {length}, 0"), smuggled),
        ("Content-Length: +0".to_owned(), smuggled),
        (format!("Content-Length: {length}\r\n\tfolded: 1"), smuggled),
        ("X: a\rContent-Length: 0".to_owned(), smuggled),
    ] {
        let request = format!("POST /healthz HTTP/1.1\r\nHost: node\r\n{head}\r\n\r\n{body}");
        let answer = ground.port.send(&admin, request.as_bytes());
        assert!(is_refusal(&answer), "{head:?}: {answer:?}");
        assert!(!holds_pods(&answer), "{head:?}: {answer:?}");
    }
    ground.assert_well();
}

#[test]
fn no_path_leads_out_of_a_pod_and_none_leads_elsewhere() {
    let ground = Ground::mock();
    let admin = ground.administrator();
    let namespace = ground.stage.name();
    let dots = [
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fshadow",
        "..%5c..",
        "web%00",
        "web%0d%0aX:%201",
        "web;x",
        "WEB",
        "-web",
        "%c0%ae%c0%ae",
    ];
    for name in dots {
        for path in [
            format!("/containerLogs/{name}/web/main"),
            format!("/containerLogs/{namespace}/{name}/main"),
            format!("/containerLogs/{namespace}/web/{name}"),
            format!("/exec/{namespace}/{name}/main?command=id"),
            format!("/logs/{name}"),
        ] {
            let answer = ground.port.get(&admin, &path);
            assert!(is_refusal(&answer), "{path}: {answer:?}");
            assert!(!answer.text.contains("root:"), "{path}: {answer:?}");
        }
    }
    for (method, target) in [
        ("GET", "//pods"),
        ("GET", "/pods//"),
        ("GET", "/./pods"),
        ("GET", "/x/../pods"),
        ("GET", "/containerLogs"),
        ("GET", "/healthz/"),
        ("GET", "//example.com/"),
        ("GET", "/\\example.com"),
        ("GET", "http://example.com/pods"),
        ("CONNECT", "example.com:443"),
        ("OPTIONS", "*"),
        ("TRACE", "/pods"),
        ("POST", "/pods"),
    ] {
        let answer = ground.port.request(&admin, method, target, "X-Forwarded-Host: example.com\r\n");
        assert!(!answer.status.is_some_and(|status| (300..400).contains(&status)), "{method} {target}: {answer:?}");
        assert!(!answer.text.to_ascii_lowercase().contains("\r\nlocation:"), "{method} {target}: {answer:?}");
    }
    ground.assert_well();
}

#[test]
fn heads_and_bodies_without_end_are_cut() {
    let ground = Ground::mock();
    let admin = ground.administrator();
    let kib = |count: usize| "x".repeat(count * 1024);
    let many: String = (0..5_000).map(|number| format!("X-{number}: 1\r\n")).collect();
    for (what, request) in [
        ("a long header", format!("GET /pods HTTP/1.1\r\nHost: node\r\nX: {}\r\n\r\n", kib(4096))),
        ("a long token", format!("GET /pods HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {}\r\n\r\n", kib(512))),
        ("a long path", format!("GET /{} HTTP/1.1\r\nHost: node\r\n\r\n", kib(1024))),
        ("many headers", format!("GET /pods HTTP/1.1\r\nHost: node\r\n{many}\r\n")),
        ("a head without end", format!("GET /pods HTTP/1.1\r\nHost: node\r\nX: {}", kib(4096))),
        ("a body", format!("POST /pods HTTP/1.1\r\nHost: node\r\nContent-Length: 99999999999\r\n\r\n{}", kib(4096))),
        ("no HTTP at all", kib(64)),
    ] {
        let answer = ground.port.send(&admin, request.as_bytes());
        assert!(is_refusal(&answer), "{what}: {:?}", answer.status);
    }
    ground.assert_well();
}
