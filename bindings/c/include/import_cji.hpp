/*
 * import_cji.hpp - import_cji.h for C++17: texts in, values or exceptions out.
 *
 *     cji::engine engine("calls.db");
 *     cji::parameters leads;
 *     leads.orgidentity = "myteam";
 *     leads.usertype = "agent";
 *     ...
 *     std::cout << engine.import_cji(leads).message << '\n';
 *
 * The namespace is `cji`, since `import_cji` is a function of C. Each function of the header is a method without the
 * prefix `cji_`, with the same parameters in the same order; import_cji.h says what they mean. This header converts,
 * calls and frees, and decides nothing. It needs C++17 and the C++ library alone.
 *
 * Texts are UTF-8 and need not end with NUL. One that holds a NUL can't be given to C and is refused by `error`.
 * Parameters that are JSON (`options`, `definition`, `filter`, `changes`, `outcome`, `arguments`) are texts, and so is
 * the "data" that the reading methods return: take the JSON library that you have.
 *
 * Failures. What answers with code 2 throws `error`. import_ws(), import_event() and import_jsonp() do not: their
 * failures are texts for a client. A method of a closed engine throws `error` too.
 *
 * Threads. All methods of an engine may be called from any thread. close() and the destructor wait for the calls that
 * run on other threads, and for the worker. From then on new calls are refused, but for those of callbacks: these may
 * use the engine until they return. Moving an engine, like any object, is for one thread alone.
 *
 * Callbacks may throw. What one throws on the thread that called a method is thrown out of that method when it is done;
 * a progress function that throws cancels its job. On the worker's thread there is nobody to catch it: std::terminate()
 * is called, as for every std::thread. Inside a callback close() throws, worker_stop() and jobs_run_due() fail.
 *
 * Processes. After fork() the methods of an engine fail in the child, and closing it there only forgets it.
 */

#ifndef IMPORT_CJI_HPP
#define IMPORT_CJI_HPP

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

extern "C" {
#include "import_cji.h"
}

namespace cji {

/// A reply with code 2, or a call that could not be made.
class error : public std::runtime_error {
public:
    error(int code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// The code of the reply: 2.
    int code() const noexcept { return code_; }

private:
    int code_;
};

/// What an import answers.
struct reply {
    int code = 0;         ///< 1: done, 2: failed.
    std::string message;  ///< What was done, the id of the job, or what is wrong.
};

/// The 22 parameters of an import, which import_cji.h describes; what is not set is "". C++20 may set them by name:
/// `{.orgidentity = "myteam", .usertype = "agent"}`.
struct parameters {
    std::string orgidentity;
    std::string usertype;
    std::string user;
    std::string pwdtype;
    std::string password;
    std::string modeltype;
    std::string model_id;
    std::string source;
    std::string context;
    std::string source_user;
    std::string source_pwd;
    std::string exetime;
    std::string delrow;
    std::string phone_field;
    std::string priority_field;
    std::string dialtime_field;
    std::string emptyagent;
    std::string resetstatus;
    std::string dupway;
    std::string dupdiallist;
    std::string changepackage;
    std::string callbackFuc;  ///< Refused by import_ws(), which has none.
};

/// Gets the reply of an import that has ended.
using callback = std::function<void(const reply&)>;
/// Gets a running job, as the JSON that job_get() returns; true cancels it.
using progress = std::function<bool(std::string_view job)>;

/// The version of the library, such as "0.1.0".
inline std::string_view version() noexcept { return cji_version(); }

namespace detail {

/// Reads what a reply is made of from its JSON.
class json {
public:
    explicit json(std::string_view text) : rest_(text) {}

    /// Calls `member(name, *this)` for each member of the object that follows; it must read the value.
    template <typename Member>
    void object(Member member) {
        take('{');
        if (next() != '}') {
            do {
                const std::string name = text();
                take(':');
                member(name, *this);
            } while (next() == ',' && take(','));
        }
        take('}');
    }

    std::string text() {
        take('"');
        std::string read;
        for (char c = any(); c != '"'; c = any()) {
            if (c != '\\') {
                read += c;
                continue;
            }
            switch (c = any()) {
            case 'b': read += '\b'; break;
            case 'f': read += '\f'; break;
            case 'n': read += '\n'; break;
            case 'r': read += '\r'; break;
            case 't': read += '\t'; break;
            case 'u': escaped(read); break;
            default: read += c;
            }
        }
        return read;
    }

