//! Certificates that their own key signs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};

use crate::certificate::Certificate;
use crate::notice::Problem;
use crate::request::{RequestError, params};
use crate::wanted::Wanted;

/// As long as a kubelet's.
const VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Clocks of clients may be behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

/// A new certificate with a new key.
pub(crate) fn self_signed(wanted: &Wanted, now: Timestamp) -> Result<Certificate, Problem> {
    let key = KeyPair::generate().map_err(RequestError::from)?;
    let mut params = params(wanted).map_err(RequestError::from)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match wanted {
        Wanted::Serving { .. } => ExtendedKeyUsagePurpose::ServerAuth,
        Wanted::Client { .. } => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    let since_epoch = |at: Timestamp| Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default());
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(now - BACKDATED);
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(now + VALIDITY);
    let chain = params.self_signed(&key).map_err(RequestError::from)?.pem();
    Ok(Certificate::issued(chain.as_bytes(), &key.serialize_pem())?)
}
