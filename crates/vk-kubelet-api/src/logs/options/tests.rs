use proptest::prelude::*;
use vk_core::{PodKey, PodUid};

use super::*;

fn parse(query: &str) -> LogOptions {
    LogOptions::parse(query).unwrap()
}

fn refused(query: &str) -> (u16, String) {
    let refusal = LogOptions::parse(query).unwrap_err();
    let body: serde_json::Value = serde_json::from_str(&refusal.message).unwrap();
    (refusal.status.as_u16(), body["message"].as_str().unwrap().to_owned())
}

#[test]
fn nothing_asked_for_is_the_whole_log() {
    assert_eq!(parse(""), LogOptions::default());
    assert_eq!(parse("unknown=1&insecureSkipTLSVerifyBackend=true"), LogOptions::default());
}

#[test]
fn what_the_api_server_sends_is_understood() {
    let options = parse(
        "follow=true&limitBytes=1024&previous=true&sinceTime=2026-11-22T10%3A00%3A00Z&tailLines=10&timestamps=true",
    );
    assert_eq!(
        options,
        LogOptions {
            follow: true,
            previous: true,
            timestamps: true,
            tail_lines: Some(10),
            limit_bytes: Some(1024),
            since: Some(Since::Time("2026-11-22T10:00:00Z".parse().unwrap())),
            stream: LogStream::All,
        }
    );
    assert_eq!(parse("stream=Stderr").stream, LogStream::Stderr);
    assert_eq!(parse("sinceTime=2026-11-22T12:00:00%2B02:00").since, options.since);
}

#[test]
fn flags_are_true_unless_they_say_no() {
    for (query, follow) in [
        ("follow", true),
        ("follow=", true),
        ("follow=yes", true),
        ("follow=0", false),
        ("follow=False", false),
        ("follow=false&follow=true", false),
    ] {
        assert_eq!(parse(query).follow, follow, "{query}");
    }
}

#[test]
fn the_old_tail_goes_before_tail_lines() {
    assert_eq!(parse("tail=5&tailLines=7").tail_lines, Some(5));
    assert_eq!(parse("tail=all&tailLines=7").tail_lines, None);
    assert_eq!(parse("tail=&tailLines=7").tail_lines, Some(7));
    assert_eq!(parse("tailLines=0").tail_lines, Some(0));
}

#[test]
fn what_cannot_be_decoded_is_400_and_what_makes_no_sense_422() {
    for (query, status, field) in [
        ("tailLines=ten", 400, "tailLines"),
        ("tailLines=", 400, "tailLines"),
        ("tail=x", 400, "tail"),
        ("sinceSeconds=1.5", 400, "sinceSeconds"),
        ("sinceTime=yesterday", 400, "sinceTime"),
        ("limitBytes=99999999999999999999", 400, "limitBytes"),
        ("tailLines=-1", 422, "tailLines"),
        ("limitBytes=0", 422, "limitBytes"),
        ("limitBytes=-1", 422, "limitBytes"),
        ("sinceSeconds=0", 422, "sinceSeconds"),
        ("sinceSeconds=5&sinceTime=2026-11-22T10:00:00Z", 422, "sinceTime"),
        ("stream=stdout", 422, "stream"),
        ("stream=Stdout&tailLines=1", 422, "stream"),
    ] {
        let (actual, message) = refused(query);
        assert_eq!(actual, status, "{query}: {message}");
        assert!(message.contains(field), "{query}: {message}");
    }
}

#[test]
fn seconds_count_back_from_now_and_never_overflow() {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let since = |query: &str| {
        let target = Target::new(PodUid::from("uid"), PodKey::new("ns", "pod"));
        parse(query).request(target, "c", now).since
    };
    assert_eq!(since("sinceSeconds=60"), Some("2026-11-22T09:59:00Z".parse().unwrap()));
    assert_eq!(since(&format!("sinceSeconds={}", i64::MAX)), Some(Timestamp::MIN));
    assert_eq!(since("sinceTime="), None);
}

proptest! {
    #[test]
    fn any_query_gets_an_answer(query in "[a-zA-Z0-9&=%+;:.-]{0,80}") {
        if let Err(refusal) = LogOptions::parse(&query) {
            prop_assert!([400, 422].contains(&refusal.status.as_u16()));
        }
    }

    #[test]
    fn the_keys_of_the_api_take_any_value(
        key in prop::sample::select(vec!["tailLines", "limitBytes", "sinceSeconds", "sinceTime", "stream", "tail", "follow"]),
        value in "\\PC{0,30}",
    ) {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair(key, &value).finish();
        if let Err(refusal) = LogOptions::parse(&query) {
            prop_assert!([400, 422].contains(&refusal.status.as_u16()));
        }
    }
}
