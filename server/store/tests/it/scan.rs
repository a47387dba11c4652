//! A type walked as of one state.

use store::Scan;

use crate::support::{on_each, patient, put, system};

#[test]
fn scan_gives_each_resource_once_as_it_was() {
    on_each("scan", |test| async move {
        let ops = (0..30).map(|n| put(&format!("p{n}"), &patient("Then", "1970-01-01")));
        test.write(ops.collect()).await.unwrap();
        test.delete("Patient", "p3").await;
        let as_of = test.store.commit_seq().await.unwrap();
        let mut scan = Scan { type_name: "Patient".to_owned(), as_of, since: None, after: None, count: 7 };
        let mut found = Vec::new();
        loop {
            let result = test.store.scan(&system(), scan.clone()).await.unwrap();
            for version in &result.versions {
                let body = version.system_body(&system()).unwrap();
                assert!(version.facts().deleted || body.windows(4).any(|text| text == b"Then"));
                found.push((version.facts().id.clone(), version.facts().deleted));
            }
            let round = found.len();
            test.put(&format!("p{}", round % 30), &patient("Now", "1970-01-01")).await;
            test.put(&format!("p{}", (round + 5) % 30), &patient("Now", "1970-01-01")).await;
            test.delete("Patient", &format!("p{}", (round + 8) % 30)).await;
            test.put(&format!("new{round}"), &patient("Now", "1970-01-01")).await;
            scan.after = result.next;
            if result.next.is_none() {
                break;
            }
        }
        // In commit order: what was deleted last stands last.
        let others = (0..30).filter(|n| *n != 3).map(|n| (format!("p{n}"), false));
        let expected: Vec<_> = others.chain([("p3".to_owned(), true)]).collect();
        assert_eq!(found, expected);
        test.assert_whole().await;
    });
}
