//! Where one test's data lie: a folder, and a PostgreSQL schema where that is asked for.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sqlx::Executor as _;
use tempfile::TempDir;

/// A folder of its own, and a schema of its own on PostgreSQL.
pub struct Place {
    folder: TempDir,
    /// The schema's URL.
    pub database_url: Option<String>,
}

impl Place {
    /// Embedded databases in a fresh folder.
    pub fn sqlite() -> Place {
        Place { folder: tempfile::tempdir().unwrap(), database_url: None }
    }

    /// A fresh schema, if there is a PostgreSQL; removed with [`Place::remove_schema`].
    pub async fn postgres(name: &str) -> Option<Place> {
        let url = std::env::var("WEIR_TEST_DATABASE_URL").ok()?;
        let schema = schema(name);
        run(&url, format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await;
        let join = if url.contains('?') { '&' } else { '?' };
        let database_url = Some(format!("{url}{join}options=-c%20search_path%3D{schema}"));
        Some(Place { database_url, ..Place::sqlite() })
    }

    /// Leaves nothing behind in somebody's database.
    pub async fn remove_schema(self, name: &str) {
        let url = std::env::var("WEIR_TEST_DATABASE_URL").unwrap();
        run(&url, format!("DROP SCHEMA {} CASCADE", schema(name))).await;
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The arguments that lead to the data.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--data-dir".to_owned(), self.data_dir().to_str().unwrap().to_owned()];
        if let Some(url) = &self.database_url {
            arguments.extend(["--database-url".to_owned(), url.clone()]);
        }
        arguments
    }

    /// Runs a command on the data and waits for its end.
    pub fn weir(&self, arguments: &[&str]) -> Told {
        self.weir_with(arguments, "")
    }

    /// Runs a command on the data with something on its standard input.
    pub fn weir_with(&self, arguments: &[&str], input: &str) -> Told {
        let mut command = weir();
        command.args(arguments).args(self.arguments()).current_dir(self.folder.path());
        told(&mut command, input)
    }
}

/// The binary, in an environment without settings.
pub fn weir() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Told {
    /// Its standard output, if all went well.
    #[track_caller]
    pub fn well(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The one line that says what went wrong.
    #[track_caller]
    pub fn badly(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        self.err.trim_end().to_owned()
    }
}

/// Runs to the end.
pub fn told(command: &mut Command, input: &str) -> Told {
    use std::io::Write as _;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("weir starts");
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    Told { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

fn schema(name: &str) -> String {
    format!("app_{name}_{}", std::process::id())
}

async fn run(url: &str, sql: String) {
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
    pool.close().await;
}
