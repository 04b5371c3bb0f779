//! vsftpd, for anonymous users.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Certificates, Running, free_port, is_root, open_to_all, program, skip, work_folder};

const IMPLICIT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Serves a folder over FTP, or over FTPS where each data connection must reuse the control connection's TLS session.
pub struct Vsftpd {
    pub port: u16,
    certificates: Option<Certificates>,
    _folder: tempfile::TempDir,
    _running: Running,
}

impl Vsftpd {
    pub fn start(root: &Path) -> Option<Self> {
        Self::start_with(root, None, "")
    }

    /// Explicit FTPS, for logins and data both, with `require_ssl_reuse`.
    pub fn start_tls(root: &Path) -> Option<Self> {
        let certificates = Certificates::make()?;
        Self::start_with(root, Some(certificates), "force_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n")
    }

    /// Implicit FTPS at 127.0.0.9, port 990: one at a time.
    pub fn start_implicit(root: &Path) -> Option<Self> {
        if std::net::TcpListener::bind((IMPLICIT, 990)).is_err() {
            skip("the right to port 990");
            return None;
        }
        let certificates = Certificates::make()?;
        Self::start_at(root, (IMPLICIT, 990), Some(certificates), "implicit_ssl=YES\n")
    }

    fn start_with(root: &Path, certificates: Option<Certificates>, more: &str) -> Option<Self> {
        Self::start_at(root, (Ipv4Addr::LOCALHOST, free_port()), certificates, more)
    }

    fn start_at(root: &Path, address: (Ipv4Addr, u16), certificates: Option<Certificates>, more: &str) -> Option<Self> {
        let Some(vsftpd) = program("vsftpd") else {
            skip("vsftpd");
            return None;
        };
        if !is_root() {
            skip("vsftpd as root");
            return None;
        }
        open_to_all(root);
        let folder = work_folder();
        let (listen, port) = address;
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).expect("a folder");
        let mut settings = format!(
            "listen=YES\nlisten_address={listen}\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\nno_anon_password=YES\n\
             anon_root={}\nsecure_chroot_dir={}\nseccomp_sandbox=NO\nisolate_network=NO\nxferlog_enable=NO\nmdtm_write=NO\n{more}",
            root.display(),
            empty.display()
        );
        if let Some(certificates) = &certificates {
            settings.push_str(&format!(
                "ssl_enable=YES\nallow_anon_ssl=YES\nrequire_ssl_reuse=YES\nrsa_cert_file={}\nrsa_private_key_file={}\nssl_ciphers=HIGH\n",
                certificates.certificate().display(),
                certificates.key().display()
            ));
        }
        let file = folder.path().join("vsftpd.conf");
        std::fs::write(&file, settings).expect("a file");
        let running = Running::start_at(Command::new(vsftpd).arg(&file), folder.path(), address);
        Some(Self { port, certificates, _folder: folder, _running: running })
    }

    /// The root that signed its certificate.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.certificates.as_ref().map(Certificates::root)
    }
}
