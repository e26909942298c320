//! `node:sqlite`: calls from inside its callbacks, and the files that it opens.

#[cfg(unix)]
use std::fs;

use js_runtime::{Grant, Permissions, SpawnConfig};
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::Project;
use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_callback_cannot_change_the_database_that_calls_it,
    an_exception_of_a_callback_ends_the_query_and_nothing_else,
    callbacks_use_other_statements_of_their_database,
    a_backup_calls_back_and_reports_its_errors,
];

#[cfg(unix)]
pub(crate) const UNIX: &[Case] = cases![files_of_a_database_are_opened_where_they_are_granted];

/// Refused while a statement of the connection runs.
const ALONE: [&str; 12] = [
    "close",
    "dispose",
    "open",
    "function",
    "function of another name",
    "aggregate",
    "setAuthorizer",
    "deserialize",
    "loadExtension",
    "enableDefensive",
    "createSession",
    "close of a session",
];

/// Refused for the statement that runs.
const STATEMENT: [&str; 4] = ["get", "all", "run", "iterate"];

/// Refused in addition while SQLite compiles a statement.
const COMPILING: [&str; 8] = [
    "tag store",
    "clear of a tag store",
    "size of a tag store",
    "another statement",
    "exec",
    "changeset",
    "applyChangeset",
    "serialize",
];

/// Runs a group of cases of the fixture.
async fn group(bench: &Bench, args: &[&str]) -> Result<Vec<Value>, libtest_mimic::Failed> {
    let writes = args.get(1).map(|folder| vec![(*folder).to_owned()]).unwrap_or_default();
    let config = SpawnConfig {
        permissions: Some(Permissions {
            read: Grant::Some(writes.clone()),
            write: Grant::Some(writes),
            ..Permissions::default()
        }),
        ..bench.fixture("sqlite-callbacks.mjs", args)
    };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    Ok(ended.lines().iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?)
}

async fn a_callback_cannot_change_the_database_that_calls_it(bench: &Bench) -> Outcome {
    let of_statement = [&ALONE[..], &STATEMENT].concat();
    let compiling = [&ALONE[..], &STATEMENT, &COMPILING].concat();
    let of_store =
        ["close", "function", "tag store", "clear of a tag store", "size of a tag store"];
    let expected = [
        ("get", &of_statement[..]),
        ("all", &of_statement),
        ("run", &of_statement),
        ("iterate", &of_statement),
        ("tag store", &of_store),
        ("exec", &ALONE),
        ("start", &of_statement),
        ("step", &of_statement),
        ("result", &of_statement),
        ("inverse", &of_statement),
        ("authorizer", &compiling),
        ("filter", &ALONE),
        ("onConflict", &ALONE),
        ("parameter", &of_statement),
        ("option", &ALONE),
        ("option of a function", &ALONE),
        ("option of a changeset", &ALONE),
    ];
    let came = group(bench, &["within"]).await?;
    assert_eq!(came.len(), expected.len());
    for (came, (name, refused)) in came.iter().zip(expected) {
        assert_eq!(*came, json!([name, ["no error", refused]]));
    }
    Ok(())
}

async fn an_exception_of_a_callback_ends_the_query_and_nothing_else(bench: &Bench) -> Outcome {
    let state = "ERR_INVALID_STATE";
    let expected = [
        json!(["functions", []]),
        json!([
            "authorizers",
            [
                ["TypeError", "mine"],
                ["TypeError", "Authorizer callback must return an integer authorization code"],
                ["RangeError", "Authorizer callback returned a invalid authorization code"],
                ["Error", "again"],
            ]
        ]),
        json!([
            "changesets",
            [
                ["Error", "filter"],
                ["Error", "onConflict"],
                "ERR_SQLITE_ERROR",
                ["TypeError", "the changeset contains a table name that is not UTF-8"],
                ["no error", true],
            ]
        ]),
        json!(["caught", "mine"]),
        json!(["again", [4, 4]]),
        json!(["deep", ["RangeError", true]]),
        json!([
            "objects",
            ["", state, "ERR_ILLEGAL_CONSTRUCTOR", true, "ERR_OUT_OF_RANGE", "ERR_OUT_OF_RANGE", 1]
        ]),
        json!(["unfinished", 1]),
    ];
    assert_eq!(group(bench, &["exceptions"]).await?, expected);
    Ok(())
}

