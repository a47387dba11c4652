//! A running `weir serve`: started, found, killed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::place::{Place, weir};

/// Longer than any start takes on a machine that does other things too.
const START_MAX: Duration = Duration::from_secs(60);

/// A process that may not listen yet.
pub struct Starting {
    child: Child,
    lines: Receiver<String>,
}

/// A process that listens.
pub struct Server {
    process: Starting,
    /// URL of the FHIR API.
    pub base_url: String,
    /// The HL7 v2 listener.
    pub mllp: SocketAddr,
}

impl Starting {
    /// Starts the server with both doors on free ports, without tokens.
    pub fn spawn(place: &Place) -> Starting {
        let mut command = weir();
        command
            .args(["serve", "--open-access", "--listen", "127.0.0.1:0", "--mllp", "127.0.0.1:0"])
            .args(place.arguments())
            .env("WEIR_LOG_FORMAT", "json");
        Starting::run(command)
    }

    /// Starts any server that logs JSON.
    pub fn run(mut command: Command) -> Starting {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        // Read to the end, or a full pipe would hold the server up.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Starting { child, lines }
    }

    /// Waits until it says where it listens.
    pub fn ready(self) -> Server {
        let (http, base_url) = self.told("weir serves FHIR", |fields| {
            (fields["address"].as_str().unwrap().to_owned(), fields["base"].as_str().unwrap().to_owned())
        });
        assert!(base_url.contains(&http), "{base_url} is not made of {http}");
        let mllp = self.told("weir listens for HL7 v2", |fields| fields["address"].as_str().unwrap().parse().unwrap());
        Server { process: self, base_url, mllp }
    }

    fn told<T>(&self, message: &str, read: impl Fn(&Value) -> T) -> T {
        let mut before = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(START_MAX) {
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["fields"]["message"] == message {
                return read(&event["fields"]);
            }
            before.push(line);
        }
        panic!("the server does not say `{message}`: {before:#?}");
    }

    /// SIGKILL, as `kill -9` sends it.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

impl Server {
    /// Starts the server and waits until it listens.
    pub fn start(place: &Place) -> Server {
        Starting::spawn(place).ready()
    }

    /// SIGKILL; gives what was logged.
    pub fn kill(self) -> Vec<String> {
        self.process.kill()
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// SIGTERM, as a service manager sends it.
    pub fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.process.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.process.child.wait().unwrap()
    }
}

impl Drop for Starting {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
