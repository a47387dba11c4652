//! Nothing that was acknowledged is lost by `kill -9`, nothing is half done, and the check that says so can fail.

use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::acknowledged::{Acknowledged, Check, InDoubt};
use crate::kill_senders::{Line, Note, Sender, senders};
use crate::kill_store::Inspector;
use crate::place::Place;
use crate::server::{Server, Starting};

/// The latest moment of a kill after the first acknowledgement: some dozens more have gone out by then.
const LIFE_MAX_MS: u64 = 200;
/// One kill in so many comes while the server starts, within this time.
const EARLY_EVERY: u64 = 10;
const START_MAX_MS: u64 = 500;
/// Lives between two looks into the store itself.
const INSPECTED_EVERY: u32 = 20;
/// A server that does not acknowledge anything for so long does not work.
const FIRST_MAX: Duration = Duration::from_secs(30);

#[test]
fn nothing_acknowledged_is_lost_by_200_kills_on_sqlite() {
    run(async {
        Driver::new(Place::sqlite()).run(200).await;
    });
}

#[test]
fn nothing_acknowledged_is_lost_by_20_kills_on_postgresql() {
    run(async {
        let Some(place) = Place::postgres("kill").await else {
            let line = "app: 20 kills left out on PostgreSQL: WEIR_TEST_DATABASE_URL is not set\n";
            // Past the capture of test output.
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        };
        Driver::new(place).run(20).await.remove_schema("kill").await;
    });
}

/// Everything that one server acknowledged is missing from another.
#[test]
fn a_store_without_what_was_acknowledged_is_found_out() {
    run(async {
        let mut driver = Driver::new(Place::sqlite());
        let server = Server::start(&driver.place);
        driver.live(server).await;
        let (other, mut inspector) = (Place::sqlite(), Inspector::new());
        let server = Server::start(&other);
        let check = Check { http: &driver.http, base_url: &server.base_url };
        for one in &driver.acknowledged {
            let one = std::slice::from_ref(one);
            let found = check.problems(one, &[]).await.len() + inspector.problems(&other, one).len();
            assert!(found > 0, "{one:?} is not missed");
        }
        server.kill();
    });
}

#[test]
fn altered_lost_and_half_done_are_found_out() {
    run(async {
        let place = Place::sqlite();
        let server = Server::start(&place);
        let http = http();
        let check = Check { http: &http, base_url: &server.base_url };
        let patient = json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:x", "value": "1" }] });
        let created = http.post(format!("{}/Patient", server.base_url)).json(&patient).send().await.unwrap();
        let location = created.headers()["location"].to_str().unwrap();
        let resource = location.trim_start_matches(&server.base_url)[1..].trim_end_matches("/_history/1").to_owned();
        let version = |version, sent| vec![Acknowledged::Version { resource: resource.clone(), version, sent }];
        let altered = json!({ "resourceType": "Patient", "birthDate": "1950-01-01" });
        assert_eq!(check.problems(&version(1, Some(patient.clone())), &[]).await, Vec::<String>::new());
        assert_eq!(check.problems(&version(1, Some(altered.clone())), &[]).await.len(), 1);
        assert_eq!(check.problems(&version(2, Some(patient)), &[]).await.len(), 2);
        assert_eq!(check.problems(&version(2, None), &[]).await.len(), 2);
        let half = ["urn:x|1", "urn:x|2"].map(|identifier| ("Patient".to_owned(), identifier.to_owned()));
        assert_eq!(check.problems(&[], &[InDoubt::Creates(half.to_vec())]).await.len(), 1);
        let next = |version| vec![InDoubt::Next { resource: resource.clone(), version, sent: Some(altered.clone()) }];
        assert_eq!(check.problems(&[], &next(0)).await.len(), 1);
        assert_eq!(check.problems(&[], &next(1)).await, Vec::<String>::new());
        server.kill();
    });
}

pub fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

