//! The base types of R4, compiled for the walk: a property name leads straight to what its value must be.

use std::collections::HashMap;
use std::sync::OnceLock;

use definitions::{ConstraintDef, Definitions, ElementDef, TypeKind};

use crate::constraint::Constraint;
use crate::primitive::Primitive;
use crate::rule::Binding;

/// The place of a type, or of a backbone element such as `Patient.contact`, in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeId(usize);

/// Every type by name; each is compiled when it is first met.
#[derive(Debug)]
pub(crate) struct BaseRules {
    ids: HashMap<String, TypeId>,
    types: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    rules: OnceLock<TypeRules>,
}

/// What the properties of one type may be.
#[derive(Debug)]
pub(crate) struct TypeRules {
    pub(crate) name: String,
    pub(crate) is_resource: bool,
    pub(crate) elements: Vec<ElementRules>,
    /// The invariants of the type.
    pub(crate) constraints: Vec<Constraint>,
    /// The backbone element that it is, by its path.
    pub(crate) is_backbone: bool,
    /// Property names, sorted; a choice element has one for each of its types.
    properties: Vec<Property>,
}

#[derive(Debug)]
struct Property {
    name: String,
    element: usize,
    type_index: usize,
}

/// What a property name stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'r> {
    /// The place of the element in its type.
    pub(crate) index: usize,
    pub(crate) element: &'r ElementRules,
    /// The place of the type among those of the element.
    pub(crate) type_index: usize,
    /// The type that the name tells.
    pub(crate) type_use: &'r TypeUse,
}

/// What one element may be.
#[derive(Debug)]
pub(crate) struct ElementRules {
    pub(crate) name: String,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
    pub(crate) is_array: bool,
    pub(crate) is_choice: bool,
    pub(crate) types: Vec<TypeUse>,
    pub(crate) binding: Option<Binding>,
    /// The invariants of an element that is not a backbone element.
    pub(crate) constraints: Vec<Constraint>,
}

/// One type that an element may have.
#[derive(Debug)]
pub(crate) struct TypeUse {
    pub(crate) code: String,
    pub(crate) shape: Shape,
    /// The urls of the types and profiles that a reference may point to; empty for any.
    pub(crate) targets: Vec<String>,
    /// The profiles of which a value must meet one.
    pub(crate) profiles: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Primitive(Primitive),
    Complex(TypeId),
    /// Any resource, by its own `resourceType`.
    Resource,
    /// A type that the definitions at hand do not hold; nothing is asked of it.
    Unknown,
}

impl BaseRules {
    /// Lists every type and backbone element of the definitions.
    pub(crate) fn new(definitions: &Definitions) -> Self {
        let mut rules = Self { ids: HashMap::new(), types: Vec::new() };
        for definition in definitions.types() {
            rules.add(&definition.name);
            definition.elements.iter().for_each(|element| rules.add_backbones(element));
        }
        rules
    }

    fn add(&mut self, name: &str) {
        self.ids.insert(name.to_owned(), TypeId(self.types.len()));
        self.types.push(Slot { name: name.to_owned(), rules: OnceLock::new() });
    }

    fn add_backbones(&mut self, element: &ElementDef) {
        if !element.children.is_empty() {
            self.add(&element.path);
            element.children.iter().for_each(|child| self.add_backbones(child));
        }
    }

    /// Finds a type by name.
    pub(crate) fn id(&self, name: &str) -> Option<TypeId> {
        self.ids.get(name).copied()
    }

    /// Gives the rules of a type, compiling them when this is the first use.
    pub(crate) fn get(&self, id: TypeId, definitions: &Definitions) -> Option<&TypeRules> {
        let slot = self.types.get(id.0)?;
        Some(slot.rules.get_or_init(|| self.compile(&slot.name, definitions)))
    }

    fn compile(&self, name: &str, definitions: &Definitions) -> TypeRules {
        let type_def = definitions.type_named(name);
        let is_resource = type_def.is_some_and(|found| found.kind == TypeKind::Resource);
        let backbone = || definitions.element(name).map(|element| definitions.children(element));
        let elements = type_def.map(|found| &found.elements).or_else(backbone).map_or(&[][..], Vec::as_slice);
        let mut properties = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let names: Vec<String> = match element.types.as_slice() {
                [] => vec![element.name.clone()],
                types => types.iter().map(|one| element.json_name(&one.code)).collect(),
            };
            let names = names.into_iter().enumerate();
            properties.extend(names.map(|(type_index, name)| Property { name, element: index, type_index }));
        }
        properties.sort_by(|left, right| left.name.cmp(&right.name));
        // The invariants of a backbone element stand on the element itself.
        let own = backbone_rules(name, definitions).or(type_def.map(|found| found.constraints.as_slice()));
        let constraints =
            own.unwrap_or_default().iter().filter_map(|rule| Constraint::of_type(rule, elements)).collect();
        let elements = elements.iter().map(|element| self.element(element)).collect();
        let is_backbone = type_def.is_none();
        TypeRules { name: name.to_owned(), is_resource, elements, constraints, is_backbone, properties }
    }

    fn element(&self, element: &ElementDef) -> ElementRules {
        let backbone = element.content_reference.as_ref().or(Some(&element.path));
        let backbone = backbone.and_then(|path| self.id(path)).map(Shape::Complex);
        let types = element.types.iter().map(|one| TypeUse {
            code: one.code.clone(),
            shape: backbone.unwrap_or_else(|| self.shape(&one.code)),
            targets: one.target_profiles.clone(),
            profiles: one.profiles.clone(),
        });
        let mut types: Vec<TypeUse> = types.collect();
        if let (true, Some(shape)) = (types.is_empty(), backbone) {
            types.push(TypeUse {
                code: "BackboneElement".to_owned(),
                shape,
                targets: Vec::new(),
                profiles: Vec::new(),
            });
        }
        ElementRules {
            name: element.name.clone(),
            min: element.min,
            max: element.max,
            is_array: element.is_list(),
            is_choice: element.is_choice,
            types,
            binding: element.binding.as_ref().map(Binding::from),
            constraints: match element.children.as_slice() {
                [] => element.constraints.iter().filter_map(|rule| Constraint::of_type(rule, &[])).collect(),
                _ => Vec::new(),
            },
        }
    }

    fn shape(&self, code: &str) -> Shape {
        if let Some(primitive) = Primitive::parse(code) {
            return Shape::Primitive(primitive);
        }
        match code {
            "Resource" | "DomainResource" => Shape::Resource,
            _ => self.id(code).map_or(Shape::Unknown, Shape::Complex),
        }
    }
}

fn backbone_rules<'d>(name: &str, definitions: &'d Definitions) -> Option<&'d [ConstraintDef]> {
    definitions.element(name).map(|element| element.constraints.as_slice())
}

impl TypeRules {
    /// Finds what a JSON property name stands for.
    pub(crate) fn property(&self, name: &str) -> Option<Found<'_>> {
        let index = self.properties.binary_search_by(|property| property.name.as_str().cmp(name)).ok()?;
        let property = self.properties.get(index)?;
        let element = self.elements.get(property.element)?;
        let type_use = element.types.get(property.type_index)?;
        Some(Found { index: property.element, element, type_index: property.type_index, type_use })
    }
}
