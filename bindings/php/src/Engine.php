<?php

declare(strict_types=1);

namespace ImportCji;

/**
 * One open store, and every function of the library as a method, with the parameters named as in import_cji.h.
 *
 *     $engine = new Engine('calls.db');
 *     $engine->importCji(
 *         orgidentity: 'myteam', usertype: 'agent', user: '1001', pwdtype: 'plaintext', password: 'secret',
 *         modeltype: 'Campaign', model_id: 12, source: 'data', context: 'name=Joe||phone1=138xxxx88x8',
 *         phone_field: 'phone1',
 *     );
 *
 * **Values.** Texts are UTF-8. Ids are integers or decimal texts. What is a JSON text in the header (`options`,
 * `definition`, `filter`, `changes`, `outcome`, `arguments`) is an array, an object, or such a text. An empty array
 * inside another is an empty list: write `new \stdClass()` for an empty object.
 *
 * **Answers.** Methods that read give the reply's "data", objects as arrays. The others give its message.
 *
 * **Exceptions.** {@see ImportCjiException}: the library answered that it failed. `\LogicException`: the engine is
 * closed, or what was asked can't be had here. `\ValueError`: a text with a NUL byte, an integer that does not fit.
 * `\JsonException`: an array that JSON has no form for. What importWs(), importEvent() and importJsonp() have to say of
 * an import is in their text.
 *
 * **Callbacks** run inside the call that runs the import, on its thread. See callbackSet().
 *
 * **Processes.** An engine belongs to the process that opened it. After pcntl_fork() its methods fail in the child:
 * open engines after forking. PHP's workers do so by themselves, if each request opens its own.
 *
 * **The end.** An engine closes itself when the last reference to it is gone, and when the script ends.
 *
 * @phpstan-type Job array{id: int, campaign: int, source: string, url: string, state: string, run_at: string,
 *     started_at: ?string, finished_at: ?string, bytes_total: ?int, bytes_read: int, read: int, inserted: int,
 *     updated: int, skipped: int, rejected: int, dial_listed: int, message: string, warnings: list<string>}
 * @phpstan-type Customer array{id: int, package: ?int, status: string, agent: ?string,
 *     fields: array<string, string|int|null>, created_at: string, updated_at: string}
 * @phpstan-type Entry array{id: int, customer: int, phone: string, priority: int, dial_time: ?string, state: string}
 */
final class Engine
{
    private readonly Handle $handle;

    /**
     * Opens a store, and makes it where there is none.
     *
     * @param string              $location path of the SQLite database, relative to the working directory, or
     *                                      ":memory:". A new file has mode 0600. No other code of this process may open
     *                                      it with SQLite (PDO, SQLite3): that can damage it. Read by query().
     * @param array|object|string $options  by name, such as ['timezone' => 'Europe/Berlin', 'background' => true]; the
     *                                      header has all of them. The timeouts of a fetch, in seconds or fractions of
     *                                      them: 'connect_timeout_s' (10; for looking up a server's name, and again for
     *                                      connecting to it), 'idle_timeout_s' (60; the longest silence of a server),
     *                                      'total_timeout_s' (3600; all of it, with all its tries).
     * @param ?string             $library  path of the library. Left out, it is the package's own, or if there is none
     *                                      the system's libimport_cji.so.0.
     *
     * @throws ImportCjiException if the store can't be opened
     * @throws \RuntimeException  if the library can't be loaded, or has another version of the ABI
     */
    public function __construct(string $location, array|object|string $options = '', ?string $library = null)
    {
        $this->handle = new Handle(Library::load($library), $location, $options);
    }

    /**
     * Lets go of the store. Closing twice does nothing; any other method after it throws.
     *
     * @throws \LogicException inside a callback, of whatever engine
     */
    public function close(): void
    {
        $this->handle->close();
    }

    public function __destruct()
    {
        // Not set where it could not be opened.
        if (isset($this->handle)) {
            $this->handle->leave();
        }
    }

    /** The version of the library, such as "0.1.0". */
    public static function version(?string $library = null): string
    {
        return Library::load($library)->c->cji_version();
    }

