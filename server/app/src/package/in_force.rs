//! From installed packages to the definitions in force, and the task that notices when others change them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use definitions::{Definitions, DefinitionsError, compare_versions};
use fhir::Instant;
use profiles::{InForce, Validator};
use serde_json::Value;
use store::{PackageRecord, PackageSet, Store, StoredPackage};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::contents::Package;
use super::faults::Faults;

/// Between two looks: how long a node may not know of a package that another installed.
const POLL: Duration = Duration::from_secs(2);
/// Packages whose definitions are built in.
const BUILT_IN: [&str; 1] = ["hl7.fhir.r4.core"];

/// Packages that are tried together.
#[derive(Debug)]
pub struct Trial<'d> {
    base: &'d Definitions,
    /// What is installed, without what is to be removed.
    pub installed: Vec<StoredPackage>,
    /// What is to be installed.
    pub new: Vec<Package>,
}

impl<'d> Trial<'d> {
    /// What is installed, over the built-in definitions.
    #[must_use]
    pub fn new(base: &'d Definitions, set: &PackageSet) -> Trial<'d> {
        Trial { base, installed: set.packages.clone(), new: Vec::new() }
    }

    /// The first package that one of the new ones needs and that is not there, with who needs it.
    #[must_use]
    pub fn missing(&self) -> Option<(String, String, String)> {
        let lacking = |name: &str, version: &str| {
            let is_it = |own: &str, own_version: &str| own == name && fits(own_version, version);
            !(BUILT_IN.contains(&name)
                || self.installed.iter().any(|one| is_it(&one.record.name, &one.record.version))
                || self.new.iter().any(|one| is_it(&one.name, &one.version)))
        };
        self.new.iter().find_map(|package| {
            let found = package.dependencies.iter().find(|(name, version)| lacking(name, version));
            found.map(|(name, version)| (name.clone(), version.clone(), package.id()))
        })
    }

    /// The first installed package that needs another by its name.
    #[must_use]
    pub fn needing(&self, name: &str) -> Option<String> {
        let needs = |one: &&StoredPackage| {
            let dependencies: Value = serde_json::from_str(&one.record.dependencies).unwrap_or_default();
            dependencies.get(name).is_some()
        };
        let is_left = self.installed.iter().any(|one| one.record.name == name);
        let found = self.installed.iter().filter(|_| !is_left).find(needs);
        found.map(|one| format!("{}@{}", one.record.name, one.record.version))
    }

    /// Lays everything over the built-in definitions; what cannot be is named by package and file.
    pub fn definitions(&self) -> Result<Definitions> {
        let mut layers: Vec<Layer> = Vec::new();
        for package in &self.installed {
            let record = &package.record;
            if !self.new.iter().any(|one| one.name == record.name && one.version == record.version) {
                let resources = read(package)?.into_iter().map(|resource| (String::new(), resource)).collect();
                layers.push(Layer { name: record.name.clone(), version: record.version.clone(), resources });
            }
        }
        layers.extend(self.new.iter().map(|package| Layer {
            name: package.name.clone(),
            version: package.version.clone(),
            resources: package.definitions.clone(),
        }));
        lay_over(self.base, layers)
    }

    /// What is wrong with the new packages, by package and file; `whole` is what [`Trial::definitions`] gave.
    #[must_use]
    pub fn faults(&self, whole: &Definitions) -> Faults {
        let mut all = Faults::default();
        for package in &self.new {
            let place = |file: &str| format!("package {}: {file}", package.id());
            let placed: Vec<(String, Value)> =
                package.definitions.iter().map(|(file, resource)| (place(file), resource.clone())).collect();
            let found = Faults::find(&placed, whole);
            all.wrong.extend(found.wrong);
            all.odd.extend(found.odd);
        }
        all
    }

    /// The new packages as they are stored.
    pub fn to_store(&self, now: Instant) -> Result<Vec<StoredPackage>> {
        self.new.iter().map(|package| stored(package, now)).collect()
    }
}

struct Layer {
    name: String,
    version: String,
    resources: Vec<(String, Value)>,
}

/// The versions of one package lie in their order, where the first of them lies: without a version the newest is meant.
fn lay_over(base: &Definitions, layers: Vec<Layer>) -> Result<Definitions> {
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for layer in &layers {
        let next = place.len();
        place.entry(layer.name.clone()).or_insert(next);
    }
    let mut layers = layers;
    layers.sort_by(|a, b| place.get(&a.name).cmp(&place.get(&b.name)).then(compare_versions(&a.version, &b.version)));
    let mut names = Vec::new();
    let mut resources = Vec::new();
    let mut profiles = Vec::new();
    for layer in layers {
        for (file, resource) in layer.resources {
            let member = |name: &str| resource.get(name).and_then(Value::as_str);
            if member("resourceType") == Some("StructureDefinition") {
                let place = format!("package {}@{}: {file}", layer.name, layer.version);
                profiles.extend(member("url").map(|url| (place, url.to_owned())));
            }
            names.push(format!("package {}@{}: {file}", layer.name, layer.version));
            resources.push(resource);
        }
    }
    let whole = base.with_overlay(resources).map_err(|error| match &error {
        DefinitionsError::Overlay { position, reason } => {
            let name = names.get(*position).map_or("a package", String::as_str);
            anyhow!("{name}: {reason}")
        }
        DefinitionsError::Embedded { .. } => anyhow!(error),
    })?;
    check_bases(&whole, &profiles)?;
    Ok(whole)
}

/// A profile on nothing that is known would be one that nothing can be held against.
fn check_bases(whole: &Definitions, profiles: &[(String, String)]) -> Result<()> {
    const TYPES: &str = "http://hl7.org/fhir/StructureDefinition/";
    for (place, url) in profiles.iter().map(|(place, url)| (place, url.as_str())) {
        let profile = whole.profile(url);
        let Some(wanted) = profile.and_then(|one| one.base.as_deref()) else { continue };
        let plain = wanted.split_once('|').map_or(wanted, |(plain, _)| plain);
        let is_type = plain.strip_prefix(TYPES).is_some_and(|name| whole.type_named(name).is_some());
        if !is_type && whole.profile(wanted).is_none() {
            bail!("{place}: profile {url}: its base {wanted} is not known; install the package that defines it");
        }
        let mut chain = vec![url];
        let mut current = profile;
        while let Some(next) = current.and_then(|one| whole.profile(one.base.as_deref()?)) {
            if chain.contains(&next.url.as_str()) {
                bail!("{place}: profile {url}: its bases form a circle");
            }
            chain.push(&next.url);
            current = Some(next);
        }
    }
    Ok(())
}

/// Whether a version is the one, or one of the kind, that is wanted: `1.2.x`, `current` and `latest` take more than one.
pub(super) fn fits(version: &str, wanted: &str) -> bool {
    match wanted.strip_suffix(".x") {
        Some(stem) => version.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')),
        None => version == wanted || matches!(wanted, "latest" | "current" | "dev" | "*"),
    }
}

/// A package as it is stored.
pub fn stored(package: &Package, installed: Instant) -> Result<StoredPackage> {
    let mut lines = Vec::new();
    for (_, resource) in &package.definitions {
        serde_json::to_writer(&mut lines, &without_views(resource))?;
        lines.push(b'\n');
    }
    Ok(StoredPackage {
        record: PackageRecord {
            name: package.name.clone(),
            version: package.version.clone(),
            dependencies: serde_json::to_string(&package.dependencies)?,
            resource_count: package.definitions.len() as u64,
            installed,
        },
        resources: zstd::encode_all(lines.as_slice(), zstd::DEFAULT_COMPRESSION_LEVEL)?.into(),
    })
}

/// Leaves out what nothing is made from: narratives, and snapshots where there are differentials.
fn without_views(resource: &Value) -> Value {
    let mut resource = resource.clone();
    if let Value::Object(members) = &mut resource {
        members.remove("text");
        if members.contains_key("differential") {
            members.remove("snapshot");
        }
    }
    resource
}

fn read(package: &StoredPackage) -> Result<Vec<Value>> {
    let record = &package.record;
    let named = || format!("read package {}@{} of the database", record.name, record.version);
    let text = zstd::decode_all(package.resources.as_ref()).with_context(named)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).with_context(named)).collect()
}

