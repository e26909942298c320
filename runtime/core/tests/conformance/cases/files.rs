//! `node:fs` where Deno differs from Node, and temporary files of SQLite.

use std::fs;

use js_runtime::{Permissions, SpawnConfig};

use crate::support::{Bench, Case, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    a_copy_replaces_links_and_not_their_targets,
    a_file_is_made_where_there_is_none,
    temporary_files_of_sqlite_are_in_memory,
];

async fn a_copy_replaces_links_and_not_their_targets(bench: &Bench) -> Outcome {
    let config = SpawnConfig {
        permissions: Some(Permissions::all()),
        ..bench.fixture("copy-links.mjs", &[])
    };
    let ended = bench.run(config, b"").await?;
    let expected = |way: &str, is_skipped: bool| {
        let copied = r#""kept":"kept","inside":true,"copied":["from/file","a"]"#;
        let entries = r#"["below","file","kept","link","self","to-folder"]"#;
        format!(
            r#"["{way}",{{{copied},"skipped":{is_skipped},"refused":"ERR_FS_CP_EINVAL","entries":{entries}}}]"#
        )
    };
    let ways = [("sync", true), ("filtered", true), ("promise", true), ("selective", false)];
    let expected = ways.map(|(way, is_skipped)| expected(way, is_skipped));
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

async fn a_file_is_made_where_there_is_none(bench: &Bench) -> Outcome {
    let config = SpawnConfig {
        permissions: Some(Permissions::all()),
        ..bench.fixture("create-files.mjs", &[])
    };
    let ended = bench.run(config, b"").await?;
    let expected = [
        "r made ENOENT",
        "r+ made ENOENT",
        "w made made",
        "wx EEXIST made",
        "wx+ EEXIST made",
        "a made made",
        "ax EEXIST made",
        "ax+ EEXIST made",
        "create made made",
        "createNew EEXIST made",
        "createNew and append EEXIST made",
        "temporary true true true true",
    ];
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

/// Makes SQLite put more into temporary tables and sorts than its cache holds.
const TEMPORARY: &str = r"
import { DatabaseSync } from 'node:sqlite'
const database = new DatabaseSync(':memory:')
const folder = process.argv[2]
const set = (pragma) => {
  try {
    database.exec(`pragma ${pragma}`)
    return 'set'
  } catch (error) {
    return error.message
  }
}
const answers = [`temp_store_directory = '${folder}'`, `temp_store_directory = '/tmp'`].map(set)
for (const pragma of ['temp_store = 1', 'cache_size = 5', 'temp.cache_size = 5', 'cache_spill = 1', 'threads = 8']) set(pragma)
database.exec(`
  create temp table numbers as with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
  select i, hex(randomblob(500)) as text from n`)
const sorted = database.prepare('select i, text from numbers order by text').iterate()
answers.push(sorted.next().done)
console.log(JSON.stringify([...answers, database.prepare('select count(*) as n from numbers').get().n]))
setInterval(() => {}, 1e9)
";

async fn temporary_files_of_sqlite_are_in_memory(bench: &Bench) -> Outcome {
    let project = Project::new(&[("main.mjs", TEMPORARY), ("folder/file", "")])?;
    let folder = project.path("folder").display().to_string();
    let mut run = bench.start(bench.script(&project.path("main.mjs"), &[&folder])).await?;
    let refused = "not a writable directory";
    let expected = serde_json::json!([refused, refused, false, 3000]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&run.text().await?)?, expected);
    if cfg!(target_os = "linux") {
        let open = fs::read_dir("/proc/self/fd")?.flatten();
        let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        // SQLite's prefix of temporary files.
        let temporary: Vec<_> =
            open.filter(|path| path.to_string_lossy().contains("/etilqs_")).collect();
        assert!(temporary.is_empty(), "{temporary:?}");
    }
    assert_eq!(fs::read_dir(project.path("folder"))?.count(), 1);
    run.kill().await
}