    /** The version of the ABI that the library has; it is the one that this package needs. */
    public static function abiVersion(?string $library = null): int
    {
        return Library::load($library)->c->cji_abi_version();
    }

    /**
     * Imports one record, or a CSV file from an HTTP or FTP server, into a campaign's customer package.
     *
     * Listed values and field names are compared without regard to case. What is left out is "".
     *
     * @param string     $orgidentity    the team. Required.
     * @param string     $usertype       "agent" or "account". Required.
     * @param string     $user           the agent's number or the account's name. Required.
     * @param string     $pwdtype        "plaintext", or "md5": 32 hex digits of the password's MD5. Required.
     * @param string     $password       the password, in that form. Required.
     * @param string     $modeltype      "Campaign". Required.
     * @param int|string $model_id       id of a campaign of this team. Required.
     * @param string     $source         "data": one record. "http", "ftp": a CSV file. Required.
     * @param string     $context        data: "name=Joe||phone1=138xxxx88x8", by field or display name. http, ftp: a
     *                                   URL. Required.
     * @param string     $source_user    login at the file server; it wins over one in the URL.
     * @param string     $source_pwd     password at the file server.
     * @param string     $exetime        when to import a file: "YYYY-MM-DD HH:MM:SS". "": now.
     * @param int|string $delrow         how many lines to remove from the top of a file. "": 0.
     * @param string     $phone_field    field: put the records on the dial list under this number. "": no dial list.
     * @param string     $priority_field field, column or piece of the record: larger is dialled first. "": 0.
     * @param string     $dialtime_field likewise: not to be dialled before. "": at once.
     * @param string     $emptyagent     "yes": a duplicate's agent is cleared. "no", "": it stays.
     * @param string     $resetstatus    "yes": a duplicate's status becomes "open". "no", "": it stays.
     * @param string     $dupway         "update": a duplicate's fields become the record's. "skip", "": they stay.
     * @param string     $dupdiallist    a duplicate goes on the dial list: "ignoreDuplicate", "": no. "all": yes.
     *                                   "ignoreSuccess": unless its status is "success".
     * @param string     $changepackage  a duplicate of the main table in another package or in none: "skip", "": left
     *                                   alone. "unassignToCurrent": moved here from none. "reassignToCurrent": moved
     *                                   here from any.
     * @param string     $callbackFuc    name of a callback set by callbackSet(): it gets the result when the import has
     *                                   ended.
     *
     * @return ImportResult of a file, as message, the id of its job
     *
     * @throws ImportCjiException if it failed. The store is as it was, or, of a file, as the last finished chunk left
     *                            it.
     */
    public function importCji(
        string $orgidentity = '',
        string $usertype = '',
        string $user = '',
        string $pwdtype = '',
        #[\SensitiveParameter] string $password = '',
        string $modeltype = '',
        int|string $model_id = '',
        string $source = '',
        #[\SensitiveParameter] string $context = '',
        string $source_user = '',
        #[\SensitiveParameter] string $source_pwd = '',
        string $exetime = '',
        int|string $delrow = '',
        string $phone_field = '',
        string $priority_field = '',
        string $dialtime_field = '',
        string $emptyagent = '',
        string $resetstatus = '',
        string $dupway = '',
        string $dupdiallist = '',
        string $changepackage = '',
        string $callbackFuc = '',
    ): ImportResult {
        return new ImportResult(...$this->reply('import_cji', get_defined_vars()));
    }

    /**
     * The same import with the 21 parameters of the vendor's web service, those of importCji() without `callbackFuc`.
     *
     * @return string "|Retuen|1|Retuen|message", or "|Retuen|2|Retuen|message" if it failed
     */
    public function importWs(
        string $orgidentity = '',
        string $usertype = '',
        string $user = '',
        string $pwdtype = '',
        #[\SensitiveParameter] string $password = '',
        string $modeltype = '',
        int|string $model_id = '',
        string $source = '',
        #[\SensitiveParameter] string $context = '',
        string $source_user = '',
        #[\SensitiveParameter] string $source_pwd = '',
        string $exetime = '',
        int|string $delrow = '',
        string $phone_field = '',
        string $priority_field = '',
        string $dialtime_field = '',
        string $emptyagent = '',
        string $resetstatus = '',
        string $dupway = '',
        string $dupdiallist = '',
        string $changepackage = '',
    ): string {
        return $this->handle->call('import_ws', get_defined_vars());
    }

