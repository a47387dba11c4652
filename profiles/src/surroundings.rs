//! What lies around the resource that is walked: the Bundle it is in, what its references lead to, which profiles other resources meet.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use fhir::{Node, Reference};
use fhirpath::{Element, Expression, Host, Resolved};
use terminology::Membership;

use crate::asking::Asking;
use crate::cost::Budget;
use crate::extension_context::KnownContexts;
use crate::form::Questionnaire;
use crate::options::{AnsweredFacts, Options};
use crate::path::Path;
use crate::validator::Validator;
use crate::walk::Walk;

/// Profiles of targets lead to profiles of their targets; deeper than this nothing is asked of them.
const DEPTH_MAX: u32 = 6;
/// How many compiled patterns are kept.
const PATTERNS_KEPT_MAX: usize = 64;

/// The contained resources of a resource by their ids.
type Contained<'a> = HashMap<Cow<'a, str>, Node<'a>>;

/// The surroundings of one validation.
pub(crate) struct Surroundings<'a> {
    pub(crate) validator: &'a Validator,
    pub(crate) options: &'a Options,
    pub(crate) root: Node<'a>,
    pub(crate) asking: Asking<'a>,
    /// The Bundles around what is walked, the nearest last.
    bundles: RefCell<Vec<AroundBundle<'a>>>,
    /// The entries of each Bundle that references were looked up in, by its place.
    entries: RefCell<HashMap<u32, Entries<'a>>>,
    /// Whether a node meets a profile, by the node's place.
    conformance: RefCell<HashMap<(u32, String), Option<bool>>>,
    depth: Cell<u32>,
    /// The patterns that questions ask of their answers, compiled.
    patterns: RefCell<HashMap<String, Option<Rc<Expression>>>>,
    pub(crate) budget: Budget,
    pub(crate) contexts: KnownContexts,
    /// The contained resources, by the place of what contains them.
    contained: RefCell<HashMap<u32, Contained<'a>>>,
    /// Questionnaires that several responses may be held against, by document and place.
    questionnaires: RefCell<HashMap<(usize, u32), Rc<Questionnaire<'a>>>>,
}

/// More distinct patterns were asked for than one validation compiles.
pub(crate) struct TooMany;

/// A Bundle around what is walked.
struct AroundBundle<'a> {
    node: Node<'a>,
    /// The fullUrl of the entry that is walked.
    entry_url: Option<Cow<'a, str>>,
}

