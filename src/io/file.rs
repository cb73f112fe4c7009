//! Paths: which format a name means, reading a file, and replacing one in one step.

use std::fs;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::gzip::{self, Unread};
use super::{Codec, Data, ReadOptions, by_suffix, codec, decode, known, unwritten};
use crate::base::{Exit, Fault, Result, nearest};

/// What a file holds. Its format: `from`, else the suffix (before a `.gz`), else the first bytes.
pub fn read_path(path: impl AsRef<Path>, from: Option<&str>) -> Result<Data> {
    read_path_with(path, from, &ReadOptions::default())
}

/// As `read_path`, with what the user said about the file.
pub fn read_path_with(path: impl AsRef<Path>, from: Option<&str>, options: &ReadOptions) -> Result<Data> {
    let path = path.as_ref();
    let format = from.map(codec).transpose()?.or_else(|| format_of(path).0);
    let file = fs::File::open(path).map_err(|e| unopened(path, &e))?;
    let bytes = gzip::read_all(file).map_err(|e| match e {
        Unread::Memory(fault) => fault,
        Unread::Io(e) => unopened(path, &e),
    })?;
    decode(&bytes, format, options).map_err(|fault| in_file(fault, path))
}

/// What a stream holds, read to its end; `name` is what faults call it (`standard input`).
pub fn read_stream(stream: impl Read, name: &str, from: Option<&str>, options: &ReadOptions) -> Result<Data> {
    let format = from.map(codec).transpose()?;
    let bytes = gzip::read_all(stream).map_err(|e| match e {
        Unread::Memory(fault) => fault,
        Unread::Io(e) => Fault::input(format!("{name} cannot be read: {}", plain(&e))).hint("check what feeds it"),
    })?;
    decode(&bytes, format, options).map_err(|fault| in_file(fault, Path::new(name)))
}

/// Writes a file whole or not at all: into a new file beside it, which then takes its place.
pub fn write_path(path: impl AsRef<Path>, data: &Data, to: Option<&str>) -> Result<()> {
    write_whole(path.as_ref(), data, to).map_err(as_failure)
}

/// What cannot be written is no input that cannot be read: the program failed.
pub(super) fn as_failure(fault: Fault) -> Fault {
    if fault.exit == Exit::Input { fault.exit(Exit::Failed) } else { fault }
}

fn write_whole(path: &Path, data: &Data, to: Option<&str>) -> Result<()> {
    let (by_name, zipped) = format_of(path);
    let format = match to {
        Some(name) => codec(name)?,
        None => by_name.ok_or_else(|| nameless(path))?,
    };
    let bytes = |out: &mut dyn Write| -> Result<()> {
        if !zipped {
            return (format.write)(data, out);
        }
        let mut plain = vec![];
        (format.write)(data, &mut plain)?;
        out.write_all(&gzip::pack(&plain)?).map_err(unwritten)
    };
    // Devices and pipes are written, not replaced; a link stays and what it points to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match fs::metadata(&target) {
        Ok(meta) if meta.is_dir() => {
            Err(Fault::input(format!("{} is a directory", path.display())).hint("add a file name: `.../x.npy`"))
        }
        Ok(meta) if !meta.is_file() => {
            let file = fs::OpenOptions::new().write(true).open(&target).map_err(|e| uncreated(path, &e))?;
            fill(file, &bytes)
        }
        other => replace(&target, other.ok().map(|m| m.permissions()), &bytes).map_err(|e| match e {
            Failed::Made(fault) => fault,
            Failed::Io(e) => uncreated(path, &e),
        }),
    }
    .map_err(|fault| in_file(fault, path))
}

type Fill<'a> = &'a dyn Fn(&mut dyn Write) -> Result<()>;

enum Failed {
    /// The value could not be written in this format.
    Made(Fault),
    Io(std::io::Error),
}

fn replace(target: &Path, permissions: Option<fs::Permissions>, bytes: Fill) -> Result<(), Failed> {
    let part = Part(beside(target));
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&part.0).map_err(Failed::Io)?;
    fill(file, bytes).map_err(Failed::Made)?;
    if let Some(permissions) = permissions {
        fs::set_permissions(&part.0, permissions).map_err(Failed::Io)?;
    }
    fs::rename(&part.0, target).map_err(Failed::Io)
}

fn fill(file: fs::File, bytes: Fill) -> Result<()> {
    let mut out = BufWriter::new(file);
    bytes(&mut out)?;
    out.flush().map_err(unwritten)
}

/// An unfinished file; gone when dropped, unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Once renamed it is not there any more, which is as good.
        let _ = fs::remove_file(&self.0);
    }
}