pub fn http() -> reqwest::Client {
    // The process may have one already; whichever is there will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // No idle connection is kept: one that the server is closing would fail the next request.
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

struct Driver {
    place: Place,
    http: reqwest::Client,
    random: Random,
    senders: Vec<Sender>,
    /// Everything, since the beginning.
    acknowledged: Vec<Acknowledged>,
    in_doubt: Vec<InDoubt>,
    /// How much of both was checked after an earlier start.
    checked: (usize, usize),
    inspected: usize,
}

impl Driver {
    fn new(place: Place) -> Driver {
        Driver {
            place,
            http: http(),
            random: Random::new(),
            senders: senders(),
            acknowledged: Vec::new(),
            in_doubt: Vec::new(),
            checked: (0, 0),
            inspected: 0,
        }
    }

    async fn run(mut self, kills: u32) -> Place {
        let started = Instant::now();
        let mut inspector = Inspector::new();
        let mut early = 0;
        for kill in 1..=kills {
            if self.random.below(EARLY_EVERY) == 0 {
                early += 1;
                let starting = Starting::spawn(&self.place);
                tokio::time::sleep(Duration::from_millis(self.random.below(START_MAX_MS))).await;
                starting.kill();
                continue;
            }
            let server = Server::start(&self.place);
            self.check(&server, kill).await;
            if kill % INSPECTED_EVERY == 0 {
                self.inspect(&mut inspector, kill);
            }
            self.live(server).await;
        }
        let server = Server::start(&self.place);
        // All that was ever acknowledged: a later recovery must not undo an earlier one.
        (self.checked, self.inspected) = ((0, 0), 0);
        self.check(&server, kills).await;
        self.inspect(&mut Inspector::new(), kills);
        server.kill();
        eprintln!(
            "{kills} kills ({early} while starting), {} acknowledgements held, {} operations were under way; {} s, seed {}",
            self.acknowledged.len(),
            self.in_doubt.len(),
            started.elapsed().as_secs(),
            self.random.seed,
        );
        self.place
    }

    /// One life: everybody sends until the server is killed at a random moment after the first acknowledgement.
    async fn live(&mut self, server: Server) {
        let (notes, mut noted) = unbounded_channel();
        let (base_url, mllp) = (server.base_url.clone(), server.mllp);
        let line = Line { http: http(), base_url, mllp, notes };
        let mut running: JoinSet<Sender> = self.senders.drain(..).map(|sender| sender.run(line.clone())).collect();
        drop(line);
        self.first(&mut noted).await;
        tokio::time::sleep(Duration::from_millis(self.random.below(LIFE_MAX_MS))).await;
        let log = server.kill();
        while let Some(sender) = running.join_next().await {
            self.senders.push(sender.unwrap());
        }
        while let Some(note) = noted.recv().await {
            self.note(note);
        }
        let errors: Vec<&String> = log.iter().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
        assert!(errors.is_empty(), "seed {}: the server logged {errors:#?}", self.random.seed);
    }

    async fn first(&mut self, noted: &mut UnboundedReceiver<Note>) {
        let note = tokio::time::timeout(FIRST_MAX, noted.recv()).await.expect("something is acknowledged");
        self.note(note.unwrap());
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Acknowledged(one) => self.acknowledged.push(one),
            Note::InDoubt(one) => self.in_doubt.push(one),
            Note::Refused(text) => panic!("seed {}: {text}", self.random.seed),
        }
    }

    /// Holds what was acknowledged since the last check against the store.
    async fn check(&mut self, server: &Server, kill: u32) {
        let check = Check { http: &self.http, base_url: &server.base_url };
        let (acknowledged, in_doubt) = (&self.acknowledged[self.checked.0..], &self.in_doubt[self.checked.1..]);
        let problems = check.problems(acknowledged, in_doubt).await;
        assert!(problems.is_empty(), "seed {}, kill {kill}: {problems:#?}", self.random.seed);
        self.checked = (self.acknowledged.len(), self.in_doubt.len());
    }

    fn inspect(&mut self, inspector: &mut Inspector, kill: u32) {
        let problems = inspector.problems(&self.place, &self.acknowledged[self.inspected..]);
        assert!(problems.is_empty(), "seed {}, kill {kill}: {problems:#?}", self.random.seed);
        self.inspected = self.acknowledged.len();
    }
}

/// Chance that can be had again: splitmix64 of a seed, which a failure tells and `WEIR_TEST_KILL_SEED` sets.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Random {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seed = std::env::var("WEIR_TEST_KILL_SEED").map_or_else(|_| now(), |text| text.parse().unwrap());
        Random { seed, state: seed }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
