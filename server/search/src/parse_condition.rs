//! One parameter of a query as a condition: chains, `_has`, and the parameters of a type.

use std::cell::Cell;

use fhir::FhirId;

use crate::index::{ID_URL, LAST_UPDATED_URL};
use crate::param::{Kind, Param};
use crate::parse::{Options, Refusal, not_supported, shown, too_costly, unknown, wrong};
use crate::parse_filter;
use crate::parse_modifier;
use crate::parse_text;
use crate::parse_value::{self, Reading};
use crate::query::{Chain, Condition, Filter, FilterParam, FilterValue, Has, Modifier, Target};
use crate::registry::{CONTENT_CODE, FILTER_CODE, Registry, TEXT_CODE};

const HAS: &str = "_has";

/// Reads conditions, and counts what they cost.
pub(crate) struct Reader<'r> {
    pub(crate) registry: &'r Registry,
    pub(crate) options: &'r Options<'r>,
    conditions: Cell<usize>,
    conditions_max: usize,
    values: Cell<usize>,
}

impl<'r> Reader<'r> {
    /// A reader for a search over that many types.
    pub(crate) fn new(registry: &'r Registry, options: &'r Options<'r>, type_count: usize) -> Reader<'r> {
        let conditions_max = options.limits.conditions_max.saturating_mul(type_count);
        Reader { registry, options, conditions: Cell::new(0), conditions_max, values: Cell::new(0) }
    }

    /// The condition that a parameter of a search for that type means.
    pub(crate) fn condition(&self, type_name: &str, name: &str, value: &str) -> Result<Condition, Refusal> {
        self.at_depth(type_name, name, value, 0)
    }

    /// The same, that many links or brackets deep.
    fn at_depth(&self, type_name: &str, name: &str, value: &str, depth: usize) -> Result<Condition, Refusal> {
        self.check_depth(depth)?;
        if let Some(rest) = name.strip_prefix(HAS).filter(|rest| rest.is_empty() || rest.starts_with(':')) {
            return self.has(type_name, rest, value, depth);
        }
        match name.split_once('.') {
            Some((link, rest)) => {
                self.chain(type_name, link, |target| self.at_depth(target, rest, value, depth + 1), first(rest))
            }
            None => self.single(type_name, name, value, depth),
        }
    }

    /// Refuses what nests too deep.
    pub(crate) fn check_depth(&self, depth: usize) -> Result<(), Refusal> {
        let most = self.options.limits.depth_max;
        if depth > most { Err(too_costly(format!("a search nests at most {most} deep"))) } else { Ok(()) }
    }

    /// Counts a link or a look.
    pub(crate) fn count(&self) -> Result<(), Refusal> {
        let known = self.conditions.get() + 1;
        self.conditions.set(known);
        if known > self.conditions_max {
            let most = self.conditions_max;
            let diagnostics = format!("the search comes to more than {most} conditions; name the types of its chains");
            return Err(too_costly(diagnostics));
        }
        Ok(())
    }

    /// Counts values before they are kept.
    pub(crate) fn count_values(&self, more: usize) -> Result<(), Refusal> {
        let (known, most) = (self.values.get().saturating_add(more), self.options.limits.values_total_max);
        self.values.set(known);
        if known > most {
            return Err(too_costly(format!("the parameters of the search come to more than {most} values or codes")));
        }
        Ok(())
    }

    /// A link of a chain: `subject`, `subject:Patient`, and what its targets must meet, which is asked for each type that knows `next`.
    pub(crate) fn chain(
        &self,
        type_name: &str,
        link: &str,
        target: impl Fn(&str) -> Result<Condition, Refusal>,
        next: &str,
    ) -> Result<Condition, Refusal> {
        self.count()?;
        let (code, wanted) = match link.split_once(':') {
            Some((code, wanted)) => (code, Some(wanted)),
            None => (link, None),
        };
        let param = self.reference_param(type_name, code)?;
        let types = self.target_types(param, wanted)?;
        let mut targets = Vec::new();
        let mut refused = None;
        for type_name in types.iter().filter(|known| wanted.is_some() || self.knows(known, next)) {
            match target(type_name) {
                Ok(condition) => {
                    targets.push(Target { type_name: (*type_name).to_owned(), conditions: vec![condition] });
                }
                Err(Refusal::Wrong(issue)) if issue.code == "too-costly" => return Err(Refusal::Wrong(issue)),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if targets.is_empty() => Err(refusal),
            _ if targets.is_empty() => Err(not_supported(format!(
                "no type that `{code}` of {type_name} refers to has a search parameter {}",
                shown(next)
            ))),
            _ => Ok(Condition::Chain(Chain { param: param.id, targets })),
        }
    }

    /// `_has:Type:reference:rest`.
    fn has(&self, type_name: &str, rest: &str, value: &str, depth: usize) -> Result<Condition, Refusal> {
        self.count()?;
        let mut parts = rest.splitn(4, ':').skip(1);
        let (Some(source), Some(code), Some(inner)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("invalid", "`_has` is written `_has:Type:reference:parameter`".to_owned()));
        };
        if !self.registry.definitions().is_resource_type(source) {
            return Err(not_supported(format!("`_has`: {} is not a resource type", shown(source))));
        }
        let param = self.reference_param(source, code)?;
        if !param.may_refer_to(type_name) {
            return Err(not_supported(format!("`_has`: `{code}` of {source} does not refer to {type_name}")));
        }
        let condition = self.at_depth(source, inner, value, depth + 1)?;
        let source = Target { type_name: source.to_owned(), conditions: vec![condition] };
        Ok(Condition::Has(Has { param: param.id, source }))
    }

    /// The parameter, which has to be a reference.
    pub(crate) fn reference_param(&self, type_name: &str, code: &str) -> Result<&'r Param, Refusal> {
        let param = self.param(type_name, code)?;
        if param.kind != Kind::Reference {
            let kind = param.kind.code();
            return Err(not_supported(format!("`{code}` of {type_name} is of kind {kind} and refers to nothing")));
        }
        if param.is_canonical {
            let message = "refers by canonical URL, which is not followed; search by the URL itself";
            return Err(not_supported(format!("`{code}` of {type_name} {message}")));
        }
        Ok(param)
    }

