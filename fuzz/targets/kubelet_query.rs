//! Queries of the kubelet API: a command arrives word by word, and what is refused is refused with a reason.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vk_kubelet_api::fuzz;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Text(&'a str),
    Command(Vec<String>),
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Text(query) => {
        for answer in [fuzz::log_options(query), fuzz::command(query).map(drop)] {
            let Err((status, reason)) = answer else { continue };
            assert!(status.is_client_error() && !reason.is_empty(), "{status} {reason:?}");
        }
    }
    Input::Command(words) => {
        let mut query = form_urlencoded::Serializer::new(String::from("output=1"));
        query.extend_pairs(words.iter().map(|word| ("command", word)));
        assert_eq!(fuzz::command(&query.finish()), Ok(words));
    }
});