async fn callbacks_use_other_statements_of_their_database(bench: &Bench) -> Outcome {
    let (argument, state) = ("ERR_INVALID_ARG_TYPE: The", "ERR_INVALID_STATE");
    let expected = [
        json!(["functions", [{ "b": 3, "j": "3-1.5--é", "k": "bigint" }, [1, 2, 9], 2]]),
        json!([
            "aggregates",
            [["20", "[1,2,3,4]"], ["10", "[]"], ["11", "13", "15", "17"], ["[2,4]", "[1,3]"],]
        ]),
        json!([
            "authorizers",
            [["20 t ", "20 t x", "21 null null"], ["ERR_SQLITE_ERROR", "not authorized"], null, 1,]
        ]),
        json!([
            "arguments",
            [
                format!("{argument} \"name\" argument must be a string."),
                format!("{argument} \"function\" argument must be a function."),
                format!("{argument} \"options\" argument must be an object."),
                format!("{argument} \"options.varargs\" argument must be a boolean."),
                format!("{argument} \"options\" argument must be an object."),
                format!(
                    "{argument} \"options.start\" argument must be a function or a primitive value."
                ),
                format!("{argument} \"options.step\" argument must be a function."),
                format!("{argument} \"callback\" argument must be a function or null."),
            ]
        ]),
        json!(["iterators", [1, 2, "no error", state, state]]),
    ];
    assert_eq!(group(bench, &["uses"]).await?, expected);
    Ok(())
}

async fn a_backup_calls_back_and_reports_its_errors(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().canonicalize()?.display().to_string();
    let missing = ["ERR_SQLITE_ERROR", "unable to open database file"];
    let expected = json!([
        "copy",
        [true, true, [true, "ERR_INVALID_STATE", "no error"], 300, [null, "enough"], missing],
    ]);
    assert_eq!(group(bench, &["backups", &folder]).await?, [expected]);
    Ok(())
}

/// Executes a write for each line of stdin, and prints the result.
#[cfg(unix)]
const WRITER: &str = r"
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
const open = (name) => new DatabaseSync(`${process.argv[2]}/${name}`)
const database = open('folder/data.db')
database.exec('create table t (x); insert into t values (1)')
const made = open('folder/log.db')
made.exec('pragma journal_mode = wal; create table t (x)')
made.close()
// SQLite opens the write-ahead log (log.db-wal) on the first write.
const log = open('folder/log.db')
const acts = {
  write: () => database.exec('insert into t values (2)'),
  count: () => database.prepare('select count(*) as n from t').get().n,
  log: () => log.exec('insert into t values (2)'),
  link: () => open('linked.db').prepare('select count(*) as n from sqlite_schema').get().n,
}
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  let came
  try { came = acts[line]() ?? 'done' } catch (error) { came = error.message }
  console.log(came)
}
";

#[cfg(unix)]
async fn files_of_a_database_are_opened_where_they_are_granted(bench: &Bench) -> Outcome {
    use std::os::unix::fs::symlink;

    let project = Project::new(&[
        ("main.mjs", WRITER),
        ("granted/folder/.keep", ""),
        ("outside/data.db-journal", "secret"),
    ])?;
    let granted = project.path("granted").canonicalize()?;
    let outside = project.path("outside").canonicalize()?;
    let text = granted.display().to_string();
    let grant = || Grant::Some(vec![text.clone()]);
    let config = SpawnConfig {
        permissions: Some(Permissions { read: grant(), write: grant(), ..Permissions::default() }),
        ..bench.script(&project.path("main.mjs"), &[&text])
    };
    let mut run = bench.start(config).await?;
    assert_eq!(run.text().await?, "ready");
    let mut ask = async |act: &str| {
        run.write(format!("{act}\n")).await?;
        run.text().await
    };
    assert_eq!(ask("write").await?, "done");

    // The folder of an open database is replaced: SQLite would create and remove the journal outside.
    let kept = fs::read(outside.join("data.db-journal"))?;
    fs::rename(granted.join("folder"), granted.join("moved"))?;
    symlink(&outside, granted.join("folder"))?;
    for act in ["write", "log"] {
        let came = ask(act).await?;
        assert!(came.contains("unable to open") || came.contains("I/O error"), "{act}: {came}");
    }
    let names = || fs::read_dir(&outside).map(Iterator::count);
    assert_eq!((names()?, fs::read(outside.join("data.db-journal"))?), (1, kept));
    fs::remove_file(granted.join("folder"))?;
    fs::rename(granted.join("moved"), granted.join("folder"))?;
    for (act, came) in [("write", "done"), ("count", "3"), ("log", "done")] {
        assert_eq!(ask(act).await?, came, "{act}");
    }

    // SQLite would take a link at the journal's path for a journal of a crashed program.
    fs::write(outside.join("journal"), "x".repeat(1000))?;
    fs::copy(granted.join("folder/data.db"), granted.join("linked.db"))?;
    symlink(outside.join("journal"), granted.join("linked.db-journal"))?;
    let came = ask("link").await?;
    assert!(came.contains("unable to open"), "{came}");
    assert_eq!(fs::read(outside.join("journal"))?.len(), 1000);
    run.kill().await
}
