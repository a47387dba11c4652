//! What can go wrong with definitions themselves, as against with a resource.

/// Why a set of profiles cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfilesError {
    /// The definitions in the binary cannot be unpacked: the build is at fault.
    #[error("the UK Core definitions of this build cannot be unpacked")]
    Unpack(#[source] std::io::Error),
    /// A definition in the binary is not JSON: the build is at fault.
    #[error("definition {position} of UK Core in this build is not JSON")]
    Json {
        /// Its place in the pack, from 0.
        position: usize,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The base definitions refuse what UK Core adds.
    #[error("the UK Core definitions cannot be laid over those of FHIR")]
    Overlay(#[source] definitions::DefinitionsError),
}
