//! The database file of one run: a copy of one that has a catalogue, since making a password's hash is slow on purpose.

use std::fs;
use std::path::{Path, PathBuf};

use import_cji_fuzz::common::Library;
use import_cji_fuzz::is_done;
use rusqlite::Connection;
use tempfile::TempDir;

pub struct Template {
    folder: TempDir,
}

fn in_memory_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").expect("a folder")
}

impl Template {
    /// Two teams; campaigns of the default fields, of typed fields, and two of one main table.
    pub fn make() -> Self {
        let template = Template { folder: in_memory_folder() };
        let path = template.path();
        let library = Library::open(path.to_str().expect("UTF-8"), "").expect("a store");
        for team in ["team", "other"] {
            assert!(is_done(&library.team_add(team, "A team")));
        }
        for (kind, user) in [("agent", "1001"), ("account", "boss")] {
            assert!(is_done(&library.user_set("team", kind, user, "plaintext", "secret")));
        }
        for definition in [
            r#"{"name":"own","id":"1"}"#,
            r#"{"name":"typed","id":"2","unique_key":["n","name"],"fields":[{"name":"name","display":"Name"},
                {"name":"n","type":"integer"},{"name":"born","type":"datetime"},{"name":"phone1","type":"phone"}]}"#,
            r#"{"name":"main","id":"3","main_table":true}"#,
            r#"{"name":"main too","id":"4","main_table":true}"#,
        ] {
            assert!(is_done(&library.campaign_add("team", definition)));
        }
        drop(library);
        template
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }
}

pub struct Work {
    folder: TempDir,
}

impl Work {
    pub fn of(template: &Template) -> Self {
        let work = Work { folder: in_memory_folder() };
        fs::copy(template.path(), work.store()).expect("a copy");
        work
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> PathBuf {
        self.folder().join("store.db")
    }

    /// The closed store is whole, and no file is left beside it that no job needs.
    pub fn check(&self, open_jobs: bool) {
        // The same copy of SQLite as the library's.
        let connection = Connection::open(self.store()).expect("a database");
        let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
        assert_eq!(whole, "ok");
        let broken = connection.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([]));
        assert!(!broken.expect("an answer"));
        drop(connection);
        if open_jobs {
            return;
        }
        for entry in fs::read_dir(self.folder()).expect("a folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            assert!(name.starts_with("store.db") || name == "rejects.csv" || name == "other.db", "{name} is left");
        }
    }
}
