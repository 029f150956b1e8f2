//! The tracked files of the repository, read once: what the gates judge.
//!
//! It refuses to guess what belongs to the project: git says so (new files that are not ignored count too). Only where
//! there is no git, an unpacked archive, it walks the directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process;

/// One file: its path from the root with `/`, and its text when it is UTF-8.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: Option<String>,
}

/// All files of the project.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the working tree.
    pub(crate) fn read() -> Outcome<Self> {
        let root = root()?;
        let paths = match tracked(&root) {
            Ok(paths) => paths,
            Err(_) if !root.join(".git").exists() => walked(&root)?,
            Err(why) => return Err(why),
        };
        let mut files = Vec::new();
        for path in paths {
            // Deleted and not yet committed: git still lists it.
            let Ok(bytes) = std::fs::read(root.join(&path)) else {
                continue;
            };
            files.push(File {
                path,
                text: String::from_utf8(bytes).ok(),
            });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, files })
    }

    /// A tree out of nothing, for the gates' own tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| File {
                path: (*path).into(),
                text: Some((*text).into()),
            })
            .collect();
        Self {
            root: PathBuf::from("/nowhere"),
            files,
        }
    }

    /// Path and text of every file whose name ends so.
    pub(crate) fn texts<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(ending))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Whether that is a file, or a directory with a file in it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.iter().any(|file| {
                file.path
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

/// The root of the workspace: the directory above this crate.
pub(crate) fn root() -> Outcome<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The source may have been moved since the compilation; then the current directory says where we are.
    let compiled = here
        .parent()
        .filter(|root| root.join("Cargo.lock").is_file())
        .map(Path::to_path_buf);
    let current = std::env::current_dir().ok();
    let above = current.as_deref().and_then(|from| {
        from.ancestors()
            .find(|at| at.join("xtask/Cargo.toml").is_file())
            .map(Path::to_path_buf)
    });
    above
        .or(compiled)
        .ok_or_else(|| "cannot find the workspace: run this inside the repository".into())
}

fn tracked(root: &Path) -> Outcome<Vec<String>> {
    // A clone made by another user (continuous integration as root) is still the clone we were asked to judge.
    let mut git = Command::new("git");
    git.current_dir(root).args([
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = process::capture(&mut git)?;
    let mut paths: Vec<String> = listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(String::from)
        .collect();
    paths.dedup();
    Ok(paths)
}

fn walked(root: &Path) -> Outcome<Vec<String>> {
    let mut paths = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        let entries =
            std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let skipped = ["target", ".git", "node_modules"]
                .iter()
                .any(|name| entry.file_name() == *name);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !skipped => open.push(path),
                Ok(kind) if kind.is_file() => {
                    if let Ok(relative) = path.strip_prefix(root) {
                        paths.push(relative.to_string_lossy().into_owned());
                    }
                }
                _ => {}
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_exist_through_their_files() {
        let tree = Tree::of(&[("a/b.md", ""), ("ab.md", "")]);
        assert!(tree.has("a") && tree.has("a/") && tree.has("a/b.md") && tree.has(""));
        assert!(!tree.has("b") && !tree.has("a/b"));
    }

    #[test]
    fn without_git_the_directory_is_walked_and_build_output_left_out() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(here.path().join("src")).unwrap();
        std::fs::create_dir_all(here.path().join("target")).unwrap();
        std::fs::write(here.path().join("src/a.rs"), "").unwrap();
        std::fs::write(here.path().join("target/b.rs"), "").unwrap();
        assert_eq!(walked(here.path()).unwrap(), ["src/a.rs"]);
    }
}
