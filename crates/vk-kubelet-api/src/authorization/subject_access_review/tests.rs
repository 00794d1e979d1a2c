use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::authorization::Verb;
use crate::recorded_client::client;

fn reviewed(status: Value) -> Value {
    json!({"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {}, "status": status})
}

async fn ask(status: StatusCode, answer: Value) -> (Result<Decision, AuthorizationError>, (String, Value)) {
    let (client, mut requests) = client(status, answer);
    let mut user = UserInfo::authenticated("ann", ["dev".to_owned()]);
    user.uid = "7".to_owned();
    user.extra.insert("key".to_owned(), vec!["value".to_owned()]);
    let attributes = Attributes::new("virtual-1".into(), "proxy", Verb::Get);
    let decision = SubjectAccessReviewAuthorizer::new(client).authorize(&user, &attributes).await;
    (decision, requests.recv().await.unwrap())
}

#[tokio::test]
async fn the_question_is_about_a_subresource_of_our_node() {
    let (decision, (path, body)) = ask(StatusCode::CREATED, reviewed(json!({"allowed": true}))).await;
    assert_eq!(decision, Ok(Decision::Allowed));
    assert_eq!(path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
    assert_eq!(
        body["spec"],
        json!({
            "user": "ann",
            "uid": "7",
            "extra": {"key": ["value"]},
            "groups": ["dev", "system:authenticated"],
            "resourceAttributes": {
                "version": "v1", "resource": "nodes", "subresource": "proxy", "name": "virtual-1", "verb": "get",
            },
        })
    );
}

#[tokio::test]
async fn what_is_not_allowed_is_denied() {
    let (decision, _) = ask(StatusCode::CREATED, reviewed(json!({"allowed": false, "reason": "no rule"}))).await;
    assert_eq!(decision, Ok(Decision::Denied { reason: "no rule".to_owned() }));
    let dangling = reviewed(json!({"allowed": false, "evaluationError": "role not found"}));
    let (decision, _) = ask(StatusCode::CREATED, dangling).await;
    assert_eq!(decision, Ok(Decision::Denied { reason: "role not found".to_owned() }));
}

#[tokio::test]
async fn an_answer_without_a_decision_is_an_error() {
    let unanswered = json!({"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {}});
    assert!(ask(StatusCode::CREATED, unanswered).await.0.is_err());
}

#[tokio::test]
async fn a_missing_permission_of_our_own_is_named() {
    let forbidden = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "forbidden",
        "reason": "Forbidden", "code": 403});
    let error = ask(StatusCode::FORBIDDEN, forbidden).await.0.unwrap_err();
    assert!(error.to_string().contains("create on subjectaccessreviews"), "{error}");
}
