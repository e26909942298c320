//! Certificate authorities that a process trusts: Mozilla's, the system's, and configured ones.
//!
//! They follow the environment that the process was started with, even if its script may not read it: an
//! administrator sets them for all programs. The variables are Deno's: `DENO_TLS_CA_STORE`, `DENO_CERT` and
//! `NODE_EXTRA_CA_CERTS`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use deno_error::JsErrorBox;
use deno_runtime::deno_tls;
use deno_runtime::deno_tls::rustls::RootCertStore;
use deno_runtime::deno_tls::rustls::pki_types::{CertificateDer, TrustAnchor};
use deno_runtime::deno_tls::{
    RootCertStoreProvider, deno_native_certs, rustls_pemfile, webpki_roots,
};

use super::tls;
use crate::isolate::stdio;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("unknown certificate store '{0}' in DENO_TLS_CA_STORE; use 'system' or 'mozilla'")]
    Store(String),
    #[error("cannot read the certificates of {variable} in '{path}': {source}")]
    File { variable: &'static str, path: String, source: std::io::Error },
    #[error("no certificate of {variable} in '{path}' is valid")]
    Empty { variable: &'static str, path: String },
}

/// Sources of the authorities of one process.
struct Settings {
    stores: Option<String>,
    own: Option<PathBuf>,
    extra: Option<PathBuf>,
}

/// The authorities that one process trusts, loaded on first use.
#[derive(Default)]
pub(crate) struct Certificates {
    settings: OnceLock<Settings>,
    store: OnceLock<Result<RootCertStore, Arc<Error>>>,
}

impl Certificates {
    /// Reads the settings. Called once, when the environment of the process is known.
    pub(crate) fn configure(&self, cwd: &Path, value: impl Fn(&str) -> Option<String>) {
        let value = |name| value(name).filter(|value| !value.is_empty());
        let path = |name| value(name).map(|path| cwd.join(path));
        let settings =
            Settings { stores: value("DENO_TLS_CA_STORE"), own: path(OWN), extra: path(EXTRA) };
        // Fails only on a second call.
        let _ = self.settings.set(settings);
    }
}

/// Variables that name a file.
const OWN: &str = "DENO_CERT";
const EXTRA: &str = "NODE_EXTRA_CA_CERTS";

impl RootCertStoreProvider for Certificates {
    fn get_or_try_init(&self) -> Result<&RootCertStore, JsErrorBox> {
        tls::ensure_provider();
        let store = self.store.get_or_init(|| match self.settings.get() {
            Some(settings) => load(settings).map_err(Arc::new),
            // Nothing connects before a process is known.
            None => Ok(deno_tls::create_default_root_cert_store()),
        });
        store.as_ref().map_err(|error| JsErrorBox::generic(error.to_string()))
    }
}

fn load(settings: &Settings) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for name in settings.stores.as_deref().unwrap_or("system,mozilla").split(',') {
        match name.trim() {
            "" => {}
            "system" => store.roots.extend_from_slice(system_roots()),
            "mozilla" => store.roots.extend_from_slice(webpki_roots::TLS_SERVER_ROOTS),
            unknown => return Err(Error::Store(unknown.to_owned())),
        }
    }
    if let Some(path) = &settings.own {
        add_pem_file(&mut store, OWN, path)?;
    }
    if let Some(path) = &settings.extra
        && let Err(error) = add_pem_file(&mut store, EXTRA, path)
    {
        // Not fatal, as in Node.
        stdio::warn(&format!("Warning: ignoring extra certificates: {error}"));
    }
    Ok(store)
}

/// Adds the certificates of a PEM file. Other entries are skipped.
fn add_pem_file(
    store: &mut RootCertStore,
    variable: &'static str,
    path: &Path,
) -> Result<(), Error> {
    let name = || path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|source| Error::File { variable, path: name(), source })?;
    let mut rest = bytes.as_slice();
    let certificates = rustls_pemfile::certs(&mut rest).filter_map(Result::ok);
    match store.add_parsable_certificates(certificates) {
        (0, _) => Err(Error::Empty { variable, path: name() }),
        _ => Ok(()),
    }
}

/// The system's authorities, read once.
fn system_roots() -> &'static [TrustAnchor<'static>] {
    static ANCHORS: OnceLock<Vec<TrustAnchor<'static>>> = OnceLock::new();
    ANCHORS.get_or_init(|| {
        let mut store = RootCertStore::empty();
        // A system without a store adds none.
        let found = deno_native_certs::load_native_certs().unwrap_or_default();
        store.add_parsable_certificates(found.into_iter().map(|it| CertificateDer::from(it.0)));
        store.roots
    })
}