    /// The text of any value, unread.
    std::string_view value() {
        next();
        const std::string_view from = rest_;
        std::size_t depth = 0;
        do {
            switch (next()) {
            case '{': case '[': ++depth; any(); break;
            case '}': case ']': --depth; any(); break;
            case ',': case ':': any(); break;
            case '"': skip_text(); break;
            default: rest_.remove_prefix(std::min(rest_.find_first_of(",:]} \t\r\n"), rest_.size()));
            }
        } while (depth > 0);
        return from.substr(0, from.size() - rest_.size());
    }

private:
    /// The next character past white space, which stays.
    char next() {
        const std::size_t at = rest_.find_first_not_of(" \t\r\n");
        if (at == std::string_view::npos) fail();
        rest_.remove_prefix(at);
        return rest_.front();
    }

    bool take(char expected) {
        if (next() != expected) fail();
        any();
        return true;
    }

    char any() {
        if (rest_.empty()) fail();
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void skip_text() {
        any();
        for (char c = any(); c != '"'; c = any()) {
            if (c == '\\') any();
        }
    }

    std::uint32_t unit() {
        std::uint32_t read = 0;
        for (int digit = 0; digit < 4; ++digit) {
            const char c = any();
            const std::size_t value = std::string_view("0123456789abcdefABCDEF").find(c);
            if (value == std::string_view::npos) fail();
            read = read * 16 + static_cast<std::uint32_t>(value > 15 ? value - 6 : value);
        }
        return read;
    }

    /// `\uD83D\uDE00` as UTF-8; half a pair becomes U+FFFD.
    void escaped(std::string& read) {
        std::uint32_t c = unit();
        if (c >= 0xD800 && c < 0xDC00 && rest_.substr(0, 2) == "\\u") {
            const std::string_view before = rest_;
            rest_.remove_prefix(2);
            const std::uint32_t low = unit();
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            } else {
                rest_ = before;
            }
        }
        if (c >= 0xD800 && c < 0xE000) c = 0xFFFD;
        const auto byte = [&read](std::uint32_t bits) { read += static_cast<char>(bits); };
        if (c < 0x80) {
            byte(c);
        } else if (c < 0x800) {
            byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
        } else if (c < 0x10000) {
            byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
        } else {
            byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
        }
    }

    [[noreturn]] static void fail() { throw error(2, "the library's reply is not the JSON that this header reads"); }

    std::string_view rest_;
};

/// A reply, and its "data" as it stands there.
struct answer : reply {
    std::string_view data;
};

inline answer read(std::string_view text) {
    answer read;
    json(text).object([&read](const std::string& name, json& value) {
        if (name == "code") {
            const std::string_view digits = value.value();
            std::from_chars(digits.data(), digits.data() + digits.size(), read.code);
        } else if (name == "message") {
            read.message = value.text();
        } else if (name == "data") {
            read.data = value.value();
        } else {
            value.value();
        }
    });
    return read;
}

using owned = std::unique_ptr<char, decltype(&cji_text_free)>;

inline owned own(char* text) { return {text, &cji_text_free}; }

/// The text as C takes it, which ends with NUL anyway.
inline const char* c_text(const char* name, const std::string& text) {
    if (text.find('\0') != text.npos) throw error(2, std::string(name) + " holds a NUL, which C takes for its end");
    return text.c_str();
}

/// A copy of a text that ends with NUL.
class c_copy {
public:
    c_copy(const char* name, std::string_view text) : text_(text) { c_text(name, text_); }

    operator const char*() const noexcept { return text_.c_str(); }

private:
    std::string text_;
};

/// How many callbacks run on this thread, one inside the other.
inline thread_local int callbacks = 0;

struct state;

/// The host's function behind `user_data`. It stays until the engine is closed, since the library may be about to call
/// it; the function in it may be replaced at any time.
template <typename Function>
class slot {
public:
    explicit slot(state& of) : owner(of) {}

    /// Returns what was in it.
    std::shared_ptr<const Function> swap(std::shared_ptr<const Function> next) {
        const std::lock_guard<std::mutex> lock(mutex_);
        function_.swap(next);
        return next;
    }

