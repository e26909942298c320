//! Errors of `node:sqlite`, with Node's error codes.

use std::ffi::CStr;

use deno_error::JsError;
use libsqlite3_sys as sqlite;

#[derive(Debug, thiserror::Error, JsError)]
pub(super) enum Error {
    #[class(generic)]
    #[error(
        "database is in use: a callback or a getter cannot call this method of its own database; call it after the query"
    )]
    #[property("code" = STATE)]
    Busy,
    #[class(generic)]
    #[error(
        "statement is already running: a callback cannot use the statement or tag store that called it; prepare another one"
    )]
    #[property("code" = STATE)]
    Running,
    #[class(generic)]
    #[error("database is in use: an authorizer callback cannot use its own database")]
    #[property("code" = STATE)]
    Authorizing,
    #[class(generic)]
    #[error("statement is empty: its SQL has no command")]
    #[property("code" = STATE)]
    Empty,
    #[class(generic)]
    #[error("database is not open")]
    #[property("code" = STATE)]
    Closed,
    #[class(type)]
    #[error("{0}")]
    #[property("code" = "ERR_INVALID_ARG_TYPE")]
    Type(String),
    #[class(range)]
    #[error("{0}")]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    Range(String),
    #[class(type)]
    #[error("{0}")]
    #[property("code" = "ERR_INVALID_ARG_VALUE")]
    Value(&'static str),
    #[class(type)]
    #[error("Illegal constructor")]
    #[property("code" = "ERR_ILLEGAL_CONSTRUCTOR")]
    Constructor,
    #[class(generic)]
    #[error("{message}")]
    #[property("code" = "ERR_SQLITE_ERROR")]
    #[property("errstr" = self.errstr())]
    Sqlite {
        message: String,
        errstr: String,
        #[property]
        errcode: f64,
    },
}

const STATE: &str = "ERR_INVALID_STATE";

impl Error {
    fn errstr(&self) -> String {
        match self {
            Self::Sqlite { errstr, .. } => errstr.clone(),
            _ => String::new(),
        }
    }

    /// The last error of an open connection.
    pub(super) fn of(handle: *mut sqlite::sqlite3, code: i32) -> Self {
        // SAFETY: callers pass an open connection. The message is NUL-terminated and valid until the next call on it.
        let message = unsafe { text(sqlite::sqlite3_errmsg(handle)) };
        Self::with(message, code)
    }

    /// An error with its own message.
    pub(super) fn with(message: String, code: i32) -> Self {
        // SAFETY: SQLite returns a static NUL-terminated string for any code.
        let errstr = unsafe { text(sqlite::sqlite3_errstr(code)) };
        Self::Sqlite { message, errstr, errcode: code.into() }
    }
}

/// Copies a string of SQLite. Null becomes an empty string.
///
/// # Safety
///
/// `text` must be null, or NUL-terminated and valid during the call.
unsafe fn text(text: *const std::ffi::c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, therefore NUL-terminated and valid, as the caller guarantees.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
