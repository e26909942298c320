//! Permission checks on the targets of links.
//!
//! Deno checks a path as it is written, so a link in a granted folder opens files outside of it. Here the target
//! of a path is checked. A link that leads out of the granted paths is as closed as its target.

use std::borrow::Cow;
use std::io;
use std::path::{Component, Path, PathBuf};

use deno_runtime::deno_permissions::{
    AllowRunDescriptorParseResult, DenyRunDescriptor, EnvDescriptor, EnvDescriptorParseError,
    FfiDescriptor, ImportDescriptor, NetDescriptor, NetDescriptorParseError, PathQueryDescriptor,
    PathResolveError, PermissionDescriptorParser, ReadDescriptor, RunDescriptorParseError,
    RunQueryDescriptor, RuntimePermissionDescriptorParser, SpecialFilePathQueryDescriptor,
    SysDescriptor, SysDescriptorParseError, WriteDescriptor,
};
use sys_traits::BaseFsCanonicalize;
use sys_traits::impls::RealSys;

use super::resolve::{check_length, existing, itself, path_to_check, target, without_parents};
use super::special_files::{self, FileKind};

/// The paths that one grant covers: a granted link covers itself and its target. As in Deno, an empty list covers
/// all paths.
pub(super) fn names(granted: &[String]) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for path in granted {
        let path = std::path::absolute(path)?;
        for name in [itself(&path), existing(&path)] {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.dedup();
    Ok(names)
}

/// The paths that a process may write, including those whose permission a script has given up.
#[derive(Debug, Clone)]
pub(crate) struct Writable(PathScope);

impl Writable {
    pub(super) fn everything() -> Self {
        Self(PathScope::Everything)
    }

    /// `granted` holds absolute paths.
    pub(crate) fn of(granted: &[String]) -> Self {
        let names = names(granted).unwrap_or_default();
        Self(PathScope::Below(names.into_iter().map(PathBuf::from).collect()))
    }

    /// Whether the file with this resolved path may be written or created.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.0.has(path)
    }
}

/// Deno's parser, with resolved paths.
#[derive(Debug)]
pub(super) struct Parser {
    deno: RuntimePermissionDescriptorParser<RealSys>,
    read: PathScope,
    write: PathScope,
}

#[derive(Debug, Clone)]
enum PathScope {
    Everything,
    Below(Vec<PathBuf>),
}

impl PathScope {
    fn new(names: Option<&[String]>) -> Self {
        match names {
            Some([]) => Self::Everything,
            names => Self::Below(names.unwrap_or_default().iter().map(PathBuf::from).collect()),
        }
    }

    fn has(&self, path: &Path) -> bool {
        match self {
            Self::Everything => true,
            Self::Below(folders) => folders.iter().any(|folder| path.starts_with(folder)),
        }
    }
}

impl Parser {
    /// `read` and `write` are results of [`names`].
    pub(super) fn new(read: Option<&[String]>, write: Option<&[String]>) -> Self {
        Self {
            deno: RuntimePermissionDescriptorParser::new(RealSys),
            read: PathScope::new(read),
            write: PathScope::new(write),
        }
    }

    /// The path to check for `path`. A link that gives no further access stands for itself, so that it can be read,
    /// renamed and removed.
    fn resolve(&self, path: &Path) -> PathBuf {
        let here = itself(path);
        match target(&here) {
            Some(target) if !self.is_within(&here, &target) => target,
            _ => here,
        }
    }

    /// Whether a link gives no access beyond that to its target. The kind of access is not known here, so each access
    /// that is granted for the link must be granted for the target.
    fn is_within(&self, link: &Path, target: &Path) -> bool {
        let is_plain = !target.components().any(|part| part == Component::ParentDir)
            && match special_files::classify(target) {
                FileKind::File => true,
                FileKind::ReadOnly => special_files::classify(link) == FileKind::ReadOnly,
                FileKind::Refused(_) | FileKind::Stream(_) => false,
            };
        is_plain && [&self.read, &self.write].iter().all(|it| !it.has(link) || it.has(target))
    }
}

