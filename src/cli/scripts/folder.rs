//! Scripts as files of a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

/// Writes a script, and says so in a line. What holds passwords is its owner's alone to read. A file that is there and says
/// something else stays as it is without `force`.
///
/// # Errors
///
/// Why it wasn't written.
pub fn write(path: &Path, text: &SecretString, has_passwords: bool, force: bool) -> Result<String, String> {
    let text = text.expose_secret().as_bytes();
    let (shown, why) = (path.display(), |error: io::Error| error.to_string());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(why)?;
    }
    match fs::read(path) {
        Ok(there) if there == text => {
            if has_passwords {
                keep_to_its_owner(path).map_err(why)?;
            }
            return Ok(format!("{shown} says so already"));
        }
        Ok(_) if !force => return Err("it is there and says something else; overwrite it with --force".to_owned()),
        // Anew, so that nobody who has it open or may read it sees the new one.
        Ok(_) => fs::remove_file(path).map_err(why)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(why(error)),
    }
    created(path, has_passwords).and_then(|mut file| file.write_all(text)).map_err(why)?;
    Ok(format!("{shown} was written"))
}

#[cfg(unix)]
fn created(path: &Path, has_passwords: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if has_passwords { 0o600 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn created(path: &Path, _: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn keep_to_its_owner(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_to_its_owner(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_script_is_written_once_and_not_over_another_and_passwords_are_the_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/create.sql");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o077;
        let write = |text: &str, has_passwords, force| write(&path, &SecretString::from(text), has_passwords, force);
        assert!(write("one", true, false).unwrap().ends_with("create.sql was written"));
        assert_eq!(mode(), 0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(write("one", true, false).unwrap().ends_with("says so already"));
        assert_eq!(mode(), 0);
        assert!(write("two", true, false).unwrap_err().contains("--force"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write("two", true, true).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode()), ("two", 0));
    }
}
