//! What a CertificateSigningRequest may ask for: NodeRestriction's part of it and CertificateSubjectRestriction.

use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::certificate_request::Subject;
use crate::kernel::Call;
use crate::object::Object;

const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Signers of what a kubelet is known by.
const OF_KUBELETS: [&str; 2] = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];

/// Who asks is written by the server, whatever the request says.
pub(super) fn fill_in_requester(call: &Call<'_>, request: &mut Object) {
    for field in ["username", "groups", "uid", "extra"] {
        request.remove(&format!("/spec/{field}"));
    }
    request.set("/spec/username", call.identity.user.clone());
    let groups: Vec<&str> = call.identity.groups.iter().map(String::as_str).collect();
    // `system:authenticated` comes last: it is added when the rest is established.
    let mut groups: Vec<Value> =
        groups.iter().filter(|group| **group != "system:authenticated").map(|group| json!(group)).collect();
    groups.push("system:authenticated".into());
    request.set("/spec/groups", groups);
    if !call.identity.uid.is_empty() {
        request.set("/spec/uid", call.identity.uid.clone());
    }
}

pub(super) fn admit(call: &Call<'_>, request: &Object) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::forbidden(call.resource, request.name(), why));
    let signer = request.text("/spec/signerName");
    let Ok(subject) = Subject::of_request(request.text("/spec/request")) else {
        // Validation says what is wrong with it.
        return Ok(());
    };
    if let Some(node) = call.identity.node_name().filter(|_| OF_KUBELETS.contains(&signer)) {
        let own = format!("system:node:{node}");
        if subject.common_name != own {
            return refuse(&format!("can only create a node CSR with CN={own}"));
        }
    }
    if signer == CLIENT && subject.organizations.iter().any(|one| one == "system:masters") {
        return refuse(&format!("use of {CLIENT} signer with system:masters group is not allowed"));
    }
    Ok(())
}
