//! The query of `/portForward`: over WebSocket channels, the ports.

use vk_streaming::port_forward::MOST_PORTS;

use crate::response::Refusal;

/// The ports of all `port` parameters, each of which may be a list with commas. Other keys are left alone.
pub(in crate::routes) fn ports(query: &str) -> Result<Vec<u16>, Refusal> {
    let mut ports = Vec::new();
    for (_, value) in form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "port") {
        if value.is_empty() {
            return Err(Refusal::bad_request("query parameter \"port\" cannot be empty"));
        }
        for text in value.split(',') {
            ports.push(port(text)?);
        }
    }
    if ports.len() > MOST_PORTS {
        return Err(Refusal::bad_request(format!(
            "{} ports are more than the {MOST_PORTS} of one session",
            ports.len()
        )));
    }
    Ok(ports)
}

fn port(text: &str) -> Result<u16, Refusal> {
    let shown: String = text.chars().take(16).flat_map(char::escape_default).collect();
    match text.parse() {
        Ok(0) => Err(Refusal::bad_request(format!("port \"{shown}\" must be > 0"))),
        Ok(port) => Ok(port),
        Err(_) => Err(Refusal::bad_request(format!("unable to parse \"{shown}\" as a port: 1 to 65535 are ports"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_come_in_lists_and_repeated() {
        assert_eq!(ports("port=80&x=1&port=443,65535").unwrap(), [80, 443, 65535]);
        assert_eq!(ports("").unwrap(), [0; 0]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for (query, reason) in [
            ("port=", "cannot be empty"),
            ("port=0", "must be > 0"),
            ("port=65536", "unable to parse"),
            ("port=80,", "unable to parse"),
            ("port=http", "unable to parse \"http\""),
            ("port=-1", "unable to parse"),
        ] {
            let refused = ports(query).unwrap_err();
            assert!(refused.message.contains(reason), "{query}: {}", refused.message);
        }
        assert!(ports(&"port=1&".repeat(MOST_PORTS + 1)).unwrap_err().message.contains("more than"));
    }
}
