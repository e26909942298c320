//! Granted paths that become symbolic links between authorization and start.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use js_runtime::{Error, Grant, Links, Permissions, SpawnConfig};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_granted_path_that_became_a_link_grants_its_target_only_where_links_are_followed,
    a_script_or_working_directory_behind_a_new_link_is_refused,
];

async fn a_granted_path_that_became_a_link_grants_its_target_only_where_links_are_followed(
    bench: &Bench,
) -> Outcome {
    let root = tempfile::tempdir()?;
    let root = root.path().canonicalize()?;
    let (granted, outside) = (root.join("granted"), root.join("outside"));
    for folder in [&granted, &outside] {
        fs::create_dir(folder)?;
        fs::write(folder.join("file"), "text")?;
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let read = || Grant::Some(vec![text(&granted)]);
    let start = |links| SpawnConfig {
        permissions: Some(Permissions { read: read(), ..Permissions::default() }),
        links,
        ..bench.fixture("permissions.mjs", &["read", &text(&granted.join("file"))])
    };
    let is_read = async |links| {
        let ended = bench.run(start(links), b"").await?;
        Ok::<_, libtest_mimic::Failed>(ended.lines() == [r#"{"ok":4}"#])
    };
    for links in [Links::Follow, Links::Refuse] {
        assert!(is_read(links).await?, "{links:?}");
    }
    fs::remove_dir_all(&granted)?;
    symlink(&outside, &granted)?;
    assert!(is_read(Links::Follow).await?);
    assert!(!is_read(Links::Refuse).await?, "the link is followed");
    Ok(())
}

async fn a_script_or_working_directory_behind_a_new_link_is_refused(bench: &Bench) -> Outcome {
    let root = tempfile::tempdir()?;
    let root = root.path().canonicalize()?;
    let folder = root.join("folder");
    fs::create_dir(&folder)?;
    fs::write(folder.join("main.mjs"), "")?;
    let scripts =
        SpawnConfig { links: Links::Refuse, ..bench.script(&folder.join("main.mjs"), &[]) };
    let moved = SpawnConfig {
        links: Links::Refuse,
        cwd: Some(folder.clone()),
        ..bench.fixture("exit.mjs", &["0"])
    };
    let moved = SpawnConfig { script: absolute(&moved)?, ..moved };
    for config in [&scripts, &moved] {
        assert_eq!(bench.run(config.clone(), b"").await?.code, Some(0));
    }
    fs::rename(&folder, root.join("elsewhere"))?;
    symlink(root.join("elsewhere"), &folder)?;
    for (config, expected) in [(scripts, "script"), (moved, "cwd")] {
        let error = bench.supervisor.spawn(&Bench::name(), config).await.expect_err(expected);
        let Error::Path { what, .. } = &error else { return Err(error.into()) };
        assert_eq!(*what, expected);
        assert!(error.to_string().contains("has become a link"), "{error}");
    }
    Ok(())
}

fn absolute(config: &SpawnConfig) -> Result<Option<String>, std::io::Error> {
    let script = fs::canonicalize(config.script.as_deref().unwrap_or_default())?;
    Ok(Some(script.to_string_lossy().into_owned()))
}
