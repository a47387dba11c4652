//! The register of national data opt-out requests and answers.
//!
//! There is no list of opted-out people: an organisation sends the numbers that it means to release and gets back those that
//! are not opted out. The register holds what was asked and what came back, and whoever is not in a fresh answer is withheld.
//!
//! It must not become what it is not, a place where one looks somebody up. So it holds no number: each is hashed under a key
//! that lies in the control data (there are only 10⁹ numbers, a plain hash would be undone in minutes), the hashes of a
//! request lie sorted in blocks that SQL cannot search, and a request is deleted whole when it is too old to be used. With
//! the key gone, or rotated, the register answers nothing, which withholds everybody. It is no resource, has no search
//! parameter and no export.

use std::collections::HashMap;

use fhir::{Instant, NhsNumber};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::control::Key;
use crate::error::StoreError;
use crate::open::Store;
use crate::opt_out_part::{Part, TAG_LENGTH, Tag, parts_of};
use crate::sql::{Session, SqlRow, Statement};
use crate::transaction::Transaction;

/// What the register knows of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptOutAnswer {
    /// When it was asked for.
    pub asked_at: Instant,
    /// When the answer was loaded.
    pub answered_at: Instant,
    /// Whether it came back, that is, was not opted out then.
    pub returned: bool,
}

/// A request, without its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutRequest {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub asked_at: Instant,
    /// How many numbers it asked for, each counted once.
    pub asked_count: u64,
    /// When its answer was loaded.
    pub answered_at: Option<Instant>,
    /// How many numbers came back.
    pub returned_count: Option<u64>,
}

/// The register, opened with its key.
#[derive(Clone)]
pub struct OptOutRegister {
    store: Store,
    key: Key,
}

impl Store {
    /// The register under that key (the newest generation of a key of the control data).
    pub fn opt_out_register(&self, key: Key) -> OptOutRegister {
        OptOutRegister { store: self.clone(), key }
    }

    /// All requests, the newest first.
    pub async fn opt_out_requests(&self) -> Result<Vec<OptOutRequest>, StoreError> {
        let sql = format!("{REQUEST} ORDER BY asked_at DESC, id");
        self.query(Statement::new(sql, Vec::new())).await?.iter().map(request_of).collect()
    }

    /// The newest request that was answered.
    pub async fn latest_opt_out_answer(&self) -> Result<Option<OptOutRequest>, StoreError> {
        let sql = format!("{REQUEST} WHERE answered_at IS NOT NULL ORDER BY asked_at DESC, answered_at DESC LIMIT 1");
        self.query(Statement::new(sql, Vec::new())).await?.first().map(request_of).transpose()
    }

    /// Deletes the requests made before a moment, with all that came back, and says how many.
    pub async fn purge_opt_outs(&self, asked_before: Instant) -> Result<u64, StoreError> {
        let statements = vec![
            Statement::new(
                "DELETE FROM opt_out_part WHERE request_id IN (SELECT id FROM opt_out_request WHERE asked_at < $1)",
                vec![asked_before.into()],
            ),
            Statement::new("DELETE FROM opt_out_request WHERE asked_at < $1", vec![asked_before.into()]),
        ];
        Ok(self.execute_all(statements).await?.get(1).copied().unwrap_or_default())
    }
}

