//! One Weir that is measured: where its data lie, how it is started, what it uses, how it is stopped.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::drive::{Measured, Source, drive};
use super::http::Target;
use super::key::{Key, SCOPE};

/// How long a server may take to answer, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The setting that names a database, with its password.
pub(crate) const DATABASE_SETTING: &str = "WEIR_SERVER_DATABASE_URL";

/// What writes must satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Validation {
    /// The default: R4 and the UK Core profile of the type.
    Full,
    /// R4 alone; the resources claim no profile.
    Base,
    /// Nothing but a known type.
    None,
}

impl Validation {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Validation::Full => "full",
            Validation::Base => "base",
            Validation::None => "none",
        }
    }

    fn setting(self) -> Option<(&'static str, &'static str)> {
        match self {
            Validation::Full => None,
            Validation::Base => Some(("WEIR_VALIDATION_UK_CORE", "false")),
            Validation::None => Some(("WEIR_VALIDATION_STRICTNESS", "off")),
        }
    }
}

/// Where the programs are and where a store lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Folder of the programs `weir` and `examples/ceiling`.
    pub(crate) programs: PathBuf,
    /// Folder of the data.
    pub(crate) data_dir: PathBuf,
    /// PostgreSQL, when not SQLite.
    pub(crate) database_url: Option<String>,
}

impl Place {
    fn weir(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("weir"));
        command.args(arguments).arg("--data-dir").arg(&self.data_dir);
        // The store that is measured is made for it; one that the environment names is somebody's.
        command.env_remove(DATABASE_SETTING);
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        command
    }

    /// Runs a command of Weir on the store.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<()> {
        ended_well(self.weir(arguments), &arguments.join(" "))
    }

    /// Loads a file of NDJSON into the store.
    pub(crate) fn ingest(&self, file: &Path, validation: Validation) -> Result<()> {
        let mut command = self.weir(&["ingest", "--feed", "ndjson"]);
        command.arg(file).envs(validation.setting());
        ended_well(command, "ingest")
    }

    /// Registers the client of a key.
    fn register(&self, key: &Key) -> Result<()> {
        let file = self.data_dir.join("bench-jwks.json");
        fs::write(&file, key.jwks().to_string())?;
        let jwks = file.to_str().context("the folder's name is not text")?;
        let options = ["--kind", "asymmetric", "--scope", SCOPE, "--purpose", "direct-care"];
        let named = ["client", "add", "--name", "bench", "--id", &key.client_id, "--jwks", jwks];
        self.run(&[&named[..], &options[..]].concat())
    }
}

fn ended_well(mut command: Command, name: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("run weir {name}"))?;
    if !output.status.success() {
        bail!("weir {name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A process of the bench's own.
pub(crate) struct Process {
    child: Child,
    /// From its start to its first 200.
    pub(crate) start: Duration,
}

impl Process {
    /// Starts a program and waits until a path answers with 200.
    async fn start(mut command: Command, address: SocketAddr, path: &str) -> Result<Process> {
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("start {:?}", command.get_program()))?;
        let mut process = Process { child, start: Duration::ZERO };
        let target = Target { address, base_path: String::new(), token: String::new() };
        loop {
            if let Ok((200, _)) = target.call("GET", path, &[]).await {
                process.start = started.elapsed();
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait()? {
                bail!("{:?} ended with {status}", command.get_program());
            }
            if started.elapsed() > PATIENCE {
                bail!("{:?} does not answer", command.get_program());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Resident memory now and at its highest since `forget_peak`, in bytes.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        let text = fs::read_to_string(self.file("status"))?;
        let bytes = |name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
        };
        Ok((bytes("VmRSS:").context("no VmRSS")?, bytes("VmHWM:").context("no VmHWM")?))
    }

    /// Lets the highest memory count from now. <https://docs.kernel.org/filesystems/proc.html> (clear_refs)
    fn forget_peak(&self) -> Result<()> {
        fs::write(self.file("clear_refs"), "5").context("reset the peak of memory")
    }

    /// Seconds of processor time used until now.
    fn processor_s(&self) -> Result<f64> {
        let text = fs::read_to_string(self.file("stat"))?;
        // After the name in brackets: fields 14 and 15 of proc(5), in hundredths of a second.
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }

    /// Drives it at an address and measures what it uses meanwhile.
    pub(crate) async fn drive<S: Source + 'static>(
        &self,
        address: SocketAddr,
        (connections, time): (usize, Option<Duration>),
        source: S,
    ) -> Result<(Measured, S)> {
        self.forget_peak()?;
        let before = self.processor_s()?;
        let (mut measured, source) = drive(address, connections, time, source).await?;
        measured.processor_s = self.processor_s()? - before;
        measured.rss_peak_bytes = self.memory()?.1;
        Ok((measured, source))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status().context("run kill")?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                bail!("the server does not stop");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // When the bench fails nothing of it stays behind; a process that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running Weir with a client that may do everything clinical.
pub(crate) struct Server {
    /// The process.
    pub(crate) process: Process,
    /// Its FHIR API, with a token.
    pub(crate) target: Target,
    key: Key,
}

impl Server {
    /// Registers a client and starts the server.
    pub(crate) async fn start(place: &Place, validation: Validation) -> Result<Server> {
        fs::create_dir_all(&place.data_dir)?;
        let key = Key::new()?;
        place.register(&key)?;
        let address = free_address()?;
        let mut command = place.weir(&["serve", "--listen", &address.to_string()]);
        command.env("WEIR_SMART_BACKEND_TOKEN_LIFE_S", "3600").envs(validation.setting());
        command.stdout(log(&place.data_dir)?).stderr(log(&place.data_dir)?);
        let process = Process::start(command, address, "/health/ready").await?;
        let mut target = Target { address, base_path: "/fhir".to_owned(), token: String::new() };
        target.token = key.token(&target).await?;
        Ok(Server { process, target, key })
    }

    /// Gets a new token; one is good for an hour.
    pub(crate) async fn renew_token(&mut self) -> Result<()> {
        self.target.token = self.key.token(&self.target).await?;
        Ok(())
    }

    /// Drives it and measures what it uses meanwhile.
    pub(crate) async fn drive<S: Source + 'static>(
        &self,
        connections: usize,
        time: Option<Duration>,
        source: S,
    ) -> Result<(Measured, S)> {
        self.process.drive(self.target.address, (connections, time), source).await
    }

    /// A counter of `/metrics`, over all its labels; 0 before it first counts.
    pub(crate) async fn counter(&self, name: &str) -> Result<f64> {
        let target = Target { base_path: String::new(), token: String::new(), ..self.target.clone() };
        let (_, text) = target.call("GET", "/metrics", &[]).await?;
        let of_name =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        Ok(of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }
}

/// Starts the ceiling: the same HTTP server, answering the same bytes to everything.
pub(crate) async fn start_ceiling(place: &Place, body_bytes: usize) -> Result<(Process, Target)> {
    let address = free_address()?;
    let mut command = Command::new(place.programs.join("examples/ceiling"));
    command.args([address.to_string(), body_bytes.to_string()]);
    let process = Process::start(command, address, "/").await?;
    Ok((process, Target { address, base_path: String::new(), token: "x".repeat(43) }))
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn log(folder: &Path) -> Result<Stdio> {
    let file = fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log"))?;
    Ok(Stdio::from(file))
}
