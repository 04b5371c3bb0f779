-- The store's tables, at user_version 2. Times are seconds since 1970 (UTC) unless a comment says otherwise.
-- docs/schema.md says which parts hosts may rely on.

CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),      -- there is one row
    name TEXT NOT NULL,                           -- 16 random hex digits: part of the names of this store's spool files
    home_inode INTEGER NOT NULL DEFAULT 0,        -- of the database file, when it was opened last; 0: not yet
    home_path TEXT NOT NULL DEFAULT '',           -- where it was then
    fingerprint_key BLOB NOT NULL,                -- 16 random bytes: the key of the fingerprints in this store's indexes
    last_dial_entry INTEGER NOT NULL CHECK (last_dial_entry < 100000000000), -- the id given last to an entry of any dial
                                                  -- list; ids are not used again
    lease_boot TEXT NOT NULL DEFAULT '',          -- the boot of the machine that lease_start belongs to
    lease_start INTEGER NOT NULL DEFAULT 0,       -- what the clock of dial leases showed at that boot, in milliseconds
    lease_seen INTEGER NOT NULL DEFAULT 0         -- what it showed when somebody looked last, give or take a minute
) STRICT;

CREATE TABLE customer_table (
    id INTEGER PRIMARY KEY,                       -- the customers are in the table customers_<id>
    team INTEGER NOT NULL REFERENCES team (id),   -- whose customers they are
    definitions INTEGER NOT NULL DEFAULT 0        -- how often it was defined anew: what is known of its fields is old then
) STRICT;

CREATE TABLE team (
    id INTEGER PRIMARY KEY,
    orgidentity TEXT NOT NULL UNIQUE,             -- the team's identity string
    name TEXT NOT NULL,                           -- what people call it
    main_table INTEGER REFERENCES customer_table (id) -- its main table; NULL: none yet
) STRICT;

CREATE TABLE login (
    team INTEGER NOT NULL REFERENCES team (id),
    usertype TEXT NOT NULL CHECK (usertype IN ('agent', 'account')),
    user TEXT NOT NULL,                           -- agent number or user name, compared exactly
    verifier TEXT NOT NULL,                       -- Argon2id (PHC string) of the password's MD5 in lower-case hex
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)), -- 1: refused
    PRIMARY KEY (team, usertype, user)
) STRICT, WITHOUT ROWID;

-- Wrong passwords, counted by user over all processes: a row for each bucket of users, whether they exist or not.
CREATE TABLE login_guess (
    bucket INTEGER PRIMARY KEY,                   -- of the user's fingerprint, 0 to 4095
    failures REAL NOT NULL,                       -- how many, as they were at counted_at; half of them count a minute later
    counted_at INTEGER NOT NULL,                  -- in milliseconds, on the clock of dial leases
    free_at INTEGER NOT NULL                      -- no further password is looked at before, on the same clock
) STRICT;

CREATE TABLE field (
    customer_table INTEGER NOT NULL REFERENCES customer_table (id),
    position INTEGER NOT NULL,                    -- from 0
    name TEXT NOT NULL,                           -- the column in customers_<id>
    display TEXT NOT NULL,                        -- what people call it
    type TEXT NOT NULL CHECK (type IN ('text', 'phone', 'integer', 'datetime')),
    required INTEGER NOT NULL CHECK (required IN (0, 1)), -- 1: a record without it is refused
    key_position INTEGER,                         -- its place in the unique key, from 0; NULL: not in it
    PRIMARY KEY (customer_table, position)
) STRICT, WITHOUT ROWID;

-- The indexes by which customers are found: one for the unique key, one for each other phone (store/index).
CREATE TABLE customer_index (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_table INTEGER NOT NULL REFERENCES customer_table (id),
    is_key INTEGER NOT NULL CHECK (is_key IN (0, 1)), -- 1: of the unique key
    fields TEXT NOT NULL                          -- the names of its fields, parted by commas
) STRICT;

-- Each index is a few sorted segments.
CREATE TABLE customer_index_segment (
    customer_index INTEGER NOT NULL,
    segment INTEGER NOT NULL,                     -- from 1; 0 is a single block for entries that come one by one, not listed
    entries INTEGER NOT NULL,                     -- how many
    target INTEGER,                               -- the segment that it is being merged into; NULL: none
    stamp INTEGER NOT NULL,                       -- of its newest entry: rises with each addition to the index
    PRIMARY KEY (customer_index, segment)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_index_block (
    id INTEGER PRIMARY KEY,                       -- index * 2^43 + segment * 2^37 + the first entry's place
    entries BLOB NOT NULL                         -- of 10 bytes each, big-endian: place * 2^43 + the customer's id
) STRICT;

CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    team INTEGER NOT NULL REFERENCES team (id),
    customer_table INTEGER NOT NULL REFERENCES customer_table (id) -- its own, or the team's main table
) STRICT;

CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,                       -- unique over all teams
    team INTEGER NOT NULL REFERENCES team (id),
    package INTEGER NOT NULL REFERENCES package (id), -- the customers that it works
    name TEXT NOT NULL,
    list INTEGER NOT NULL                         -- the number of its dial list, from 1
) STRICT;

CREATE UNIQUE INDEX campaign_list ON campaign (list);

CREATE INDEX campaign_package ON campaign (package);

