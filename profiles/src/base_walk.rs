//! The walk over a resource against its base type: structure, JSON kinds, primitive forms, cardinality, required codes.

use fhir::{Kind, Node, Severity};
use fhirpath::Element;

use crate::base_rules::{ElementRules, Found, Shape, TypeId, TypeRules};
use crate::extension_context::Holder;
use crate::path::Path;
use crate::walk::{Place, Walk, shown};

/// Bundles may hold Bundles; deeper than this nobody means it.
const RESOURCE_DEPTH_MAX: u32 = 32;

/// What an object has shown so far.
#[derive(Default)]
struct Seen {
    /// A bit for each element of the type; no type of R4 has as many as there are bits.
    elements: u128,
    /// The type that each choice element took.
    choices: Vec<(usize, usize)>,
}

/// Where a resource stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// By itself, or as an entry of a Bundle or Parameters.
    Own,
    /// In `contained`.
    Contained,
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a resource against its type and its profiles.
    pub(crate) fn resource(&mut self, node: Node<'a>, path: &Path<'_>, role: Role, profiles: &[String]) {
        let place = Place { node, path, rule: None };
        if !node.is_object() {
            return self.error(place, "structure", || format!("found {}, expected a resource", kind_name(node.kind())));
        }
        let Some(type_name) = node.str("resourceType") else {
            return self.error(place, "structure", || "`resourceType` is missing".to_owned());
        };
        let id = self.validator.base.id(&type_name);
        let Some(id) = id.filter(|_| self.validator.definitions().is_resource_type(&type_name)) else {
            return self
                .error(place, "structure", || format!("`{}` is not a resource type of FHIR R4", shown(&type_name)));
        };
        if self.depth >= RESOURCE_DEPTH_MAX {
            return self.error(place, "too-costly", || "resources are nested too deep to be checked".to_owned());
        }
        self.depth += 1;
        let outer = (role == Role::Own).then(|| self.enter(node));
        let resource = std::mem::replace(&mut self.resource, node);
        let is_bundle = type_name == "Bundle";
        if is_bundle {
            self.around.enter_bundle(node);
        }
        self.object(node, id, path);
        self.resource_rules(place, &type_name);
        self.resource_profiles(place, &type_name, role, profiles);
        if is_bundle {
            self.around.leave_bundle();
        }
        self.resource = resource;
        if let Some(outer) = outer {
            self.leave(outer);
        }
        self.depth -= 1;
    }

    /// Holds an object against a complex type.
    pub(crate) fn object(&mut self, node: Node<'a>, id: TypeId, path: &Path<'_>) {
        let Some(rules) = self.validator.base.get(id, self.validator.definitions()) else { return };
        self.object_of((node, None), rules, &rules.name, path);
        if !rules.is_resource {
            self.content(Place { node, path, rule: None });
        }
    }

    /// Holds an object against the rules of its type; `type_name` is the type that it has for its extensions, `value` the primitive that
    /// it stands beside.
    fn object_of(
        &mut self,
        (node, value): (Node<'a>, Option<Node<'a>>),
        rules: &'v TypeRules,
        type_name: &'v str,
        path: &Path<'_>,
    ) {
        let holder = self.holder;
        self.holder = Holder { type_name, owner: holder.type_name, node: Some(node), value };
        self.members(node, rules, path);
        self.holder = holder;
    }

    fn members(&mut self, node: Node<'a>, rules: &'v TypeRules, path: &Path<'_>) {
        if rules.name == "Bundle.entry" {
            self.around.enter_entry(node.str("fullUrl"));
        }
        let mut seen = Seen::default();
        let mut is_empty = true;
        for (name, value) in node.members() {
            is_empty = false;
            if name == "resourceType" && rules.is_resource {
                continue;
            }
            let (is_shadow, plain) = match name.strip_prefix('_') {
                Some(plain) => (true, plain),
                None => (false, &*name),
            };
            let found = rules.property(plain);
            let found = found.filter(|found| !is_shadow || matches!(found.type_use.shape, Shape::Primitive(_)));
            let Some(found) = found else {
                self.unknown_element(value, &name, rules, path);
                continue;
            };
            let step = if found.element.is_choice {
                path.child(&found.element.name).of_type(&found.type_use.code)
            } else {
                path.child(&found.element.name)
            };
            self.note_choice(&mut seen, found, value, &step);
            if is_shadow {
                self.shadow(node.get(plain), value, found, step);
            } else {
                self.property(node, value, found, step);
            }
        }
        let place = Place { node, path, rule: None };
        if is_empty {
            self.error(place, "structure", || "an object must not be empty".to_owned());
        }
        self.missing(node, rules, &seen, path);
        if !rules.constraints.is_empty() {
            let definitions = self.validator.definitions();
            let nested = || definitions.element(&rules.name).map(|found| Element::nested(node, found));
            let element = || Element::new(node, Some(&rules.name), definitions);
            let is_backbone = rules.is_backbone;
            self.constraints(place, &rules.constraints, &|| nested().filter(|_| is_backbone).unwrap_or_else(element));
        }
    }

    fn unknown_element(&mut self, value: Node<'a>, name: &str, rules: &TypeRules, path: &Path<'_>) {
        let place = Place { node: value, path, rule: None };
        // A choice with a type that it does not take is the commonest slip, and worth its own words.
        let choice = rules.elements.iter().filter(|element| element.is_choice).find(|element| {
            let suffix = name.strip_prefix(element.name.as_str());
            suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with(|c: char| c.is_ascii_uppercase()))
        });
        self.error(place, "structure", || match choice {
            Some(choice) => format!("`{}` is not one of the types of `{}.{}[x]`", shown(name), rules.name, choice.name),
            None => format!("`{}` is not an element of `{}`", shown(name), rules.name),
        });
    }

    fn note_choice(&mut self, seen: &mut Seen, found: Found<'_>, value: Node<'a>, path: &Path<'_>) {
        seen.elements |= 1_u128.checked_shl(u32::try_from(found.index).unwrap_or(u32::MAX)).unwrap_or_default();
        if !found.element.is_choice {
            return;
        }
        let chosen = seen.choices.iter().find(|(element, _)| *element == found.index);
        match chosen {
            Some((_, type_index)) if *type_index != found.type_index => {
                self.error(Place { node: value, path, rule: None }, "structure", || {
                    format!("`{}[x]` may be given in one type only", found.element.name)
                });
            }
            Some(_) => {}
            None => seen.choices.push((found.index, found.type_index)),
        }
    }

    fn missing(&mut self, node: Node<'a>, rules: &TypeRules, seen: &Seen, path: &Path<'_>) {
        for (index, element) in rules.elements.iter().enumerate() {
            let bit = 1_u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or_default();
            if element.min > 0 && seen.elements & bit == 0 {
                let suffix = if element.is_choice { "[x]" } else { "" };
                self.error(Place { node, path, rule: None }, "required", || {
                    format!("`{}.{}{suffix}` is required and missing", rules.name, element.name)
                });
            }
        }
    }

    fn property(&mut self, parent: Node<'a>, value: Node<'a>, found: Found<'_>, step: Path<'_>) {
        let place = Place { node: value, path: &step, rule: None };
        if !found.element.is_array {
            if value.is_array() {
                return self.error(place, "structure", || "found an array, expected a single value".to_owned());
            }
            return self.value(value, found, &step);
        }
        if !value.is_array() {
            let kind = kind_name(value.kind());
            return self.error(place, "structure", || format!("found {kind}, expected an array"));
        }
        let mut count = 0;
        let mut beside = None;
        for (index, item) in value.items().enumerate() {
            count += 1;
            let step = step.at(index);
            if item.is_null() && matches!(found.type_use.shape, Shape::Primitive(_)) {
                let beside = beside.get_or_insert_with(|| values_beside(parent, found.element));
                if !beside.get(index).copied().unwrap_or_default() {
                    self.error(Place { node: item, path: &step, rule: None }, "structure", || {
                        "a null must have its extensions at the same place in the list beside it".to_owned()
                    });
                }
            } else {
                self.value(item, found, &step);
            }
        }
        if count == 0 {
            self.error(place, "structure", || "an array must not be empty".to_owned());
        }
        if let Some(max) = found.element.max.filter(|max| count > *max as usize) {
            self.error(place, "structure", || format!("found {count} values, at most {max} are allowed"));
        }
    }

    /// Walks the `_name` that carries id and extensions of a primitive.
    fn shadow(&mut self, plain: Option<Node<'a>>, value: Node<'a>, found: Found<'v>, step: Path<'_>) {
        let base = &self.validator.base;
        let rules = base.id("Element").and_then(|id| base.get(id, self.validator.definitions()));
        let Some(rules) = rules else { return };
        let (element, type_name) = (found.element, found.type_use.code.as_str());
        let place = Place { node: value, path: &step, rule: None };
        if value.is_object() && !element.is_array {
            self.object_of((value, plain), rules, type_name, &step);
            if plain.is_none() {
                self.content(place);
            }
            return;
        }
        if !(value.is_array() && element.is_array) {
            let kind = kind_name(value.kind());
            return self.error(place, "structure", || format!("found {kind} for id and extensions of a primitive"));
        }
        if plain.is_some_and(|plain| plain.is_array() && plain.len() != value.len()) {
            // Which belong together is plain all the same: those at the same place.
            self.report(Severity::Warning, place, "structure", || {
                "values and their extensions differ in number".to_owned()
            });
        }
        let mut values = plain.map(|plain| plain.each());
        for (index, item) in value.items().enumerate() {
            let step = step.at(index);
            let beside = values.as_mut().and_then(Iterator::next).filter(|value| !value.is_null());
            match item.kind() {
                Kind::Null => {}
                Kind::Object => {
                    self.object_of((item, beside), rules, type_name, &step);
                    if beside.is_none() {
                        self.content(Place { node: item, path: &step, rule: None });
                    }
                }
                kind => self.error(Place { node: item, path: &step, rule: None }, "structure", || {
                    format!("found {}, expected an object or null", kind_name(kind))
                }),
            }
        }
    }

    fn value(&mut self, value: Node<'a>, found: Found<'_>, path: &Path<'_>) {
        let place = Place { node: value, path, rule: None };
        if !found.element.constraints.is_empty() {
            let definitions = self.validator.definitions();
            // What an element of its own has by reference to another's content is that one's.
            let rules = match found.type_use.shape {
                Shape::Complex(id) => self.validator.base.get(id, definitions).filter(|rules| rules.is_backbone),
                _ => None,
            };
            let nested = rules.and_then(|rules| definitions.element(&rules.name));
            let plain = || Element::new(value, Some(&found.type_use.code), definitions);
            let element = || nested.map_or_else(plain, |nested| Element::nested(value, nested));
            self.constraints(place, &found.element.constraints, &element);
        }
        let code = found.type_use.code.as_str();
        match found.type_use.shape {
            Shape::Unknown => {}
            Shape::Resource if found.element.name == "contained" && self.options.skips_contained => {}
            Shape::Resource => {
                let role = if found.element.name == "contained" { Role::Contained } else { Role::Own };
                self.resource(value, path, role, &[]);
            }
            Shape::Primitive(primitive) => {
                if value.kind() != primitive.kind() {
                    let (kind, wanted) = (kind_name(value.kind()), kind_name(primitive.kind()));
                    return self.error(place, "structure", || format!("found {kind}, expected {wanted} (`{code}`)"));
                }
                if !primitive.accepts(value) {
                    let wanted = primitive.expectation();
                    return self.error(place, "value", || format!("not a valid `{code}`: expected {wanted}"));
                }
                self.bound(place, found.element.binding.as_ref(), code);
                self.primitive_rules(place, primitive, &found.type_use.targets);
            }
            Shape::Complex(id) => {
                if !value.is_object() {
                    let kind = kind_name(value.kind());
                    return self.error(place, "structure", || format!("found {kind}, expected an object (`{code}`)"));
                }
                if code == "Extension" {
                    self.extension_urls.push(value.str("url").unwrap_or_default());
                    self.object(value, id, path);
                    self.extension_urls.pop();
                } else {
                    self.object(value, id, path);
                }
                self.bound(place, found.element.binding.as_ref(), code);
                self.datatype_rules(place, code);
                match code {
                    "Extension" => self.extension(value, path, found.element.name == "modifierExtension"),
                    "Reference" => self.reference(place, &found.type_use.targets),
                    _ => {}
                }
                for profile in &found.type_use.profiles {
                    self.type_profile(value, profile, path);
                }
            }
        }
    }

    /// Holds a datatype against a profile that the element's type names; a profile that is not known asks nothing.
    pub(crate) fn type_profile(&mut self, value: Node<'a>, url: &str, path: &Path<'_>) {
        if let Some(profile) = self.validator.profile(url) {
            self.profile(value, profile, path);
        }
    }

    /// Notes that a code system or value set cannot be checked, once for each.
    pub(crate) fn note_not_checked(&mut self, place: Place<'_, 'a>, missing: &str) {
        if self.not_checked.iter().any(|known| known == missing) {
            return;
        }
        self.not_checked.push(missing.to_owned());
        let around = self.around;
        self.report(Severity::Information, place, "not-supported", || match around.asking.is_unanswered(missing) {
            true => format!("codes of `{missing}` could not be checked: who was asked about them did not tell"),
            false => format!("codes of `{missing}` are not checked: its content is not loaded"),
        });
    }
}

/// Says for each place of a list of primitives whether extensions stand beside it, as a null there needs.
fn values_beside(parent: Node<'_>, element: &ElementRules) -> Vec<bool> {
    let shadow = parent.get(&format!("_{}", element.name));
    shadow.map(|shadow| shadow.items().map(|item| item.is_object()).collect()).unwrap_or_default()
}

/// Names a JSON kind for a message.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "an object",
        Kind::Array => "an array",
        Kind::String => "a string",
        Kind::Number => "a number",
        Kind::Bool => "a boolean",
        Kind::Null => "null",
    }
}
