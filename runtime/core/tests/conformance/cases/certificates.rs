//! Certificate authorities and proxies come from the environment of the start.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use js_runtime::{Grant, Permissions, SpawnConfig};
use libtest_mimic::Failed;

use crate::paths::fixture;
use crate::support::{Bench, Case, Ended, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    certificate_authorities_come_from_the_environment_of_the_start,
    certificate_files_that_cannot_be_read_are_named,
    requests_go_through_the_proxy_of_the_environment,
];

const WAYS: &str = "fetch,https,tls,connectTls,WebSocket,worker";

fn may_connect() -> Permissions {
    Permissions { net: Grant::All(true), ..Permissions::default() }
}

async fn with_server(bench: &Bench, env: &[(&str, &str)]) -> Result<Ended, Failed> {
    let server = bench.fixture("tls/server.mjs", &[]);
    let mut server =
        bench.start(SpawnConfig { permissions: Some(may_connect()), ..server }).await?;
    let port = server.text().await?;
    let client = SpawnConfig {
        permissions: Some(may_connect()),
        env: variables(env),
        ..bench.fixture("tls/client.mjs", &[&port])
    };
    let ended = bench.run(client, b"").await?;
    server.kill().await?;
    Ok(ended)
}

fn variables(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn certificate_authorities_come_from_the_environment_of_the_start(bench: &Bench) -> Outcome {
    let authority = fixture("tls/ca.pem");
    let authority = authority.to_str().ok_or("not UTF-8")?;
    for (env, expected) in [
        (&[][..], ""),
        (&[("NODE_EXTRA_CA_CERTS", authority)], WAYS),
        (&[("DENO_CERT", authority)], WAYS),
        (&[("DENO_CERT", authority), ("DENO_TLS_CA_STORE", "mozilla")], WAYS),
        (&[("DENO_TLS_CA_STORE", "mozilla,system")], ""),
    ] {
        let ended = with_server(bench, env).await?;
        assert_eq!(ended.lines(), [expected], "{env:?}: {}", ended.log());
    }
    Ok(())
}

async fn certificate_files_that_cannot_be_read_are_named(bench: &Bench) -> Outcome {
    for (name, value, message) in [
        ("DENO_TLS_CA_STORE", "none", "unknown certificate store 'none'"),
        ("DENO_CERT", "/no/such/file", "cannot read the certificates of DENO_CERT"),
        ("NODE_EXTRA_CA_CERTS", "/no/such/file", "Warning: ignoring extra certificates: cannot"),
    ] {
        let ended = with_server(bench, &[(name, value)]).await?;
        assert_eq!(ended.lines(), [""], "{name}");
        assert!(ended.log().contains(message), "{name}: {}", ended.log());
    }
    Ok(())
}

async fn requests_go_through_the_proxy_of_the_environment(bench: &Bench) -> Outcome {
    let [(plain, first), (tunnel, second)] = [proxy(3)?, proxy(2)?];
    let direct = TcpListener::bind("127.0.0.1:0")?;
    let here = format!("http://localhost:{}", direct.local_addr()?.port());
    let direct = serve(direct, 1);
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("main.mjs");
    std::fs::write(
        &script,
        "const get = `fetch('http://example.invalid/x').then((it) => it.text())`\n\
         console.log(await eval(get))\n\
         console.log(await (await fetch(process.argv[2])).text())\n\
         await fetch('https://example.invalid/').catch((error) => console.log(error.name))\n\
         for (const url of ['ws://example.invalid/', 'wss://example.invalid/']) {\n\
           const socket = new WebSocket(url)\n\
           await new Promise((done) => (socket.onerror = done))\n\
         }\n\
         const worker = new Worker(`data:text/javascript,${get}.then(postMessage)`, { type: 'module' })\n\
         worker.onmessage = ({ data }) => { console.log(data); worker.terminate() }",
    )?;
    let config = SpawnConfig {
        permissions: Some(may_connect()),
        env: variables(&[
            ("HTTP_PROXY", &plain),
            ("https_proxy", &tunnel),
            ("NO_PROXY", "example.org, localhost"),
        ]),
        ..bench.script(&script, &[&here])
    };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines(), ["served", "served", "TypeError", "served"], "{}", ended.log());
    let asked =
        |server: Server| server.join().map_err(|_| "a server failed")?.map_err(Failed::from);
    let get = "GET http://example.invalid/x HTTP/1.1";
    assert_eq!(asked(first)?, [get, "GET http://example.invalid/ HTTP/1.1", get]);
    assert_eq!(asked(second)?, ["CONNECT example.invalid:443 HTTP/1.1"; 2]);
    assert_eq!(asked(direct)?, ["GET / HTTP/1.1"]);
    Ok(())
}

/// Returns the first line of each request after the last one.
type Server = std::thread::JoinHandle<std::io::Result<Vec<String>>>;

fn proxy(requests: usize) -> std::io::Result<(String, Server)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    Ok((address, serve(listener, requests)))
}

fn serve(listener: TcpListener, requests: usize) -> Server {
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..requests {
            let (mut connection, _) = listener.accept()?;
            let mut lines = BufReader::new(connection.try_clone()?).lines();
            let first = lines.next().transpose()?.unwrap_or_default();
            while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
            let status = if first.starts_with("CONNECT") { "403 Forbidden" } else { "200 OK" };
            // `write!` writes each part on its own, and a client may close after the status line.
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: 6\r\nconnection: close\r\n\r\nserved"
            );
            connection.write_all(answer.as_bytes())?;
            asked.push(first);
        }
        Ok(asked)
    })
}
