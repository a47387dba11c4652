//! One SMART scope, v1 or v2: <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html>.
//!
//! Our own forms: `weir/feed.<name>` (or `weir/feed.*`) lets a direct-care client send messages to a feed; `weir/administrator` lets a
//! service do what needs an administrator (see [`crate::Subject::is_administrator`]).

use std::fmt;

/// Whose rights a resource scope uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// The patient in launch context.
    Patient,
    /// Whatever the user may see.
    User,
    /// What was agreed for the client.
    System,
}

impl Context {
    fn as_str(self) -> &'static str {
        match self {
            Context::Patient => "patient",
            Context::User => "user",
            Context::System => "system",
        }
    }
}

/// A subset of the letters `cruds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permissions(u8);

impl Permissions {
    /// No letter.
    pub const NONE: Permissions = Permissions(0);
    /// `c`
    pub const CREATE: Permissions = Permissions(1);
    /// `r`: read, vread, instance history.
    pub const READ: Permissions = Permissions(2);
    /// `u`: update and patch.
    pub const UPDATE: Permissions = Permissions(4);
    /// `d`
    pub const DELETE: Permissions = Permissions(8);
    /// `s`: search, and history of a type or the system.
    pub const SEARCH: Permissions = Permissions(16);

    const LETTERS: [(char, Permissions); 5] = [
        ('c', Permissions::CREATE),
        ('r', Permissions::READ),
        ('u', Permissions::UPDATE),
        ('d', Permissions::DELETE),
        ('s', Permissions::SEARCH),
    ];

    /// Parses an in-order, non-empty subset of `cruds`.
    pub fn parse(text: &str) -> Option<Permissions> {
        let mut letters = Self::LETTERS.iter();
        let mut found = Permissions::NONE;
        for letter in text.chars() {
            let (_, permission) = letters.find(|(known, _)| *known == letter)?;
            found = found.and(*permission);
        }
        (found != Permissions::NONE).then_some(found)
    }

    fn parse_v1(text: &str) -> Option<Permissions> {
        match text {
            "read" => Some(Permissions::READ.and(Permissions::SEARCH)),
            "write" => Some(Permissions::CREATE.and(Permissions::UPDATE).and(Permissions::DELETE)),
            "*" => Some(Permissions(31)),
            _ => None,
        }
    }

    fn v1_text(self) -> Option<&'static str> {
        ["read", "write", "*"].into_iter().find(|text| Permissions::parse_v1(text) == Some(self))
    }

    /// Returns the union of both.
    #[must_use]
    pub const fn and(self, other: Permissions) -> Permissions {
        Permissions(self.0 | other.0)
    }

    /// Returns what both hold.
    #[must_use]
    pub const fn common(self, other: Permissions) -> Permissions {
        Permissions(self.0 & other.0)
    }

    /// Says whether every letter of `other` is here.
    pub const fn includes(self, other: Permissions) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::LETTERS.iter().filter(|(_, p)| self.includes(*p)).try_for_each(|(letter, _)| write!(f, "{letter}"))
    }
}

/// A scope over resources.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceScope {
    /// Whose rights.
    pub context: Context,
    /// The type; `None` is `*`.
    pub type_name: Option<String>,
    /// The letters.
    pub permissions: Permissions,
    /// Search parameters that narrow the scope, ANDed, as `category=laboratory`.
    pub filters: Vec<(String, String)>,
    /// Whether it was spelled in v1, and so is answered in v1.
    pub is_v1: bool,
}

impl ResourceScope {
    /// Returns the scope's spelling, in v1 where it was asked in v1 and v1 can say it.
    pub fn text(&self) -> String {
        let name = self.type_name.as_deref().unwrap_or("*");
        let suffix = match self.permissions.v1_text() {
            Some(v1) if self.is_v1 => v1.to_owned(),
            _ => self.permissions.to_string(),
        };
        let mut text = format!("{}/{name}.{suffix}", self.context.as_str());
        for (position, (param, value)) in self.filters.iter().enumerate() {
            text.push(if position == 0 { '?' } else { '&' });
            text.push_str(param);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// What a scope is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeKind {
    /// Access to resources.
    Resource(ResourceScope),
    /// `launch`, or `launch/<what>` with the hint.
    Launch(Option<String>),
    /// `offline_access`
    OfflineAccess,
    /// `online_access`
    OnlineAccess,
    /// `openid`, `fhirUser`, `profile`
    Identity,
    /// `weir/feed.<name>`; `None` is every feed.
    Feed(Option<String>),
    /// `weir/administrator`
    Administrator,
}

/// A scope as it was written, understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    text: String,
    kind: ScopeKind,
}

/// The URI form of scopes that profiles of OAuth with URI scopes use.
const URI_FORM: &str = "http://smarthealthit.org/fhir/scopes/";

impl Scope {
    /// Parses one scope; `None` when it has none of the supported forms.
    pub fn parse(text: &str) -> Option<Scope> {
        let kind = parse_kind(text.strip_prefix(URI_FORM).unwrap_or(text))?;
        Some(Scope { text: text.to_owned(), kind })
    }

    /// Makes a resource scope in its own spelling.
    pub fn resource(scope: ResourceScope) -> Scope {
        Scope { text: scope.text(), kind: ScopeKind::Resource(scope) }
    }

    /// Returns the spelling that is told to the client.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what it is.
    pub fn kind(&self) -> &ScopeKind {
        &self.kind
    }

    /// Returns the resource scope, if it is one.
    pub fn as_resource(&self) -> Option<&ResourceScope> {
        match &self.kind {
            ScopeKind::Resource(scope) => Some(scope),
            _ => None,
        }
    }
}

fn parse_kind(text: &str) -> Option<ScopeKind> {
    match text {
        "launch" => return Some(ScopeKind::Launch(None)),
        "offline_access" => return Some(ScopeKind::OfflineAccess),
        "online_access" => return Some(ScopeKind::OnlineAccess),
        "openid" | "fhirUser" | "profile" => return Some(ScopeKind::Identity),
        "weir/feed.*" => return Some(ScopeKind::Feed(None)),
        "weir/administrator" => return Some(ScopeKind::Administrator),
        _ => {}
    }
    if let Some(hint) = text.strip_prefix("launch/") {
        return is_word(hint).then(|| ScopeKind::Launch(Some(hint.to_owned())));
    }
    if let Some(name) = text.strip_prefix("weir/feed.") {
        return is_word(name).then(|| ScopeKind::Feed(Some(name.to_owned())));
    }
    parse_resource(text).map(ScopeKind::Resource)
}

fn parse_resource(text: &str) -> Option<ResourceScope> {
    let (head, query) = text.split_once('?').map_or((text, None), |(head, query)| (head, Some(query)));
    let (context, rest) = head.split_once('/')?;
    let context = match context {
        "patient" => Context::Patient,
        "user" => Context::User,
        "system" => Context::System,
        _ => return None,
    };
    let (name, suffix) = rest.split_once('.')?;
    let type_name = match name {
        "*" => None,
        name if is_type_name(name) => Some(name.to_owned()),
        _ => return None,
    };
    let v1 = Permissions::parse_v1(suffix);
    let permissions = v1.or_else(|| Permissions::parse(suffix))?;
    let filters = query.map_or(Some(Vec::new()), parse_filters)?;
    Some(ResourceScope { context, type_name, permissions, filters, is_v1: v1.is_some() })
}

fn parse_filters(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .map(|pair| {
            let (param, value) = pair.split_once('=')?;
            (!param.is_empty() && !value.is_empty()).then(|| (param.to_owned(), value.to_owned()))
        })
        .collect()
}

fn is_type_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphabetic())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
