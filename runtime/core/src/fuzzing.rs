//! What must hold for any input: the fuzz targets' properties, which tests try on the seeds they left.
//!
//! They are here because they look at what is private. `fuzz/README.md` says how to run the targets.

mod lines;
mod spawn_config;

pub use self::lines::lines;
pub use self::spawn_config::spawn_config;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::Path;

    fn hold_for_all_seeds(target: &str, property: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let seeds: Vec<_> = fs::read_dir(folder).expect("there are seeds").collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            let path = seed.expect("the folder can be read").path();
            let input = fs::read(&path).expect("a seed is a file");
            let result = catch_unwind(|| property(&input));
            assert!(result.is_ok(), "the seed is {}", path.display());
        }
    }

    #[test]
    fn the_lines_of_every_seed_are_the_same_in_any_chunks() {
        hold_for_all_seeds("lines", super::lines);
    }

    #[test]
    fn the_configuration_of_every_seed_is_run_as_it_says_or_refused() {
        hold_for_all_seeds("spawn_config", super::spawn_config);
    }
}
