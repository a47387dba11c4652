//! A PostgreSQL that is gone, and one that stalls: 503 with Retry-After in limited time, and service resumes by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::{Api, Person, on_postgres_through};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the way to the database does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections are cut, and new ones end at once.
    Cut,
    /// Nothing gets through, and nobody is told.
    Stalled,
}

/// Longest wait for an answer in these tests, and how much longer a request may take on a busy machine.
const PATIENCE: Duration = Duration::from_millis(1500);
const ANSWERED_MAX: Duration = Duration::from_secs(20);

/// Passes on to the address what is sent to the port that it gives.
async fn proxy(to: String, way: watch::Receiver<Way>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, to.clone(), way.clone()));
        }
    });
    port
}

async fn pass(mut client: TcpStream, to: String, mut way: watch::Receiver<Way>) {
    let until = |way: Way| move |now: &Way| *now != way;
    if *way.borrow() == Way::Stalled {
        let _ = way.wait_for(until(Way::Stalled)).await;
    }
    if *way.borrow() == Way::Cut {
        return;
    }
    let mut server = TcpStream::connect(to).await.unwrap();
    let mut copying = std::pin::pin!(copy_bidirectional(&mut client, &mut server));
    let left = tokio::select! {
        _ = &mut copying => return,
        left = way.wait_for(until(Way::Open)) => left.map(|way| *way),
    };
    if left.is_ok_and(|way| way == Way::Stalled) {
        // What was on its way when it stalled never arrives: nobody reads the sockets any more.
        let _ = way.wait_for(until(Way::Stalled)).await;
    }
}

async fn refused_in_time(api: &Api<'_>, what: &str) {
    for (method, path) in [("GET", "Patient?_count=1"), ("GET", "Patient/x"), ("POST", "Patient")] {
        let begun = Instant::now();
        let call = api.call(method, path);
        let call = if method == "POST" { call.fhir(&Person::new().patient()) } else { call };
        let answer = call.send().await;
        assert!(begun.elapsed() < ANSWERED_MAX, "{what}: {method} {path} took {:?}", begun.elapsed());
        assert_eq!(answer.status, 503, "{what}: {method} {path}: {}", answer.text());
        assert!(answer.header("retry-after").is_some());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
}

async fn resumes(api: &Api<'_>) {
    let begun = Instant::now();
    loop {
        let statuses = [
            api.get("Patient?_count=1").await.status,
            api.get("Patient/never-there").await.status,
            api.post("Patient", &Person::new().patient()).await.status,
        ];
        if statuses == [200, 404, 201] {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{statuses:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_database_that_is_gone_or_stalls_is_told_and_found_again() {
    let (turn, way) = watch::channel(Way::Open);
    let turn = Arc::new(turn);
    let through = |address: String| proxy(address, way.clone());
    let configure = |config: &mut app::config::Config| {
        config.limits.database_timeout_ms = PATIENCE.as_millis() as u64;
        config.limits.search_timeout_ms = PATIENCE.as_millis() as u64;
    };
    on_postgres_through(through, configure, |app| {
        let turn = Arc::clone(&turn);
        async move {
            let api = app.system("system/*.cruds").await;
            let patient = api.create(&Person::new().patient()).await;
            for way in [Way::Cut, Way::Stalled, Way::Cut] {
                turn.send_replace(way);
                refused_in_time(&api, &format!("{way:?}")).await;
                let health = app.anonymous().call("GET", &format!("{}/health/ready", app.origin)).send().await;
                assert_eq!(health.status, 503);
                turn.send_replace(Way::Open);
                resumes(&api).await;
                api.get(&format!("Patient/{patient}")).await.expect(200);
            }
            app.check_store().await;
        }
    });
}
