//! A certificate authority of the test's own, made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{program, skip, work_folder};

/// A root, and a server's certificate for `localhost`, `127.0.0.1` and `127.0.0.9` that it signed.
pub struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    pub fn make() -> Option<Self> {
        let Some(openssl) = program("openssl") else {
            skip("openssl");
            return None;
        };
        let folder = work_folder();
        let made = Self { folder };
        let run = |arguments: &[&str]| {
            let output =
                Command::new(&openssl).args(arguments).current_dir(made.folder.path()).output().expect("openssl");
            assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let mut root = vec!["req", "-x509", "-days", "2", "-subj", "/CN=import-cji test root", "-keyout", "ca.key"];
        root.extend(new_key);
        root.extend(["-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign"]);
        run(&root);
        let mut server = vec!["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
        server.extend(new_key);
        run(&server);
        let extensions = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.9\nextendedKeyUsage=serverAuth\n";
        std::fs::write(made.folder.path().join("server.ext"), extensions).expect("a file");
        run(&[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "server.ext",
            "-out",
            "server.pem",
        ]);
        let both = ["server.pem", "server.key"]
            .map(|name| std::fs::read_to_string(made.folder.path().join(name)).expect("made"));
        std::fs::write(made.both(), both.concat()).expect("a file");
        Some(made)
    }

    /// A server's certificate for the same names that signed itself, as people make them; it is its own root.
    pub fn self_signed() -> Option<Self> {
        let made = Self::make()?;
        let openssl = program("openssl").expect("it made the others");
        let mut command = Command::new(openssl);
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.9"]);
        command.args(["-keyout", "server.key", "-out", "server.pem"]).current_dir(made.folder.path());
        assert!(command.output().expect("openssl").status.success());
        std::fs::copy(made.certificate(), made.root()).expect("a copy");
        Some(made)
    }

    /// The root, for `ca_file`.
    pub fn root(&self) -> PathBuf {
        self.file("ca.pem")
    }

    pub fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.file("server.key")
    }

    /// The server's certificate and key in one file.
    pub fn both(&self) -> PathBuf {
        self.file("both.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }
}