/// A hidden name in the same directory, so that the rename stays within one file system.
fn beside(target: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = target.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    target.with_file_name(format!(".{name}.{}-{}.part", std::process::id(), COUNT.fetch_add(1, Relaxed)))
}

/// The format that a file name means, and whether it is gzipped: `x.csv.gz`.
fn format_of(path: &Path) -> (Option<&'static Codec>, bool) {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().to_ascii_lowercase());
    let plain = name.strip_suffix(".gz");
    let suffix = plain.unwrap_or(&name).rsplit_once('.').map(|(_, s)| s.to_string());
    (suffix.and_then(|s| by_suffix(&s)), plain.is_some())
}

// ---- faults ----

/// Puts the file's name in front.
fn in_file(mut fault: Fault, path: &Path) -> Fault {
    let name = path.display().to_string();
    if !fault.message.contains(&name) {
        fault.message = format!("{name}: {}", fault.message);
    }
    if fault.exit == Exit::Failed {
        fault.exit = Exit::Input;
    }
    fault
}

fn nameless(path: &Path) -> Fault {
    let suffixes: Vec<&str> = super::codecs().iter().flat_map(|c| c.suffixes).copied().collect();
    let suffix = path.extension().map_or(String::new(), |s| s.to_string_lossy().to_ascii_lowercase());
    let fault = Fault::input(format!("the name {} tells no format", path.display()));
    let fault = match nearest(&suffix, suffixes) {
        Some(near) => fault.hint(format!("did you mean `{}`?", path.with_extension(near).display())),
        None => {
            fault.hint("end it in .npy, .csv or .json, or say which: `format=\"csv\"` in `save`, `--to csv` with `-o`")
        }
    };
    fault.hint(known())
}

fn unopened(path: &Path, e: &std::io::Error) -> Fault {
    let shown = path.display();
    match e.kind() {
        ErrorKind::NotFound => missing(path),
        ErrorKind::PermissionDenied => Fault::input(format!("{shown} may not be read"))
            .hint(format!("allow it with `chmod +r {shown}`, or ask its owner")),
        ErrorKind::IsADirectory => {
            let fault = Fault::input(format!("{shown} is a directory"));
            match some_names(path) {
                Some(names) => fault.hint(format!("it holds {names}")),
                None => fault.hint("name a file"),
            }
        }
        _ => Fault::input(format!("{shown} cannot be read: {}", plain(e))).hint("check the file and the disk"),
    }
}

fn uncreated(path: &Path, e: &std::io::Error) -> Fault {
    let shown = path.display();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fault = Fault::input(format!("{shown} cannot be written: {}", plain(e)));
    match e.kind() {
        ErrorKind::NotFound => fault.hint(format!("make the directory first: `mkdir -p {}`", folder.display())),
        ErrorKind::PermissionDenied => fault.hint("choose a directory that you may write to"),
        ErrorKind::StorageFull => fault.hint("make room on the disk, or choose another"),
        _ => fault.hint("choose another name or directory"),
    }
}

/// The system's words without its number.
fn plain(e: &std::io::Error) -> String {
    let words = e.to_string();
    words.split(" (os error").next().unwrap_or("").to_lowercase()
}

/// There is no such file: says which part of the path is not there, and what is there that looks alike.
fn missing(path: &Path) -> Fault {
    let shown = path.display();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let fault = Fault::input(format!("there is no file {shown}: there is no directory {}", folder.display()));
        return match similar(folder) {
            Some(near) => fault.hint(format!("did you mean the directory {}?", near.display())),
            None => fault.hint("paths are relative to the directory that the command runs in"),
        };
    }
    let fault = Fault::input(format!("there is no file {shown}"));
    match (similar(path), some_names(folder)) {
        (Some(near), _) => fault.hint(format!("did you mean {}?", near.display())),
        (None, Some(names)) => fault.hint(format!("{} holds {names}", folder.display())),
        (None, None) => fault.hint("paths are relative to the directory that the command runs in"),
    }
}

/// Names in a directory, sorted; of a huge one only some.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(10_000).flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|n| !n.starts_with('.'));
    names.sort();
    names
}

/// The entry beside `path` whose name is most like its name; another suffix alone counts as alike.
fn similar(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let name = path.file_name()?.to_string_lossy();
    let all = names(folder.unwrap_or(Path::new(".")));
    let stem = |n: &str| n.split('.').next().unwrap_or("").to_string();
    let near = nearest(&name, all.iter().map(String::as_str))
        .or_else(|| all.iter().find(|n| stem(n) == stem(&name)).map(String::as_str))?;
    Some(folder.map_or_else(|| PathBuf::from(near), |f| f.join(near)))
}