    /**
     * The same import from a query string, "EVENT=Import&orgidentity=myteam&…".
     *
     * @return string as of importWs()
     */
    public function importEvent(#[\SensitiveParameter] string $query): string
    {
        return $this->handle->call('import_event', get_defined_vars());
    }

    /**
     * The same import from a query string, "callback=jQuery1_2&orgidentity=myteam&…", answered as a script.
     *
     * @return string `jQuery1_2({"code":1,"message":"…"})`, also if it failed; if `callback` is no name of a function,
     *                the bare JSON failure, which may quote it: send it as a script, never as a page
     */
    public function importJsonp(#[\SensitiveParameter] string $query): string
    {
        return $this->handle->call('import_jsonp', get_defined_vars());
    }

    /** Adds a team, or gives one that is there a new name. No method but the four imports asks for a password. */
    public function teamAdd(string $orgidentity, string $name): string
    {
        return $this->message('cji_team_add', get_defined_vars());
    }

    /**
     * Adds a user to a team, or changes its password; a disabled one is enabled again.
     *
     * @param string $usertype "agent" or "account"
     * @param string $pwdtype  "plaintext", or "md5": 32 hex digits of the password's MD5
     */
    public function userSet(
        string $orgidentity,
        string $usertype,
        string $user,
        string $pwdtype,
        #[\SensitiveParameter] string $password,
    ): string {
        return $this->message('cji_user_set', get_defined_vars());
    }

    /** Refuses a user's imports from now on, in every process. */
    public function userDisable(string $orgidentity, string $usertype, string $user): string
    {
        return $this->message('cji_user_disable', get_defined_vars());
    }

    /**
     * Defines the fields and the unique key of a team's main table, or defines them anew: then too with all fields. One
     * that is left out is lost if no customer has a value in it; where one has, that is a failure.
     *
     * @param array|object|string $definition "fields" and "unique_key" as in campaignAdd(); what is left out stays as
     *                                        it is, or is the default in a first definition
     */
    public function mainTableDefine(string $orgidentity, array|object|string $definition): string
    {
        return $this->message('cji_main_table_define', get_defined_vars());
    }

    /**
     * Adds a campaign to a team.
     *
     * @param array|object|string $definition such as ['name' => 'Spring renewals'], where nothing else is required:
     *                                        ['id' => 12, 'main_table' => false, 'package' => 7,
     *                                        'fields' => [['name' => 'phone1', 'display' => 'Phone 1',
     *                                        'type' => 'phone', 'required' => true], …], 'unique_key' => ['phone1']].
     *                                        `type`: "text", "phone", "integer" or "datetime". Left out, the fields
     *                                        are name, phone1, phone2, email, company, address, city and memo.
     *
     * @return string the campaign's id
     */
    public function campaignAdd(string $orgidentity, array|object|string $definition): string
    {
        return $this->message('cji_campaign_add', get_defined_vars());
    }

    /**
     * Reads a campaign.
     *
     * @return array{id: int, team: string, name: string, main_table: bool, package: int, fields: list<array{name:
     *     string, display: string, type: string, required: bool}>, unique_key: list<string>, customers: int,
     *     dial_list: int} the last two are counts
     */
    public function campaignGet(int|string $campaign_id): array
    {
        return $this->data('cji_campaign_get', get_defined_vars());
    }

    /**
     * Reads a job: one import of a file. It is true while the job runs.
     *
     * @return Job `state`: "scheduled", "running", "succeeded", "failed" or "cancelled". read = inserted + updated +
     *     skipped + rejected.
     */
    public function jobGet(int|string $job_id): array
    {
        return $this->data('cji_job_get', get_defined_vars());
    }

    /**
     * Lists jobs by id.
     *
     * @param array|object|string $filter any of "campaign" (id), "state", "after" (a job's id), "limit" (default 100,
     *                                    at most 1000)
     *
     * @return array{jobs: list<Job>, next: ?int} `next`: the "after" of the next page; null: there is none
     */
    public function jobList(array|object|string $filter = ''): array
    {
        return $this->data('cji_job_list', get_defined_vars());
    }

    /** Cancels a job that is scheduled or running, whichever process runs it. It keeps its finished chunks. */
    public function jobCancel(int|string $job_id): string
    {
        return $this->message('cji_job_cancel', get_defined_vars());
    }

    /**
     * Writes a job's rejected rows to a CSV file, each with its line and reason: mend it, and import it as it is.
     *
     * @param string $path of the file, which gets mode 0600; one that is there is replaced
     */
    public function jobRejects(int|string $job_id, string $path): string
    {
        return $this->message('cji_job_rejects', get_defined_vars());
    }

    /**
     * Runs the jobs that are due, and returns when none is left. A program calls it each minute or so, or each second.
     *
     * @return string how many jobs it ran
     *
     * @throws ImportCjiException also if a job met a trouble that may pass, such as a full disk, and will be taken up
     *                            again; and inside a callback
     */
    public function jobsRunDue(): string
    {
        return $this->message('cji_jobs_run_due', []);
    }

    /**
     * Always refused: a worker is a thread, and PHP can neither be called by a foreign thread nor keep one alive over
     * the end of a request. Call jobsRunDue(), in a process of its own if need be.
     *
     * @throws \LogicException
     */
    public function workerStart(): never
    {
        throw new \LogicException('PHP takes no calls from other threads: call jobsRunDue() instead of a worker');
    }

    /** With no worker nothing happens, and there is none. */
    public function workerStop(): string
    {
        return $this->message('cji_worker_stop', []);
    }

    /**
     * Sets the function that imports name as `callbackFuc`. It gets the result of each such import, once, when that has
     * ended, well or not: before importCji() returns if the import ran inside it, else before jobsRunDue() of the
     * process that ran the job returns.
     *
     * It runs inside that call, and may call any method but close() and jobsRunDue(). What it throws is thrown by that
     * call, in place of its result, once the import has ended. It must return: it may not suspend a fiber, and exit()
     * in it is a fatal error.
     *
     * @param ?callable(ImportResult): void $callback null takes the name away
     */
    public function callbackSet(string $name, ?callable $callback): string
    {
        $told = $callback === null ? null : static function (array $reply) use ($callback): int {
            $callback(new ImportResult(...$reply));
            return 0;
        };
        return $this->set('cji_callback_set', ['name' => $name], 'callback', $told);
    }

    /**
     * Sets the function that watches running jobs. It is called at most ten times a second, and at the end of each job,
     * inside the call that runs it: importCji() or jobsRunDue(). Returning true cancels the job; so does throwing, and
     * that call throws it again. As for callbackSet(), it must return. The job waits for it, at most four seconds:
     * after that another process may take the job over.
     *
     * @param ?callable(Job): ?bool $progress null: no more progress is told
     */
    public function progressSet(?callable $progress): string
    {
        $told = $progress === null ? null : static fn (array $job): int => $progress($job) ? 1 : 0;
        return $this->set('cji_progress_set', [], 'progress', $told);
    }

    /**
     * Lists the customers of a campaign's package by id.
     *
     * @param array|object|string $filter any of "where" (equality: field names, "status", "agent"), "after" (a
     *                                    customer's id), "limit" (default 100, at most 1000), "scope" ("main_table":
     *                                    all customers of it)
     *
     * @return array{customers: list<Customer>, next: ?int} `next`: the "after" of the next page; null: there is none
     */
    public function customerList(int|string $campaign_id, array|object|string $filter = ''): array
    {
        return $this->data('cji_customer_list', get_defined_vars());
    }

    /**
     * Changes a customer.
     *
     * @param array|object|string $changes any of "status" ("open", "pending", "error", "success"), "agent" (null:
     *                                     none), "package" (an id; null: out of it; main table only), "fields"
     */
    public function customerSet(
        int|string $campaign_id,
        int|string $customer_id,
        array|object|string $changes,
    ): string {
        return $this->message('cji_customer_set', get_defined_vars());
    }

    /**
     * Lists the entries of a campaign's dial list by id.
     *
     * @param array|object|string $filter any of "where" (equality: "phone", "state", "customer"), "after" (an entry's
     *                                    id), "limit" (default 100, at most 1000)
     *
     * @return array{entries: list<Entry>, next: ?int} `next`: the "after" of the next page; null: there is none
     */
    public function dialList(int|string $campaign_id, array|object|string $filter = ''): array
    {
        return $this->data('cji_dial_list', get_defined_vars());
    }

    /**
     * Leases the next entries of a campaign's dial list that are due. No two callers or processes get the same entry.
     *
     * @param int $limit         at most so many entries, 1 to 10000
     * @param int $lease_seconds after which an entry that dialDone() has not ended is given to others; longer than the
     *                           longest call
     *
     * @return array{entries: list<Entry>} larger priorities first, then by dial time, then as they came
     */
    public function dialNext(int|string $campaign_id, int $limit, int $lease_seconds): array
    {
        return $this->data('cji_dial_next', get_defined_vars());
    }

    /**
     * Ends the lease of an entry.
     *
     * @param array|object|string $outcome ['outcome' => 'done'] removes it; ['outcome' => 'retry', 'dial_time' =>
     *                                     '2030-01-31 09:00:00', 'priority' => 3] puts it back, both keys optional
     */
    public function dialDone(int|string $campaign_id, int|string $entry_id, array|object|string $outcome): string
    {
        return $this->message('cji_dial_done', get_defined_vars());
    }

    /**
     * Reads the store by SQL.
     *
     * @param string              $sql       one SELECT with `?` parameters, on the documented tables and views
     * @param array|object|string $arguments a list with the values of the parameters
     *
     * @return array{columns: list<string>, rows: list<list<string|int|float|null>>} at most 10000 rows and 64 MiB of
     *     texts; more fail, and so do blobs
     */
    public function query(string $sql, array|object|string $arguments = ''): array
    {
        return $this->data('cji_query', ['sql' => $sql, 'arguments' => $arguments === [] ? '' : $arguments]);
    }

    /** @param array<string, mixed> $arguments */
    private function message(string $function, #[\SensitiveParameter] array $arguments): string
    {
        return $this->reply($function, $arguments)['message'];
    }

    /** @param array<string, mixed> $arguments */
    private function data(string $function, #[\SensitiveParameter] array $arguments): array
    {
        return $this->reply($function, $arguments)['data'];
    }

    /** @param array<string, mixed> $arguments */
    private function reply(string $function, #[\SensitiveParameter] array $arguments): array
    {
        $reply = Library::decoded($this->handle->call($function, $arguments));
        return $reply['code'] === 1 ? $reply : throw new ImportCjiException($reply['message'], $reply['code']);
    }

    /**
     * @param array<string, string>     $name of the callback
     * @param string                    $kind the header's name of the function's parameter
     * @param ?callable(array): int     $told
     */
    private function set(string $function, array $name, string $kind, ?callable $told): string
    {
        $callbacks = $this->handle->callbacks;
        $library = $this->handle->library;
        $key = implode(' ', [$kind, ...array_values($name)]);
        $message = $this->message($function, $name + [
            $kind => $told === null ? null : $library->trampoline($kind),
            'user_data' => $told === null ? null : $library->userData($callbacks->number($key)),
        ]);
        $callbacks->set($key, $told);
        return $message;
    }

    /** A copy would close the store a second time. */
    private function __clone()
    {
    }

    public function __serialize(): never
    {
        throw new \LogicException('an engine can\'t be serialized');
    }

    public function __unserialize(array $data): never
    {
        throw new \LogicException('an engine can\'t be unserialized');
    }
}
