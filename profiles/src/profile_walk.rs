//! The walk over a resource against the rules that a profile adds to its base type.

use fhir::{Node, Severity};

use crate::base_walk::Role;
use crate::equality::{has_pattern, is_fixed};
use crate::item::{Item, Items};
use crate::path::Path;
use crate::rule::{Child, ProfileRules, Rule};
use crate::slicing::definition_text;
use crate::walk::{Place, Walk, shown};

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'v, 'a> Walk<'v, 'a> {
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
        if self.is_uk_core && role == Role::Own {
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
        self.own_rules(place, Some(node), &profile.root, None);
        self.children(Item::of(node), &profile.root.children, profile, path);
    }

    fn children(&mut self, parent: Item<'a>, children: &[Child], profile: &ProfileRules, path: &Path<'_>) {
        let Some(node) = parent.node() else { return };
        let place = Place { node, path, rule: Some(profile.url.as_str()) };
        for child in children {
            let items = Items::of(parent, child);
            let mut slice_counts = vec![0; child.rule.slices.len()];
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
                let type_code = items.type_code.as_deref().or(child.type_code.as_deref());
                let slice = self.item(item, child, type_code, profile, &step);
                if let Some(count) = slice.and_then(|slice| slice_counts.get_mut(slice)) {
                    *count += 1;
                }
            }
            let name = || format!("`{}`", child.name);
            self.count(place, count, child.rule.min, child.rule.max, name);
            for (slice, count) in child.rule.slices.iter().zip(slice_counts).filter(|(slice, _)| slice.tests.is_some())
            {
                let name = || format!("slice `{}` of `{}`", slice.name, child.name);
                self.count(place, count, slice.rule.min, slice.rule.max, name);
            }
        }
    }

    /// Walks one value and gives the place of the slice that it belongs to.
    fn item(
        &mut self,
        item: Item<'a>,
        child: &Child,
        type_code: Option<&str>,
        profile: &ProfileRules,
        path: &Path<'_>,
    ) -> Option<usize> {
        let place = Place { node: item.node()?, path, rule: Some(profile.url.as_str()) };
        let rule = &child.rule;
        self.own_rules(place, item.value, rule, type_code);
        let found = rule.slices.iter().position(|slice| self.is_in_slice(item, type_code, slice));
        if let Some(slice) = found.and_then(|index| rule.slices.get(index)) {
            self.own_rules(place, item.value, &slice.rule, type_code);
            self.children(item, &slice.rule.children, profile, path);
            return found;
        }
        let is_told = rule.slices.iter().all(|slice| slice.tests.is_some());
        if rule.slicing.as_ref().is_some_and(|slicing| slicing.is_closed) && is_told {
            let names: Vec<&str> = rule.slices.iter().map(|slice| slice.name.as_str()).collect();
            self.error(place, "structure", || {
                format!("this `{}` is none of the slices that are allowed: {}", child.name, names.join(", "))
            });
        }
        self.children(item, &rule.children, profile, path);
        None
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
    fn own_rules(&mut self, place: Place<'_, 'a>, value: Option<Node<'a>>, rule: &Rule, type_code: Option<&str>) {
        let Some(value) = value else { return };
        let place = Place { node: value, ..place };
        if let Some(fixed) = rule.fixed.as_ref().filter(|fixed| !is_fixed(value, fixed)) {
            self.error(place, "value", || {
                format!("found another value, expected exactly `{}`", definition_text(fixed))
            });
        }
        if let Some(pattern) = rule.pattern.as_ref().filter(|pattern| !has_pattern(value, pattern)) {
            self.error(place, "value", || format!("the value lacks something of `{}`", definition_text(pattern)));
        }
        let Some(code) = type_code else { return };
        self.bound(place, rule.binding.as_ref(), code);
        if rule.types.is_empty() {
            return;
        }
        let Some(type_rule) = rule.types.iter().find(|one| one.code == code) else {
            let wanted: Vec<&str> = rule.types.iter().map(|one| one.code.as_str()).collect();
            return self.error(place, "value", || format!("found `{code}`, expected {}", wanted.join(" or ")));
        };
        if code == "Reference" {
            self.reference(place, &type_rule.target_profiles);
        }
        // An extension finds its definition by its own url.
        if let ([profile], true) = (type_rule.profiles.as_slice(), code != "Extension" && value.is_object()) {
            self.type_profile(value, profile, place.path);
        }
    }
}