/// Up to five names of files of known formats in a directory.
fn some_names(folder: &Path) -> Option<String> {
    let known: Vec<String> = names(folder).into_iter().filter(|n| format_of(Path::new(n)).0.is_some()).collect();
    let more = if known.len() > 5 { format!(" and {} more", known.len() - 5) } else { String::new() };
    let first: Vec<&str> = known.iter().take(5).map(String::as_str).collect();
    (!first.is_empty()).then(|| first.join(", ") + &more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Host, Shape};

    /// A directory of its own for every test, gone afterwards.
    struct Folder(PathBuf);
    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("nevel-io-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }
    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn matrix() -> Data {
        Data::Array(Host::from_slice(Shape::new(&[2, 2]), &[1.5, 2.0, -3.0, 1e-7]).unwrap())
    }

    #[test]
    fn a_suffix_says_the_format_both_ways() {
        let folder = Folder::new("suffix");
        for name in ["x.npy", "x.csv", "x.TSV", "x.json", "x.jsonl", "x.dat", "x.csv.gz", "x.npy.gz"] {
            let path = folder.file(name);
            write_path(&path, &matrix(), None).unwrap();
            assert_eq!(format!("{:?}", read_path(&path, None).unwrap()), format!("{:?}", matrix()), "{name}");
            assert_eq!(fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), name.ends_with("gz"));
        }
        write_path(folder.file("odd.name"), &matrix(), Some("npy")).unwrap();
        assert_eq!(format!("{:?}", read_path(folder.file("odd.name"), None).unwrap()), format!("{:?}", matrix()));
        assert_eq!(
            fs::read_dir(&folder.0)
                .unwrap()
                .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "part"))
                .count(),
            0
        );
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = Folder::new("atomic");
        let path = folder.file("x.csv");
        write_path(&path, &matrix(), None).unwrap();
        let cube = Data::Array(Host::from_slice(Shape::new(&[1, 1, 1]), &[1.0]).unwrap());
        let fault = write_path(&path, &cube, None).unwrap_err();
        assert!(fault.message.ends_with("x.csv: a table has two axes, this is f64[1, 1, 1]"), "{}", fault.message);
        assert_eq!(format!("{:?}", read_path(&path, None).unwrap()), format!("{:?}", matrix()));
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn a_stream_is_named_in_its_faults() {
        let read = |text: &str| read_stream(text.as_bytes(), "standard input", None, &ReadOptions::default());
        assert_eq!(format!("{:?}", read("1,2\n3,4\n").unwrap()), "i64[2, 2][[1, 2], [3, 4]]");
        assert_eq!(read("1,2\n3\n").unwrap_err().message, "standard input: line 2 has 1 field, line 1 has 2");
    }

    #[test]
    fn a_link_stays_and_permissions_too() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = Folder::new("link");
        let (path, link) = (folder.file("x.csv"), folder.file("l.csv"));
        write_path(&path, &Data::Int(1), None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&path, &link).unwrap();
        write_path(&link, &Data::Int(2), None).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write_path("/dev/null", &matrix(), Some("csv")).unwrap();
    }

    #[test]
    fn faults_name_the_path_and_a_way_on() {
        let folder = Folder::new("faults");
        write_path(folder.file("penguins.csv"), &matrix(), None).unwrap();
        let near = |name: &str| read_path(folder.file(name), None).unwrap_err();
        for typo in ["pengiuns.csv", "penguins.json", "Penguins.csv"] {
            let fault = near(typo);
            assert!(fault.hints[0].ends_with("penguins.csv?"), "{typo}: {:?}", fault.hints);
            assert_eq!(fault.exit, Exit::Input);
        }
        assert!(near("other.txt").hints[0].ends_with("holds penguins.csv"), "{:?}", near("other.txt").hints);
        assert!(near("nowhere/x.csv").message.contains("there is no directory"));
        assert!(read_path(&folder.0, None).unwrap_err().message.ends_with("is a directory"));
        fs::write(folder.file("bad.csv"), "1,2\n3\n").unwrap();
        let bad = near("bad.csv").message.clone();
        assert!(bad.ends_with("bad.csv: line 2 has 1 field, line 1 has 2") && bad.starts_with('/'), "{bad}");
        let unknown = write_path(folder.file("x.cvs"), &matrix(), None).unwrap_err();
        assert!(unknown.hints[0].ends_with("x.csv`?"), "{:?}", unknown.hints);
        let nowhere = write_path(folder.file("no/x.csv"), &matrix(), None).unwrap_err();
        assert!(nowhere.hints[0].starts_with("make the directory first"), "{}", nowhere.message);
    }
}
