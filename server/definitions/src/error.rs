//! What can go wrong with definitions.

/// Why definitions could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    /// The table in the binary cannot be read: the build is at fault.
    #[error("the definitions of this build cannot be read from {file}")]
    Embedded {
        /// The file of the table.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A definition that was to be added is not one.
    #[error("definition {position} cannot be added: {reason}")]
    Overlay {
        /// Its place in the list, from 0.
        position: usize,
        /// Why.
        reason: String,
    },
}
