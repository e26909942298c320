//! The properties of the fuzz targets. Unit tests check them on the committed seeds.
//!
//! The module is part of the crate because the properties use private items. `fuzz/README.md` says how to run the
//! targets.

mod lines;
mod spawn_config;

pub use self::lines::lines;
pub use self::spawn_config::spawn_config;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::Path;

    fn check_all_seeds(target: &str, property: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let seeds: Vec<_> = fs::read_dir(folder).expect("a folder of seeds").collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            let path = seed.expect("a readable folder").path();
            let input = fs::read(&path).expect("a seed is a file");
            let result = catch_unwind(|| property(&input));
            assert!(result.is_ok(), "the property fails for the seed {}", path.display());
        }
    }

    #[test]
    fn every_seed_gives_the_same_lines_for_any_writes() {
        check_all_seeds("lines", super::lines);
    }

    #[test]
    fn the_configuration_of_every_seed_is_applied_exactly_or_refused() {
        check_all_seeds("spawn_config", super::spawn_config);
    }
}