    std::shared_ptr<const Function> get() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return function_;
    }

    state& owner;

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Function> function_;
};

/// What stays where it is when an engine is moved.
struct state {
    cji_engine* handle = nullptr;
    pid_t process = getpid();
    std::atomic<bool> closing{false};  // Only callbacks may still call.
    std::atomic<bool> closed{false};   // Nobody may.
    std::atomic<int> calls{0};
    std::mutex closer;
    std::mutex setter;  // Two threads change the library's side and ours in one order.
    std::mutex mutex;   // of `replies`
    std::map<std::string, slot<callback>> replies;
    slot<progress> watching{*this};

    slot<callback>& of(std::string_view name) {
        const std::lock_guard<std::mutex> lock(mutex);
        return replies.try_emplace(std::string(name), *this).first->second;
    }

    /// Waits for the calls of other threads and for the worker, and closes the handle, once. Who comes second returns
    /// when it is closed, too.
    void close() {
        if (getpid() != process) {
            // In a forked child the threads that were in a call, or closing, are not there.
            if (!closed.exchange(true)) cji_engine_close(handle);
            return;
        }
        const std::lock_guard<std::mutex> lock(closer);
        if (closed) return;
        closing = true;
        await_calls();
        // The worker's callbacks may call on until it has stopped.
        cji_text_free(cji_worker_stop(handle));
        closed = true;
        // A callback of another engine may have called meanwhile.
        await_calls();
        cji_engine_close(handle);
    }

private:
    void await_calls() const {
        while (calls > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
};

/// A call that runs on this thread.
class running {
public:
    explicit running(state* of) : of_(of), outer_(innermost) {
        if (of_ == nullptr) throw error(2, "the engine is closed");
        // In this order: close() sets `closing` or `closed` and then looks at `calls`.
        ++of_->calls;
        if (of_->closed || (of_->closing && callbacks == 0)) {
            --of_->calls;
            throw error(2, "the engine is closed");
        }
        innermost = this;
    }

    running(const running&) = delete;
    running& operator=(const running&) = delete;

    ~running() {
        innermost = outer_;
        --of_->calls;
    }

    /// Keeps what a callback threw, until the C frames between are gone. True: it is kept, by the call that runs the
    /// callback.
    static bool keep(const state& of, std::exception_ptr thrown) noexcept {
        if (innermost == nullptr || innermost->of_ != &of) return false;
        if (innermost->thrown_ == nullptr) innermost->thrown_ = std::move(thrown);
        return true;
    }

    void rethrow() const {
        if (thrown_ != nullptr) std::rethrow_exception(thrown_);
    }

private:
    inline static thread_local running* innermost = nullptr;

    state* of_;
    running* outer_;
    std::exception_ptr thrown_;
};

/// Runs a callback; nothing that it throws crosses the C frames.
template <typename Run>
std::int32_t guarded(const state& owner, Run run) noexcept {
    ++callbacks;
    std::int32_t answer = 1;
    try {
        answer = run();
    } catch (...) {
        if (!running::keep(owner, std::current_exception())) std::terminate();
    }
    --callbacks;
    return answer;
}

extern "C" inline void cji_hpp_reply(const char* text, void* user_data) noexcept {
    const auto& to = *static_cast<const slot<callback>*>(user_data);
    guarded(to.owner, [&] {
        const std::shared_ptr<const callback> function = to.get();
        if (function != nullptr) (*function)(read(text));
        return 0;
    });
}

extern "C" inline std::int32_t cji_hpp_progress(const char* job, void* user_data) noexcept {
    const auto& to = *static_cast<const slot<progress>*>(user_data);
    return guarded(to.owner, [&] {
        const std::shared_ptr<const progress> function = to.get();
        return function != nullptr && (*function)(job) ? 1 : 0;
    });
}

}  // namespace detail

/// One open store; closed by close() or when it is destroyed. It may be moved, not copied.
class engine {
public:
    /// Opens a store, and makes it where there is none. Throws where the loaded library is not of this header's ABI.
    explicit engine(std::string_view location, std::string_view options = {}) : state_(new detail::state) {
        if (cji_abi_version() != CJI_ABI_VERSION) {
            throw error(2, "the loaded library has the ABI version " + std::to_string(cji_abi_version()) +
                               ", this program was compiled for " + std::to_string(CJI_ABI_VERSION));
        }
        char* failure = nullptr;
        state_->handle = cji_engine_open(text("location", location), text("options", options), &failure);
        if (state_->handle == nullptr) done(detail::own(failure));
    }

