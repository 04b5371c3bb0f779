package importcji;

import com.google.gson.JsonObject;
import com.sun.jna.Pointer;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * One open store. Every function of the C header is a method of its name, and has its parameters.
 *
 * <pre>{@code
 * try (Engine engine = new Engine("calls.db")) {
 *     Reply reply = engine.importCji(i -> i
 *             .orgidentity("myteam").usertype("agent").user("1001").pwdtype("plaintext").password("secret")
 *             .modeltype("Campaign").model_id("12")
 *             .source("http").context("http://192.168.1.88/leads.csv").delrow("1").phone_field("phone1"));
 *     System.out.println(engine.jobGet(reply.message()));
 * }
 * }</pre>
 *
 * <p><b>Failures.</b> What the library refuses is an {@link ImportCjiException}, which says what it may have changed.
 * A closed engine is an {@link IllegalStateException}. A text that C can't carry (with an unpaired surrogate, or a
 * NUL), and a map or list that is no JSON, is an {@link IllegalArgumentException}; a null where none is allowed is a
 * {@link NullPointerException}; both name the parameter.
 *
 * <p><b>Parameters.</b> Ids are decimal texts. Where a map or a list is taken, its values are maps, lists, texts,
 * numbers, booleans, {@link java.time.LocalDateTime} (a time in the engine's zone) or null; where a text stands for it,
 * that is JSON as it goes to the library.
 *
 * <p><b>Threads.</b> All threads of a program may share one engine.
 *
 * <p><b>Callbacks</b> run on the thread that the import runs on: the caller's, or the worker's. They may call any
 * method but {@link #close}, {@link #workerStop} and {@link #jobsRunDue}. What one throws on the caller's thread is
 * thrown from the call that it runs in, when that has ended; on the worker's thread it goes to the thread's {@link
 * Thread.UncaughtExceptionHandler}. A job whose progress function throws is cancelled.
 *
 * <p><b>SQLite.</b> The library carries a SQLite of its own. A program must not open the same file with a second one
 * (a JDBC driver's, or that of another copy of this library) while it has it open here: the second one's closing drops
 * the file locks of this one, and the database can be damaged. Read through {@link #query}, or in another process.
 */
public final class Engine implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();

    private final Cji cji;
    private final Callbacks callbacks = new Callbacks();
    private final Handle handle;
    private final Cleaner.Cleanable cleanable;

    /**
     * Opens a store without options, by the library in this jar or else the system's; see
     * {@link #Engine(String, Map, Path)}.
     *
     * @param location the path of the database file, or {@code ":memory:"}
     */
    public Engine(String location) {
        this(location, Map.of());
    }

    /**
     * Opens a store by the library in this jar or else the system's; see {@link #Engine(String, Map, Path)}.
     *
     * @param location the path of the database file, or {@code ":memory:"}
     * @param options the options
     */
    public Engine(String location, Map<String, ?> options) {
        this(Loader.load(), location, Json.encode("options", options));
    }

    /**
     * Opens a store by the library in this jar or else the system's; see {@link #Engine(String, Map, Path)}.
     *
     * @param location the path of the database file, or {@code ":memory:"}
     * @param options the options as JSON, or {@code ""}
     */
    public Engine(String location, String options) {
        this(Loader.load(), location, Utf8.encode("options", options));
    }

    /**
     * Opens a store, and makes it where there is none. Where no library is given, the one in this jar is taken, else
     * the system's {@code libimport_cji.so.0}. One that can't be loaded, or that has another version of the ABI than
     * this binding, is an {@link UnsatisfiedLinkError}.
     *
     * <p>The options: {@code timezone} (an IANA name; default: the system's), {@code background} (true: a file is
     * imported by the worker or {@link #jobsRunDue}, not inside the call), {@code messages} ({@code "text"}, or
     * {@code "backmsg"} for the vendor's keys), {@code durability} ({@code "full"}, {@code "normal"}),
     * {@code connect_timeout_s} (10; for looking up a server's name, and again for connecting to it),
     * {@code idle_timeout_s} (60; the longest silence of a server), {@code total_timeout_s} (3600; a whole fetch with
     * all its tries), {@code retries} (3), {@code max_file_bytes} (4 GiB), {@code max_row_bytes} (1 MiB),
     * {@code allow_hosts} (a list; default: all but link-local addresses), {@code ca_file} (a PEM file),
     * {@code spool_dir}. The timeouts are in seconds, also fractions of them. The header tells of each at length.
     *
     * @param location the path of the database file, or {@code ":memory:"} for a store that ends with the engine
     * @param options the options; an unknown one is a failure
     * @param library the path of the native library
     */
    public Engine(String location, Map<String, ?> options, Path library) {
        this(Loader.load(library), location, Json.encode("options", options));
    }

    /**
     * Opens a store; see {@link #Engine(String, Map, Path)}.
     *
     * @param location the path of the database file, or {@code ":memory:"}
     * @param options the options as JSON, or {@code ""}
     * @param library the path of the native library
     */
    public Engine(String location, String options, Path library) {
        this(Loader.load(library), location, Utf8.encode("options", options));
    }

    private Engine(Cji cji, String location, byte[] options) {
        this.cji = cji;
        handle = new Handle(cji, Utf8.encode("location", location), options, callbacks);
        cleanable = CLEANER.register(this, handle);
    }

    /**
     * Closes the store: waits for the calls that are running and for the worker, which breaks its job off at the next
     * chunk; the job goes on under whoever opens the store next. New calls are refused from now on. A closed engine may
     * be closed again. Inside a callback this is an {@link IllegalStateException}.
     *
     * <p>An engine that is forgotten is closed when the garbage collector finds it, also if its worker runs. So hold on
     * to it for as long as its worker is to run, best by {@code try (Engine engine = …)}.
     */
    @Override
    public void close() {
        if (Frame.inCallback()) {
            throw new IllegalStateException("an engine can't be closed inside a callback");
        }
        synchronized (cleanable) { // who comes second returns when it is closed, too
            cleanable.clean();
        }
    }

    /**
     * The version of the library.
     *
     * @return such as {@code "0.1.0"}
     */
    public String version() {
        return cji.cji_version();
    }

    /**
     * The version of the library's ABI, which is this binding's too.
     *
     * @return a number
     */
    public int abiVersion() {
        return cji.cji_abi_version();
    }

    /**
     * Imports one record, or a CSV file from an HTTP or FTP server, into a campaign's customer package.
     *
     * @param request sets the parameters of a new request
     * @return what was done; for a file the message is the job's id
     */
    public Reply importCji(Consumer<? super ImportRequest> request) {
        return done(filled(request)::cji);
    }

    /**
     * The same import, answered in the form of the vendor's web service, failures too.
     *
     * @param request sets the parameters of a new request, without {@code callbackFuc}
     * @return {@code |Retuen|1|Retuen|message} or {@code |Retuen|2|Retuen|message}
     */
    public String importWs(Consumer<? super ImportRequest> request) {
        ImportRequest filled = filled(request);
        if (filled.hasCallback()) {
            throw new IllegalArgumentException("import_ws has no callbackFuc");
        }
        return call(filled::ws);
    }

    /**
     * The same import from a query string, answered in the form of the vendor's web service, failures too.
     *
     * @param query what stands after the {@code ?} of the URL: {@code "EVENT=Import&orgidentity=myteam&…"}
     * @return as {@link #importWs}
     */
    public String importEvent(String query) {
        byte[] text = Utf8.encode("query", query);
        return call((c, engine) -> c.import_event(engine, text));
    }

    /**
     * The same import from a query string, answered as a script for the browser, failures too.
     *
     * @param query what stands after the {@code ?} of the URL: {@code "callback=jQuery1_2&orgidentity=myteam&…"}
     * @return {@code jQuery1_2({"code":1,"message":"…"})}; where {@code callback} is unusable the bare JSON failure
     */
    public String importJsonp(String query) {
        byte[] text = Utf8.encode("query", query);
        return call((c, engine) -> c.import_jsonp(engine, text));
    }

    /**
     * Adds a team, or gives a team that is there a new name.
     *
     * @param orgidentity how imports name the team
     * @param name any text, for people
     * @return the message
     */
    public String teamAdd(String orgidentity, String name) {
        byte[] team = Utf8.encode("orgidentity", orgidentity);
        byte[] text = Utf8.encode("name", name);
        return message((c, engine) -> c.cji_team_add(engine, team, text));
    }

    /**
     * Adds a user to a team, or changes its password; a disabled user is enabled again.
     *
     * @param orgidentity the team
     * @param usertype {@code "agent"} or {@code "account"}
     * @param user the agent's number or the account's name
     * @param pwdtype {@code "plaintext"} or {@code "md5"}
     * @param password the password, or 32 hex digits of its MD5
     * @return the message
     */
    public String userSet(String orgidentity, String usertype, String user, String pwdtype, String password) {
        byte[] team = Utf8.encode("orgidentity", orgidentity);
        byte[] type = Utf8.encode("usertype", usertype);
        byte[] who = Utf8.encode("user", user);
        byte[] form = Utf8.encode("pwdtype", pwdtype);
        byte[] secret = Utf8.encode("password", password);
        return message((c, engine) -> c.cji_user_set(engine, team, type, who, form, secret));
    }

    /**
     * Disables a user: from now on its imports are refused, in every process, until {@link #userSet} enables it again.
     *
     * @param orgidentity the team
     * @param usertype {@code "agent"} or {@code "account"}
     * @param user the agent's number or the account's name
     * @return the message
     */
    public String userDisable(String orgidentity, String usertype, String user) {
        byte[] team = Utf8.encode("orgidentity", orgidentity);
        byte[] type = Utf8.encode("usertype", usertype);
        byte[] who = Utf8.encode("user", user);
        return message((c, engine) -> c.cji_user_disable(engine, team, type, who));
    }

    /**
     * Defines the fields and the unique key of a team's main table, or defines them anew: then too with all fields. One
     * that is left out is lost if no customer has a value in it; where one has, that is a failure.
     *
     * @param orgidentity the team
     * @param definition {@code fields} and {@code unique_key} as in {@link #campaignAdd(String, Map)}; what is left out
     *        stays as it is, or is the default in a first definition
     * @return the message
     */
    public String mainTableDefine(String orgidentity, Map<String, ?> definition) {
        return mainTableDefine(orgidentity, Json.encode("definition", definition));
    }

    /**
     * Defines the main table; see {@link #mainTableDefine(String, Map)}.
     *
     * @param orgidentity the team
     * @param definition the definition as JSON
     * @return the message
     */
    public String mainTableDefine(String orgidentity, String definition) {
        return mainTableDefine(orgidentity, Utf8.encode("definition", definition));
    }

    private String mainTableDefine(String orgidentity, byte[] definition) {
        byte[] team = Utf8.encode("orgidentity", orgidentity);
        return message((c, engine) -> c.cji_main_table_define(engine, team, definition));
    }

    /**
     * Adds a campaign to a team.
     *
     * <p>The definition: {@code name} (required); {@code id} (a wanted id); {@code main_table} (true: its package is a
     * part of the team's main table); {@code package} (the id of one to join); {@code fields} (a list of {@code name},
     * {@code display}, {@code type}: {@code "text"}, {@code "phone"}, {@code "integer"} or {@code "datetime"},
     * {@code required}; default: name, phone1, phone2, email, company, address, city, memo); {@code unique_key} (a list
     * of field names; default: {@code phone1}, or the first phone).
     *
     * @param orgidentity the team
     * @param definition the campaign
     * @return its id
     */
    public String campaignAdd(String orgidentity, Map<String, ?> definition) {
        return campaignAdd(orgidentity, Json.encode("definition", definition));
    }

    /**
     * Adds a campaign; see {@link #campaignAdd(String, Map)}.
     *
     * @param orgidentity the team
     * @param definition the campaign as JSON
     * @return its id
     */
    public String campaignAdd(String orgidentity, String definition) {
        return campaignAdd(orgidentity, Utf8.encode("definition", definition));
    }

    private String campaignAdd(String orgidentity, byte[] definition) {
        byte[] team = Utf8.encode("orgidentity", orgidentity);
        return message((c, engine) -> c.cji_campaign_add(engine, team, definition));
    }

    /**
     * Reads a campaign.
     *
     * @param campaign_id its id
     * @return the campaign
     */
    public Campaign campaignGet(String campaign_id) {
        byte[] campaign = Utf8.encode("campaign_id", campaign_id);
        return new Campaign(data((c, engine) -> c.cji_campaign_get(engine, campaign)));
    }

    /**
     * Reads a job, also while it runs.
     *
     * @param job_id its id, the message of the import
     * @return the job
     */
    public Job jobGet(String job_id) {
        byte[] job = Utf8.encode("job_id", job_id);
        return new Job(data((c, engine) -> c.cji_job_get(engine, job)));
    }

    /**
     * Lists the jobs by id, a hundred at most.
     *
     * @return the first page
     */
    public Page<Job> jobList() {
        return jobList("");
    }

    /**
     * Lists jobs by id.
     *
     * @param filter any of {@code campaign}, {@code state}, {@code after}, {@code limit} (100, at most 1000)
     * @return a page
     */
    public Page<Job> jobList(Map<String, ?> filter) {
        return jobList(Json.encode("filter", filter));
    }

    /**
     * Lists jobs; see {@link #jobList(Map)}.
     *
     * @param filter the filter as JSON, or {@code ""}
     * @return a page
     */
    public Page<Job> jobList(String filter) {
        return jobList(Utf8.encode("filter", filter));
    }

    private Page<Job> jobList(byte[] filter) {
        return new Page<>(data((c, engine) -> c.cji_job_list(engine, filter)), "jobs", Job::new);
    }

    /**
     * Cancels a job that is scheduled or running, whichever process runs it. It keeps its finished chunks.
     *
     * @param job_id its id
     * @return the message
     */
    public String jobCancel(String job_id) {
        byte[] job = Utf8.encode("job_id", job_id);
        return message((c, engine) -> c.cji_job_cancel(engine, job));
    }

    /**
     * Writes the rejected rows of a job as a CSV file: mend it, and import it again as it is.
     *
     * @param job_id its id
     * @param path of the file to write, with mode 0600; a file that is there is replaced
     * @return the message
     */
    public String jobRejects(String job_id, String path) {
        byte[] job = Utf8.encode("job_id", job_id);
        byte[] file = Utf8.encode("path", path);
        return message((c, engine) -> c.cji_job_rejects(engine, job, file));
    }

    /**
     * Runs the jobs that are due, on this thread, and returns when none is left. Fails inside a callback.
     *
     * @return how many it ran
     */
    public int jobsRunDue() {
        return Integer.parseInt(message(Cji::cji_jobs_run_due));
    }

    /**
     * Starts the worker: one background thread that runs due jobs, each within a second of its time. An engine has one:
     * a second start is a failure. It does not keep the JVM alive.
     *
     * @return the message
     */
    public String workerStart() {
        return message(Cji::cji_worker_start);
    }

    /**
     * Stops the worker, and returns when it has stopped. A job that it is in the middle of goes on when it is taken up
     * again. With no worker nothing happens. Fails inside a callback.
     *
     * @return the message
     */
    public String workerStop() {
        return message(Cji::cji_worker_stop);
    }

    /**
     * Sets a function under the name that imports give as {@code callbackFuc}. When such an import has ended, well or
     * not, it gets the reply, once: before the call returns if the import ran inside it, else on the thread that ran
     * the job. It may come on several threads at once.
     *
     * @param name the name
     * @param callback takes the reply; null takes the name away
     * @return the message
     */
    public String callbackSet(String name, Consumer<? super Reply> callback) {
        byte[] text = Utf8.encode("name", name);
        synchronized (callbacks) { // two threads change both sides in one order
            if (callback == null) {
                String message = message(handle.callbackSetter(text, 0));
                callbacks.remove(name);
                return message;
            }
            return message(handle.callbackSetter(text, callbacks.put(name, callback)));
        }
    }

    /**
     * Sets the function that watches running jobs, at most ten times a second and at the end of each, on the thread
     * that runs the job. The job waits for it.
     *
     * @param progress takes the job and tells whether to cancel it; null: nobody watches any more
     * @return the message
     */
    public String progressSet(Predicate<? super Job> progress) {
        synchronized (callbacks) {
            callbacks.progress = progress;
            return message(handle.progressSetter(progress != null));
        }
    }

    /**
     * Lists the customers of a campaign's package by id, a hundred at most.
     *
     * @param campaign_id the campaign
     * @return the first page
     */
    public Page<Customer> customerList(String campaign_id) {
        return customerList(campaign_id, "");
    }

    /**
     * Lists customers of a campaign's package by id.
     *
     * @param campaign_id the campaign
     * @param filter any of {@code where} (equality of field names, {@code status}, {@code agent}), {@code after},
     *        {@code limit} (100, at most 1000), {@code scope} ({@code "main_table"}: all of the team's main table)
     * @return a page
     */
    public Page<Customer> customerList(String campaign_id, Map<String, ?> filter) {
        return customerList(campaign_id, Json.encode("filter", filter));
    }

    /**
     * Lists customers; see {@link #customerList(String, Map)}.
     *
     * @param campaign_id the campaign
     * @param filter the filter as JSON, or {@code ""}
     * @return a page
     */
    public Page<Customer> customerList(String campaign_id, String filter) {
        return customerList(campaign_id, Utf8.encode("filter", filter));
    }

    private Page<Customer> customerList(String campaign_id, byte[] filter) {
        byte[] campaign = Utf8.encode("campaign_id", campaign_id);
        return new Page<>(data((c, engine) -> c.cji_customer_list(engine, campaign, filter)), "customers",
                Customer::new);
    }

    /**
     * Changes a customer.
     *
     * @param campaign_id the campaign
     * @param customer_id the customer
     * @param changes any of {@code status}, {@code agent} (null: none), {@code package} (null: out of it; main table
     *        only), {@code fields}
     * @return the message
     */
    public String customerSet(String campaign_id, String customer_id, Map<String, ?> changes) {
        return customerSet(campaign_id, customer_id, Json.encode("changes", changes));
    }

    /**
     * Changes a customer; see {@link #customerSet(String, String, Map)}.
     *
     * @param campaign_id the campaign
     * @param customer_id the customer
     * @param changes the changes as JSON
     * @return the message
     */
    public String customerSet(String campaign_id, String customer_id, String changes) {
        return customerSet(campaign_id, customer_id, Utf8.encode("changes", changes));
    }

    private String customerSet(String campaign_id, String customer_id, byte[] changes) {
        byte[] campaign = Utf8.encode("campaign_id", campaign_id);
        byte[] customer = Utf8.encode("customer_id", customer_id);
        return message((c, engine) -> c.cji_customer_set(engine, campaign, customer, changes));
    }

    /**
     * Lists the entries of a campaign's dial list by id, a hundred at most.
     *
     * @param campaign_id the campaign
     * @return the first page
     */
    public Page<DialEntry> dialList(String campaign_id) {
        return dialList(campaign_id, "");
    }

    /**
     * Lists entries of a campaign's dial list by id.
     *
     * @param campaign_id the campaign
     * @param filter any of {@code where} (equality of {@code phone}, {@code state}, {@code customer}), {@code after},
     *        {@code limit} (100, at most 1000)
     * @return a page
     */
    public Page<DialEntry> dialList(String campaign_id, Map<String, ?> filter) {
        return dialList(campaign_id, Json.encode("filter", filter));
    }

    /**
     * Lists entries of a campaign's dial list; see {@link #dialList(String, Map)}.
     *
     * @param campaign_id the campaign
     * @param filter the filter as JSON, or {@code ""}
     * @return a page
     */
    public Page<DialEntry> dialList(String campaign_id, String filter) {
        return dialList(campaign_id, Utf8.encode("filter", filter));
    }

    private Page<DialEntry> dialList(String campaign_id, byte[] filter) {
        byte[] campaign = Utf8.encode("campaign_id", campaign_id);
        return new Page<>(data((c, engine) -> c.cji_dial_list(engine, campaign, filter)), "entries", DialEntry::new);
    }

    /**
     * Leases the next entries of a campaign's dial list that are due: by priority, then dial time, then insertion. No
     * two callers, threads or processes get the same entry while its lease runs.
     *
     * @param campaign_id the campaign
     * @param limit at most so many, 1 to 10000
     * @param lease_seconds how long they are the caller's; make it longer than the longest call
     * @return the entries; none: nothing is due
     */
    public List<DialEntry> dialNext(String campaign_id, int limit, int lease_seconds) {
        byte[] campaign = Utf8.encode("campaign_id", campaign_id);
        JsonObject data = data((c, engine) -> c.cji_dial_next(engine, campaign, limit, lease_seconds));
        return Data.list(data, "entries", DialEntry::new);
    }

    /**
     * Ends the lease of an entry.
     *
     * @param campaign_id the campaign
     * @param entry_id a leased entry
     * @param outcome {@code outcome}: {@code "done"} removes it, {@code "retry"} puts it back, with a {@code dial_time}
     *        (else due at once) and a {@code priority} (else the same)
     * @return the message
     */
    public String dialDone(String campaign_id, String entry_id, Map<String, ?> outcome) {
        return dialDone(campaign_id, entry_id, Json.encode("outcome", outcome));
    }

    /**
     * Ends the lease of an entry; see {@link #dialDone(String, String, Map)}.
     *
     * @param campaign_id the campaign
     * @param entry_id a leased entry
     * @param outcome the outcome as JSON
     * @return the message
     */
    public String dialDone(String campaign_id, String entry_id, String outcome) {
        return dialDone(campaign_id, entry_id, Utf8.encode("outcome", outcome));
    }

    private String dialDone(String campaign_id, String entry_id, byte[] outcome) {
        byte[] campaign = Utf8.encode("campaign_id", campaign_id);
        byte[] entry = Utf8.encode("entry_id", entry_id);
        return message((c, engine) -> c.cji_dial_done(engine, campaign, entry, outcome));
    }

    /**
     * Reads the store by SQL without parameters; see {@link #query(String, List)}.
     *
     * @param sql one SELECT
     * @return what it found
     */
    public QueryResult query(String sql) {
        return query(sql, "");
    }

    /**
     * Reads the store by SQL: by one SELECT on the documented tables and views. What writes, or reads credentials,
     * fails, and so does what finds more than 10,000 rows, 64 MiB of texts or a blob, or takes longer than 30 seconds.
     *
     * @param sql one SELECT with {@code ?} parameters
     * @param arguments the values of the parameters
     * @return what it found
     */
    public QueryResult query(String sql, List<?> arguments) {
        return query(sql, Json.encode("arguments", arguments));
    }

    /**
     * Reads the store by SQL; see {@link #query(String, List)}.
     *
     * @param sql one SELECT with {@code ?} parameters
     * @param arguments the values of the parameters as a JSON array, or {@code ""}
     * @return what it found
     */
    public QueryResult query(String sql, String arguments) {
        return query(sql, Utf8.encode("arguments", arguments));
    }

    private QueryResult query(String sql, byte[] arguments) {
        byte[] select = Utf8.encode("sql", sql);
        return new QueryResult(data((c, engine) -> c.cji_query(engine, select, arguments)));
    }

    private static ImportRequest filled(Consumer<? super ImportRequest> request) {
        ImportRequest filled = new ImportRequest();
        request.accept(filled);
        return filled;
    }

    private String call(BiFunction<Cji, Pointer, Pointer> function) {
        try {
            return handle.call(function);
        } finally {
            Reference.reachabilityFence(this); // with the host's functions, which the handle does not hold
        }
    }

    private Reply done(BiFunction<Cji, Pointer, Pointer> function) {
        Reply reply = new Reply(Json.parse(call(function)));
        if (reply.code() != 1) {
            throw new ImportCjiException(reply);
        }
        return reply;
    }

    private String message(BiFunction<Cji, Pointer, Pointer> function) {
        return done(function).message();
    }

    private JsonObject data(BiFunction<Cji, Pointer, Pointer> function) {
        return done(function).json.getAsJsonObject("data");
    }
}
