//! What can go wrong between a use case and its database, and whose turn it is.
//!
//! [`OpenError`] is for the person who starts a node: each case says what was found and what to do.
//! [`Fault`] is for a transaction: it separates "not done" from "nobody knows", because a caller may repeat the
//! first and must ask before it repeats the second. Neither carries a value from any row.

use std::path::PathBuf;

use comity_node_core::ports::store::{Conflict, StoreError};

/// Why a store did not open. Nothing has been changed when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the store.
    #[error(
        "存储正被另一个进程使用：{held}。请先停止它 / the store is in use by another process: {held}; stop that one first"
    )]
    InUse {
        /// What is held: the lock file's path, or the PostgreSQL database's name.
        held: String,
    },
    /// The database was written by a newer version of this software, or by something else.
    #[error(
        "数据库结构版本为 {found}，本程序只认识到 {known}。请使用较新的程序 / the database has schema version {found}, this program knows {known}: use the newer program"
    )]
    NewerSchema {
        /// Version in the database.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// A migration that was applied is not the one this program contains.
    #[error(
        "数据库结构版本 {version} 与本程序所含的不一致 / schema version {version} of the database is not the one this program contains"
    )]
    AlteredSchema {
        /// Version whose text differs.
        version: i64,
    },
    /// A key was given under a known id, but it is not the key the database was sealed with.
    #[error("存储密钥 {id} 不正确 / store key {id} is not the key this database was sealed with")]
    WrongKey {
        /// The key's id.
        id: u8,
    },
    /// The database was sealed with a key that was not given.
    #[error("缺少存储密钥 {id} / store key {id}, which sealed rows of this database, was not given")]
    MissingKey {
        /// The key's id.
        id: u8,
    },
    /// The server is too old or lacks a setting that durability rests on.
    #[error("数据库服务器不符合要求：{what} / the database server does not qualify: {what}")]
    Unfit {
        /// What was found.
        what: String,
    },
    /// The server is elsewhere, and whoever stands on the way could be it.
    #[error(
        "数据库服务器 {host} 不在本机，连接须核对其证书：请在数据库地址中写 sslmode=verify-full（自建机构另写 sslrootcert=文件） / the database server {host} is another machine: its certificate has to be checked, write sslmode=verify-full in the database address (and sslrootcert=FILE for an authority of your own)"
    )]
    Unprotected {
        /// The server, as the address names it.
        host: String,
    },
    /// A file could not be made, opened or locked.
    #[error("无法使用文件 {} / cannot use the file {}", path.display(), path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The database refused or could not be reached.
    #[error("数据库打不开 / the database cannot be opened")]
    Database(#[from] sqlx::Error),
}

/// Why a read or a transaction has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// Not done, and not through the transaction's own doing: may be tried again.
    #[error("数据库暂不可用，未写入 / the database is not available; nothing was written")]
    Unavailable(#[source] SharedError),
    /// The commit's answer was lost. It may or may not be there: look before writing again.
    #[error("提交结果未知 / the outcome of the commit is not known")]
    OutcomeUnknown(#[source] SharedError),
    /// Another instance has taken over this store; this one must stop.
    #[error("本实例已被另一实例取代 / another instance has taken over the store; this one must stop")]
    Fenced,
    /// The store was closed, or stopped after a failed sync.
    #[error("存储已关闭 / the store is closed")]
    Closed,
    /// A statement was refused by the database: a defect of ours, or a constraint that guards a row.
    #[error("数据库拒绝了事务 {name} / the database refused the transaction {name}")]
    Refused {
        /// The transaction's name.
        name: &'static str,
        /// The database's reason.
        #[source]
        source: SharedError,
    },
    /// A stored value is not what was written: wrong ciphertext, or a code outside its closed set.
    #[error("存储内容损坏({table}):{reason} / stored content of {table} is damaged: {reason}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// How, without the content.
        reason: String,
    },
    /// The world is other than the author of the write saw it.
    #[error("与现状冲突：{0} / conflict: {0}")]
    Conflict(Conflict),
    /// A transaction panicked and was rolled back.
    #[error("事务 {0} 内部出错，已回滚 / the transaction {0} failed inside and was rolled back")]
    Defect(&'static str),
}

/// A database error that several callers of one commit can be given.
#[derive(Debug, Clone)]
pub struct SharedError(std::sync::Arc<sqlx::Error>);

impl std::fmt::Display for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // PostgreSQL's and SQLite's own sentences name constraints and columns, never row values; the `DETAIL`
        // of PostgreSQL, which does show values, is a separate field that is not printed here.
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedError {}

impl SharedError {
    pub(crate) fn sqlx(&self) -> &sqlx::Error {
        &self.0
    }
}

impl From<sqlx::Error> for SharedError {
    fn from(error: sqlx::Error) -> Self {
        Self(std::sync::Arc::new(error))
    }
}

/// A first sorting, which is final for reads: the database's own answer is a refusal, anything else means that it
/// was not reached. The writer sorts again by code and names the transaction.
impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.into()),
            _ => Self::Refused {
                name: "read",
                source: error.into(),
            },
        }
    }
}

impl From<Conflict> for Fault {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

/// What the ports know of it. A refusal or a defect is ours and shows in the log with its source; to the use case it
/// is a store that did not do it.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict(conflict) => Self::Conflict(conflict),
            Fault::OutcomeUnknown(source) => Self::Unknown(source.to_string()),
            Fault::Damaged { table, reason } => Self::Corrupt { table, reason },
            Fault::Unavailable(source) | Fault::Refused { source, .. } => {
                Self::Unavailable(source.to_string())
            }
            Fault::Fenced | Fault::Closed | Fault::Defect(_) => Self::Unavailable(fault.to_string()),
        }
    }
}

impl From<crate::cipher::NotOurs> for Fault {
    fn from(error: crate::cipher::NotOurs) -> Self {
        Self::Damaged {
            table: error.table,
            reason: format!("the sealed {} is not this row's, or was altered", error.column),
        }
    }
}
