//! Logical ids of what feeds send: the same business key gives the same id, and no id gives the key away.
//!
//! A plain hash would not do: there are few enough NHS numbers to try them all. So the hash is keyed with a secret that lies
//! apart from the data.

use feeds::BusinessKey;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The name of the secret among the keys of the control data.
pub(crate) const KEY_NAME: &str = "logical-id";

/// Makes logical ids.
#[derive(Clone)]
pub(crate) struct LogicalIds {
    keyed: Hmac<Sha256>,
}

impl LogicalIds {
    /// Takes the secret.
    pub(crate) fn new(secret: &[u8]) -> LogicalIds {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let keyed = Hmac::new_from_slice(secret).expect("a key of any length");
        LogicalIds { keyed }
    }

    /// The id of a resource: `owner` is the organisation in whose namespace the key stands.
    pub(crate) fn of(&self, feed: &str, owner: &str, key: &BusinessKey) -> String {
        self.id(&[feed, owner, &key.type_name, &key.system, &key.value])
    }

    /// The id of the Provenance of a message or of one unit of it.
    pub(crate) fn of_provenance(&self, feed: &str, message_sha256: &str, unit: &str) -> String {
        self.id(&[feed, "Provenance", message_sha256, unit])
    }

    /// A hash in the form of a UUID of version 8 (RFC 9562: custom).
    fn id(&self, parts: &[&str]) -> String {
        let mut hash = self.keyed.clone();
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize().into_bytes();
        let mut bits = digest.iter().take(16).fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
        bits = (bits & !(0xF << 76)) | (0x8 << 76);
        bits = (bits & !(0x3 << 62)) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_key_gives_same_id_and_nothing_else_does() {
        let ids = LogicalIds::new(&[1; 32]);
        let key = BusinessKey::new("Patient", "https://fhir.nhs.uk/Id/nhs-number", "9990000018");
        let id = ids.of("acute-hl7v2", "RZ9", &key);
        assert!(fhir::FhirId::parse(&id).is_some());
        assert_eq!((id.len(), id.get(14..15)), (36, Some("8")));
        assert_eq!(id, LogicalIds::new(&[1; 32]).of("acute-hl7v2", "RZ9", &key));
        assert_ne!(id, LogicalIds::new(&[2; 32]).of("acute-hl7v2", "RZ9", &key));
        assert_ne!(id, ids.of("acute-hl7v2", "RZ8", &key));
        assert_ne!(id, ids.of("acute-hl7v2", "RZ", &BusinessKey { type_name: "9Patient".to_owned(), ..key }));
    }
}
