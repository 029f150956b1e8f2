//! Puts the test vectors of `spec/vectors` into the program, so that whoever has the program has them too.
//!
//! Writes one Rust expression, an array of names and `include_str!`, in the order of the names. Refuses to build without vectors.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    // Asked when it runs, not when it is compiled: a build folder may serve several checkouts.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let folder = Path::new(&manifest).join("../spec/vectors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    walk(&folder, &mut files);
    assert!(!files.is_empty(), "no vectors in {}", folder.display());
    files.sort();
    let mut list = String::from("&[\n");
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let below = path.strip_prefix(&folder).expect("found below the folder");
        let name = below.with_extension("").to_string_lossy().replace('\\', "/");
        writeln!(
            list,
            "    ({name:?}, include_str!({:?})),",
            path.to_string_lossy()
        )
        .expect("a String takes every write");
    }
    list.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where to write"));
    std::fs::write(out.join("vectors.rs"), list).expect("the build folder can be written to");
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder of the vectors can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            walk(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "json") {
            files.push(path);
        }
    }
}
