//! Installation of rustls's cryptography provider, of which an application has one.
//!
//! Deno uses rustls's default provider and accepts no other. An application may install its own provider at any
//! time, so this module installs one only when a script first uses TLS: with `fetch`, `Deno.listenTls` and the like,
//! or Node's `tls`. An installed provider is used and never replaced.

use std::io::BufReader;

use deno_runtime::deno_core::{cppgc, op2, v8};
use deno_runtime::deno_tls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use deno_runtime::deno_tls::{
    TlsError, TlsKey, TlsKeys, TlsKeysHolder, load_certs, load_private_keys, new_resolver,
};

/// Installs a provider unless there is one. Called before each use of rustls: here, and when a client loads the
/// certificate authorities.
pub(crate) fn ensure_provider() {
    if CryptoProvider::get_default().is_none() {
        // Fails if the application has installed one meanwhile.
        let installed = aws_lc_rs::default_provider().install_default();
        #[cfg(test)]
        tests::IS_INSTALLED_HERE.store(installed.is_ok(), std::sync::atomic::Ordering::Relaxed);
        drop(installed);
    }
}

/// Called for connections and listeners without a key, and when Node's `tls` is loaded.
#[op2]
#[cppgc]
pub(crate) fn op_host_tls_key_null() -> TlsKeysHolder {
    ensure_provider();
    TlsKeysHolder::from(TlsKeys::Null)
}

#[op2(reentrant)]
#[cppgc]
pub(crate) fn op_host_tls_key_static(
    #[string] cert: &str,
    #[string] key: &str,
) -> Result<TlsKeysHolder, TlsError> {
    ensure_provider();
    let certs = load_certs(&mut BufReader::new(cert.as_bytes()))?;
    let key =
        load_private_keys(key.as_bytes())?.into_iter().next().ok_or(TlsError::KeysNotFound)?;
    Ok(TlsKeysHolder::from(TlsKeys::Static(TlsKey(certs, key))))
}

#[op2]
pub(crate) fn op_host_tls_cert_resolver_create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
) -> v8::Local<'s, v8::Array> {
    ensure_provider();
    let (resolver, lookup) = new_resolver();
    let keys = TlsKeysHolder::from(TlsKeys::Resolver(resolver));
    let keys = cppgc::make_cppgc_object(scope, keys);
    let lookup = cppgc::make_cppgc_object(scope, lookup);
    v8::Array::new_with_elements(scope, &[keys.into(), lookup.into()])
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::crash::subprocess_test;
    use crate::{Backpressure, Event, ExitReason, Permissions, Runtime, SpawnConfig, Supervisor};

    /// Whether `ensure_provider` installed the provider.
    pub(crate) static IS_INSTALLED_HERE: AtomicBool = AtomicBool::new(false);

    const WITHOUT_TLS: &str = "const { pid } = await import('node:process'); console.log(pid)";

    /// First uses of TLS. None of them connects: nothing listens on port 2, which scripts may try.
    const USES: [(&str, &str); 7] = [
        ("fetch", "await fetch('https://127.0.0.1:2/').catch(() => {})"),
        (
            "an HTTP client",
            "await fetch('http://127.0.0.1:2/', { client: Deno.createHttpClient({}) }).catch(() => {})",
        ),
        (
            "a connection",
            "await Deno.connectTls({ hostname: '127.0.0.1', port: 2 }).catch(() => {})",
        ),
        ("a listener", "try { Deno.listenTls({ port: 0, cert: 'x', key: 'x' }) } catch {}"),
        (
            "a WebSocket",
            "await new Promise((done) => { new WebSocket('wss://127.0.0.1:2/').onerror = done })",
        ),
        ("Node's tls", "const tls = await import('node:tls'); tls.createServer({})"),
        (
            "a worker",
            "await new Promise((done) => { new Worker('data:text/javascript,' + encodeURIComponent(\"await fetch('https://127.0.0.1:2/').catch(() => {}); postMessage(0)\"), { type: 'module' }).onmessage = done }); Deno.exit()",
        ),
    ];

    /// Names the use of TLS for the test program.
    const USE_VARIABLE: &str = "JS_RUNTIME_TEST_TLS";

    /// Runs in separate programs: each installs one provider.
    #[test]
    fn a_provider_is_installed_at_the_first_use_of_tls_unless_the_application_has_one() {
        let mut uses = USES.map(|(tls_use, _)| tls_use).to_vec();
        uses.push("own");
        subprocess_test::run(USE_VARIABLE, &uses, application);
    }

    async fn application(tls_use: String) {
        let supervisor = Supervisor::new().expect("a thread");
        run(&supervisor, "without TLS", WITHOUT_TLS).await;
        assert!(CryptoProvider::get_default().is_none(), "installed before the first use");
        if let Some((_, script)) = USES.iter().find(|(name, _)| *name == tls_use) {
            run(&supervisor, &tls_use, script).await;
            assert!(IS_INSTALLED_HERE.load(Ordering::Relaxed), "rustls chose the provider");
        } else {
            let mut own = aws_lc_rs::default_provider();
            own.cipher_suites.truncate(1);
            own.install_default().expect("no provider is installed");
            for (tls_use, script) in USES {
                run(&supervisor, tls_use, script).await;
            }
            let used = CryptoProvider::get_default().expect("a provider is installed");
            assert_eq!(used.cipher_suites.len(), 1, "the provider was replaced");
        }
        supervisor.shutdown().await;
    }

    async fn run(supervisor: &Supervisor, name: &str, script: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("main.mjs");
        std::fs::write(&file, script).expect("the folder is writable");
        let config = SpawnConfig {
            permissions: Some(Permissions { all: true, ..Permissions::default() }),
            ..SpawnConfig::script(Runtime::Embedded, file.to_string_lossy())
        };
        let spawned = supervisor.spawn_subscribed(name, config, Backpressure::Wait).await;
        let (_, mut events) = spawned.expect("the backend starts");
        while let Some(record) = events.recv().await {
            if let Event::Exit { reason, code } = record.event {
                assert_eq!((reason, code), (ExitReason::Completed, Some(0)), "{name}");
                return;
            }
        }
        panic!("{name}: no exit event");
    }
}
