//! Golden pairs of the acute feed: `golden/acute/*.hl7` and the mapping expected of each.
//!
//! `WEIR_WRITE_GOLDEN=1 cargo test -p feeds` writes the expectations; read the difference before keeping it.

use std::path::{Path, PathBuf};

use feeds::{Feed, Mapped, Message, map};
use fhir::Instant;
use serde_json::{Value, json};

fn told(mapped: &Mapped) -> Value {
    let entries: Vec<Value> = mapped
        .entries
        .iter()
        .map(|entry| {
            json!({
                "key": entry.key.to_reference(),
                "method": format!("{:?}", entry.method),
                "cleared": entry.cleared,
                "resource": entry.resource,
            })
        })
        .collect();
    json!({
        "messageId": mapped.message_id,
        "eventTime": mapped.event_time.map(Instant::to_fhir),
        "source": [mapped.source.feed.name(), mapped.source.system, mapped.source.ods_code],
        "actions": mapped.actions.iter().map(|action| match action {
            feeds::PatientAction::Merge { survivor, loser } =>
                json!({ "merge": { "survivor": survivor.to_reference(), "loser": loser.to_reference() } }),
        }).collect::<Vec<_>>(),
        "issues": mapped.issues.iter().map(|issue| issue.diagnostics.clone()).collect::<Vec<_>>(),
        "entries": entries,
    })
}

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/acute");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hl7"))
        .collect();
    files.sort();
    files
}

#[test]
fn messages_map_as_in_the_golden_files() {
    let write = std::env::var_os("WEIR_WRITE_GOLDEN").is_some();
    let inputs = inputs();
    assert!(!inputs.is_empty());
    for input in inputs {
        let bytes = std::fs::read(&input).unwrap();
        let message = Message { feed: Feed::Hl7v2, bytes: &bytes, received: Instant(0), ods_code: None };
        let mapped = map(&message).unwrap();
        assert_eq!(mapped.len(), 1);
        let told = told(&mapped[0]);
        let golden = input.with_extension("json");
        if write {
            std::fs::write(&golden, format!("{}\n", serde_json::to_string_pretty(&told).unwrap())).unwrap();
        }
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(&golden).unwrap()).unwrap();
        assert_eq!(told, expected, "{}", input.display());
    }
}
