//! What only the store can tell: the bytes of messages, whether index and history are whole, whether the audit log tells of every answer.

use std::collections::HashSet;
use std::sync::Arc;

use app::wiring::{Knowledge, now};
use policy::{Grant, SystemToken, Task};
use store::audit::AuditFilter;
use store::{Location, MessageFilter, MessageKey, Store, StoreOptions};

use crate::acknowledged::{Acknowledged, hash};
use crate::place::Place;

/// Looks into the store again and again, each time only at what is new.
pub struct Inspector {
    knowledge: Knowledge,
    /// Messages seen by their hash, and the last of them.
    kept: HashSet<String>,
    message: MessageKey,
    audited: u64,
}

impl Inspector {
    pub fn new() -> Inspector {
        Inspector { knowledge: Knowledge::load().unwrap(), kept: HashSet::new(), message: MessageKey(0), audited: 0 }
    }

    /// One line for everything that is wrong, given what was acknowledged since the last look.
    ///
    /// On a thread of its own that ends: a connection that stayed open here would keep the next server from recovering the files itself.
    pub fn problems(&mut self, place: &Place, acknowledged: &[Acknowledged]) -> Vec<String> {
        let location = match &place.database_url {
            Some(url) => Location::Postgres(url.clone()),
            None => Location::Sqlite(place.data_dir()),
        };
        let look = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let options = StoreOptions::new(location, Arc::clone(&self.knowledge.registry), Arc::new(now));
                let store = Store::open(options).await.unwrap();
                let mut problems = self.messages(&store, acknowledged).await;
                problems.extend(self.audit(&store, acknowledged).await);
                let grant = Grant::for_system(Task::Check, &SystemToken::mint());
                problems.extend(store.check(&grant).await.unwrap().problems);
                problems
            })
        };
        std::thread::scope(|scope| scope.spawn(look).join().unwrap())
    }

    /// Every message is kept byte for byte, once, with the versions that it gave.
    async fn messages(&mut self, store: &Store, acknowledged: &[Acknowledged]) -> Vec<String> {
        let mut problems = Vec::new();
        loop {
            let page = store.messages(&MessageFilter::default(), self.message, 1000).await.unwrap();
            let Some(last) = page.last() else { break };
            self.message = last.key;
            for summary in page {
                let (_, bytes) = store.message(summary.key).await.unwrap().unwrap();
                if !self.kept.insert(hash(&bytes)) {
                    problems.push(format!("message {} is kept twice", hash(&bytes)));
                }
                if store.resources_of_message(summary.key).await.unwrap().is_empty() {
                    problems.push(format!("message {} is kept without resources", hash(&bytes)));
                }
            }
        }
        for one in acknowledged {
            if let Acknowledged::Message { bytes, .. } = one
                && !self.kept.contains(&hash(bytes))
            {
                problems.push(format!("message {} is not kept", hash(bytes)));
            }
        }
        problems
    }

    /// The chain is whole and holds every request that was answered.
    async fn audit(&mut self, store: &Store, acknowledged: &[Acknowledged]) -> Vec<String> {
        let mut requests: HashSet<&str> = HashSet::new();
        for one in acknowledged {
            if let Acknowledged::Request { id } = one {
                requests.insert(id);
            }
        }
        let mut after = Some(self.audited);
        while let Some(place) = after {
            let page = store.audit().page(&AuditFilter::default(), place, 1000).await.unwrap();
            for entry in &page.entries {
                self.audited = entry.seq;
                if let Some(id) = &entry.record.request_id {
                    requests.remove(id.as_str());
                }
            }
            after = page.next;
        }
        let broken = store.audit().verify().await.unwrap().broken;
        let unheard = requests.into_iter().map(|id| format!("request {id} was answered and is not in the audit log"));
        unheard.chain(broken.map(|broken| format!("the audit chain is broken: {broken:?}"))).collect()
    }
}
