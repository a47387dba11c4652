//! What is kept on disk is for its owner alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_read_the_databases() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("data");
    let _store = sqlite(&folder).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let databases: Vec<_> = files.filter(|path| path.to_string_lossy().contains(".db")).collect();
    assert!(databases.len() >= 3, "{databases:?}");
    for database in databases {
        assert_eq!(mode(&database), 0o600, "{}", database.display());
    }
}
