//! `weir package`: installs, lists and removes FHIR packages.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use store::StoreError;

use crate::cli::{PackageCommand, PackageInstallArgs, PackageRemoveArgs, StoreArgs};
use crate::package::{Package, Registry, Trial, lines, read_file, read_folder};
use crate::table::table;
use crate::wiring::{House, now};

/// Packages that one may drag in: more is a circle, or a mistake.
const FETCHED_MAX: usize = 100;

/// Runs the command.
pub async fn run(command: PackageCommand) -> Result<()> {
    match command {
        PackageCommand::Install(arguments) => install(&arguments).await,
        PackageCommand::List(arguments) => list(&arguments).await,
        PackageCommand::Remove(arguments) => remove(&arguments).await,
    }
}

async fn install(arguments: &PackageInstallArgs) -> Result<()> {
    let house = House::open_base(super::config(&arguments.store)?).await?;
    let outbound = &house.config.outbound;
    let registry = Registry::new(&outbound.package_registry, outbound.private_addresses)?;
    let installed = add(&house, &registry, &arguments.sources).await?;
    for package in installed {
        let aside: Vec<String> = package.left_aside.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let aside = if aside.is_empty() { String::new() } else { format!("; left aside: {}", aside.join(", ")) };
        crate::out(&format!("installed {}: {} definitions{aside}\n", package.id(), package.definitions.len()));
        if package.left_aside.contains_key("SearchParameter") {
            crate::out(
                "  its SearchParameters are not in force: send them to the server as resources, then run `weir reindex`\n",
            );
        }
    }
    Ok(())
}

/// Reads packages, fetches what they need, tries them with what is there, and installs all or none.
pub async fn add(house: &House, registry: &Registry, sources: &[String]) -> Result<Vec<Package>> {
    let set = house.store.packages().await?;
    let mut trial = Trial::new(&house.knowledge.definitions, &set);
    let mut is_from_registry = false;
    for source in sources {
        let package = match source.rsplit_once('@') {
            _ if Path::new(source).is_dir() => read_folder(Path::new(source))?,
            _ if Path::new(source).is_file() => {
                let file = File::open(source).with_context(|| format!("read {source}"))?;
                read_file(BufReader::new(file), source)?
            }
            Some((name, version)) if !name.contains('/') => {
                is_from_registry = true;
                registry.fetch(name, version).await?
            }
            _ => bail!("there is no file or folder {source}, and it is not NAME@VERSION"),
        };
        trial.new.push(package);
    }
    while let Some((name, version, who)) = trial.missing() {
        if !is_from_registry {
            bail!("{who} needs {name}@{version}, which is not installed; give it in the same command, or before");
        }
        if trial.new.len() >= FETCHED_MAX {
            bail!("{who} needs {name}@{version}, and {FETCHED_MAX} packages were fetched already");
        }
        let package = registry.fetch(&name, &version).await.with_context(|| format!("{who} needs {name}@{version}"))?;
        trial.new.push(package);
    }
    let faults = trial.faults(&trial.definitions()?);
    ensure!(faults.wrong.is_empty(), "these definitions cannot be used: {}", lines(&faults.wrong));
    if !faults.odd.is_empty() {
        crate::complain(&format!("the packages are used all the same: {}", lines(&faults.odd)));
    }
    let names: Vec<String> = trial.new.iter().map(Package::id).collect();
    house.audit("package install", Vec::new(), json!({"packages": names})).await?;
    house.store.install_packages(trial.to_store(now())?, set.generation).await?;
    Ok(trial.new)
}

async fn list(arguments: &StoreArgs) -> Result<()> {
    let house = House::open_base(super::config(arguments)?).await?;
    let mut rows = vec![["NAME", "VERSION", "DEFINITIONS", "INSTALLED", "NEEDS"].map(str::to_owned).to_vec()];
    for one in house.store.package_records().await? {
        let needs: Value = serde_json::from_str(&one.dependencies).unwrap_or_default();
        let needs = needs.as_object().into_iter().flatten();
        let needs: Vec<String> =
            needs.map(|(name, version)| format!("{name}@{}", version.as_str().unwrap_or_default())).collect();
        rows.push(vec![
            one.name,
            one.version,
            one.resource_count.to_string(),
            one.installed.to_fhir(),
            needs.join(" "),
        ]);
    }
    crate::out(&table(&rows));
    Ok(())
}

async fn remove(arguments: &PackageRemoveArgs) -> Result<()> {
    let house = House::open_base(super::config(&arguments.store)?).await?;
    let (name, version) = arguments.package.rsplit_once('@').context("name the package as NAME@VERSION")?;
    take_out(&house, name, version).await?;
    crate::out(&format!("removed {name}@{version}\n"));
    Ok(())
}

/// Removes a package that no other needs.
pub async fn take_out(house: &House, name: &str, version: &str) -> Result<()> {
    let set = house.store.packages().await?;
    let is_it = |one: &store::StoredPackage| one.record.name == name && one.record.version == version;
    if !set.packages.iter().any(is_it) {
        bail!("{name}@{version} is not installed; `weir package list` tells what is");
    }
    let mut trial = Trial::new(&house.knowledge.definitions, &set);
    trial.installed.retain(|one| !is_it(one));
    if let Some(who) = trial.needing(name) {
        bail!("{who} needs {name}; remove it first");
    }
    trial.definitions()?;
    house.audit("package remove", Vec::new(), json!({"package": format!("{name}@{version}")})).await?;
    match house.store.remove_package(name, version, set.generation).await {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict(text)) => bail!(text),
        Err(error) => Err(error.into()),
    }
}
