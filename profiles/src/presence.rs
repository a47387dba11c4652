//! The invariants that ask only which members are there, as `code.empty() or system.exists()`: most of those that hold for every
//! quantity, contact and extension. They are answered without FHIRPath.

use definitions::ElementDef;
use fhir::Node;

/// Terms joined by one operator.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    terms: Vec<Term>,
    operator: Operator,
}

#[derive(Debug, Clone)]
struct Term {
    name: String,
    shadow_name: String,
    is_choice: bool,
    wants: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    And,
    Or,
    Equal,
    Differ,
}

const OPERATORS: [(&str, Operator); 5] = [
    (" or ", Operator::Or),
    (" and ", Operator::And),
    (" = ", Operator::Equal),
    (" != ", Operator::Differ),
    (" xor ", Operator::Differ),
];

impl Presence {
    /// Reads an expression of that form over the elements of a type.
    pub(crate) fn parse(source: &str, elements: &[ElementDef]) -> Option<Self> {
        let found = OPERATORS.iter().find(|(text, _)| source.contains(text));
        let (separator, operator) = found.copied().unwrap_or((" or ", Operator::Or));
        let terms: Option<Vec<Term>> = source.split(separator).map(|term| Term::parse(term.trim(), elements)).collect();
        let terms = terms?;
        let is_pair = matches!(operator, Operator::Equal | Operator::Differ);
        (!is_pair || terms.len() == 2).then_some(Self { terms, operator })
    }

    /// Says whether it holds for an object.
    pub(crate) fn holds(&self, node: Node<'_>) -> bool {
        let mut terms = self.terms.iter().map(|term| term.holds(node));
        match self.operator {
            Operator::And => terms.all(|holds| holds),
            Operator::Or => terms.any(|holds| holds),
            Operator::Equal => terms.next() == terms.next(),
            Operator::Differ => terms.next() != terms.next(),
        }
    }
}

impl Term {
    fn parse(source: &str, elements: &[ElementDef]) -> Option<Self> {
        let forms = [(".exists().not()", false), (".empty().not()", true), (".exists()", true), (".empty()", false)];
        let (name, wants) = forms.iter().find_map(|(end, wants)| Some((source.strip_suffix(end)?, *wants)))?;
        let element = elements.iter().find(|element| element.name == name)?;
        Some(Self { name: name.to_owned(), shadow_name: format!("_{name}"), is_choice: element.is_choice, wants })
    }

    fn holds(&self, node: Node<'_>) -> bool {
        let is_there = if self.is_choice {
            node.entries().any(|(key, _)| {
                let key = key.as_str().unwrap_or_default();
                let suffix = key.strip_prefix('_').unwrap_or(&key).strip_prefix(self.name.as_str());
                suffix.is_some_and(|suffix| suffix.starts_with(|c: char| c.is_ascii_uppercase()))
            })
        } else {
            node.get(&self.name).or_else(|| node.get(&self.shadow_name)).is_some()
        };
        is_there == self.wants
    }
}
