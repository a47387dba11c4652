//! Which resource a link in an entry of a Bundle means: <https://hl7.org/fhir/R4/bundle.html#references>, and what a transaction makes of it:
//! <https://hl7.org/fhir/R4/http.html#trules>.

use std::collections::{HashMap, HashSet};

use definitions::Definitions;
use fhir::{Node, Reference};
use policy::Interaction;

use crate::failure::{Failure, Reason};
use crate::interaction::links::{self, Place};

/// An entry that writes one resource.
pub(super) struct LinkedEntry<'a> {
    /// The entry.
    pub entry: Node<'a>,
    /// Create, Update, Patch or Delete.
    pub interaction: Interaction,
    /// The resource that it comes to be, as `Patient/1`.
    pub path: String,
    /// What a link to one of its versions comes to name.
    pub version: LinkedVersion,
}

/// What becomes of the version in a link to an entry.
#[derive(Clone, Copy)]
pub(super) enum LinkedVersion {
    /// This one: that of what is new, or of what is there and stays.
    Known(u64),
    /// It stays: the sender names the resource by its id here.
    AsGiven,
    /// Known only when it is written.
    Unknown,
}

/// Where links stand: what a relative one is relative to.
pub(super) struct Origin {
    /// The base of another server, when `fullUrl` is below it.
    root: Option<String>,
    is_create: bool,
    /// Links that a patch has found and not made: they mean what they meant.
    pub stored: HashSet<String>,
}

/// The names of the entries of a Bundle.
pub(super) struct EntryLinks<'a> {
    base_url: &'a str,
    definitions: &'a Definitions,
    /// By `fullUrl`; one below this server's base without that base.
    by_full_url: HashMap<String, (String, LinkedVersion)>,
    /// What is written under its id here.
    own: HashSet<String>,
    /// Type and id on the sender's side of what is created, with what it comes to be.
    created: HashMap<String, String>,
}