    pub(crate) fn param(&self, type_name: &str, code: &str) -> Result<&'r Param, Refusal> {
        self.registry.param(type_name, code).ok_or_else(|| unknown(code, type_name, self.registry))
    }

    /// The types whose resources a reference may be to.
    fn target_types<'t>(&'t self, param: &'t Param, wanted: Option<&'t str>) -> Result<Vec<&'t str>, Refusal> {
        if let Some(wanted) = wanted {
            let is_known = self.registry.definitions().is_resource_type(wanted) && param.may_refer_to(wanted);
            return if is_known {
                Ok(vec![wanted])
            } else {
                Err(not_supported(format!("`{}` does not refer to {}", param.code, shown(wanted))))
            };
        }
        if let Some(only) = parse_value::only_target(param) {
            return Ok(vec![only]);
        }
        let all = if param.targets.is_empty() { self.registry.definitions().resource_types() } else { &param.targets };
        Ok(all.iter().map(String::as_str).collect())
    }

    fn knows(&self, type_name: &str, code: &str) -> bool {
        code.starts_with('_') || self.registry.param(type_name, code).is_some()
    }

    /// A parameter of the type itself.
    fn single(&self, type_name: &str, name: &str, value: &str, depth: usize) -> Result<Condition, Refusal> {
        self.count()?;
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        if value.is_empty() {
            self.check_known(type_name, code)?;
            return Err(wrong("invalid", format!("search parameter {} has no value", shown(code))));
        }
        if modifier.is_none() || code == "_query" {
            match code {
                "_list" => return self.list(value),
                TEXT_CODE if self.has_narrative(type_name) => return parse_text::condition(true, value, self, depth),
                CONTENT_CODE => return parse_text::condition(false, value, self, depth),
                FILTER_CODE => return parse_filter::condition(type_name, value, self, depth),
                "_query" => return Err(not_supported("named queries (`_query`) are not supported".to_owned())),
                _ => {}
            }
        }
        let param = self.param(type_name, code)?;
        let modifier = parse_modifier::read(param, modifier, value, self.registry)?;
        self.filter(type_name, param, modifier, value)
    }

    fn check_known(&self, type_name: &str, code: &str) -> Result<(), Refusal> {
        if code.starts_with('_') { Ok(()) } else { self.param(type_name, code).map(|_| ()) }
    }

    fn has_narrative(&self, type_name: &str) -> bool {
        self.registry.definitions().is_subtype(type_name, "DomainResource")
    }

    /// A look at a parameter with all alternatives of its text.
    pub(crate) fn filter(
        &self,
        type_name: &str,
        param: &Param,
        modifier: parse_modifier::Read,
        text: &str,
    ) -> Result<Condition, Refusal> {
        let (modifier, values) = match modifier {
            parse_modifier::Read::Missing(is_missing) => (Modifier::Missing(is_missing), Vec::new()),
            parse_modifier::Read::Codes(relation) => {
                let mut values = relation.values(param, text, self)?;
                self.imply_systems(&mut values, param, type_name);
                (relation.modifier(), values)
            }
            parse_modifier::Read::Above => {
                let values = parse_value::uris_above(param, text, &self.options.limits)?;
                self.count_values(values.len())?;
                (Modifier::None, values)
            }
            parse_modifier::Read::Plain(modifier) => {
                let values = self.values(type_name, param, &modifier, text)?;
                (modifier, values)
            }
        };
        Ok(Condition::Filter(Filter { param: column(param), modifier, values }))
    }

    fn values(
        &self,
        type_name: &str,
        param: &Param,
        modifier: &Modifier,
        text: &str,
    ) -> Result<Vec<FilterValue>, Refusal> {
        let pieces = parse_value::pieces(param, text, &self.options.limits)?;
        self.count_values(pieces.len())?;
        pieces.into_iter().map(|piece| self.value(type_name, param, modifier, piece)).collect()
    }

    /// One value as it is compared with the entries of the parameter on that type.
    pub(crate) fn value(
        &self,
        type_name: &str,
        param: &Param,
        modifier: &Modifier,
        piece: &str,
    ) -> Result<FilterValue, Refusal> {
        let base_url = self.options.base_url.as_deref();
        let components: Vec<&Param> = param.components.iter().filter_map(|(id, _)| self.registry.by_id(*id)).collect();
        let reading = Reading { param, target: &column(param), modifier, base_url, components: &components };
        let mut value = parse_value::value(piece, &reading)?;
        match &mut value {
            FilterValue::Composite(parts) => {
                for (part, component) in parts.iter_mut().zip(components) {
                    self.imply_systems(std::slice::from_mut(part), component, type_name);
                }
            }
            _ if param.kind == Kind::Token => self.imply_systems(std::slice::from_mut(&mut value), param, type_name),
            _ => {}
        }
        Ok(value)
    }

    /// A `code` has no system of its own and is indexed without one: its implied system in a query is as good as none.
    pub(crate) fn imply_systems(&self, values: &mut [FilterValue], param: &Param, type_name: &str) {
        let mut named = values.iter_mut().filter_map(|value| match value {
            FilterValue::Token { system: Some(system), .. } => Some(system),
            _ => None,
        });
        let Some(first) = named.next() else { return };
        let implied = self.registry.implied_systems(type_name, param.id);
        for system in std::iter::once(first).chain(named) {
            if system.as_deref().is_some_and(|system| implied.contains(&system)) {
                *system = None;
            }
        }
    }

    fn list(&self, value: &str) -> Result<Condition, Refusal> {
        let one = |id: &str| {
            if id.starts_with('$') {
                return Err(not_supported("functional lists (`_list=$...`) are not supported".to_owned()));
            }
            let id = id.strip_prefix("List/").unwrap_or(id);
            match FhirId::parse(id) {
                Some(_) => Ok(Condition::List(id.to_owned())),
                None => Err(wrong("invalid", "a value of `_list` is not the id of a List".to_owned())),
            }
        };
        let pieces = parse_value::split(value, ',');
        let most = self.options.limits.values_max;
        if pieces.len() > most {
            return Err(too_costly(format!("`_list` takes at most {most} values")));
        }
        let mut lists: Vec<Condition> = pieces.into_iter().map(one).collect::<Result<_, _>>()?;
        match lists.pop() {
            Some(only) if lists.is_empty() => Ok(only),
            last => Ok(Condition::Any(lists.into_iter().chain(last).collect())),
        }
    }
}

/// What a filter on the parameter looks at.
pub(crate) fn column(param: &Param) -> FilterParam {
    match param.url.as_str() {
        ID_URL => FilterParam::Id,
        LAST_UPDATED_URL => FilterParam::LastUpdated,
        _ => FilterParam::Param(param.id, param.kind),
    }
}

/// The code with which a parameter name opens.
fn first(name: &str) -> &str {
    name.split(['.', ':']).next().unwrap_or_default()
}
