//! Rules on a Bundle: <https://hl7.org/fhir/R4/bundle.html>.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use fhir::{Node, Reference, Severity};

use crate::datatype_rules::is_absolute;
use crate::walk::{Place, Walk, shown};

/// The elements of a Composition whose targets a document must hold.
const DOCUMENT_REFERENCES: [&str; 4] = ["subject", "encounter", "author", "custodian"];

/// The members of entries that only Bundles of some types have, and all of theirs: the rule, the member, the types.
const ENTRY_MEMBERS: [(&str, &str, [&str; 3]); 2] = [
    ("bdl-3", "request", ["batch", "transaction", "history"]),
    ("bdl-4", "response", ["batch-response", "transaction-response", "history"]),
];

/// The entries of one bundle, for counting those that are the same.
struct EntryCounts<'a> {
    /// The fullUrl of a resource, by the place of the resource.
    url_of: HashMap<u32, Cow<'a, str>>,
    by_url: HashMap<Cow<'a, str>, SameUrl<'a>>,
}

/// The entries with one fullUrl.
#[derive(Default)]
struct SameUrl<'a> {
    count: usize,
    by_version: HashMap<Cow<'a, str>, usize>,
}

impl<'a> EntryCounts<'a> {
    fn new(entries: &[Node<'a>]) -> Self {
        let (mut url_of, mut by_url) = (HashMap::new(), HashMap::<_, SameUrl<'a>>::new());
        for entry in entries {
            let Some(url) = entry.str("fullUrl") else { continue };
            let resource = entry.get("resource");
            if let Some(resource) = resource {
                url_of.insert(resource.index(), url.clone());
            }
            let same = by_url.entry(url).or_default();
            same.count += 1;
            let version = resource.and_then(|resource| resource.at(&["meta", "versionId"]));
            if let Some(version) = version.and_then(|version| version.as_str()) {
                *same.by_version.entry(version).or_default() += 1;
            }
        }
        Self { url_of, by_url }
    }
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a Bundle against the rules of its type.
    pub(crate) fn bundle(&mut self, place: Place<'_, 'a>) {
        let type_code = place.node.str("type").unwrap_or_default();
        let entries: Vec<Node<'a>> = place.node.get("entry").into_iter().flat_map(|list| list.items()).collect();
        self.relations(place);
        self.entry_members(place, &type_code, &entries);
        if type_code != "history" {
            self.same_entries(place, &entries);
        }
        for (index, entry) in entries.iter().enumerate() {
            let step = place.path.child("entry").at(index);
            self.entry_identity(Place { node: *entry, path: &step, rule: place.rule }, &type_code);
        }
        let outer = self.around.enter_entry(entries.first().and_then(|entry| entry.str("fullUrl")));
        match &*type_code {
            "document" if entries.is_empty() => {
                self.error(place, "invalid", || "a document must have an entry, the Composition".to_owned());
            }
            "document" => self.document(place, &entries),
            "message" if entries.is_empty() => {
                self.error(place, "invalid", || "a message must have an entry, the MessageHeader".to_owned());
            }
            "message" => self.message(place, &entries),
            "searchset" => self.search_results(place, &entries),
            _ => {}
        }
        self.around.enter_entry(outer);
        if matches!(&*type_code, "document" | "message") {
            self.orphans(place, &entries, type_code == "document");
        }
    }

    /// `bdl-3` and `bdl-4`: which Bundles have requests or responses in their entries.
    fn entry_members(&mut self, place: Place<'_, 'a>, type_code: &str, entries: &[Node<'a>]) {
        for (rule, member, types) in ENTRY_MEMBERS {
            let is_wanted = types.contains(&type_code);
            let wrong = positions(entries.iter().map(|entry| entry.get(member).is_some() != is_wanted));
            let Some(wrong) = wrong else { continue };
            let word = if is_wanted { "must" } else { "must not" };
            self.bundle_invariant(place, rule, || {
                format!("an entry of a Bundle of this type {word} have a `{member}`: see {wrong} (`{rule}`)")
            });
        }
    }

    /// `bdl-7`: two entries with one fullUrl are two versions of a resource.
    fn same_entries(&mut self, place: Place<'_, 'a>, entries: &[Node<'a>]) {
        let mut seen = HashSet::new();
        let repeated = positions(entries.iter().map(|entry| {
            let Some(url) = entry.str("fullUrl") else { return false };
            let version = entry.get("resource").and_then(|resource| resource.at(&["meta", "versionId"]));
            !seen.insert((url, version.and_then(|version| version.as_str())))
        }));
        let Some(repeated) = repeated else { return };
        self.bundle_invariant(place, "bdl-7", || {
            format!("a fullUrl may stand once only, or once for each version: repeated in {repeated} (`bdl-7`)")
        });
    }

    fn bundle_invariant(&mut self, place: Place<'_, 'a>, key: &str, text: impl FnOnce() -> String) {
        let rule = format!("{}#{key}", place.base_rule());
        self.error(Place { rule: Some(&rule), ..place }, "invariant", text);
    }

    fn relations(&mut self, place: Place<'_, 'a>) {
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        for (index, link) in place.node.get("link").into_iter().flat_map(|list| list.items()).enumerate() {
            let Some(relation) = link.str("relation") else { continue };
            let step = place.path.child("link").at(index);
            let is_single = matches!(&*relation, "self" | "first" | "prev" | "previous" | "next" | "last");
            if is_single && seen.contains(&relation) {
                let place = Place { node: link, path: &step, rule: place.rule };
                self.error(place, "invalid", || format!("the link `{relation}` may be given once only"));
            }
            seen.insert(relation);
        }
    }

    fn entry_identity(&mut self, place: Place<'_, 'a>, bundle_type: &str) {
        let Some(resource) = place.node.get("resource") else { return };
        let Some(url) = place.node.str("fullUrl") else {
            let is_needed = matches!(bundle_type, "document" | "message" | "collection" | "searchset" | "history");
            // What a search says of itself is not a resource with an identity.
            let is_outcome =
                place.node.at(&["search", "mode"]).and_then(|mode| mode.as_str()).as_deref() == Some("outcome");
            if is_needed && !is_outcome {
                self.error(place, "required", || {
                    format!("an entry of a `{bundle_type}` must have a fullUrl, the identity of its resource")
                });
            }
            return;
        };
        if !is_absolute(&url) {
            return self.error(place, "invalid", || "the fullUrl must be an absolute url".to_owned());
        }
        let (Some(type_name), Some(id)) = (resource.str("resourceType"), resource.str("id")) else { return };
        let reference = Reference::parse(&url);
        let is_rest = url.starts_with("http") && reference.type_name() == Some(&*type_name);
        if is_rest && reference.id().is_some_and(|own| own != id) {
            self.error(place, "invalid", || {
                "the id of the resource is not the one that its fullUrl ends with".to_owned()
            });
        }
    }

    /// The Composition's references must lead to entries (section 2.36.3).
    fn document(&mut self, place: Place<'_, 'a>, entries: &[Node<'a>]) {
        let Some(first) = entries.first() else { return };
        let Some(composition) = first.get("resource") else { return };
        if composition.str("resourceType").as_deref() != Some("Composition") {
            return;
        }
        let step = place.path.child("entry").at(0);
        let step = step.child("resource");
        let place = Place { node: composition, path: &step, rule: place.rule };
        let entries = EntryCounts::new(entries);
        for name in DOCUMENT_REFERENCES {
            self.must_lead_to_entry(place, name, &entries);
        }
        self.sections(place, &entries, 0);
    }

    fn sections(&mut self, place: Place<'_, 'a>, entries: &EntryCounts<'a>, depth: u32) {
        for (index, section) in place.node.get("section").into_iter().flat_map(|list| list.items()).enumerate() {
            let step = place.path.child("section").at(index);
            let place = Place { node: section, path: &step, rule: place.rule };
            for name in ["author", "focus", "entry"] {
                self.must_lead_to_entry(place, name, entries);
            }
            // The parser has bounded the depth of the text.
            if depth < 100 {
                self.sections(place, entries, depth + 1);
            }
        }
    }

    fn message(&mut self, place: Place<'_, 'a>, entries: &[Node<'a>]) {
        let Some(header) = entries.first().and_then(|entry| entry.get("resource")) else { return };
        if header.str("resourceType").as_deref() != Some("MessageHeader") {
            return;
        }
        let step = place.path.child("entry").at(0);
        let step = step.child("resource");
        let place = Place { node: header, path: &step, rule: place.rule };
        self.must_lead_to_entry(place, "focus", &EntryCounts::new(entries));
    }

    fn must_lead_to_entry(&mut self, place: Place<'_, 'a>, name: &str, entries: &EntryCounts<'a>) {
        let Some(references) = place.node.get(name) else { return };
        for (index, reference) in references.each().enumerate() {
            let Some(text) = reference.str("reference").filter(|text| !text.starts_with('#')) else { continue };
            let step = place.path.child(name);
            let step = if references.is_array() { step.at(index) } else { step };
            let place = Place { node: reference, path: &step, rule: place.rule };
            match self.entries_of(&text, entries) {
                1 => {}
                0 => {
                    // What lies on another server can still be fetched there.
                    let is_error = self.options.exacting || !is_absolute(&text) || text.starts_with("urn:");
                    let severity = if is_error { Severity::Error } else { Severity::Warning };
                    self.report(severity, place, "not-found", || {
                        format!("no entry of the bundle is `{}`", shown(&text))
                    });
                }
                count => self.error(place, "not-found", || {
                    format!("{count} entries of the bundle are `{}`, expected one", shown(&text))
                }),
            }
        }
    }

    /// Counts the entries that a reference leads to; a version in it must be that of the resource.
    fn entries_of(&self, text: &str, entries: &EntryCounts<'a>) -> usize {
        let (plain, version) = text.split_once("/_history/").map_or((text, None), |(plain, own)| (plain, Some(own)));
        let Some(target) = self.around.own_entry(plain) else { return 0 };
        let same = entries.url_of.get(&target.index()).and_then(|url| entries.by_url.get(url));
        let Some(same) = same else { return 1 };
        match version {
            Some(version) => same.by_version.get(version).copied().unwrap_or_default(),
            None => same.count,
        }
    }

    fn search_results(&mut self, place: Place<'_, 'a>, entries: &[Node<'a>]) {
        let links = place.node.get("link").into_iter().flat_map(|list| list.items());
        let own: Vec<Node<'a>> = links.filter(|link| link.str("relation").as_deref() == Some("self")).collect();
        let asked = own.first().and_then(|link| link.str("url")).and_then(|url| searched_type(&url));
        let asked = asked.filter(|name| self.validator.definitions().is_resource_type(name));
        let mut is_told = false;
        for (index, entry) in entries.iter().enumerate() {
            let Some(resource) = entry.get("resource") else { continue };
            let step = place.path.child("entry").at(index);
            let step = step.child("resource");
            let place = Place { node: resource, path: &step, rule: place.rule };
            let type_name = resource.str("resourceType").unwrap_or_default();
            let is_match =
                entry.at(&["search", "mode"]).and_then(|mode| mode.as_str()).is_none_or(|mode| mode == "match");
            if resource.get("id").is_none() && type_name != "OperationOutcome" {
                self.error(place, "invalid", || "what a search finds must have an id".to_owned());
            }
            if let Some(asked) = asked.as_deref().filter(|asked| is_match && *asked != type_name)
                && type_name != "OperationOutcome"
                && !std::mem::replace(&mut is_told, true)
            {
                self.error(place, "invalid", || {
                    format!("the search was for `{asked}`, found `{}` as a match", shown(&type_name))
                });
            }
        }
    }
}

/// Names the entries of which something is true, the first few; `None` for none.
fn positions(are: impl Iterator<Item = bool>) -> Option<String> {
    const NAMED_MAX: usize = 5;
    let found: Vec<usize> = are.enumerate().filter_map(|(index, is)| is.then_some(index)).collect();
    let named: Vec<String> = found.iter().take(NAMED_MAX).map(|index| format!("entry[{index}]")).collect();
    let rest = found.len().saturating_sub(NAMED_MAX);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    (!found.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}

/// Gives the type that a search url asks for.
fn searched_type(url: &str) -> Option<String> {
    let (path, _) = url.split_once('?')?;
    let path = path.trim_end_matches("/_search");
    path.rsplit('/').next().map(str::to_owned)
}
