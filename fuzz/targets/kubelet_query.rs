//! Queries of the kubelet API: a command arrives word by word, and what is refused is refused with a reason.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vk_kubelet_api::fuzz;
use vk_streaming::port_forward::MOST_PORTS;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Text(&'a str),
    Command(Vec<String>),
    Ports(Vec<u16>),
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Text(query) => {
        for answer in [fuzz::log_options(query), fuzz::command(query).map(drop), fuzz::ports(query).map(drop)] {
            let Err((status, reason)) = answer else { continue };
            assert!(status.is_client_error() && !reason.is_empty(), "{status} {reason:?}");
        }
    }
    Input::Command(words) => {
        let mut query = form_urlencoded::Serializer::new(String::from("output=1"));
        query.extend_pairs(words.iter().map(|word| ("command", word)));
        assert_eq!(fuzz::command(&query.finish()), Ok(words));
    }
    Input::Ports(ports) => {
        let query: String = ports.iter().map(|port| format!("port={port}&")).collect();
        let is_meant = ports.len() <= MOST_PORTS && !ports.contains(&0);
        assert_eq!(fuzz::ports(&query).ok(), is_meant.then_some(ports));
    }
});
