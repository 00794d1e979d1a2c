//! Kinds of volume and their fields.

use super::{FieldGroup, FieldKind, Section};

const VOLUME: &str = "spec.volumes[]";

/// `defaultMode` of every file volume: 0644.
const DEFAULT_MODE: u32 = 0o644;

/// Kinds that belong to one vendor or are no longer maintained, with their fields.
const VENDOR_VOLUMES: &[(&str, &str)] = &[
    ("awsElasticBlockStore", "volumeID fsType partition readOnly"),
    ("azureDisk", "diskName diskURI cachingMode fsType readOnly kind"),
    ("azureFile", "secretName shareName readOnly"),
    ("cephfs", "monitors path user secretFile secretRef.name readOnly"),
    ("cinder", "volumeID fsType readOnly secretRef.name"),
    ("fc", "targetWWNs lun fsType readOnly wwids"),
    ("flexVolume", "driver fsType secretRef.name readOnly options.*"),
    ("flocker", "datasetName datasetUUID"),
    ("gcePersistentDisk", "pdName fsType partition readOnly"),
    ("gitRepo", "repository revision directory"),
    ("glusterfs", "endpoints path readOnly"),
    (
        "iscsi",
        "targetPortal iqn lun iscsiInterface fsType readOnly portals chapAuthDiscovery chapAuthSession secretRef.name
         initiatorName",
    ),
    ("photonPersistentDisk", "pdID fsType"),
    ("portworxVolume", "volumeID fsType readOnly"),
    ("quobyte", "registry volume readOnly user group tenant"),
    ("rbd", "monitors image fsType pool user keyring secretRef.name readOnly"),
    (
        "scaleIO",
        "gateway system secretRef.name sslEnabled protectionDomain storagePool storageMode volumeName fsType readOnly",
    ),
    ("storageos", "volumeName volumeNamespace fsType readOnly secretRef.name"),
    ("vsphereVolume", "volumePath fsType storagePolicyName storagePolicyID"),
];

pub(super) fn describe(section: &mut Section) {
    section.consumed(VOLUME, "name");
    kind(section, FieldGroup::EmptyDir, "emptyDir", "medium sizeLimit");
    section.requests(FieldGroup::VolumeOwnership, VOLUME, "emptyDir.mode");
    kind(section, FieldGroup::HostPath, "hostPath", "path type");
    file_volumes(section);
    kind(section, FieldGroup::Claims, "persistentVolumeClaim", "claimName readOnly");
    kind(section, FieldGroup::EphemeralClaims, "ephemeral", "");
    // The control plane makes a claim of the template; the pod uses that.
    section.consumed(VOLUME, "ephemeral.volumeClaimTemplate.**");
    kind(section, FieldGroup::Csi, "csi", "driver readOnly fsType volumeAttributes.* nodePublishSecretRef.name");
    kind(section, FieldGroup::ImageVolumes, "image", "reference");
    let pull_policy = FieldKind::PullPolicy { image: "reference" };
    section.add(FieldGroup::ImageVolumes, format!("{VOLUME}.image.pullPolicy"), pull_policy);
    kind(section, FieldGroup::Nfs, "nfs", "server path readOnly");
    for (name, fields) in VENDOR_VOLUMES {
        kind(section, FieldGroup::VendorVolumes, name, fields);
    }
}

fn kind(section: &mut Section, group: FieldGroup, name: &str, fields: &str) {
    section.object(group, &format!("{VOLUME}.{name}"), fields);
}

fn file_volumes(section: &mut Section) {
    let group = FieldGroup::FileVolumes;
    kind(section, group, "configMap", "name optional items[].key items[].path items[].mode");
    kind(section, group, "secret", "secretName optional items[].key items[].path items[].mode");
    section.add(group, format!("{VOLUME}.downwardAPI"), FieldKind::Presence);
    downward_api(section, &format!("{VOLUME}.downwardAPI"));
    section.add(group, format!("{VOLUME}.projected"), FieldKind::Presence);
    for name in ["configMap", "secret", "downwardAPI", "projected"] {
        section.defaulted(group, format!("{VOLUME}.{name}.defaultMode"), DEFAULT_MODE);
        section.requests(FieldGroup::VolumeOwnership, &format!("{VOLUME}.{name}"), "defaultUser");
    }
    section.requests(FieldGroup::VolumeOwnership, VOLUME, "configMap.items[].user secret.items[].user");
    projected_sources(section, &format!("{VOLUME}.projected.sources[]"));
}

fn projected_sources(section: &mut Section, path: &str) {
    let group = FieldGroup::FileVolumes;
    for name in ["configMap", "secret"] {
        let source = format!("{path}.{name}");
        section.requests(group, &source, "name optional items[].key items[].path items[].mode");
    }
    downward_api(section, &format!("{path}.downwardAPI"));
    section.requests(group, &format!("{path}.serviceAccountToken"), "path audience expirationSeconds");
    section.requests(
        FieldGroup::VolumeOwnership,
        path,
        "configMap.items[].user secret.items[].user serviceAccountToken.user clusterTrustBundle.user podCertificate.user",
    );
    section.object(
        FieldGroup::CertificateVolumes,
        &format!("{path}.clusterTrustBundle"),
        "name signerName optional path labelSelector.matchLabels.* labelSelector.matchExpressions[].key
         labelSelector.matchExpressions[].operator labelSelector.matchExpressions[].values",
    );
    section.object(
        FieldGroup::CertificateVolumes,
        &format!("{path}.podCertificate"),
        "signerName keyType maxExpirationSeconds credentialBundlePath keyPath certificateChainPath userAnnotations.*",
    );
}

fn downward_api(section: &mut Section, path: &str) {
    let group = FieldGroup::FileVolumes;
    section.requests(
        group,
        path,
        "items[].path items[].mode items[].fieldRef.fieldPath
         items[].resourceFieldRef.containerName items[].resourceFieldRef.resource",
    );
    section.requests(FieldGroup::VolumeOwnership, path, "items[].user");
    section.defaulted(group, format!("{path}.items[].fieldRef.apiVersion"), "v1");
    section.defaulted(group, format!("{path}.items[].resourceFieldRef.divisor"), "0");
}
