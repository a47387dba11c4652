//! Why a question about codes has no answer here.

/// Why it cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotTell {
    /// A definition is not known.
    #[error("{kind} `{url}` is not known to this server")]
    Unknown {
        /// What it would be, as `value set`.
        kind: &'static str,
        /// Its canonical url, with the version that was asked for.
        url: String,
    },
    /// The code system is known and does not have the code.
    #[error("code system `{system}` does not have the code")]
    NoCode {
        /// The url of the system.
        system: String,
    },
    /// The codes of a system are not all known.
    #[error("the codes of `{system}` are not all known to this server")]
    NotComplete {
        /// The url of the system.
        system: String,
    },
    /// A filter is not one of R4, or its value cannot be read.
    #[error("the filter on `{property}` of `{system}` by `{op}` is not understood")]
    Filter {
        /// The url of the system.
        system: String,
        /// The property.
        property: String,
        /// The operation.
        op: String,
    },
    /// A filter asks for a property that the codes of the system do not have.
    #[error("code system `{system}` has no property `{property}` to filter by")]
    NoProperty {
        /// The url of the system.
        system: String,
        /// The property.
        property: String,
    },
    /// The codes above and below in this system do not mean more and less general.
    #[error("the hierarchy of `{system}` does not say which code is more general: it is `{meaning}`")]
    NoSubsumption {
        /// The url of the system.
        system: String,
        /// What the hierarchy means.
        meaning: String,
    },
    /// There are more codes than can be listed at once.
    #[error("there are more than {codes_max} codes: narrow them by `filter`, or ask for pages by `count` and `offset`")]
    TooMany {
        /// How many can be listed.
        codes_max: usize,
    },
    /// It would take too long or too much memory.
    #[error(
        "this takes more than 100 million comparisons or 100 regular expressions: ask about fewer codes, or by a smaller value set or map"
    )]
    TooCostly,
    /// A text to filter by has too many words.
    #[error("the filter has more than {words_max} different words: give fewer")]
    TooManyWords {
        /// How many it may have.
        words_max: usize,
    },
    /// The system is a grammar, which has no end of codes.
    #[error("the codes of `{system}` are formed by a grammar and cannot be listed")]
    Endless {
        /// The url of the system.
        system: String,
    },
    /// The version of a code system that was asked for is another than the value set's.
    #[error("the value set is of version `{own}` of `{system}`, and another was asked for")]
    OtherVersion {
        /// The url of the system.
        system: String,
        /// What the value set says.
        own: String,
    },
    /// Value sets import each other, or more deeply than any real one does.
    #[error("value set `{url}` is imported in a circle, or too deeply")]
    Circle {
        /// The url of the value set where it was given up.
        url: String,
    },
}
