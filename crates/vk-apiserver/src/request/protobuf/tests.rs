use serde_json::json;

use super::*;

/// A field with bytes as its content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 0x80);
    [&[number << 3 | 2, length], content].concat()
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn body(api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
    let of_type = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC, &field(1, &of_type), &field(2, object), &field(3, b""), &field(4, b"")].concat()
}

fn read_body(body: &[u8]) -> Option<Value> {
    to_json(body).map(|json| serde_json::from_slice(&json).unwrap())
}

/// As Go writes it: what is empty stands there too.
#[test]
fn a_config_map_is_read() {
    let metadata = [
        field(1, b"settings"),
        field(2, b""),
        field(5, b""),
        number(7, 0),
        field(8, b""),
        field(11, &[field(1, b"app"), field(2, b"web")].concat()),
        field(14, b"a/b"),
        field(14, b"a/c"),
    ];
    let object = [
        field(1, &metadata.concat()),
        field(2, &[field(1, b"a"), field(2, b"b")].concat()),
        field(3, &[field(1, b"c"), field(2, &[0, 1])].concat()),
        number(4, 0),
    ];
    assert_eq!(
        read_body(&body("v1", "ConfigMap", &object.concat())),
        Some(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "labels": {"app": "web"}, "finalizers": ["a/b", "a/c"]},
            "data": {"a": "b"}, "binaryData": {"c": "AAE="}, "immutable": false,
        }))
    );
}

#[test]
fn zero_means_something_where_it_may_be_left_out() {
    let options = body("v1", "DeleteOptions", &number(1, 0));
    assert_eq!(
        read_body(&options),
        Some(json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}))
    );
}

#[test]
fn times_are_read() {
    let metadata = field(9, &[vec![1 << 3, 0x80, 0xc2, 0xaf, 0xf0, 0x05], number(2, 7)].concat());
    let read = read_body(&body("v1", "Namespace", &field(1, &metadata))).unwrap();
    assert_eq!(read["metadata"], json!({"deletionTimestamp": "2020-01-01T00:00:00Z"}));
}

#[test]
fn what_is_not_known_makes_the_body_unreadable() {
    assert_eq!(read_body(b"{}"), None);
    assert_eq!(read_body(MAGIC), None);
    assert_eq!(read_body(&body("v1", "Pod", b"")), None);
    assert_eq!(read_body(&body("v2", "ConfigMap", b"")), None);
    assert!(read_body(&body("v1", "ConfigMap", b"")).is_some());
    assert_eq!(read_body(&body("v1", "ConfigMap", &field(9, b"new"))), None);
    assert_eq!(read_body(&body("v1", "ConfigMap", &number(2, 1))), None);
    assert_eq!(read_body(&body("v1", "ConfigMap", &field(1, &field(1, &[0xff])))), None);
    let whole = body("v1", "ConfigMap", &field(1, &field(1, b"name")));
    assert_eq!(read_body(&whole[..whole.len() - 5]), None);
}
