//! `/metrics/probes`: what probes have found, as a kubelet counts it.

use vk_core::Result;
use vk_provider::{Interfaces, ProbeCounts};

use crate::exposition::{ExpositionFormat, Family, Kind, Writer};

const PROBES: Family =
    Family { name: "prober_probe_total", help: "Answers of probes, by probe and result", kind: Kind::Counter };

/// The document; empty for a provider that asks no probes.
pub(crate) async fn document(interfaces: &Interfaces, format: ExpositionFormat) -> Result<String> {
    let counts = match &interfaces.probes {
        Some(probes) => probes.counts().await?,
        None => Vec::new(),
    };
    let mut writer = Writer::new(format);
    writer.family(PROBES, counts.iter().flat_map(samples));
    Ok(writer.finish())
}

type Sample<'a> = (Vec<(&'static str, &'a str)>, f64, Option<jiff::Timestamp>);

/// A result that never came has no sample.
fn samples(counts: &ProbeCounts) -> impl Iterator<Item = Sample<'_>> {
    let results = [("failed", counts.failed), ("successful", counts.successful), ("unknown", counts.unknown)];
    results.into_iter().filter(|(_, count)| *count > 0).map(|(result, count)| {
        let labels = vec![
            ("container", counts.container.as_str()),
            ("namespace", &*counts.key.namespace),
            ("pod", &*counts.key.name),
            ("pod_uid", counts.uid.as_str()),
            ("probe_type", counts.probe.as_str()),
            ("result", result),
        ];
        #[expect(clippy::cast_precision_loss, reason = "nobody probes that often")]
        let count = count as f64;
        (labels, count, None)
    })
}
