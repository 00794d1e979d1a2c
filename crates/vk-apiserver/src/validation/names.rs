//! Names, label keys and label values (Kubernetes documentation, "Object Names and IDs" and "Labels and Selectors").

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Why `name` is no DNS-1123 subdomain; `None` if it is one.
pub(crate) fn name_is_dns_subdomain(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some("must be no more than 253 characters".into());
    }
    (!name.split('.').all(is_dns_label)).then(|| SUBDOMAIN.into())
}

/// Why `name` is no DNS-1123 label; `None` if it is one.
pub(crate) fn name_is_dns_label(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters".into());
    }
    if name.contains('.') && name.split('.').all(is_dns_label) {
        return Some("must not contain dots".into());
    }
    (!is_dns_label(name)).then(|| LABEL.into())
}

/// Why `name` cannot stand in a path; `None` if it can. Some kinds ask for no more.
pub(crate) fn path_segment_error(name: &str) -> Option<String> {
    match name {
        "." | ".." => Some(format!("may not be '{name}'")),
        _ => name.chars().find(|character| "/%".contains(*character)).map(|found| format!("may not contain '{found}'")),
    }
}

/// Why `key` is no label key; empty if it is one.
pub(crate) fn label_key_errors(key: &str) -> Vec<String> {
    qualified_name_errors(key, "a valid label key")
}

/// Why `key` is no qualified name such as an annotation's; `None` if it is one.
pub(crate) fn qualified_name_error(key: &str) -> Option<String> {
    qualified_name_errors(key, "a qualified name").into_iter().next()
}

fn qualified_name_errors(key: &str, called: &str) -> Vec<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((_, rest)) if rest.contains('/') => {
            let rule = NAME_PART.trim_start_matches("name part ");
            return vec![format!(
                "{called} {rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let mut errors = Vec::new();
    match prefix {
        Some("") => errors.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => errors.extend(name_is_dns_subdomain(prefix).map(|error| format!("prefix part {error}"))),
        None => {}
    }
    if name.is_empty() {
        errors.push("name part must be non-empty".into());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 bytes".into());
    }
    if !is_loose_name(name) {
        errors.push(NAME_PART.into());
    }
    errors
}

/// Why `value` is no label value; `None` if it is one.
pub(crate) fn label_value_error(value: &str) -> Option<String> {
    if value.len() > 63 {
        return Some("must be no more than 63 bytes".into());
    }
    (!value.is_empty() && !is_loose_name(value)).then(|| LABEL_VALUE.into())
}

fn is_dns_label(label: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    edges_and_middle(label, alphanumeric, |byte| alphanumeric(byte) || byte == b'-')
}

fn is_loose_name(name: &str) -> bool {
    edges_and_middle(
        name,
        |byte| byte.is_ascii_alphanumeric(),
        |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
    )
}

fn edges_and_middle(text: &str, edge: impl Fn(u8) -> bool, middle: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|byte| byte.is_some_and(|byte| edge(*byte))) && bytes.iter().all(|byte| middle(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains_and_labels() {
        for good in ["a", "a-b.c0", "0"] {
            assert_eq!(name_is_dns_subdomain(good), None, "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", ".a"] {
            assert!(name_is_dns_subdomain(bad).is_some(), "{bad}");
        }
        assert!(name_is_dns_label("a.b").is_some());
        assert!(name_is_dns_label(&"a".repeat(64)).is_some());
    }

    #[test]
    fn label_keys_and_values() {
        for good in ["app", "kubernetes.io/os", "A_b.c"] {
            assert_eq!(qualified_name_error(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "Up.per/a", "a b", "-a"] {
            assert!(qualified_name_error(bad).is_some(), "{bad}");
        }
        assert_eq!(label_value_error(""), None);
        assert!(label_value_error("-x").is_some());
        assert!(label_value_error(&"x".repeat(64)).is_some());
    }
}
