//! The text of a reference taken apart: <https://hl7.org/fhir/R4/references.html#literal>.

use crate::id::is_id;

/// What the text of `Reference.reference` points to, judged by its form alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `Patient/1` or `Patient/1/_history/2`.
    Relative {
        /// The resource type.
        type_name: String,
        /// The logical id.
        id: String,
        /// The version.
        version: Option<String>,
    },
    /// `https://host/base/Patient/1` and the like.
    Absolute {
        /// What comes before the type, without a slash at its end.
        base: String,
        /// The resource type.
        type_name: String,
        /// The logical id.
        id: String,
        /// The version.
        version: Option<String>,
        /// The text as it was.
        url: String,
    },
    /// `urn:uuid:...` or `urn:oid:...`.
    Urn(String),
    /// `#x`, a contained resource; without the `#`, empty for the container itself.
    Fragment(String),
    /// `Patient?identifier=...`, to be looked up.
    Conditional {
        /// The resource type.
        type_name: String,
        /// What stands after the question mark.
        query: String,
    },
    /// Anything else, as a url that is not of a FHIR server.
    Other(String),
}

impl Reference {
    /// Takes a reference text apart; every text is one of the variants.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(fragment) = text.strip_prefix('#') {
            return Self::Fragment(fragment.to_owned());
        }
        if text.starts_with("urn:") {
            return Self::Urn(text.to_owned());
        }
        if let Some((type_name, query)) = text.split_once('?') {
            return if is_type_name(type_name) {
                Self::Conditional { type_name: type_name.to_owned(), query: query.to_owned() }
            } else {
                Self::Other(text.to_owned())
            };
        }
        let Some(target) = Target::last_of(text) else { return Self::Other(text.to_owned()) };
        let (type_name, id, version) =
            (target.type_name.to_owned(), target.id.to_owned(), target.version.map(str::to_owned));
        if target.before.is_empty() {
            return Self::Relative { type_name, id, version };
        }
        match target.before.strip_suffix('/') {
            Some(base) if base.starts_with("http://") || base.starts_with("https://") => {
                Self::Absolute { base: base.to_owned(), type_name, id, version, url: text.to_owned() }
            }
            _ => Self::Other(text.to_owned()),
        }
    }

    /// Gives the resource type that a reference text names, as [`Reference::type_name`] does, without taking all of it apart.
    #[must_use]
    pub fn type_in(text: &str) -> Option<&str> {
        if text.starts_with('#') || text.starts_with("urn:") {
            return None;
        }
        if let Some((type_name, _)) = text.split_once('?') {
            return is_type_name(type_name).then_some(type_name);
        }
        let Target { before, type_name, .. } = Target::last_of(text)?;
        let is_base = |before: &str| before.starts_with("http://") || before.starts_with("https://");
        (before.is_empty() || before.strip_suffix('/').is_some_and(is_base)).then_some(type_name)
    }

    /// Gives the resource type, when the text names it.
    #[must_use]
    pub fn type_name(&self) -> Option<&str> {
        match self {
            Self::Relative { type_name, .. }
            | Self::Absolute { type_name, .. }
            | Self::Conditional { type_name, .. } => Some(type_name),
            Self::Urn(_) | Self::Fragment(_) | Self::Other(_) => None,
        }
    }

    /// Gives the logical id, when the text names it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Relative { id, .. } | Self::Absolute { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// The path below a server's base that a reference by its URL names, as `Patient/1`.
#[must_use]
pub fn path_below<'t>(base_url: &str, text: &'t str) -> Option<&'t str> {
    // Scheme and host are the same in any case (RFC 3986 section 6.2.2.1).
    let (start, rest) = text.split_at_checked(base_url.len())?;
    let is_below = start.eq_ignore_ascii_case(base_url) && rest.starts_with('/');
    is_below.then(|| rest.trim_start_matches('/').trim_end_matches('/'))
}

struct Target<'t> {
    before: &'t str,
    type_name: &'t str,
    id: &'t str,
    version: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Reads `[before]Type/id[/_history/version]`.
    fn last_of(text: &'t str) -> Option<Self> {
        let (path, version) = match text.rsplit_once("/_history/") {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let (front, id) = path.rsplit_once('/')?;
        let start = front.rfind('/').map_or(0, |slash| slash + 1);
        let (before, type_name) = front.split_at_checked(start)?;
        let is_target = is_type_name(type_name) && is_id(id) && version.is_none_or(is_id);
        is_target.then_some(Self { before, type_name, id, version })
    }
}

/// Says whether a text has the form of a type name; whether there is such a type is for the definitions to say.
fn is_type_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
