//! The compiled form of a profile: a sparse tree that holds only what the profile and its ancestors add to the base type.

use definitions::BindingStrength;
use serde_json::Value;

/// A profile with everything that it inherits from other profiles merged in.
#[derive(Debug)]
pub(crate) struct ProfileRules {
    pub(crate) url: String,
    pub(crate) type_name: String,
    /// The profiles it derives from, nearest first.
    pub(crate) ancestors: Vec<String>,
    pub(crate) root: Rule,
}

/// What is asked of one element; an empty field adds nothing to the base type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
    pub(crate) types: Vec<TypeRule>,
    pub(crate) binding: Option<Binding>,
    pub(crate) fixed: Option<Value>,
    pub(crate) pattern: Option<Value>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) slicing: Option<Slicing>,
    pub(crate) slices: Vec<Slice>,
    pub(crate) children: Vec<Child>,
}

/// The rule of a child element.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    /// The name without `[x]`.
    pub(crate) name: String,
    /// The property that carries id and extensions of a primitive.
    pub(crate) shadow_name: String,
    pub(crate) is_choice: bool,
    /// The type of the element where there is only one.
    pub(crate) type_code: Option<String>,
    pub(crate) rule: Rule,
}

/// One slice of a list.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) rule: Rule,
    /// What makes an item belong to the slice; `None` when it cannot be told here.
    pub(crate) tests: Option<Vec<SliceTest>>,
}

/// A condition on the value at a path below the item.
#[derive(Debug, Clone)]
pub(crate) struct SliceTest {
    pub(crate) path: Vec<String>,
    pub(crate) kind: SliceTestKind,
}

#[derive(Debug, Clone)]
pub(crate) enum SliceTestKind {
    Fixed(Value),
    Pattern(Value),
    MemberOf(String),
    Exists,
    Absent,
    Type(Vec<String>),
}

#[derive(Debug, Clone)]
pub(crate) struct Slicing {
    pub(crate) discriminators: Vec<Discriminator>,
    pub(crate) is_closed: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Discriminator {
    pub(crate) kind: String,
    pub(crate) path: String,
}

#[derive(Debug, Clone)]
pub(crate) struct TypeRule {
    pub(crate) code: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) target_profiles: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) strength: BindingStrength,
    pub(crate) value_set: String,
}

/// An invariant, carried until expressions are evaluated here.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "read once invariants are evaluated")]
pub(crate) struct Constraint {
    pub(crate) key: String,
    pub(crate) is_error: bool,
    pub(crate) expression: String,
}

impl Rule {
    /// Finds the rule of a child by its name without `[x]`.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name).map(|child| &child.rule)
    }
}

impl From<&definitions::Binding> for Binding {
    fn from(binding: &definitions::Binding) -> Self {
        Self { strength: binding.strength, value_set: binding.value_set.clone() }
    }
}
