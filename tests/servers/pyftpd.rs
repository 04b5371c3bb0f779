//! pyftpdlib, which can be made to behave like servers that are not at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Certificates, Running, free_port, open_to_all, program, servers_home, skip, work_folder};

/// How it differs from a good server of today.
#[derive(Clone, Debug, Default)]
pub struct PyFtpdSettings {
    /// Commands that it does not know.
    pub without: Vec<&'static str>,
    /// The address that it tells in the reply to PASV, as servers behind routers do.
    pub pasv_address: Option<&'static str>,
    /// FTPS on demand.
    pub tls: bool,
    /// Data connections over TLS end without a word.
    pub rude: bool,
}

/// Serves a folder, as it is asked for: to anonymous users, and to `ann`.
pub struct PyFtpd {
    pub port: u16,
    certificates: Option<Certificates>,
    folder: tempfile::TempDir,
    _running: Running,
}

pub const USER: &str = "ann@example.com";
pub const PASSWORD: &str = "p%w: d/\u{fc}";

const PROGRAM: &str = r#"
import json, sys, logging
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

settings = json.load(open(sys.argv[1]))
logging.basicConfig(level=logging.DEBUG, filename=settings["log"])
authorizer = DummyAuthorizer()
authorizer.add_anonymous(settings["root"])
authorizer.add_user(settings["user"], settings["password"], settings["root"], perm="elr")
base = FTPHandler
if settings["pem"]:
    from pyftpdlib.handlers import TLS_FTPHandler
    base = TLS_FTPHandler
known = {k: v for k, v in base.proto_cmds.items() if k not in settings["without"]}

class Rude:
    def close(self):
        self._ssl_established = False
        super().close()

class Handler(base):
    proto_cmds = known
    authorizer = authorizer
    auth_failed_timeout = 0.01
    if settings["pem"]:
        certfile = settings["pem"]
        tls_control_required = True
        tls_data_required = True
        if settings["rude"]:
            from pyftpdlib.handlers import TLS_DTPHandler
            dtp_handler = type("RudeDTPHandler", (Rude, TLS_DTPHandler), {})
    if settings["pasv_address"]:
        masquerade_address = settings["pasv_address"]

Handler.authorizer = authorizer
ThreadedFTPServer(("127.0.0.1", settings["port"]), Handler).serve_forever()
"#;

impl PyFtpd {
    pub fn start(root: &Path, settings: &PyFtpdSettings) -> Option<Self> {
        let python = program("python3");
        let modules = servers_home().join("python");
        let ready = python.as_ref().is_some_and(|python| {
            let import =
                Command::new(python).env("PYTHONPATH", &modules).args(["-c", "import OpenSSL, pyftpdlib"]).output();
            import.is_ok_and(|output| output.status.success())
        });
        let (Some(python), true) = (python, ready) else {
            skip("pyftpdlib");
            return None;
        };
        let certificates = if settings.tls { Some(Certificates::make()?) } else { None };
        open_to_all(root);
        let folder = work_folder();
        let port = free_port();
        let told = serde_json::json!({
            "root": root, "port": port, "user": USER, "password": PASSWORD, "without": settings.without, "rude": settings.rude,
            "pasv_address": settings.pasv_address, "log": folder.path().join("log"),
            "pem": certificates.as_ref().map(Certificates::both),
        });
        let (script, file) = (folder.path().join("server.py"), folder.path().join("settings.json"));
        std::fs::write(&script, PROGRAM).expect("a file");
        std::fs::write(&file, told.to_string()).expect("a file");
        let mut command = Command::new(python);
        command.env("PYTHONPATH", &modules).arg(&script).arg(&file);
        let running = Running::start(&mut command, folder.path(), port);
        Some(Self { port, certificates, folder, _running: running })
    }

    /// The root that signed its certificate.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.certificates.as_ref().map(Certificates::root)
    }

    /// Its log: each command and each reply.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