    engine(engine&& other) noexcept = default;

    engine& operator=(engine&& other) noexcept {
        engine(std::move(other)).state_.swap(state_);
        return *this;
    }

    /// Closes it. Inside a callback the library can't: there the handle stays open until the process ends.
    ~engine() {
        if (state_ == nullptr) return;
        if (detail::callbacks == 0) {
            state_->close();
        } else if (!state_->closed) {
            state_.release();
        }
    }

    /// Waits for the calls of other threads and for the worker, and lets go of the store. Closed again, nothing happens.
    /// While another thread closes it, this waits until it is closed.
    void close() {
        if (state_ == nullptr) return;
        if (detail::callbacks == 0) {
            state_->close();
        } else if (!state_->closed) {
            throw error(2, "an engine can't be closed inside a callback");
        }
    }

    // The import. The texts of the last three are replies for clients, failures too.

    reply import_cji(const parameters& p) {
        return done(with(p, [&](auto... texts) {
            return call(::import_cji, texts..., detail::c_text("callbackFuc", p.callbackFuc));
        }));
    }

    std::string import_ws(const parameters& p) {
        if (!p.callbackFuc.empty()) throw error(2, "import_ws has no callbackFuc");
        return with(p, [&](auto... texts) { return call(::import_ws, texts...); }).get();
    }

    std::string import_event(std::string_view query) { return call(::import_event, text("query", query)).get(); }

    std::string import_jsonp(std::string_view query) { return call(::import_jsonp, text("query", query)).get(); }

    // The catalogue. These return the message of the reply, campaign_add() the campaign's id.

    std::string team_add(std::string_view orgidentity, std::string_view name) {
        return message(cji_team_add, text("orgidentity", orgidentity), text("name", name));
    }

    std::string user_set(std::string_view orgidentity, std::string_view usertype, std::string_view user,
                         std::string_view pwdtype, std::string_view password) {
        return message(cji_user_set, text("orgidentity", orgidentity), text("usertype", usertype), text("user", user),
                       text("pwdtype", pwdtype), text("password", password));
    }

    std::string user_disable(std::string_view orgidentity, std::string_view usertype, std::string_view user) {
        return message(cji_user_disable, text("orgidentity", orgidentity), text("usertype", usertype),
                       text("user", user));
    }

    std::string main_table_define(std::string_view orgidentity, std::string_view definition) {
        return message(cji_main_table_define, text("orgidentity", orgidentity), text("definition", definition));
    }

    std::string campaign_add(std::string_view orgidentity, std::string_view definition) {
        return message(cji_campaign_add, text("orgidentity", orgidentity), text("definition", definition));
    }

    /// The "data" of the reply, as are those of job_get() and of all that list, lease or query.
    std::string campaign_get(std::string_view campaign_id) {
        return data(cji_campaign_get, text("campaign_id", campaign_id));
    }

    // Jobs.

    std::string job_get(std::string_view job_id) { return data(cji_job_get, text("job_id", job_id)); }

    std::string job_list(std::string_view filter = {}) { return data(cji_job_list, text("filter", filter)); }

    std::string job_cancel(std::string_view job_id) { return message(cji_job_cancel, text("job_id", job_id)); }

    std::string job_rejects(std::string_view job_id, std::string_view path) {
        return message(cji_job_rejects, text("job_id", job_id), text("path", path));
    }

    /// Returns how many jobs it ran, as text.
    std::string jobs_run_due() { return message(cji_jobs_run_due); }

    std::string worker_start() { return message(cji_worker_start); }

    std::string worker_stop() { return message(cji_worker_stop); }

    /// An empty function takes the name away. A function that is replaced lives until no thread runs it.
    void callback_set(std::string_view name, callback function) {
        const detail::running here(state_.get());
        set(state_->of(name), std::move(function), [&](auto& slot, bool any) {
            return call(cji_callback_set, text("name", name), any ? &detail::cji_hpp_reply : nullptr, &slot);
        });
    }