/// Brings the installed packages into force; gives the generation that it found.
pub async fn bring_in_force(store: &Store, base: &Arc<Definitions>, place: &InForce) -> Result<i64> {
    if store.package_generation().await? == 0 {
        return Ok(0);
    }
    let set = store.packages().await?;
    let definitions = Arc::new(Trial::new(base, &set).definitions()?);
    place.set(Arc::new(Validator::new(definitions)));
    Ok(set.generation)
}

/// The task that brings into force what another process installs or removes.
pub struct Watcher {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Starts it; `known` is the generation in force.
    #[must_use]
    pub fn start(store: Store, base: Arc<Definitions>, place: Arc<InForce>, known: i64) -> Watcher {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut known = known;
            while !*stopped.borrow() {
                match look(&store, &base, &place, known).await {
                    Ok(found) => known = found,
                    Err(error) => {
                        tracing::warn!(error = format!("{error:#}"), "the definitions in force stay as they are")
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    _ = stopped.changed() => {}
                }
            }
        });
        Watcher { stop, task }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("the task that watches packages ended badly");
        }
    }
}

async fn look(store: &Store, base: &Arc<Definitions>, place: &InForce, known: i64) -> Result<i64> {
    let generation = store.package_generation().await?;
    if generation == known {
        return Ok(known);
    }
    let generation = bring_in_force(store, base, place).await?;
    tracing::info!(generation, "the installed packages are in force");
    Ok(generation)
}
