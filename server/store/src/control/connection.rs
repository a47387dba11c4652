//! The sea-orm connection of the control data.
//!
//! Connections to PostgreSQL live on a runtime of their own and serve callers on any: whoever polls does so inside that
//! runtime, so that a connection opened on the way never depends on a caller's runtime that may end first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio::runtime::Handle;

use crate::postgres::Pool;

/// A sea-orm connection and the runtime it lives on.
#[derive(Clone)]
pub(super) struct ControlConnection {
    database: DatabaseConnection,
    pool: Option<Pool>,
}

impl ControlConnection {
    /// A connection that serves from the caller's runtime (SQLite, which has threads of its own).
    pub(super) fn sqlite(database: DatabaseConnection) -> Self {
        Self { database, pool: None }
    }

    /// A connection over the pool, on the pool's runtime.
    pub(super) fn postgres(database: DatabaseConnection, pool: Pool) -> Self {
        Self { database, pool: Some(pool) }
    }

    async fn run<T>(&self, work: impl Future<Output = Result<T, DbErr>> + Send) -> Result<T, DbErr> {
        let Some(pool) = &self.pool else { return work.await };
        // Made within the runtime, whose clock it needs.
        let timed = async { tokio::time::timeout(pool.patience(), work).await };
        let late = |_| DbErr::Conn(RuntimeErr::Internal("it did not answer in time".to_owned()));
        Entered { handle: pool.handle().clone(), work: Box::pin(timed) }.await.map_err(late)?
    }
}

/// A future that is polled inside another runtime.
struct Entered<'a, T> {
    handle: Handle,
    work: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

impl<T> Future for Entered<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let handle = self.handle.clone();
        let _inside = handle.enter();
        self.work.as_mut().poll(context)
    }
}

#[async_trait]
impl ConnectionTrait for ControlConnection {
    fn get_database_backend(&self) -> DbBackend {
        self.database.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(self.database.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.run(self.database.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(self.database.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(self.database.query_all_raw(statement)).await
    }
}
