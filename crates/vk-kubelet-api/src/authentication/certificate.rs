//! Client certificates: the common name is the user, each organization a group.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>

use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::parse_x509_certificate;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::UserInfo;

/// The certificate that a client showed in its handshake.
pub(crate) struct PeerCertificate {
    chain: Vec<CertificateDer<'static>>,
    user: UserInfo,
}

/// A verified certificate that names no user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate {0}")]
pub(crate) struct NamesNobody(&'static str);

impl PeerCertificate {
    /// Reads the user off a chain, leaf first.
    pub(crate) fn from_chain(chain: &[CertificateDer<'_>]) -> Result<Self, NamesNobody> {
        let leaf = chain.first().ok_or(NamesNobody("is missing"))?;
        let (_, parsed) = parse_x509_certificate(leaf).map_err(|_| NamesNobody("cannot be parsed"))?;
        let user = user(parsed.subject())?;
        Ok(Self { chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(), user })
    }

    pub(crate) fn user(&self) -> &UserInfo {
        &self.user
    }

    pub(crate) fn verify(&self, verifier: &dyn ClientCertVerifier, now: UnixTime) -> Result<(), rustls::Error> {
        let (leaf, intermediates) = self.chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        verifier.verify_client_cert(leaf, intermediates, now).map(|_| ())
    }
}

fn user(subject: &X509Name<'_>) -> Result<UserInfo, NamesNobody> {
    let text = |attribute: &AttributeTypeAndValue<'_>| {
        attribute.as_str().map(str::to_owned).map_err(|_| NamesNobody("has a subject that is not text"))
    };
    // Go's parser, which everyone else goes by, lets the last common name win.
    let name = subject.iter_common_name().last().ok_or(NamesNobody("has no common name"))?;
    let name = text(name)?;
    if name.is_empty() {
        return Err(NamesNobody("has an empty common name"));
    }
    let groups = subject.iter_organization().map(text).collect::<Result<Vec<_>, _>>()?;
    Ok(UserInfo::authenticated(name, groups))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn user_of(subject: &[(DnType, &str)]) -> Result<UserInfo, NamesNobody> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        PeerCertificate::from_chain(&[certificate.der().clone()]).map(|peer| peer.user)
    }

    #[test]
    fn the_common_name_is_the_user_and_organizations_are_groups() {
        let user = user_of(&[
            (DnType::CommonName, "kube-apiserver-kubelet-client"),
            (DnType::OrganizationName, "kubeadm:cluster-admins"),
        ]);
        let user = user.unwrap();
        assert_eq!(user.name, "kube-apiserver-kubelet-client");
        assert_eq!(user.groups, ["kubeadm:cluster-admins", "system:authenticated"]);
    }

    #[test]
    fn a_certificate_without_a_name_is_nobody() {
        assert_eq!(user_of(&[(DnType::OrganizationName, "system:masters")]), Err(NamesNobody("has no common name")));
        assert_eq!(user_of(&[(DnType::CommonName, "")]), Err(NamesNobody("has an empty common name")));
    }

    #[test]
    fn a_group_cannot_be_claimed_twice() {
        let user = UserInfo::authenticated("a", ["system:authenticated".to_owned()]);
        assert_eq!(user.groups, ["system:authenticated"]);
    }
}
