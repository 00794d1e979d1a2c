use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::recorded_client::client;

fn token(text: &str) -> BearerToken {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {text}")).unwrap());
    BearerToken::take(&mut headers).unwrap().unwrap()
}

fn reviewed(status: Value) -> Value {
    json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {}, "status": status})
}

fn ann() -> Value {
    let user = json!({"username": "ann", "uid": "7", "groups": ["dev"], "extra": {"key": ["value"]}});
    reviewed(json!({"authenticated": true, "user": user}))
}

type Seen = mpsc::UnboundedReceiver<(String, Value)>;

fn authenticator(answer: Value, ttl: Duration) -> (TokenReviewAuthenticator, Seen) {
    let (client, seen) = client(StatusCode::CREATED, answer);
    (TokenReviewAuthenticator::new(client, ttl), seen)
}

#[tokio::test]
async fn the_user_is_the_reviews_and_no_audience_is_named() {
    let (authenticator, mut seen) = authenticator(ann(), TOKEN_CACHE_TTL);
    let user = authenticator.authenticate(&token("abc")).await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("ann", "7"));
    assert_eq!(user.groups, ["dev", "system:authenticated"]);
    assert_eq!(user.extra["key"], ["value"]);
    let (path, body) = seen.recv().await.unwrap();
    assert_eq!(path, "/apis/authentication.k8s.io/v1/tokenreviews");
    assert_eq!(body["spec"], json!({"token": "abc"}));
}

#[tokio::test]
async fn who_is_not_authenticated_or_has_no_name_is_nobody() {
    for status in [
        json!({"error": "[invalid bearer token]"}),
        json!({"authenticated": false, "user": {"username": "ann"}}),
        json!({"authenticated": true}),
        json!({"authenticated": true, "user": {"username": ""}}),
    ] {
        let (authenticator, _seen) = authenticator(reviewed(status.clone()), TOKEN_CACHE_TTL);
        assert_eq!(authenticator.authenticate(&token("abc")).await, Ok(None), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_remembered_for_their_time() {
    for (answer, lifetime) in [(ann(), TOKEN_CACHE_TTL), (reviewed(json!({"error": "no"})), REFUSED_TTL)] {
        let (authenticator, mut seen) = authenticator(answer, TOKEN_CACHE_TTL);
        let first = authenticator.authenticate(&token("abc")).await;
        assert_eq!(authenticator.authenticate(&token("abc")).await, first);
        assert!(seen.recv().await.is_some() && seen.is_empty());
        authenticator.authenticate(&token("other")).await.unwrap();
        assert!(seen.recv().await.is_some(), "each token is asked about");
        tokio::time::advance(lifetime).await;
        authenticator.authenticate(&token("abc")).await.unwrap();
        assert!(seen.recv().await.is_some());
    }
}

#[tokio::test]
async fn a_time_of_zero_asks_each_time() {
    let (authenticator, mut seen) = authenticator(ann(), Duration::ZERO);
    for _ in 0..3 {
        authenticator.authenticate(&token("abc")).await.unwrap();
        seen.recv().await.unwrap();
    }
}

#[tokio::test]
async fn those_who_come_at_once_with_one_token_ask_few_times() {
    let (authenticator, mut seen) = authenticator(ann(), TOKEN_CACHE_TTL);
    let same = token("abc");
    futures::future::join_all((0..1000).map(|_| authenticator.authenticate(&same))).await;
    seen.close();
    let mut asked = 0;
    while seen.recv().await.is_some() {
        asked += 1;
    }
    assert!((1..=CONCURRENT_REVIEWS).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_failure_is_not_remembered_and_names_a_missing_permission() {
    let forbidden = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "forbidden",
        "reason": "Forbidden", "code": 403});
    let (client, mut seen) = client(StatusCode::FORBIDDEN, forbidden);
    let authenticator = TokenReviewAuthenticator::new(client, TOKEN_CACHE_TTL);
    for _ in 0..2 {
        let error = authenticator.authenticate(&token("abc")).await.unwrap_err();
        assert!(error.to_string().contains("create on tokenreviews"), "{error}");
        assert!(!error.to_string().contains("abc"), "{error}");
        seen.recv().await.unwrap();
    }
}

#[tokio::test]
async fn an_unanswered_review_lets_nobody_in() {
    let unanswered = json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {}});
    let (authenticator, _seen) = authenticator(unanswered, TOKEN_CACHE_TTL);
    assert!(authenticator.authenticate(&token("abc")).await.is_err());
}
