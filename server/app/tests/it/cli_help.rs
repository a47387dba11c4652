//! Every command explains itself, and wrong usage is told as such.

use crate::place::{told, weir};

fn say(arguments: &[&str]) -> crate::place::Told {
    told(weir().args(arguments), "")
}

/// The commands that help lists, and theirs.
fn commands(path: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let help = say(&[path, &["--help"]].concat()).well();
    let Some((_, list)) = help.split_once("Commands:\n") else { return all };
    for line in list.lines().take_while(|line| !line.is_empty()) {
        // A name stands two to the right; what is further right goes on with the line before.
        let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else { continue };
        let name = name.split_whitespace().next().unwrap();
        if name != "help" {
            let path = [path, &[name]].concat();
            all.push(path.iter().map(|&part| part.to_owned()).collect());
            all.extend(commands(&path));
        }
    }
    all
}

#[test]
fn every_command_helps() {
    let all = commands(&[]);
    let names: Vec<String> = all.iter().map(|path| path.join(" ")).collect();
    for name in [
        "demo",
        "serve",
        "ingest",
        "validate",
        "fhirpath",
        "client add",
        "user add",
        "opt-out request",
        "opt-out load",
        "evidence",
        "quarantine list",
        "quarantine replay",
        "person reviews",
        "person merge",
        "person unmerge",
        "person purge",
        "reindex",
        "migrate",
        "config",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
    for path in &all {
        let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = say(&arguments).well();
        assert!(help.contains("Usage: weir") && help.lines().next().unwrap().len() > 10, "{help}");
    }
}

#[test]
fn wrong_usage_is_told() {
    for (arguments, what) in [
        (&["nonsense"][..], "unrecognized subcommand 'nonsense'"),
        (&["validate"], "<PATH>..."),
        (&["ingest", "--feed", "acute", "x"], "[possible values: acute-hl7v2, gp-connect, social-care-cld, ndjson]"),
        (&["serve", "--listen", "8080"], "invalid value '8080' for '--listen <ADDRESS:PORT>'"),
        (&["client", "add", "--name", "x", "--kind", "public", "--scope", "patient/*.rs"], "--purpose <PURPOSE>"),
    ] {
        let told = say(arguments);
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.err.contains(what), "{}", told.err);
    }
}

#[test]
fn config_prints_every_setting() {
    let text = say(&["config"]).well();
    let settings: toml::Table = toml::from_str(&text).unwrap();
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../config.schema.json")).unwrap();
    for (group, properties) in schema["properties"].as_object().unwrap() {
        for name in properties["properties"].as_object().unwrap().keys() {
            assert!(settings[group].get(name).is_some(), "{group}.{name}");
        }
    }
}
