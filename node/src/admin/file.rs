//! Files that the node reads for its operator. They may come from others and by mistake be anything: a pipe that nobody writes to, a
//! device, a share that hangs, a disk's image. Only a plain file is opened, no more of it is read than an object of its kind may
//! have, and the waiting is done beside the event loop: a pipe here stood the whole node still, its listeners too.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The bytes of a plain file of at most `most` bytes.
///
/// # Errors
/// The system's, or why the file is not read, in both languages.
pub(super) async fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || read_plain(&path, most))
        .await
        .unwrap_or_else(|lost| Err(io::Error::other(lost)))
}

/// The text of a plain file of at most `most` bytes.
///
/// # Errors
/// As of [`read`], or that it is no UTF-8.
pub(super) async fn read_text(path: &Path, most: usize) -> io::Result<String> {
    String::from_utf8(read(path, most).await?)
        .map_err(|_| told("不是 UTF-8 文本 / it is not text in UTF-8".to_owned()))
}

fn read_plain(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    // Asked before it is opened: to open a pipe is to wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(told("不是普通文件 / it is not a plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take((most as u64).saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(told(format!("超过 {most} 字节 / it is larger than {most} bytes")));
    }
    Ok(bytes)
}

fn told(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_plain_file_is_read_up_to_its_size_and_no_larger_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("协议.json");
        std::fs::write(&path, "示例").unwrap();
        assert_eq!(read_text(&path, 6).await.unwrap(), "示例");
        let refused = read(&path, 5).await.unwrap_err();
        assert!(refused.to_string().contains("5 bytes"), "{refused}");
        std::fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 6).await.is_err(), "no text");
        // A gigabyte of nothing, of which no more than the limit is read.
        File::create(&path).unwrap().set_len(1 << 30).unwrap();
        assert!(read(&path, 1 << 10).await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_plain_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path(), Path::new("/dev/zero"), &dir.path().join("none")] {
            assert!(read(path, 1 << 10).await.is_err(), "{}", path.display());
        }
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let refused = read(&pipe, 1 << 10).await.unwrap_err();
        assert!(refused.to_string().contains("not a plain file"), "{refused}");
    }
}
