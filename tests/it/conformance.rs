//! Weir against the requirements of `conformance/`; `STATUS.md` says which hold and is kept true by this test.

use std::path::Path;

use tests::on_each_own;

/// What the tests of other crates count; they keep the files.
const COUNTS: [(&str, &str); 3] = [
    ("R4's examples from JSON to XML and back", "counts/xml.md"),
    ("The reference validator's cases", "counts/validator.md"),
    ("Mutants of UK Core", "counts/mutants.md"),
];

#[test]
fn requirements_hold_and_status_says_so() {
    let open = |config: &mut app::config::Config| config.server.open_access = true;
    on_each_own("conformance", open, |app| async move {
        let mut outcomes = Vec::new();
        for (name, requirements) in conformance::requirements().unwrap() {
            outcomes.push((name, conformance::run(&tests::http_client(), &app.base_url, &requirements).await.unwrap()));
        }
        let faults: Vec<String> = outcomes
            .iter()
            .flat_map(|(_, list)| list)
            .filter_map(|one| Some(format!("{}: {}", one.requirement.id, one.fault.as_ref()?)))
            .collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
        let counts = COUNTS.map(|(title, file)| (title, std::fs::read_to_string(folder.join(file)).unwrap()));
        let (status, path) = (conformance::status(&outcomes, &counts), folder.join("STATUS.md"));
        if std::env::var_os("WEIR_WRITE_STATUS").is_some() {
            std::fs::write(&path, &status).unwrap();
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), status, "STATUS.md is not what was found");
    });
}
