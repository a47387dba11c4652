//! Every known profile by its url, compiled when it is first asked for.

use std::collections::HashMap;
use std::sync::OnceLock;

use definitions::{Definitions, ProfileDef};

use crate::definition_faults::faults;
use crate::differential::{merge, without_version};
use crate::extension_context::ContextRules;
use crate::rule::{ProfileRules, Rule};
use crate::uk_core::PROFILE_PREFIX;

/// A profile derives from another, which does so in turn; no real chain is this long, and a circle ends here.
const CHAIN_LENGTH_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct ProfileTable {
    rules: HashMap<String, OnceLock<Option<ProfileRules>>>,
    /// The url of the UK Core profile of each type that has one.
    uk_core: HashMap<String, String>,
}

impl ProfileTable {
    /// Lists the profiles and extensions of the definitions.
    pub(crate) fn new(definitions: &Definitions) -> Self {
        let rules = definitions.profile_urls().map(|url| (url.to_owned(), OnceLock::new())).collect();
        let types = definitions.resource_types().iter();
        let uk_core = types.filter_map(|name| {
            let url = format!("{PROFILE_PREFIX}{name}");
            definitions.profile(&url).map(|_| (name.clone(), url))
        });
        let uk_core = uk_core.collect();
        Self { rules, uk_core }
    }

    /// Gives the url of the UK Core profile of a type.
    pub(crate) fn uk_core_url_of(&self, type_name: &str) -> Option<&str> {
        self.uk_core.get(type_name).map(String::as_str)
    }

    /// Gives the rules of a profile.
    pub(crate) fn get(&self, url: &str, definitions: &Definitions) -> Option<&ProfileRules> {
        let url = without_version(url);
        self.rules.get(url)?.get_or_init(|| compile(url, definitions)).as_ref()
    }
}

/// Merges the differentials of a profile and of those it derives from.
pub(crate) fn merged(url: &str, definitions: &Definitions) -> Option<Rule> {
    let definition = definitions.profile(url)?;
    Some(merge(&chain(definition, definitions), &definition.type_name, definitions))
}

/// Lists a profile and those it derives from, the one nearest to the base type first.
pub(crate) fn chain<'d>(definition: &'d ProfileDef, definitions: &'d Definitions) -> Vec<&'d ProfileDef> {
    let mut chain: Vec<&ProfileDef> = vec![definition];
    while let Some(base) = chain.last().and_then(|last| last.base.as_deref()).and_then(|base| definitions.profile(base))
    {
        if chain.len() >= CHAIN_LENGTH_MAX || chain.iter().any(|known| known.url == base.url) {
            break;
        }
        chain.push(base);
    }
    chain.reverse();
    chain
}

fn compile(url: &str, definitions: &Definitions) -> Option<ProfileRules> {
    let definition = definitions.profile(url)?;
    let chain = chain(definition, definitions);
    let ancestors = chain.iter().rev().skip(1).map(|ancestor| ancestor.url.clone()).collect();
    Some(ProfileRules {
        url: definition.url.clone(),
        type_name: definition.type_name.clone(),
        ancestors,
        root: merge(&chain, &definition.type_name, definitions),
        is_modifier: definition
            .differential
            .first()
            .is_some_and(|root| root.get("isModifier").and_then(serde_json::Value::as_bool) == Some(true)),
        context: ContextRules::new(definition),
        faults: faults(definition, definitions).iter().map(ToString::to_string).collect(),
    })
}
