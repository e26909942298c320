//! What node:fs does with files, where Deno does something else than Node.

use js_runtime::{Permissions, SpawnConfig};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![a_copy_replaces_links_and_not_what_they_lead_to];

async fn a_copy_replaces_links_and_not_what_they_lead_to(bench: &Bench) -> Outcome {
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