    /// An empty function takes the watching one away.
    void progress_set(progress function) {
        const detail::running here(state_.get());
        set(state_->watching, std::move(function), [&](auto& slot, bool any) {
            return call(cji_progress_set, any ? &detail::cji_hpp_progress : nullptr, &slot);
        });
    }

    // What the import filled.

    std::string customer_list(std::string_view campaign_id, std::string_view filter = {}) {
        return data(cji_customer_list, text("campaign_id", campaign_id), text("filter", filter));
    }

    std::string customer_set(std::string_view campaign_id, std::string_view customer_id, std::string_view changes) {
        return message(cji_customer_set, text("campaign_id", campaign_id), text("customer_id", customer_id),
                       text("changes", changes));
    }

    std::string dial_list(std::string_view campaign_id, std::string_view filter = {}) {
        return data(cji_dial_list, text("campaign_id", campaign_id), text("filter", filter));
    }

    std::string dial_next(std::string_view campaign_id, std::int32_t limit, std::int32_t lease_seconds) {
        return data(cji_dial_next, text("campaign_id", campaign_id), limit, lease_seconds);
    }

    std::string dial_done(std::string_view campaign_id, std::string_view entry_id, std::string_view outcome) {
        return message(cji_dial_done, text("campaign_id", campaign_id), text("entry_id", entry_id),
                       text("outcome", outcome));
    }

    std::string query(std::string_view sql, std::string_view arguments = {}) {
        return data(cji_query, text("sql", sql), text("arguments", arguments));
    }

private:
    using text = detail::c_copy;

    /// Runs a function of C; then throws what its callbacks threw.
    template <typename Function, typename... Arguments>
    detail::owned call(Function function, const Arguments&... arguments) {
        const detail::running here(state_.get());
        detail::owned answer = detail::own(function(state_->handle, arguments...));
        here.rethrow();
        return answer;
    }

    /// The reply in `text`, which must be code 1. Its `data` lives as long as `text`.
    static detail::answer done(const detail::owned& text) {
        detail::answer answer = detail::read(text.get());
        if (answer.code != 1) throw error(answer.code, answer.message);
        return answer;
    }

    template <typename... Arguments>
    std::string message(Arguments&&... arguments) {
        return done(call(std::forward<Arguments>(arguments)...)).message;
    }

    template <typename... Arguments>
    std::string data(Arguments&&... arguments) {
        return std::string(done(call(std::forward<Arguments>(arguments)...)).data);
    }

    /// Gives the parameters that both forms of an import have to `call`.
    template <typename Call>
    static detail::owned with(const parameters& p, Call call) {
        using detail::c_text;
        return call(c_text("orgidentity", p.orgidentity), c_text("usertype", p.usertype), c_text("user", p.user),
                    c_text("pwdtype", p.pwdtype), c_text("password", p.password), c_text("modeltype", p.modeltype),
                    c_text("model_id", p.model_id), c_text("source", p.source), c_text("context", p.context),
                    c_text("source_user", p.source_user), c_text("source_pwd", p.source_pwd),
                    c_text("exetime", p.exetime), c_text("delrow", p.delrow), c_text("phone_field", p.phone_field),
                    c_text("priority_field", p.priority_field), c_text("dialtime_field", p.dialtime_field),
                    c_text("emptyagent", p.emptyagent), c_text("resetstatus", p.resetstatus),
                    c_text("dupway", p.dupway), c_text("dupdiallist", p.dupdiallist),
                    c_text("changepackage", p.changepackage));
    }

    /// Fills a slot and tells the library of it: a job may end at any moment, so the library never knows of an empty
    /// slot. Where it refuses, the slot has again what was in it.
    template <typename Function, typename Tell>
    void set(detail::slot<Function>& slot, Function function, Tell tell) {
        std::shared_ptr<const Function> replaced;  // is destroyed when nothing is locked
        const std::lock_guard<std::mutex> lock(state_->setter);
        if (!function) {
            done(tell(slot, false));
            replaced = slot.swap(nullptr);
            return;
        }
        replaced = slot.swap(std::make_shared<const Function>(std::move(function)));
        try {
            done(tell(slot, true));
        } catch (...) {
            replaced = slot.swap(std::move(replaced));
            throw;
        }
    }

    std::unique_ptr<detail::state> state_;
};

}  // namespace cji

#endif  // IMPORT_CJI_HPP
