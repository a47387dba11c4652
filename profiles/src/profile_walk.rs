//! The walk over a resource against the rules that a profile adds to its base type.

use definitions::Definitions;
use fhir::{Node, Severity};
use fhirpath::Element;

use crate::base_walk::Role;
use crate::equality::{has_pattern, is_fixed};
use crate::item::{Item, Items};
use crate::path::Path;
use crate::rule::{Child, ProfileRules, Rule, Slice, Slicing};
use crate::slicing::definition_text;
use crate::walk::{Place, Walk, shown};

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a resource against the profiles that it claims, those that the caller adds, and UK Core's.
    pub(crate) fn resource_profiles(&mut self, place: Place<'_, 'a>, type_name: &str, role: Role, added: &[String]) {
        let mut profiles: Vec<&'v ProfileRules> = Vec::new();
        for claimed in place.node.at(&["meta", "profile"]).into_iter().flat_map(|list| list.each()) {
            if let Some(url) = claimed.as_str() {
                let place = Place { node: claimed, ..place };
                profiles.extend(self.find_profile(place, &url, type_name, Severity::Warning));
            }
        }
        for url in added {
            profiles.extend(self.find_profile(place, url, type_name, Severity::Error));
        }
        if self.options.uk_core && role == Role::Own {
            profiles.extend(self.validator.uk_core_rules_of(type_name));
        }
        for (index, profile) in profiles.iter().enumerate() {
            let is_repeated = profiles.iter().take(index).any(|other| other.url == profile.url);
            let is_covered = profiles.iter().any(|other| other.ancestors.contains(&profile.url));
            if !is_repeated && !is_covered {
                self.profile(place.node, profile, place.path);
            }
        }
    }

    /// Finds a profile for a resource; when it is not known, that is said with the given severity.
    fn find_profile(
        &mut self,
        place: Place<'_, 'a>,
        url: &str,
        type_name: &str,
        severity: Severity,
    ) -> Option<&'v ProfileRules> {
        let definitions = self.validator.definitions();
        let profile = self.validator.profile(url);
        let base = || url.strip_prefix(BASE).filter(|name| definitions.type_named(name).is_some());
        let Some(wanted) = profile.map(|profile| profile.type_name.as_str()).or_else(base) else {
            self.report(severity, place, "not-found", || {
                format!("profile `{}` is not known here; nothing was held against it", shown(url))
            });
            return None;
        };
        if !definitions.is_subtype(type_name, wanted) {
            self.error(place, "invalid", || format!("profile `{url}` is for `{wanted}`, found `{type_name}`"));
            return None;
        }
        profile
    }

    /// Holds a resource, an extension or a datatype against a profile.
    pub(crate) fn profile(&mut self, node: Node<'a>, profile: &ProfileRules, path: &Path<'_>) {
        let place = Place { node, path, rule: Some(&profile.url) };
        for fault in &profile.faults {
            self.note_fault(place, fault);
        }
        let resource_type = node.str("resourceType");
        let code = resource_type.as_deref().unwrap_or(&profile.type_name);
        self.own_rules(place, Item::of(node), &profile.root, Typed { code: Some(code), backbone: None });
        self.children(Item::of(node), &profile.root.children, profile, path);
    }

    fn children(&mut self, parent: Item<'a>, children: &[Child], profile: &ProfileRules, path: &Path<'_>) {
        let Some(node) = parent.node() else { return };
        let place = Place { node, path, rule: Some(profile.url.as_str()) };
        for child in children {
            let items = Items::of(parent, child);
            let mut tally = Tally::of(&child.rule.slices);
            let mut order = Order::default();
            let mut count = 0;
            for (index, item) in items.iter().enumerate() {
                count += 1;
                let mut step = path.child(&child.name);
                if let Some(code) = &items.type_code {
                    step = step.of_type(code);
                }
                if items.is_list() {
                    step = step.at(index);
                }
                let own_type = item.value.and_then(|value| value.str("resourceType"));
                let code = own_type.as_deref().or(items.type_code.as_deref()).or(child.type_code.as_deref());
                let typed = Typed { code, backbone: child.backbone.as_deref() };
                if let Some(node) = item.node() {
                    self.own_rules(Place { node, path: &step, rule: place.rule }, item, &child.rule, typed);
                }
                let slice = self.sliced((item, typed), child, &child.rule, (profile, &step), &mut tally);
                if let (Some(slicing), Some(node)) = (&child.rule.slicing, item.node()) {
                    let place = Place { node, path: &step, rule: place.rule };
                    self.in_order(place, slicing, slice, &mut order);
                }
            }
            if count == 0 && child.rule.must_support && self.options.must_support {
                self.report(Severity::Information, place, "informational", || {
                    format!("`{}` is marked must-support and is not there", child.name)
                });
            }
            let name = || format!("`{}`", child.name);
            self.count(place, count, child.rule.min, child.rule.max, name);
            self.slice_counts(place, &child.name, &child.rule.slices, &tally);
        }
    }

    fn slice_counts(&mut self, place: Place<'_, 'a>, child: &str, slices: &[Slice], tally: &Tally) {
        for (slice, tally) in slices.iter().zip(&tally.slices).filter(|(slice, _)| slice.tests.is_some()) {
            let name = || format!("slice `{}` of `{child}`", slice.name);
            self.count(place, tally.count, slice.rule.min, slice.rule.max, name);
            if tally.count > 0 {
                self.slice_counts(place, child, &slice.rule.slices, tally);
            }
        }
    }

    /// Says whether an item stands where the slicing lets it.
    fn in_order(&mut self, place: Place<'_, 'a>, slicing: &Slicing, slice: Option<usize>, order: &mut Order) {
        match slice {
            Some(slice) => {
                if slicing.is_ordered && order.last.is_some_and(|last| last > slice) {
                    self.error(place, "structure", || "the slices are out of the order that is asked for".to_owned());
                }
                if slicing.is_open_at_end && order.has_other {
                    self.error(place, "structure", || "items of no slice may only stand at the end".to_owned());
                }
                order.last = Some(slice);
            }
            None => order.has_other = true,
        }
    }

    /// Finds the slice of a value, then the slice within it, and walks the children by the rules of the innermost; gives the place of
    /// the outermost.
    fn sliced(
        &mut self,
        (item, typed): (Item<'a>, Typed<'_>),
        child: &Child,
        rule: &Rule,
        (profile, path): (&ProfileRules, &Path<'_>),
        tally: &mut Tally,
    ) -> Option<usize> {
        let place = Place { node: item.node()?, path, rule: Some(profile.url.as_str()) };
        let found = rule.slices.iter().position(|slice| self.is_in_slice(item, typed.code, slice));
        if let Some((index, slice)) = found.and_then(|index| Some((index, rule.slices.get(index)?))) {
            self.own_rules(place, item, &slice.rule, typed);
            self.unsliced(place, (item, typed), slice);
            if let Some(tally) = tally.slices.get_mut(index) {
                tally.count += 1;
                self.sliced((item, typed), child, &slice.rule, (profile, path), tally);
            }
            return found;
        }
        let is_told = rule.slices.iter().all(|slice| slice.tests.is_some());
        if rule.slicing.as_ref().is_some_and(|slicing| slicing.is_closed) && is_told && !rule.slices.is_empty() {
            let names: Vec<&str> = rule.slices.iter().map(|slice| slice.name.as_str()).collect();
            self.error(place, "structure", || {
                format!("this `{}` is none of the slices that are allowed: {}", child.name, names.join(", "))
            });
        }
        self.children(item, &rule.children, profile, path);
        None
    }

    /// Says so where an item belongs to a slice and to one within it, and nothing says what tells the two apart.
    fn unsliced(&mut self, place: Place<'_, 'a>, (item, typed): (Item<'a>, Typed<'_>), slice: &Slice) {
        if slice.rule.slicing.is_some() {
            return;
        }
        let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
        for within in &slice.rule.slices {
            if within.tests.is_none() || self.is_in_slice(item, typed.code, within) {
                self.report(severity, place, "structure", || {
                    format!(
                        "this belongs to both slices `{}` and `{}`, which nothing tells apart",
                        slice.name, within.name
                    )
                });
            }
        }
    }

    fn count(
        &mut self,
        place: Place<'_, 'a>,
        found: usize,
        min: Option<u32>,
        max: Option<u32>,
        name: impl Fn() -> String,
    ) {
        if let Some(min) = min.filter(|min| found < *min as usize) {
            self.error(place, "required", || format!("found {found} of {}, at least {min} required", name()));
        }
        if let Some(max) = max.filter(|max| found > *max as usize) {
            self.error(place, "structure", || format!("found {found} of {}, at most {max} allowed", name()));
        }
    }

    /// Holds one value against what its rule says of the value itself.
    fn own_rules(&mut self, place: Place<'_, 'a>, item: Item<'a>, rule: &Rule, typed: Typed<'_>) {
        let Some(value) = item.value else { return };
        let place = Place { node: value, ..place };
        if let Some(fixed) = rule.fixed.as_ref().filter(|fixed| !is_fixed(value, fixed)) {
            self.error(place, "value", || {
                format!("found another value, expected exactly `{}`", definition_text(fixed))
            });
        }
        if let Some(pattern) = rule.pattern.as_ref().filter(|pattern| !has_pattern(value, pattern)) {
            self.error(place, "value", || format!("the value lacks something of `{}`", definition_text(pattern)));
        }
        self.limits(place, &rule.limits, typed.code);
        if !rule.constraints.is_empty() {
            let definitions = self.validator.definitions();
            self.constraints(place, &rule.constraints, &|| {
                let nested = typed.backbone.and_then(|path| definitions.element(path));
                let mut element = match nested {
                    Some(found) => Element::nested(value, found),
                    None => Element::new(value, typed.code, definitions),
                };
                element.sibling = item.shadow;
                element
            });
        }
        let Some(code) = typed.code else { return };
        self.bound(place, rule.binding.as_ref(), code);
        self.type_rules(place, rule, code);
    }

    /// Holds a value against the types, profiles and targets that a rule allows.
    fn type_rules(&mut self, place: Place<'_, 'a>, rule: &Rule, code: &str) {
        if rule.types.is_empty() {
            return;
        }
        let definitions = self.validator.definitions();
        let mut fitting = rule.types.iter().filter(|one| is_of_type(definitions, code, &one.code)).peekable();
        if fitting.peek().is_none() {
            let wanted: Vec<&str> = rule.types.iter().map(|one| one.code.as_str()).collect();
            // A backbone element may be named by either of the two names of its type.
            if !wanted.iter().all(|name| matches!(*name, "Element" | "BackboneElement")) {
                self.error(place, "value", || format!("found `{code}`, expected {}", wanted.join(" or ")));
            }
            return;
        }
        let profiles: Vec<&String> = fitting.clone().flat_map(|one| &one.profiles).collect();
        if code == "Reference" {
            self.aggregation(place, fitting.clone().map(|one| one.aggregation.as_slice()));
            let targets: Vec<String> = fitting.flat_map(|one| one.target_profiles.iter().cloned()).collect();
            return self.reference(place, &targets);
        }
        // An extension finds its definition by its own url.
        if code == "Extension" || !place.node.is_object() {
            return;
        }
        match profiles.as_slice() {
            [] => {}
            [only] => self.type_profile(place.node, only, place.path),
            several => {
                let container = self.container;
                let answers = several.iter().map(|url| self.around.conforms(place.node, url, container));
                if answers.clone().all(|answer| answer == Some(false)) {
                    self.error(place, "structure", || {
                        let names: Vec<&str> = several.iter().map(|url| url.as_str()).collect();
                        format!("the value meets none of the profiles `{}`", names.join("`, `"))
                    });
                }
            }
        }
    }
}

/// Says whether a value of type `code` is what a profile asks for with `wanted`: a resource may be of a type below that, a datatype, as the
/// name of a choice tells it, may not.
pub(crate) fn is_of_type(definitions: &Definitions, code: &str, wanted: &str) -> bool {
    code == wanted || (definitions.is_resource_type(code) && definitions.is_subtype(code, wanted))
}

/// The type of a value, as far as it is known.
#[derive(Clone, Copy)]
struct Typed<'t> {
    code: Option<&'t str>,
    /// The path of the backbone element that it is.
    backbone: Option<&'t str>,
}

/// How many items a slice has, and each slice within it.
#[derive(Default)]
struct Tally {
    count: usize,
    slices: Vec<Tally>,
}

impl Tally {
    fn of(slices: &[Slice]) -> Self {
        Self { count: 0, slices: slices.iter().map(|slice| Self::of(&slice.rule.slices)).collect() }
    }
}

/// Which slices have been met.
#[derive(Default)]
struct Order {
    last: Option<usize>,
    has_other: bool,
}
