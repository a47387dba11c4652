//! Every route of the FHIR API, once: the server is configured from this table, the CapabilityStatement is generated from it, and a test asks
//! each of them without a token.

use policy::Interaction;

/// Where an interaction is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// On the whole server.
    System,
    /// On a type.
    Type,
    /// On one resource.
    Instance,
    /// On the members of a compartment.
    Compartment,
    /// An operation, on whatever its path says.
    Operation,
}

/// One route below the base path.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// HTTP method; [`Route::methods`] tells all that it answers.
    pub method: &'static str,
    /// Path pattern; `{type}`, `{id}`, `{version}`.
    pub pattern: &'static str,
    /// What it does.
    pub interaction: Interaction,
    /// Where it is offered.
    pub level: Level,
    /// Needs no token.
    pub is_public: bool,
}

impl Route {
    /// The methods that the route answers: HEAD wherever GET is (RFC 9110 section 9.1), but for the GET that starts an export.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        let is_safe = self.method == "GET" && self.interaction != Interaction::Export;
        std::iter::once(self.method).chain(is_safe.then_some("HEAD"))
    }
}

const fn route(method: &'static str, pattern: &'static str, interaction: Interaction, level: Level) -> Route {
    Route { method, pattern, interaction, level, is_public: false }
}

/// The routes, the more specific first.
pub const ROUTES: &[Route] = &[
    Route { is_public: true, ..route("GET", "/metadata", Interaction::Capabilities, Level::System) },
    route("GET", "/Patient/$export", Interaction::Export, Level::Operation),
    route("POST", "/Patient/$export", Interaction::Export, Level::Operation),
    route("GET", "/Patient/$everything", Interaction::Everything, Level::Operation),
    route("POST", "/Patient/$everything", Interaction::Everything, Level::Operation),
    route("GET", "/Patient/{id}/$everything", Interaction::Everything, Level::Operation),
    route("POST", "/Patient/{id}/$everything", Interaction::Everything, Level::Operation),
    route("POST", "/Patient/$match", Interaction::Match, Level::Operation),
    route("POST", "/Patient/{id}/$purge", Interaction::Purge, Level::Operation),
    route("GET", "/Observation/$lastn", Interaction::Lastn, Level::Operation),
    route("POST", "/Observation/$lastn", Interaction::Lastn, Level::Operation),
    route("GET", "/Composition/$document", Interaction::Document, Level::Operation),
    route("POST", "/Composition/$document", Interaction::Document, Level::Operation),
    route("GET", "/Composition/{id}/$document", Interaction::Document, Level::Operation),
    route("POST", "/Composition/{id}/$document", Interaction::Document, Level::Operation),
    route("GET", "/ValueSet/$expand", Interaction::Expand, Level::Operation),
    route("POST", "/ValueSet/$expand", Interaction::Expand, Level::Operation),
    route("GET", "/ValueSet/{id}/$expand", Interaction::Expand, Level::Operation),
    route("POST", "/ValueSet/{id}/$expand", Interaction::Expand, Level::Operation),
    route("GET", "/ValueSet/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("POST", "/ValueSet/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("GET", "/ValueSet/{id}/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("POST", "/ValueSet/{id}/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("GET", "/CodeSystem/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("POST", "/CodeSystem/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("GET", "/CodeSystem/{id}/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("POST", "/CodeSystem/{id}/$validate-code", Interaction::ValidateCode, Level::Operation),
    route("GET", "/CodeSystem/$lookup", Interaction::Lookup, Level::Operation),
    route("POST", "/CodeSystem/$lookup", Interaction::Lookup, Level::Operation),
    route("GET", "/CodeSystem/$subsumes", Interaction::Subsumes, Level::Operation),
    route("POST", "/CodeSystem/$subsumes", Interaction::Subsumes, Level::Operation),
    route("GET", "/CodeSystem/{id}/$subsumes", Interaction::Subsumes, Level::Operation),
    route("POST", "/CodeSystem/{id}/$subsumes", Interaction::Subsumes, Level::Operation),
    route("GET", "/ConceptMap/$translate", Interaction::Translate, Level::Operation),
    route("POST", "/ConceptMap/$translate", Interaction::Translate, Level::Operation),
    route("GET", "/ConceptMap/{id}/$translate", Interaction::Translate, Level::Operation),
    route("POST", "/ConceptMap/{id}/$translate", Interaction::Translate, Level::Operation),
    route("POST", "/$fhirpath", Interaction::Fhirpath, Level::Operation),
    route("POST", "/$validate", Interaction::Validate, Level::Operation),
    route("POST", "/{type}/$validate", Interaction::Validate, Level::Operation),
    route("GET", "/{type}/{id}/$validate", Interaction::Validate, Level::Operation),
    route("POST", "/{type}/{id}/$validate", Interaction::Validate, Level::Operation),
    route("GET", "/$meta", Interaction::MetaSystem, Level::Operation),
    route("POST", "/$meta", Interaction::MetaSystem, Level::Operation),
    route("GET", "/{type}/$meta", Interaction::MetaType, Level::Operation),
    route("POST", "/{type}/$meta", Interaction::MetaType, Level::Operation),
    route("GET", "/{type}/{id}/$meta", Interaction::MetaInstance, Level::Operation),
    route("POST", "/{type}/{id}/$meta", Interaction::MetaInstance, Level::Operation),
    route("POST", "/{type}/{id}/$meta-add", Interaction::MetaAdd, Level::Operation),
    route("POST", "/{type}/{id}/$meta-delete", Interaction::MetaDelete, Level::Operation),
    route("POST", "/$reindex", Interaction::Reindex, Level::Operation),
    route("GET", "/$reindex/{id}", Interaction::ReindexStatus, Level::Operation),
    route("GET", "/$export/{id}", Interaction::ExportStatus, Level::Operation),
    route("DELETE", "/$export/{id}", Interaction::ExportDelete, Level::Operation),
    route("GET", "/$export/{id}/{version}", Interaction::ExportFile, Level::Operation),
    route("GET", "/$async/{id}", Interaction::AsyncStatus, Level::Operation),
    route("DELETE", "/$async/{id}", Interaction::AsyncDelete, Level::Operation),
    route("GET", "/$async/{id}/{version}", Interaction::AsyncFile, Level::Operation),
    route("POST", "/$feed/{type}", Interaction::Feed, Level::Operation),
    route("GET", "/_history", Interaction::HistorySystem, Level::System),
    route("GET", "/{type}/_history", Interaction::HistoryType, Level::Type),
    route("POST", "/{type}/_search", Interaction::SearchType, Level::Type),
    route("POST", "/_search", Interaction::SearchSystem, Level::System),
    route("POST", "/{compartment}/{id}/{type}/_search", Interaction::SearchType, Level::Compartment),
    route("GET", "/{type}/{id}/_history/{version}", Interaction::Vread, Level::Instance),
    route("GET", "/{type}/{id}/_history", Interaction::HistoryInstance, Level::Instance),
    route("GET", "/{compartment}/{id}/{type}", Interaction::SearchType, Level::Compartment),
    route("GET", "/{type}/{id}", Interaction::Read, Level::Instance),
    route("PUT", "/{type}/{id}", Interaction::Update, Level::Instance),
    route("PATCH", "/{type}/{id}", Interaction::Patch, Level::Instance),
    route("DELETE", "/{type}/{id}", Interaction::Delete, Level::Instance),
    route("GET", "/{type}", Interaction::SearchType, Level::Type),
    route("PUT", "/{type}", Interaction::Update, Level::Type),
    route("PATCH", "/{type}", Interaction::Patch, Level::Type),
    route("DELETE", "/{type}", Interaction::Delete, Level::Type),
    route("POST", "/{type}", Interaction::Create, Level::Type),
    route("GET", "", Interaction::SearchSystem, Level::System),
    route("GET", "/", Interaction::SearchSystem, Level::System),
    route("POST", "", Interaction::Batch, Level::System),
    route("POST", "/", Interaction::Batch, Level::System),
];

/// Names and values of the parameters of a pattern in a path; a type that the pattern itself names is its `type`.
pub(crate) type Values<'p> = Vec<(&'static str, &'p str)>;

/// What a method and a path below the base mean, as an entry of a Bundle names them; the values of the pattern by name.
pub(crate) fn find<'p>(method: &str, path: &'p str) -> Option<(&'static Route, Values<'p>)> {
    let parts: Vec<&str> = segments(path).collect();
    ROUTES.iter().filter(|route| route.methods().any(|known| known == method)).find_map(|route| {
        let values = fit(route.pattern, &parts)?;
        // What is no name of a type or of a resource belongs to another route.
        values.iter().all(|(_, value)| !value.starts_with(['_', '$'])).then_some((route, values))
    })
}

/// The first pattern that the path of a request below the base has, whatever its method is.
///
/// Not left to actix-web, which tries the patterns as regular expressions one after the other: that took longer than the read of a resource.
pub(crate) fn matched(path: &str) -> Option<(&'static str, Values<'_>)> {
    let below = match path {
        "" => "",
        _ => path.strip_prefix('/')?,
    };
    if below.starts_with('/') || below.ends_with('/') || below.contains("//") {
        return None;
    }
    let parts: Vec<&str> = segments(below).collect();
    ROUTES.iter().find_map(|route| {
        let values = fit(route.pattern, &parts)?;
        // The members of a compartment are of a type; an operation that is not offered is not there, whatever the method.
        let is_member = route.level != Level::Compartment || values.iter().all(|(_, value)| !value.starts_with('$'));
        is_member.then_some((route.pattern, values))
    })
}

/// The routes of a pattern.
pub(crate) fn of_pattern(pattern: &str) -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(move |route| route.pattern == pattern)
}

/// The values of a pattern that a path has; a type that the pattern names is one too. Most patterns are not the path's: these are told
/// apart without an allocation.
fn fit<'p>(pattern: &'static str, path: &[&'p str]) -> Option<Values<'p>> {
    let mut names = segments(pattern);
    let is_fit = path.iter().all(|value| names.next().is_some_and(|name| name.starts_with('{') || name == *value));
    if !is_fit || names.next().is_some() {
        return None;
    }
    let named = segments(pattern).zip(path).filter_map(|(name, value)| match name.as_bytes().first() {
        Some(b'{') => Some((name.trim_matches(['{', '}']), *value)),
        Some(b'A'..=b'Z') => Some(("type", *value)),
        _ => None,
    });
    Some(named.collect())
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
