//! `/configz`: the configuration in effect, as far as a kubelet has the same.

use http::Response;
use serde_json::json;

use crate::response::{self, Body};
use crate::server::NodeServices;

/// `{"kubeletconfig": …}`, as clients expect it of a kubelet.
pub(super) fn serve(node: &NodeServices) -> Response<Body> {
    response::json(json!({ "kubeletconfig": node.configuration }).to_string())
}
