//! `--feature-gates`, written as for a kubelet.

use virtual_kubelet::FeatureGates;

use crate::error::UsageError;
use crate::go_values::boolean;

const FLAG: &str = "--feature-gates";

/// The gates as pairs say, as in `ExtendWebSocketsToKubelet=false`; the last of several wins.
pub(super) fn feature_gates(pairs: &[String]) -> Result<FeatureGates, UsageError> {
    let mut gates = FeatureGates::default();
    for pair in pairs.iter().map(|pair| pair.trim()).filter(|pair| !pair.is_empty()) {
        let wrong = |message: String| UsageError::new(FLAG, message);
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| wrong(format!("{pair:?} has no value: write {}=false", FeatureGates::NAMES[0])))?;
        let on = boolean(value.trim()).map_err(|error| wrong(format!("{}: {error}", name.trim())))?;
        gates.set(name.trim(), on).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(gates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pairs: &[&str]) -> Result<bool, String> {
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        let gates = feature_gates(&pairs).map_err(|error| error.to_string())?;
        Ok(gates.extend_web_sockets_to_kubelet)
    }

    #[test]
    fn gates_are_switched_by_name() {
        assert_eq!(parsed(&[]), Ok(true));
        assert_eq!(parsed(&["ExtendWebSocketsToKubelet=false"]), Ok(false));
        assert_eq!(parsed(&["ExtendWebSocketsToKubelet=false", " ExtendWebSocketsToKubelet = true"]), Ok(true));
    }

    #[test]
    fn mistakes_are_told_with_what_to_write() {
        for (pair, words) in [
            ("Nothing=true", "ExtendWebSocketsToKubelet"),
            ("ExtendWebSocketsToKubelet", "ExtendWebSocketsToKubelet=false"),
            ("ExtendWebSocketsToKubelet=maybe", "ExtendWebSocketsToKubelet: "),
        ] {
            let told = parsed(&[pair]).unwrap_err();
            assert!(told.starts_with("--feature-gates: ") && told.contains(words), "{told}");
        }
    }
}
