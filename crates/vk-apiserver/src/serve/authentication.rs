//! Who sends a request: a client certificate, a ServiceAccount's token, or nobody that is known.

use http::{HeaderMap, header};
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME};
use x509_parser::parse_x509_certificate;
use x509_parser::x509::X509Name;

use crate::identity::Identity;
use crate::server::ApiServer;

/// The credentials are wrong: 401, whatever is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unauthorized;

/// Says who a client is. A certificate goes before a token, as in kube-apiserver; without either the client is
/// `system:anonymous`.
pub(super) fn identify(
    server: &ApiServer,
    certificate: Option<&Identity>,
    headers: &HeaderMap,
) -> Result<Identity, Unauthorized> {
    if let Some(identity) = certificate {
        return Ok(identity.clone());
    }
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(Identity::anonymous()) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let now = server.now();
    token.and_then(|token| server.inspect(|kernel| kernel.identity_of_token(token, now))).ok_or(Unauthorized)
}

/// The user that a verified client certificate names.
pub(super) fn of_certificate(certificate: &[u8]) -> Option<Identity> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let subject = certificate.subject();
    let user = attributes(subject, &OID_X509_COMMON_NAME).into_iter().next()?;
    let groups = attributes(subject, &OID_X509_ORGANIZATION_NAME);
    Some(groups.into_iter().fold(Identity::user(user), Identity::with_group))
}

fn attributes(subject: &X509Name<'_>, kind: &x509_parser::der_parser::Oid<'_>) -> Vec<String> {
    let of_kind = subject.iter_attributes().filter(|attribute| attribute.attr_type() == kind);
    of_kind.filter_map(|attribute| attribute.as_str().ok().map(ToOwned::to_owned)).collect()
}

/// The user as whom an administrator acts (`kubectl --as`,
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation>). Nobody else may.
pub(super) fn impersonate(identity: Identity, headers: &HeaderMap) -> Result<Identity, Unauthorized> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut groups = headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok()).peekable();
    let Some(user) = text("impersonate-user") else {
        return if groups.peek().is_none() { Ok(identity) } else { Err(Unauthorized) };
    };
    if !identity.is_member_of("system:masters") {
        return Err(Unauthorized);
    }
    let mut acted = Identity::user(user);
    acted.uid = text("impersonate-uid").unwrap_or_default().to_owned();
    Ok(groups.fold(acted, Identity::with_group))
}
