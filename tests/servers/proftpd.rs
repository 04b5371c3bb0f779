//! proftpd, unpacked beside the others because the packages conflict.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Certificates, Running, free_port, open_to_all, program, servers_home, skip, work_folder};

/// Serves a folder to user `ann` over FTP and explicit FTPS.
pub struct Proftpd {
    pub port: u16,
    certificates: Certificates,
    _folder: tempfile::TempDir,
    _running: Running,
}

pub const USER: &str = "ann";
pub const PASSWORD: &str = "geheim!";

impl Proftpd {
    pub fn start(root: &Path) -> Option<Self> {
        let home = servers_home().join("proftpd");
        let proftpd = home.join("usr/sbin/proftpd");
        if !proftpd.is_file() {
            skip("proftpd");
            return None;
        }
        let certificates = Certificates::make()?;
        open_to_all(root);
        let folder = work_folder();
        let port = free_port();
        let work = folder.path().display();
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let openssl = program("openssl").expect("certificates were made by it");
        let hash = Command::new(openssl).args(["passwd", "-5", PASSWORD]).output().expect("openssl passwd").stdout;
        let hash = String::from_utf8(hash).expect("a hash");
        let users = folder.path().join("users");
        let line = format!("{USER}:{}:{uid}:{gid}::{}:/bin/false\n", hash.trim(), root.display());
        std::fs::write(&users, line).expect("a file");
        std::fs::set_permissions(&users, std::fs::Permissions::from_mode(0o600)).expect("a file of our own");
        let configuration = format!(
            "ServerType standalone\nDefaultAddress 127.0.0.1\nSocketBindTight on\nPort {port}\nUseIPv6 off\nUseReverseDNS off\n\
             WtmpLog off\nTransferLog none\nSystemLog {work}/log\nPidFile {work}/pid\nScoreboardFile {work}/scoreboard\n\
             RequireValidShell off\nRootLogin on\nAuthPAM off\nAuthOrder mod_auth_file.c\nAuthUserFile {work}/users\n\
             User #{uid}\nGroup #{gid}\nModulePath {}/usr/lib/proftpd\nLoadModule mod_tls.c\n\
             <IfModule mod_delay.c>\nDelayEngine off\n</IfModule>\n\
             <IfModule mod_tls.c>\nTLSEngine on\nTLSRequired off\nTLSProtocol TLSv1.2 TLSv1.3\nTLSRSACertificateFile {}\n\
             TLSRSACertificateKeyFile {}\nTLSLog {work}/tls\nTLSVerifyClient off\n</IfModule>\n",
            home.display(),
            certificates.certificate().display(),
            certificates.key().display()
        )
        .replace("TLSRSA", "TLSEC")
        .replace("User #", "#User ")
        .replace("Group #", "#Group ");
        let file = folder.path().join("proftpd.conf");
        std::fs::write(&file, configuration).expect("a file");
        let mut command = Command::new(proftpd);
        command.args(["-n", "-q", "-c"]).arg(&file);
        let running = Running::start(&mut command, folder.path(), port);
        Some(Self { port, certificates, _folder: folder, _running: running })
    }

    /// The root that signed its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.certificates.root()
    }
}
