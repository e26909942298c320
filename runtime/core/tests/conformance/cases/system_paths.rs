//! Special files below `/dev`, `/proc` and `/sys`: granted like other files, except those of the application.

use std::fs;

use js_runtime::{Grant, Permissions, SpawnConfig};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    special_files_need_the_read_permission,
    a_grant_of_a_special_folder_covers_only_that_folder,
    standard_streams_can_be_opened_by_path,
    files_of_the_application_in_proc_stay_closed,
    no_loader_opens_files_of_the_application,
    no_loader_with_some_permissions_opens_files_of_the_application,
];

async fn special_files_need_the_read_permission(bench: &Bench) -> Outcome {
    for permissions in [Permissions::all(), may_read_and_write()] {
        let folder = tempfile::tempdir()?;
        let at = folder.path().to_str().ok_or("not UTF-8")?;
        let config = SpawnConfig {
            permissions: Some(permissions),
            ..bench.fixture("system-paths.mjs", &[at])
        };
        let ended = bench.run(config, b"").await?;
        let expected = ["false true true true", "fine"];
        assert_eq!(ended.lines(), expected, "{}", ended.log());
    }
    Ok(())
}

async fn a_grant_of_a_special_folder_covers_only_that_folder(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("main.mjs");
    fs::write(
        &script,
        "const read = (path) => { try { return Deno.readTextFileSync(path).length > 0 } \
         catch (error) { return error.message.split(',')[0] } }\n\
         console.log(read('/proc/sys/kernel/ostype'), read('/proc/sys/kernel/../kernel/osrelease'))\n\
         console.log(read('/proc/version'))\n\
         console.log(Deno.permissions.querySync({ name: 'read', path: '/proc/sys' }).state)",
    )?;
    let permissions =
        Permissions { read: Grant::Some(vec!["/proc/sys".to_owned()]), ..Permissions::default() };
    let config = SpawnConfig { permissions: Some(permissions), ..bench.script(&script, &[]) };
    let ended = bench.run(config, b"").await?;
    let expected = ["true true", "Requires read access to \"/proc/version\"", "granted"];
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

async fn standard_streams_can_be_opened_by_path(bench: &Bench) -> Outcome {
    let ways = [
        "fs.readFileSync('/dev/stdin', 'utf8')",
        "fs.readFileSync('/dev/fd/0', 'utf8')",
        "fs.readFileSync('/proc/self/fd/0', 'utf8')",
        "fs.readFileSync(`/proc/${process.pid}/fd/0`, 'utf8')",
        "await fs.promises.readFile('/dev/stdin', 'utf8')",
        "await fs.createReadStream('/dev/stdin').setEncoding('utf8').reduce((a, b) => a + b)",
        "Deno.readTextFileSync('/dev/stdin')",
        "await Deno.readTextFile('/dev/fd/0')",
        "await new Response((await Deno.open('/dev/stdin')).readable).text()",
        "fs.readFileSync(link, 'utf8')",
    ];
    let folder = tempfile::tempdir()?;
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/stdin", &link)?;
    for way in ways {
        let script = folder.path().join("main.mjs");
        fs::write(
            &script,
            format!(
                "import fs from 'node:fs'\nconst link = process.argv[2]\n\
                 const said = {way}\n\
                 fs.appendFileSync('/dev/stderr', 'on stderr\\n')\n\
                 fs.writeFileSync('/dev/fd/1', said.trim() + '\\n')\n\
                 await Deno.writeTextFile('/dev/stdout', `${{fs.statSync('/dev/stdin').isFIFO()}}\\n`)\n\
                 await new Promise((done) => \
                 fs.createWriteStream('/proc/self/fd/1').end('end\\n', done))"
            ),
        )?;
        let link = link.to_str().ok_or("not UTF-8")?;
        let permissions = Some(Permissions::all());
        let config = SpawnConfig { permissions, ..bench.script(&script, &[link]) };
        let ended = bench.run(config, b"hello\n").await?;
        assert_eq!(ended.lines(), ["hello", "true", "end"], "{way}: {}", ended.log());
        assert_eq!(ended.log(), "on stderr", "{way}");
    }
    Ok(())
}

async fn files_of_the_application_in_proc_stay_closed(bench: &Bench) -> Outcome {
    for permissions in [Permissions::all(), may_read_and_write()] {
        nothing_is_open(bench, "hostile/system-files.mjs", permissions).await?;
    }
    Ok(())
}

async fn no_loader_opens_files_of_the_application(bench: &Bench) -> Outcome {
    nothing_is_open(bench, LOADING, Permissions::all()).await
}

async fn no_loader_with_some_permissions_opens_files_of_the_application(bench: &Bench) -> Outcome {
    let permissions = Permissions { net: Grant::All(true), ..may_read_and_write() };
    nothing_is_open(bench, LOADING, permissions).await
}

/// Tries hundreds of ways, so it is one of the slowest scripts.
const LOADING: &str = "hostile/system-files-by-loading.mjs";

/// Runs a script that tries to open closed files.
async fn nothing_is_open(bench: &Bench, script: &str, permissions: Permissions) -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path().to_str().ok_or("not UTF-8")?;
    let config = bench.fixture(script, &[at]);
    let ended = bench.run(SpawnConfig { permissions: Some(permissions), ..config }, b"").await?;
    assert_eq!(ended.lines(), ["[]", "tried more than 500"], "{}", ended.log());
    Ok(())
}

fn may_read_and_write() -> Permissions {
    let ids = ["uid", "gid"].map(str::to_owned).to_vec();
    Permissions {
        read: Grant::All(true),
        write: Grant::All(true),
        sys: Grant::Some(ids),
        ..Permissions::default()
    }
}