impl OptOutRegister {
    /// Records that these numbers were asked for.
    pub async fn record_request(&self, id: &str, numbers: &[NhsNumber], asked_at: Instant) -> Result<(), StoreError> {
        let tags = self.tags(numbers)?;
        let (request, generation) = (id.to_owned(), self.key.generation);
        let work = move |transaction: &mut Transaction<'_>| {
            let session = &mut *transaction.session;
            let inserted = session.execute(&Statement::new(
                "INSERT INTO opt_out_request (id, key_generation, asked_at, asked_count) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (id) DO NOTHING",
                vec![(&request).into(), generation.into(), asked_at.into(), count(tags.len()).into()],
            ))?;
            if inserted == 0 {
                return Err(StoreError::Conflict("there is an opt-out request of that id".to_owned()));
            }
            for (part, numbers) in parts_of(&tags) {
                session.execute(&Statement::new(
                    "INSERT INTO opt_out_part (request_id, part, numbers) VALUES ($1, $2, $3)",
                    vec![(&request).into(), part.into(), numbers.into()],
                ))?;
            }
            Ok(())
        };
        self.store.inner.writer.submit(work).await
    }

    /// Records the answer to a request, once. An answer with a number that was not asked for belongs to another request: it is
    /// refused whole.
    pub async fn record_answer(
        &self,
        id: &str,
        returned: &[NhsNumber],
        answered_at: Instant,
    ) -> Result<OptOutRequest, StoreError> {
        let tags = self.tags(returned)?;
        let (id, generation) = (id.to_owned(), self.key.generation);
        let work = move |transaction: &mut Transaction<'_>| {
            let session = &mut *transaction.session;
            let answered = session.query(&Statement::new(
                "UPDATE opt_out_request SET answered_at = $1, returned_count = $2 \
                 WHERE id = $3 AND key_generation = $4 AND asked_at <= $1 AND answered_at IS NULL \
                 RETURNING id, asked_at, asked_count, answered_at, returned_count",
                vec![answered_at.into(), count(tags.len()).into(), (&id).into(), generation.into()],
            ))?;
            let Some(row) = answered.first() else {
                return Err(why_not_answered(session, &id)?);
            };
            let request = request_of(row)?;
            mark_returned(session, &id, &tags)?;
            Ok(request)
        };
        self.store.inner.writer.submit(work).await
    }

    /// What the newest answer that covers each number says. A number without an entry was never asked for, or not answered.
    pub async fn answers(&self, numbers: &[NhsNumber]) -> Result<HashMap<NhsNumber, OptOutAnswer>, StoreError> {
        let mut wanted = Vec::with_capacity(numbers.len());
        for number in numbers {
            wanted.push((self.tag(number)?, number));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut found: Vec<Option<OptOutAnswer>> = vec![None; wanted.len()];
        for request in self.answered_requests().await? {
            let parts = "SELECT numbers, returned FROM opt_out_part WHERE request_id = $1 AND part = $2";
            for part in 0.. {
                let values = vec![(&request.id).into(), count(part).into()];
                let rows = self.store.query(Statement::new(parts, values)).await?;
                let Some(row) = rows.first() else { break };
                let part = Part { numbers: row.bytes(0)?, returned: row.opt_bytes(1)?.unwrap_or_default() };
                for ((tag, _), answer) in wanted.iter().zip(&mut found) {
                    if let Some(returned) = part.find(tag) {
                        merge(answer, &request, returned);
                    }
                }
            }
        }
        let known = wanted.into_iter().zip(found);
        Ok(known.filter_map(|((_, number), answer)| Some((number.clone(), answer?))).collect())
    }

    async fn answered_requests(&self) -> Result<Vec<OptOutRequest>, StoreError> {
        let sql = format!("{REQUEST} WHERE answered_at IS NOT NULL AND key_generation = $1 ORDER BY asked_at DESC, id");
        let statement = Statement::new(sql, vec![self.key.generation.into()]);
        self.store.query(statement).await?.iter().map(request_of).collect()
    }

    fn tags(&self, numbers: &[NhsNumber]) -> Result<Vec<Tag>, StoreError> {
        let mut tags = numbers.iter().map(|number| self.tag(number)).collect::<Result<Vec<_>, _>>()?;
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    /// The keyed hash of a number. 128 bits: with 10⁸ numbers two share one with a chance below 10⁻²².
    fn tag(&self, number: &NhsNumber) -> Result<Tag, StoreError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.secret)
            .map_err(|_| StoreError::Invalid("the key of the opt-out register cannot be used".to_owned()))?;
        mac.update(number.as_str().as_bytes());
        let hash = mac.finalize().into_bytes();
        let mut tag = [0; TAG_LENGTH];
        tag.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Ok(tag)
    }
}

/// Keeps the answer to the newest question; of two asked at the same moment the one that withholds.
fn merge(answer: &mut Option<OptOutAnswer>, request: &OptOutRequest, returned: bool) {
    let Some(answered_at) = request.answered_at else { return };
    match answer {
        Some(known) if known.asked_at > request.asked_at => {}
        Some(known) if known.asked_at == request.asked_at => known.returned &= returned,
        _ => *answer = Some(OptOutAnswer { asked_at: request.asked_at, answered_at, returned }),
    }
}

/// Marks the numbers that came back in the parts of a request; all of them must be there.
fn mark_returned(session: &mut dyn Session, id: &str, tags: &[Tag]) -> Result<(), StoreError> {
    let sql = "SELECT part, numbers FROM opt_out_part WHERE request_id = $1 ORDER BY part";
    let mut marked = 0;
    for row in session.query(&Statement::new(sql, vec![id.into()]))? {
        let mut part = Part { numbers: row.bytes(1)?, returned: bytes::Bytes::new() };
        marked += part.mark(tags);
        session.execute(&Statement::new(
            "UPDATE opt_out_part SET returned = $1 WHERE request_id = $2 AND part = $3",
            vec![part.returned.into(), id.into(), row.i64(0)?.into()],
        ))?;
    }
    if marked != tags.len() {
        let strangers = tags.len() - marked;
        return Err(StoreError::Invalid(format!(
            "the answer holds {strangers} numbers that this request did not ask for"
        )));
    }
    Ok(())
}

fn why_not_answered(session: &mut dyn Session, id: &str) -> Result<StoreError, StoreError> {
    let sql = format!("{REQUEST} WHERE id = $1");
    let rows = session.query(&Statement::new(sql, vec![id.into()]))?;
    Ok(match rows.first().map(request_of).transpose()? {
        None => StoreError::NotFound(format!("opt-out request `{id}`")),
        Some(request) if request.answered_at.is_some() => {
            StoreError::Conflict("this opt-out request was answered before".to_owned())
        }
        Some(_) => StoreError::Invalid("the answer is older than its request, or its key was rotated".to_owned()),
    })
}

const REQUEST: &str = "SELECT id, asked_at, asked_count, answered_at, returned_count FROM opt_out_request";

fn request_of(row: &SqlRow) -> Result<OptOutRequest, StoreError> {
    Ok(OptOutRequest {
        id: row.text(0)?.to_owned(),
        asked_at: Instant(row.i64(1)?),
        asked_count: row.i64(2)?.unsigned_abs(),
        answered_at: row.opt_i64(3)?.map(Instant),
        returned_count: row.opt_i64(4)?.map(i64::unsigned_abs),
    })
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