-- The dial lists' entries. The place says whose list it is, so that an import appends to the list's end, and a page of a
-- list is one range; and it is the rowid, so that SQLite can copy whole records (store/chunk/staged.rs). To lease an entry
-- leaves its row alone: taking fifty that lie far apart must not write fifty pages. So each entry is either in dial_waiting
-- or in dial_lease.
CREATE TABLE dial_row (
    place INTEGER PRIMARY KEY,                    -- campaign.list * 10^11 + its id, which is unique over all campaigns and
                                                  -- rises in the order of insertion
    customer INTEGER NOT NULL,                    -- in the campaign's customers_<id>
    phone TEXT NOT NULL,                          -- normalized
    priority INTEGER NOT NULL,                    -- larger is dialled first
    dial_time INTEGER,                            -- not before; NULL: at once
    may_move INTEGER                              -- 1: the customer is of a main table; NULL: of a package's own
) STRICT;

-- Which entries go when a customer moves to another package.
CREATE INDEX dial_row_customer ON dial_row (customer) WHERE may_move;

-- The entries that nobody has leased, in the order of dialling: those that follow each other with the same priority and time
-- are one row, which leases shorten from its front. Places on the way may be of entries that were removed.
CREATE TABLE dial_waiting (
    campaign INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due INTEGER NOT NULL,                         -- the dial time; -100000000000, before all times: at once
    first INTEGER NOT NULL,                       -- the first entry's place
    last INTEGER NOT NULL,                        -- and the last one's; or that of the list, up to which new ones are its too
    PRIMARY KEY (campaign, priority DESC, due, first)
) STRICT, WITHOUT ROWID;

-- The newest entries' priority and time: the run of these that reaches to the list's end, unless a dialer took all of it.
CREATE TABLE dial_open (
    campaign INTEGER PRIMARY KEY,
    priority INTEGER NOT NULL,
    due INTEGER NOT NULL                          -- as in dial_waiting
) STRICT;

-- The entries that a dialer has, or had until its lease ran out: those go back to dial_waiting with the next call.
CREATE TABLE dial_lease (
    place INTEGER PRIMARY KEY,                    -- the entry's
    campaign INTEGER NOT NULL,
    lease_end INTEGER NOT NULL                    -- when it runs out; in milliseconds since 1970, but by a clock of its own
                                                  -- that is not set with the time of day
) STRICT;

CREATE INDEX dial_lease_end ON dial_lease (campaign, lease_end);

-- The priorities of a campaign's waiting entries, so that those with nothing due are not looked at: there may be as many
-- as entries. A priority with a waiting entry has its row; a row may outlive the last entry.
CREATE TABLE dial_level (
    campaign INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    asleep_until INTEGER,                         -- the least dial_waiting.due, or less; NULL: awake, look
    PRIMARY KEY (campaign, priority)
) STRICT, WITHOUT ROWID;

CREATE INDEX dial_level_awake ON dial_level (campaign, priority DESC) WHERE asleep_until IS NULL;
CREATE INDEX dial_level_asleep ON dial_level (campaign, asleep_until) WHERE asleep_until IS NOT NULL;

CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    source TEXT NOT NULL CHECK (source IN ('http', 'ftp')),
    url TEXT NOT NULL,                            -- without login
    has_login INTEGER NOT NULL CHECK (has_login IN (0, 1)), -- 1: the login lies beside the spool until the job ends
    intake TEXT NOT NULL,                         -- what is done with each record, as JSON
    delrow INTEGER NOT NULL,                      -- lines to remove from the top
    callback TEXT NOT NULL,                       -- the name of the callback; empty: none
    state TEXT NOT NULL CHECK (state IN ('scheduled', 'running', 'succeeded', 'failed', 'cancelled')),
    run_at INTEGER NOT NULL,                      -- when it is due
    started_at INTEGER,                           -- NULL: not yet
    finished_at INTEGER,                          -- NULL: not yet
    bytes_total INTEGER,                          -- of the file; NULL: unknown
    bytes_read INTEGER NOT NULL DEFAULT 0,        -- fetched so far
    spool TEXT,                                   -- the name of the whole spooled file; NULL: none (yet)
    charset TEXT,                                 -- what the server declared; NULL: nothing
    read INTEGER NOT NULL DEFAULT 0,              -- data rows done; the job's place among them, in their order
    order_rows INTEGER NOT NULL DEFAULT 0,        -- so many of the file's first rows are done in an order of their own
    order_digest INTEGER NOT NULL DEFAULT 0,      -- what that order must have again when the job is taken up
    inserted INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    dial_listed INTEGER NOT NULL DEFAULT 0,
    title TEXT,                                   -- the title row's cells as a JSON array; NULL: not known (yet)
    message TEXT NOT NULL DEFAULT '',             -- of its reply
    warnings TEXT NOT NULL DEFAULT '[]',          -- JSON array
    cancel_asked INTEGER NOT NULL DEFAULT 0 CHECK (cancel_asked IN (0, 1)),
    lease_end INTEGER NOT NULL DEFAULT 0,         -- in milliseconds since the machine's boot: no clock that is set moves it
    lease_holder TEXT NOT NULL DEFAULT ''         -- who runs it: new for each run (job/holder.rs)
) STRICT;

CREATE INDEX job_waiting ON job (run_at) WHERE state IN ('scheduled', 'running');
CREATE INDEX job_campaign ON job (campaign, id);

CREATE TABLE job_reject (
    job INTEGER NOT NULL REFERENCES job (id),
    line INTEGER NOT NULL,                        -- the row's first line in the file, from 1
    cells TEXT NOT NULL,                          -- the row as it was, as a JSON array
    reason TEXT NOT NULL,
    PRIMARY KEY (job, line)
) STRICT;