/// The entries of a Bundle by fullUrl, and by type and id.
#[derive(Default)]
struct Entries<'a> {
    by_url: HashMap<Cow<'a, str>, Node<'a>>,
    by_name: HashMap<String, Node<'a>>,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn new(
        validator: &'a Validator,
        options: &'a Options,
        facts: &'a AnsweredFacts,
        root: Node<'a>,
    ) -> Self {
        Self {
            validator,
            options,
            root,
            asking: Asking::new(options, facts),
            bundles: RefCell::default(),
            entries: RefCell::default(),
            conformance: RefCell::new(HashMap::new()),
            depth: Cell::new(0),
            patterns: RefCell::new(HashMap::new()),
            budget: Budget::default(),
            contexts: KnownContexts::default(),
            contained: RefCell::default(),
            questionnaires: RefCell::default(),
        }
    }

    /// Says whether it is looked at whether something meets a profile, rather than what is wrong.
    pub(crate) fn is_aside(&self) -> bool {
        self.depth.get() > 0
    }

    /// Finds a contained resource by its id.
    pub(crate) fn contained(&self, container: Node<'a>, id: &str) -> Option<Node<'a>> {
        let mut known = self.contained.borrow_mut();
        let listed = known.entry(container.index()).or_insert_with(|| {
            let mut listed = Contained::new();
            for resource in container.get("contained").into_iter().flat_map(|list| list.items()) {
                if let Some(id) = resource.str("id") {
                    listed.entry(id).or_insert(resource);
                }
            }
            self.budget.spend(listed.len());
            listed
        });
        listed.get(id).copied()
    }

    /// Gives what is looked up in a Questionnaire, which is gathered once.
    pub(crate) fn questionnaire(&self, node: Node<'a>) -> Rc<Questionnaire<'a>> {
        let key = (std::ptr::from_ref(node.json()).addr(), node.index());
        let mut known = self.questionnaires.borrow_mut();
        Rc::clone(known.entry(key).or_insert_with(|| Rc::new(Questionnaire::new(node))))
    }

    /// Gives the test of a pattern that a whole text must match; `None` when it cannot be read, an error when there were too many.
    pub(crate) fn pattern(&self, pattern: &str) -> Result<Option<Rc<Expression>>, TooMany> {
        if let Some(known) = self.patterns.borrow().get(pattern) {
            return Ok(known.clone());
        }
        if !self.budget.spend_pattern() {
            return Err(TooMany);
        }
        let quoted = pattern.replace('\\', "\\\\").replace('\'', "\\'");
        let compiled = Expression::parse(&format!("$this.matches('^(?:{quoted})$')")).ok().map(Rc::new);
        let mut known = self.patterns.borrow_mut();
        // A compiled pattern may take a megabyte.
        if known.len() >= PATTERNS_KEPT_MAX {
            known.clear();
        }
        known.insert(pattern.to_owned(), compiled.clone());
        Ok(compiled)
    }

    /// Asks nothing more of a pattern that could not be answered.
    pub(crate) fn drop_pattern(&self, pattern: &str) {
        self.patterns.borrow_mut().insert(pattern.to_owned(), None);
    }

    /// Says that a Bundle is walked from now on, within those around it.
    pub(crate) fn enter_bundle(&self, node: Node<'a>) {
        self.bundles.borrow_mut().push(AroundBundle { node, entry_url: None });
    }

    /// Says that the Bundle that was entered last is walked no more.
    pub(crate) fn leave_bundle(&self) {
        self.bundles.borrow_mut().pop();
    }

    /// Says which entry's resource is walked from now on, and gives the fullUrl of the one before.
    pub(crate) fn enter_entry(&self, url: Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
        let mut bundles = self.bundles.borrow_mut();
        bundles.last_mut().and_then(|bundle| std::mem::replace(&mut bundle.entry_url, url))
    }

    /// Follows a reference to a resource that is contained, or an entry of the same Bundle.
    pub(crate) fn target(&self, reference: Node<'a>, container: Node<'a>) -> Option<Node<'a>> {
        let text = reference.str("reference")?;
        match text.strip_prefix('#') {
            Some("") => Some(container),
            Some(id) => self.contained(container, id),
            None => self.entry(&text),
        }
    }

    /// Finds the resource of an entry that a reference names, in the nearest Bundle that has it.
    pub(crate) fn entry(&self, reference: &str) -> Option<Node<'a>> {
        self.bundles.borrow().iter().rev().find_map(|bundle| self.entry_in(bundle, reference))
    }

    /// Finds as [`Surroundings::entry`] does, in the nearest Bundle alone.
    pub(crate) fn own_entry(&self, reference: &str) -> Option<Node<'a>> {
        self.bundles.borrow().last().and_then(|bundle| self.entry_in(bundle, reference))
    }

    fn entry_in(&self, bundle: &AroundBundle<'a>, reference: &str) -> Option<Node<'a>> {
        let mut known = self.entries.borrow_mut();
        let entries = known.entry(bundle.node.index()).or_insert_with(|| Entries::of(bundle.node));
        entries.find(reference, bundle.entry_url.as_deref())
    }

    /// Says whether a resource or datatype meets a profile; `None` when the profile is not known.
    ///
    /// `container` is the resource around it, in which `#x` references are looked up.
    pub(crate) fn conforms(&self, node: Node<'a>, url: &str, container: Node<'a>) -> Option<bool> {
        let profile = self.validator.profile(url)?;
        let key = (node.index(), profile.url.clone());
        if let Some(known) = self.conformance.borrow().get(&key) {
            return *known;
        }
        if self.depth.get() >= DEPTH_MAX {
            return Some(true);
        }
        // While it is being found out, a circle of references takes it for granted.
        self.conformance.borrow_mut().insert(key.clone(), Some(true));
        self.depth.set(self.depth.get() + 1);
        let own_type = node.str("resourceType");
        let is_of_type =
            own_type.as_deref().is_none_or(|own| self.validator.definitions().is_subtype(own, &profile.type_name));
        let is_within = (container.offset()..container.end_offset()).contains(&node.offset());
        let mut walk = Walk::new(self, if is_within { container } else { node });
        if own_type.is_some() {
            walk.resource = node;
        }
        if is_of_type {
            walk.profile(node, profile, &Path::root(&profile.type_name));
        }
        let answer = Some(is_of_type && !walk.has_errors());
        self.depth.set(self.depth.get() - 1);
        self.conformance.borrow_mut().insert(key, answer);
        answer
    }
}

impl<'a> Entries<'a> {
    fn of(bundle: Node<'a>) -> Self {
        let mut entries = Self::default();
        for entry in bundle.get("entry").into_iter().flat_map(|list| list.items()) {
            let Some(resource) = entry.get("resource") else { continue };
            if let Some(url) = entry.str("fullUrl") {
                entries.by_url.entry(url).or_insert(resource);
            }
            if let (Some(type_name), Some(id)) = (resource.str("resourceType"), resource.str("id")) {
                entries.by_name.entry(format!("{type_name}/{id}")).or_insert(resource);
            }
        }
        entries
    }

    /// Finds what a reference names that stands in the entry with the fullUrl `own`.
    fn find(&self, reference: &str, own: Option<&str>) -> Option<Node<'a>> {
        if let Some(found) = self.by_url.get(reference) {
            return Some(*found);
        }
        let parsed = Reference::parse(reference);
        let name = format!("{}/{}", parsed.type_name()?, parsed.id()?);
        if reference.contains("://") || reference.starts_with("urn:") {
            return None;
        }
        let of_base = || {
            let base = own.and_then(service_base)?;
            self.by_url.get(format!("{base}{name}").as_str()).copied()
        };
        of_base().or_else(|| self.by_name.get(&name).copied())
    }
}

/// Gives what stands before `Type/id` in a fullUrl.
fn service_base(url: &str) -> Option<&str> {
    let (rest, _) = url.rsplit_once('/')?;
    let (base, _) = rest.rsplit_once('/')?;
    url.get(..base.len() + 1)
}

impl Host for Surroundings<'_> {
    fn resolve(&self, reference: &str) -> Resolved<'_> {
        self.entry(reference).map_or(Resolved::Unknown, Resolved::Found)
    }

    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        match self.check(value_set, system, code) {
            Membership::Member => Some(true),
            Membership::NotMember => Some(false),
            Membership::NotChecked { .. } => None,
        }
    }

    fn conforms_to(&self, element: &Element<'_>, profile: &str) -> Option<bool> {
        // The element borrows for less long than the resource lives, so it is looked up again by its place.
        let node = element.node?;
        let own = self.root.json().node_at(node.index())?;
        self.conforms(own, profile, own)
    }
}
