//! nginx with everything that an HTTP server may do to a fetch.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Certificates, Running, free_port, is_root, open_to_all, program, skip, work_folder};

/// Serves a folder over http and https.
///
/// | path | answer |
/// | --- | --- |
/// | `/` | the files, with `ETag`, `Last-Modified` and ranges |
/// | `/private/` | the same, for user `ann` with password `pass word!1` |
/// | `/hops/5` | five redirects to `/list.csv`; `/hops/6` six |
/// | `/loop` | redirects to itself |
/// | `/tls/` | redirects to https, `/plain/` to http, `/elsewhere/` to this server under another name, all into `/private/` |
/// | `/file-url` | redirects to a `file:` URL |
/// | `/zipped/` | the files as they are, with `Content-Encoding: gzip`; `/brotli/` with `br` |
/// | `/chunked/` | the files without a length |
/// | `/gbk/` | the files as `text/csv; charset=gbk` |
/// | `/busy` | 503 |
/// | `/gone` | 410 |
/// | `/forbidden` | 403 |
pub struct Nginx {
    pub http: u16,
    pub https: u16,
    certificates: Certificates,
    folder: tempfile::TempDir,
    _running: Running,
}

/// Who may read `/private/`.
pub const USER: &str = "ann";
pub const PASSWORD: &str = "pass word!1";

impl Nginx {
    pub fn start(root: &Path) -> Option<Self> {
        Self::start_with(root, Certificates::make()?)
    }

    pub fn start_with(root: &Path, certificates: Certificates) -> Option<Self> {
        let Some(nginx) = program("nginx") else {
            skip("nginx");
            return None;
        };
        let folder = work_folder();
        open_to_all(root);
        let (http, https) = (free_port(), free_port());
        let work = folder.path().display();
        std::fs::write(folder.path().join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n")).expect("a file");
        let user = if is_root() { "user root;" } else { "" };
        let hops: String = (1..=6)
            .map(|hop| match hop {
                1 => "location = /hops/1 { return 302 /list.csv; }\n".to_string(),
                hop => format!(
                    "location = /hops/{hop} {{ return {} /hops/{}; }}\n",
                    300 + [1, 2, 3, 7, 8][hop % 5],
                    hop - 1
                ),
            })
            .collect();
        let folder_of = |path: &str, more: &str| format!("location /{path}/ {{ alias {}/; {more} }}\n", root.display());
        let server = [
            format!("root {};\n", root.display()),
            hops,
            "location = /loop { return 302 /loop; }\n".into(),
            format!("location /tls/ {{ rewrite ^/tls/(.*)$ https://$host:{https}/private/$1 redirect; }}\n"),
            format!("location /plain/ {{ rewrite ^/plain/(.*)$ http://$host:{http}/private/$1 redirect; }}\n"),
            format!(
                "location /elsewhere/ {{ rewrite ^/elsewhere/(.*)$ http://localhost:{http}/private/$1 redirect; }}\n"
            ),
            "location = /file-url { return 302 file:///etc/passwd; }\n".into(),
            "location = /busy { return 503; }\n".into(),
            "location = /gone { return 410; }\n".into(),
            "location = /forbidden { return 403; }\n".into(),
            folder_of("private", &format!("auth_basic x; auth_basic_user_file {work}/users;")),
            folder_of("zipped", "add_header Content-Encoding gzip;"),
            folder_of("brotli", "add_header Content-Encoding br;"),
            folder_of("chunked", "ssi on; ssi_types *;"),
            folder_of("gbk", "types { } default_type text/csv; charset gbk; charset_types *;"),
        ]
        .concat();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {work}/{kind};\n"))
            .collect();
        let configuration = format!(
            "{user} daemon off; worker_processes 1; pid {work}/pid; error_log {work}/errors notice;
            events {{ worker_connections 256; }}
            http {{
                {paths}
                log_format brief '$server_port $request_uri $status $http_range $http_user_agent $remote_user';
                access_log {work}/requests brief;
                server {{ listen 127.0.0.1:{http}; {server} }}
                server {{
                    listen 127.0.0.1:{https} ssl;
                    ssl_certificate {}; ssl_certificate_key {};
                    {server}
                }}
            }}",
            certificates.certificate().display(),
            certificates.key().display(),
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration).expect("a file");
        let mut command = Command::new(nginx);
        command.arg("-c").arg(&file).arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("errors"));
        let running = Running::start(&mut command, folder.path(), https);
        Some(Self { http, https, certificates, folder, _running: running })
    }

    /// The root that signed its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.certificates.root()
    }

    /// What was asked of it, one line each: port, path, status, `Range`, `User-Agent`, user. It writes a line a moment after
    /// its answer.
    pub fn requests(&self) -> Vec<String> {
        let read = || std::fs::read_to_string(self.folder.path().join("requests")).unwrap_or_default();
        let mut log = read();
        loop {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let now = read();
            if now == log {
                return log.lines().map(ToString::to_string).collect();
            }
            log = now;
        }
    }
}