impl<'a> EntryLinks<'a> {
    /// None yet.
    pub(super) fn new(base_url: &'a str, definitions: &'a Definitions) -> EntryLinks<'a> {
        let (by_full_url, own, created) = (HashMap::new(), HashSet::new(), HashMap::new());
        EntryLinks { base_url, definitions, by_full_url, own, created }
    }

    /// The names of what a batch writes under another name than this server's own.
    pub(super) fn of_batch(base_url: &'a str, definitions: &'a Definitions, entries: &[Node<'_>]) -> EntryLinks<'a> {
        let mut links = EntryLinks::new(base_url, definitions);
        for (index, entry) in entries.iter().enumerate() {
            let request = entry.get("request");
            let asked = |name: &str| request.and_then(|request| request.str(name)).unwrap_or_default();
            let (method, url) = (asked("method"), asked("url"));
            let path = links.name_of(&url).to_owned();
            let (interaction, path, version) = match &*method {
                "POST" => (Interaction::Create, format!("{path}/{index}-of-the-batch"), LinkedVersion::Known(1)),
                "PUT" => (Interaction::Update, path, LinkedVersion::AsGiven),
                _ => continue,
            };
            // What is named twice is still another entry.
            let _ = links.add(LinkedEntry { entry: *entry, interaction, path, version });
        }
        links
    }

    /// Refuses links to other entries, and relative references that could be taken for something else than the sender means.
    pub(super) fn check_independent(
        &self,
        entry: Node<'_>,
        resource: Node<'_>,
        interaction: Interaction,
    ) -> Result<(), Failure> {
        let origin = self.origin(entry, interaction);
        if !self.concern(&origin) {
            return Ok(());
        }
        links::check(resource, self.definitions, &|text: &str, place| match self.target(&origin, text, place)? {
            Some(target) if place != Place::InnerBundle && target != self.name_of(text) => {
                let message =
                    "an entry of a batch cannot refer to another one; use a transaction, or its URL on this server";
                Err(Failure::new(Reason::Unprocessable, "business-rule", message))
            }
            _ => Ok(None),
        })
    }

    /// Takes up an entry, whose names must be its own.
    pub(super) fn add(&mut self, linked: LinkedEntry<'_>) -> Result<(), Failure> {
        let LinkedEntry { entry, interaction, path, version } = linked;
        let twice = || {
            let message = "another entry of the Bundle has the same fullUrl, or is the resource that the fullUrl names";
            Failure::bad_request("duplicate", message)
        };
        let full_url = entry.str("fullUrl");
        if interaction == Interaction::Create {
            let own_id = entry.get("resource").and_then(|resource| resource.str("id"));
            let type_name = path.split('/').next().unwrap_or_default();
            let by_id = own_id.map(|id| format!("{type_name}/{id}"));
            let by_url = full_url.as_deref().and_then(|url| self.foreign(url)).map(|(_, path)| path);
            for name in by_id.into_iter().chain(by_url).filter(|name| *name != path) {
                self.created.insert(name, path.clone());
            }
        }
        if let Some(full_url) = full_url {
            let name = self.name_of(&full_url).to_owned();
            let is_here = name.len() < full_url.len();
            if is_here && name != path && matches!(version, LinkedVersion::AsGiven) {
                let message = "the fullUrl names another resource of this server than the request";
                return Err(Failure::bad_request("value", message));
            }
            if self.own.contains(&name) && name != path {
                return Err(twice());
            }
            if self.by_full_url.insert(name, (path.clone(), version)).is_some() {
                return Err(twice());
            }
        }
        match self.by_full_url.get(&path) {
            Some((other, _)) if *other != path => return Err(twice()),
            _ => self.own.insert(path),
        };
        Ok(())
    }

    /// Where the links of an entry stand.
    pub(super) fn origin(&self, entry: Node<'_>, interaction: Interaction) -> Origin {
        let root = entry.str("fullUrl").and_then(|url| self.foreign(&url)).map(|(root, _)| root);
        Origin { root, is_create: interaction == Interaction::Create, stored: HashSet::new() }
    }

    /// Whether links of that origin may mean anything else than what they say.
    pub(super) fn concern(&self, origin: &Origin) -> bool {
        !self.by_full_url.is_empty() || !self.created.is_empty() || (origin.is_create && origin.root.is_some())
    }

    /// What a link becomes, if anything else than it is; refused when it could be taken for another resource than the sender means.
    pub(super) fn target(&self, origin: &Origin, text: &str, place: Place) -> Result<Option<String>, Failure> {
        if text.starts_with('#') || origin.stored.contains(text) {
            return Ok(None);
        }
        let (front, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        let (identity, version) = match front.rsplit_once("/_history/") {
            Some((identity, version)) => (identity, Some(version)),
            None => (front, None),
        };
        let found = match self.relative(identity) {
            None => self.by_full_url.get(self.name_of(identity)),
            Some(_) if place == Place::InnerBundle => None,
            Some(path) => self.of_relative(origin, path, place)?,
        };
        let Some((path, known)) = found else { return Ok(None) };
        let version = match (version, known) {
            (None, _) => String::new(),
            (Some(_), LinkedVersion::Known(version)) => format!("/_history/{version}"),
            (Some(version), LinkedVersion::AsGiven) => format!("/_history/{version}"),
            (Some(_), LinkedVersion::Unknown) => {
                let message = "a link names a version of an entry whose version is known only when it is written; leave the version out";
                return Err(Failure::new(Reason::Unprocessable, "not-supported", message));
            }
        };
        let target = format!("{path}{version}{fragment}");
        Ok(Some(target).filter(|target| target != text))
    }

    fn of_relative(
        &self,
        origin: &Origin,
        path: &str,
        place: Place,
    ) -> Result<Option<&(String, LinkedVersion)>, Failure> {
        let below_root = origin.root.as_ref().and_then(|root| self.by_full_url.get(&format!("{root}/{path}")));
        if let Some(found) = below_root.or_else(|| self.by_full_url.get(path)) {
            return Ok(Some(found));
        }
        let refused = |message: &str| Err(Failure::new(Reason::Unprocessable, "not-found", message));
        if self.own.contains(path) || place != Place::Reference {
            return Ok(None);
        }
        if origin.is_create && origin.root.is_some() {
            return refused(
                "a relative reference of an entry whose fullUrl is another server's means a resource of that server, and no entry is that; \
                 name it by its whole URL",
            );
        }
        if self.created.contains_key(path) {
            return refused(
                "a relative reference has the type and id that an entry, which is created, has elsewhere; name the fullUrl of the entry, or the \
                 resource of this server by its whole URL",
            );
        }
        Ok(None)
    }

    /// Type and id, when that is all of the text.
    fn relative<'t>(&self, text: &'t str) -> Option<&'t str> {
        let (type_name, id) = text.split_once('/')?;
        let is_relative = fhir::FhirId::parse(id).is_some() && self.definitions.is_resource_type(type_name);
        is_relative.then_some(text)
    }

    /// The name under which an absolute URL is kept.
    fn name_of<'t>(&self, url: &'t str) -> &'t str {
        fhir::path_below(self.base_url, url).unwrap_or(url)
    }

    /// The base of another server and type and id below it.
    fn foreign(&self, url: &str) -> Option<(String, String)> {
        let Reference::Absolute { base, type_name, id, .. } = Reference::parse(url) else { return None };
        let is_foreign =
            fhir::path_below(self.base_url, url).is_none() && self.definitions.is_resource_type(&type_name);
        is_foreign.then(|| (base, format!("{type_name}/{id}")))
    }
}