/// The form of a resolved path that Deno's checks accept.
fn checked(path: PathBuf) -> PathBuf {
    if special_files::is_guarded(&path) { special_files::alias(&path) } else { path }
}

/// As [`checked`], for a path of a grant as it is written.
fn granted(text: &str) -> Cow<'_, str> {
    let path = Path::new(text);
    if !special_files::is_guarded(path) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(special_files::alias(path).to_string_lossy().into_owned())
}

/// Resolves every path to the given one.
struct ResolvesTo(PathBuf);

impl BaseFsCanonicalize for ResolvesTo {
    fn base_fs_canonicalize(&self, _: &Path) -> io::Result<PathBuf> {
        Ok(self.0.clone())
    }
}

impl PermissionDescriptorParser for Parser {
    fn parse_path_query<'a>(
        &self,
        path: Cow<'a, Path>,
    ) -> Result<PathQueryDescriptor<'a>, PathResolveError> {
        let path = path_to_check(path);
        check_length(&path).map_err(PathResolveError::Canonicalize)?;
        let resolved =
            without_parents(&path).map(|real| (real, path.to_string_lossy().into_owned()));
        let written = self.deno.parse_path_query(path)?;
        let plain = written.as_descriptor().into_path_buf();
        let (path, name) =
            resolved.unwrap_or_else(|| (plain.clone(), written.display_name().into_owned()));
        let real = checked(self.resolve(&special_files::original(&path).unwrap_or(path)));
        if real == plain {
            return Ok(written);
        }
        Ok(PathQueryDescriptor::new_known_absolute(real.into()).with_requested(name))
    }

    fn parse_read_descriptor(&self, text: &str) -> Result<ReadDescriptor, PathResolveError> {
        self.deno.parse_read_descriptor(&granted(text))
    }

    fn parse_write_descriptor(&self, text: &str) -> Result<WriteDescriptor, PathResolveError> {
        self.deno.parse_write_descriptor(&granted(text))
    }

    fn parse_net_descriptor(&self, text: &str) -> Result<NetDescriptor, NetDescriptorParseError> {
        self.deno.parse_net_descriptor(text)
    }

    fn parse_import_descriptor(
        &self,
        text: &str,
    ) -> Result<ImportDescriptor, NetDescriptorParseError> {
        self.deno.parse_import_descriptor(text)
    }

    fn parse_env_descriptor(&self, text: &str) -> Result<EnvDescriptor, EnvDescriptorParseError> {
        self.deno.parse_env_descriptor(text)
    }

    fn parse_sys_descriptor(&self, text: &str) -> Result<SysDescriptor, SysDescriptorParseError> {
        self.deno.parse_sys_descriptor(text)
    }

    fn parse_allow_run_descriptor(
        &self,
        text: &str,
    ) -> Result<AllowRunDescriptorParseResult, RunDescriptorParseError> {
        self.deno.parse_allow_run_descriptor(text)
    }

    fn parse_deny_run_descriptor(&self, text: &str) -> Result<DenyRunDescriptor, PathResolveError> {
        self.deno.parse_deny_run_descriptor(text)
    }

    fn parse_ffi_descriptor(&self, text: &str) -> Result<FfiDescriptor, PathResolveError> {
        self.deno.parse_ffi_descriptor(text)
    }

    fn parse_special_file_descriptor<'a>(
        &self,
        path: PathQueryDescriptor<'a>,
    ) -> Result<SpecialFilePathQueryDescriptor<'a>, PathResolveError> {
        let link = path.as_descriptor().into_path_buf();
        let link = special_files::original(&link).unwrap_or(link);
        let target = target(&link).unwrap_or_else(|| link.clone());
        let named = |path| {
            let name = link.to_string_lossy().into_owned();
            PathQueryDescriptor::new_known_absolute(Cow::Owned(path)).with_requested(name)
        };
        if !special_files::is_guarded(&target) {
            // A guarded folder may contain links to files outside of it.
            let path = if special_files::is_guarded(&link) { named(target) } else { path };
            return self.deno.parse_special_file_descriptor(path);
        }
        let alias = named(special_files::alias(&target));
        if special_files::classify(&target).is_closed() {
            return Ok(SpecialFilePathQueryDescriptor::from_path_query_no_canonicalize(alias));
        }
        SpecialFilePathQueryDescriptor::parse(&ResolvesTo(special_files::direct(&target)), alias)
    }

    fn parse_net_query(&self, text: &str) -> Result<NetDescriptor, NetDescriptorParseError> {
        self.deno.parse_net_query(text)
    }

    fn parse_run_query<'a>(
        &self,
        requested: &'a str,
    ) -> Result<RunQueryDescriptor<'a>, RunDescriptorParseError> {
        self.deno.parse_run_query(requested)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// The folders `granted`, with links in it, and `outside`, and the parser of a script that may read `granted`.
    struct Tree {
        _root: tempfile::TempDir,
        at: PathBuf,
        parser: Parser,
    }

    impl Tree {
        fn new(write: &[&str]) -> Self {
            let root = tempfile::tempdir().expect("a folder");
            let at = root.path().canonicalize().expect("it exists");
            for folder in ["granted/folder", "outside"] {
                fs::create_dir_all(at.join(folder)).expect("a folder");
            }
            for (name, leads_to) in [
                ("inner", "folder"),
                ("outer", "../outside"),
                ("chain", "outer"),
                ("dangling", "../outside/new"),
                ("circle", "circle"),
                ("null", "/dev/null"),
            ] {
                symlink(leads_to, at.join("granted").join(name)).expect("a link");
            }
            let names = |list: &[&str]| {
                let paths = list.iter().map(|path| at.join(path).to_string_lossy().into_owned());
                names(&paths.collect::<Vec<_>>()).expect("absolute paths")
            };
            let parser = Parser::new(Some(&names(&["granted"])), Some(&names(write)));
            // An empty list would grant all.
            let parser = if write.is_empty() {
                Parser { write: PathScope::new(None), ..parser }
            } else {
                parser
            };
            Self { _root: root, at, parser }
        }

        fn real(&self, path: &str) -> String {
            let real = self.parser.resolve(&self.at.join(path));
            real.strip_prefix(&self.at).unwrap_or(&real).to_string_lossy().into_owned()
        }
    }

    #[test]
    fn a_path_is_resolved_through_its_folder() {
        let tree = Tree::new(&[]);
        assert_eq!(tree.real("granted/folder/x"), "granted/folder/x");
        assert_eq!(tree.real("granted/inner/x"), "granted/folder/x");
        assert_eq!(tree.real("granted/outer/x"), "outside/x");
        assert_eq!(tree.real("granted/outer/no/such/x"), "outside/no/such/x");
        assert_eq!(tree.real("granted/circle/x"), "granted/circle/x");
    }

    #[test]
    fn a_link_stands_for_itself_unless_it_leads_out_of_the_grant() {
        let tree = Tree::new(&[]);
        assert_eq!(tree.real("granted/inner"), "granted/inner");
        assert_eq!(tree.real("granted/circle"), "granted/circle");
        assert_eq!(tree.real("granted/outer"), "outside");
        assert_eq!(tree.real("granted/chain"), "outside");
        assert_eq!(tree.real("granted/dangling"), "outside/new");
        assert_eq!(tree.real("granted/null"), "/dev/null");
    }

    #[test]
    fn a_link_stands_for_its_target_unless_the_target_has_the_same_grants() {
        let tree = Tree::new(&["granted"]);
        assert_eq!(tree.real("granted/outer"), "outside");
        assert_eq!(tree.real("granted/inner"), "granted/inner");
        let tree = Tree::new(&["granted/inner"]);
        assert_eq!(tree.real("granted/inner"), "granted/inner");
    }

    #[test]
    fn a_granted_link_grants_its_target() {
        let tree = Tree::new(&[]);
        let link = tree.at.join("granted/outer").to_str().unwrap().to_owned();
        let outside = tree.at.join("outside").to_str().unwrap().to_owned();
        assert_eq!(names(std::slice::from_ref(&link)).unwrap(), [link, outside]);
    }
}
