// What import_cji.hpp adds to the C API: texts, exceptions, ownership, callbacks that throw.
//
//     wrapper SERVER [WORD...]     without the tests whose name has one of the words
//
// SERVER is the base URL that tests/cases/serve.py printed.

#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <optional>
#include <vector>

extern "C" {
#include "import_cji.h"
}

// Runs as soon as the library knows of a callback, before the wrapper goes on; false: the library is to refuse it.
static std::function<bool()> when_told;

static char* cji_callback_set_and_told(cji_engine* engine, const char* name, cji_callback callback, void* user_data) {
    char* reply = cji_callback_set(engine, name, callback, user_data);
    if (when_told && !when_told()) {
        cji_text_free(reply);
        reply = cji_callback_set(engine, "", callback, user_data);
    }
    return reply;
}

#define cji_callback_set cji_callback_set_and_told
#include "import_cji.hpp"
#undef cji_callback_set

namespace {

struct Test {
    const char* name;
    void (*run)();
};

std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

#define TEST(name)                                                    \
    void name();                                                      \
    const bool name##_is_a_test = (tests().push_back({#name, name}), true); \
    void name()

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            throw std::logic_error("line " + std::to_string(__LINE__) + ": " #condition);      \
        }                                                                                      \
    } while (false)

std::string server;

// The message of the error that `run` must throw.
template <typename Run>
std::string refused(Run run) {
    try {
        run();
    } catch (const cji::error& error) {
        CHECK(error.code() == 2);
        return error.what();
    }
    throw std::logic_error("nothing was thrown");
}

bool has(const std::string& text, const std::string& word) { return text.find(word) != text.npos; }

// A store with a team, an agent and campaign 1.
cji::engine store(const std::string& options = R"({"retries":0})") {
    cji::engine engine(":memory:", options);
    engine.team_add("myteam", "My team");
    engine.user_set("myteam", "agent", "1001", "plaintext", "secret");
    engine.campaign_add("myteam", R"({"name":"Spring renewals"})");
    return engine;
}

cji::parameters record(const std::string& context) {
    cji::parameters p;
    p.orgidentity = "myteam";
    p.usertype = "agent";
    p.user = "1001";
    p.pwdtype = "plaintext";
    p.password = "secret";
    p.modeltype = "Campaign";
    p.model_id = "1";
    p.source = "data";
    p.context = context;
    return p;
}

cji::parameters file() {
    cji::parameters p = record(server + "/leads.csv");
    p.source = "http";
    return p;
}

cji::parameters calling(cji::parameters p, const std::string& name = "done") {
    p.callbackFuc = name;
    return p;
}

// How a child ends that runs `run` in a process of its own.
template <typename Run>
int status_of_child(Run run) {
    const pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

// ---- texts

TEST(a_text_need_not_end_with_nul) {
    cji::engine engine = store();
    const std::string_view both = "another teamMore";
    engine.team_add(both.substr(0, 7), both.substr(8, 4));
    CHECK(has(engine.query("SELECT orgidentity, name FROM team WHERE id = 2"), R"([["another","team"]])"));
}

TEST(a_text_that_holds_a_nul_is_refused_by_the_name_of_its_parameter) {
    using namespace std::string_literals;
    cji::engine engine = store();
    CHECK(has(refused([&] { engine.team_add("team", "a\0b"s); }), "name holds a NUL"));
    CHECK(has(refused([&] { engine.query("SELECT 1\0"s); }), "sql holds a NUL"));
    CHECK(has(refused([&] { engine.import_jsonp("callback=f\0"s); }), "query holds a NUL"));
    CHECK(has(refused([&] { engine.callback_set("a\0b"s, nullptr); }), "name holds a NUL"));
    CHECK(has(refused([] { cji::engine(":memory:\0"s); }), "location holds a NUL"));
    CHECK(has(refused([] { cji::engine(":memory:", "{}\0"s); }), "options holds a NUL"));
    cji::parameters p = record("phone1=1");
    p.dialtime_field = "\0"s;
    CHECK(has(refused([&] { engine.import_cji(p); }), "dialtime_field holds a NUL"));
    CHECK(has(refused([&] { engine.import_ws(p); }), "dialtime_field holds a NUL"));
}

TEST(a_text_that_is_not_utf8_is_refused) {
    cji::engine engine = store();
    CHECK(has(refused([&] { engine.team_add("team", "\xff"); }), "UTF-8"));
    CHECK(has(refused([&] { engine.import_cji(record("name=\xff")); }), "context"));
    CHECK(has(engine.import_event("\xff"), "|Retuen|2|Retuen|"));
}

TEST(a_parameter_that_is_not_set_is_empty) {
    cji::engine engine = store();
    CHECK(has(refused([&] { engine.import_cji({}); }), "orgidentity is empty"));
    CHECK(engine.import_cji(record("phone1=1")).message == "customer 1 added");
}

TEST(a_failure_to_open_says_why) {
    CHECK(has(refused([] { cji::engine("/none/calls.db"); }), "/none/calls.db"));
    CHECK(has(refused([] { cji::engine(":memory:", "[]"); }), "options"));
}

TEST(a_callback_that_import_ws_does_not_have_is_refused) {
    cji::engine engine = store();
    CHECK(has(refused([&] { engine.import_ws(calling(record("phone1=1"))); }), "callbackFuc"));
    CHECK(has(engine.import_ws(record("phone1=1")), "customer 1 added"));
}

// ---- replies

TEST(a_reply_is_read_in_any_order_and_spacing) {
    const auto read = cji::detail::read(" { \"data\" : [ {\"a}\\\"\":\"]\"} , 1.5e3, null ] , \"more\":[[]],\n"
                                        "\"message\":\"m\" , \"code\": 2 } ");
    CHECK(read.code == 2 && read.message == "m");
    CHECK(read.data == "[ {\"a}\\\"\":\"]\"} , 1.5e3, null ]");
}

TEST(a_message_has_the_characters_that_json_escapes) {
    const auto message = [](const std::string& text) {
        return cji::detail::read("{\"code\":1,\"message\":\"" + text + "\"}").message;
    };
    CHECK(message(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
    CHECK(message("张 😀") == "张 😀");
    CHECK(message(R"(A\u00fc\u00FC\u5f20\ud83d\uDE00)") == "Aüü张😀");
    CHECK(message(R"(\u0000)") == std::string(1, '\0'));
    CHECK(message(R"(\ud83d)") == "\uFFFD" && message(R"(\ude00x)") == "\uFFFDx");
    CHECK(message(R"(\ud83d\u0041)") == "\uFFFD" "A" && message(R"(\ud83d\n)") == "\uFFFD\n");
}

TEST(what_is_no_reply_is_refused_and_not_read_past_its_end) {
    const std::string whole = R"({"code":1,"message":"a\u00fc","data":{"b":["c\"",[2]]}})";
    for (std::size_t length = 0; length < whole.size(); ++length) {
        // A copy of just these bytes, so that valgrind sees a step beyond them.
        const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        refused([&] { cji::detail::read({part.data(), part.size()}); });
    }
    refused([] { cji::detail::read(R"({"code":1,"message":"\uzzzz"})"); });
    CHECK(cji::detail::read(whole).data == R"({"b":["c\"",[2]]})");
}

// ---- lifetimes

TEST(a_closed_engine_refuses_every_call_and_may_be_closed_again) {
    cji::engine engine = store();
    engine.close();
    engine.close();
    CHECK(has(refused([&] { engine.campaign_get("1"); }), "closed"));
    CHECK(has(refused([&] { engine.import_cji(record("phone1=1")); }), "closed"));
    CHECK(has(refused([&] { engine.import_event("EVENT=Import"); }), "closed"));
    CHECK(has(refused([&] { engine.callback_set("done", nullptr); }), "closed"));
    CHECK(has(refused([&] { engine.progress_set(nullptr); }), "closed"));
}

TEST(an_engine_is_moved_with_all_that_it_has) {
    int heard = 0;
    cji::engine first = store();
    first.callback_set("done", [&](const cji::reply&) { ++heard; });
    cji::engine second = std::move(first);
    second.import_cji(calling(record("phone1=1")));
    CHECK(heard == 1);
    CHECK(has(refused([&] { first.campaign_get("1"); }), "closed"));
    first.close();
}

TEST(an_engine_that_is_assigned_to_closes_what_it_had) {
    cji::engine first = store(), second = store();
    first.import_cji(record("phone1=1"));
    auto owned = std::make_shared<int>();
    const std::weak_ptr<int> alive = owned;
    second.callback_set("done", [owned = std::move(owned)](const cji::reply&) {});
    second = std::move(first);
    CHECK(alive.expired());
    CHECK(has(second.campaign_get("1"), R"("customers":1)"));
}

TEST(closing_waits_for_the_calls_of_other_threads) {
    cji::engine engine = store();
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int n = 0;; ++n) {
                try {
                    engine.import_cji(record("phone1=" + std::to_string(thread) + std::to_string(n)));
                    ++done;
                } catch (const cji::error& error) {
                    if (!has(error.what(), "closed")) std::terminate();
                    return;
                }
            }
        });
    }
    while (done < 20) std::this_thread::yield();
    std::thread other([&] { engine.close(); });
    engine.close();
    other.join();
    for (std::thread& thread : threads) thread.join();
}

// An engine with a callback that is in the middle of its work, and uses the engine when it is told to go on.
struct Busy {
    explicit Busy(const std::string& options = R"({"retries":0})") : engine(store(options)) {
        // `engine` is empty as soon as the engine in it begins to be destroyed.
        engine->callback_set("done", [this, &own = *engine](const cji::reply&) {
            inside = true;
            while (!go_on) std::this_thread::yield();
            try {
                heard = own.campaign_get("1");
                own.callback_set("other", nullptr);
                closing = refused([&own] { own.close(); });
            } catch (const std::exception& error) {
                heard = error.what();
            }
        });
    }

    // Lets it go on when calls from outside are refused, and sees whether what closes the engine waits still.
    std::thread going_on_when_closing(const std::atomic<bool>& ended) {
        return std::thread([&] {
            try {
                for (;;) engine->campaign_get("1");
            } catch (const cji::error& error) {
                outside = error.what();
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            waits = !ended;
            go_on = true;
        });
    }

    void check() const {
        if (!has(heard, R"("Spring renewals")")) throw std::logic_error("inside the callback: " + heard);
        CHECK(has(closing, "callback") && has(outside, "closed") && waits);
    }

    std::optional<cji::engine> engine;
    std::atomic<bool> inside{false}, go_on{false};
    std::string heard, closing, outside;
    bool waits = false;
};

// The same where the worker runs it.
struct BusyWorker : Busy {
    BusyWorker() : Busy(R"({"background":true,"retries":0})") {
        engine->worker_start();
        engine->import_cji(calling(file()));
        while (!inside) std::this_thread::yield();
    }
};

TEST(a_callback_of_another_threads_call_may_call_until_the_engine_is_closed) {
    Busy busy;
    std::string answer;
    std::thread caller([&] { answer = busy.engine->import_cji(calling(record("phone1=1"))).message; });
    while (!busy.inside) std::this_thread::yield();
    std::atomic<bool> ended{false};
    std::thread other = busy.going_on_when_closing(ended);
    busy.engine->close();
    ended = true;
    caller.join();
    other.join();
    busy.check();
    CHECK(answer == "customer 1 added");
}

TEST(a_callback_of_the_worker_may_call_until_the_engine_is_closed) {
    BusyWorker busy;
    std::atomic<bool> ended{false};
    std::thread other = busy.going_on_when_closing(ended);
    busy.engine->close();
    ended = true;
    other.join();
    busy.check();
}

TEST(a_callback_of_the_worker_may_call_until_the_engine_is_destroyed) {
    BusyWorker busy;
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        busy.go_on = true;
    });
    busy.engine.reset();
    other.join();
    CHECK(has(busy.heard, R"("Spring renewals")"));
}

TEST(closing_on_two_threads_returns_on_both_when_it_is_closed) {
    BusyWorker busy;
    std::atomic<int> ended{0};
    std::thread first([&] { busy.engine->close(), ++ended; }), second([&] { busy.engine->close(), ++ended; });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const int early = ended;
    busy.go_on = true;
    first.join();
    second.join();
    CHECK(early == 0 && has(busy.heard, R"("Spring renewals")"));
}

TEST(an_engine_ends_with_a_worker_and_a_job_running) {
    std::atomic<int> heard{0};
    for (int n = 0; n < 5; ++n) {
        cji::engine engine = store(R"({"background":true,"retries":0})");
        engine.callback_set("done", [&](const cji::reply&) { ++heard; });
        engine.progress_set([](std::string_view) { return false; });
        engine.worker_start();
        engine.import_cji(calling(file()));
        if (n == 4) {
            while (heard == 0) std::this_thread::yield();
        }
    }
    const int then = heard;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(heard == then);
}

TEST(a_forked_child_can_only_close_what_its_parent_opened) {
    cji::engine engine = store();
    std::atomic<bool> inside{false}, leave{false};
    engine.callback_set("done", [&](const cji::reply&) {
        inside = true;
        while (!leave) std::this_thread::yield();
    });
    std::thread other([&] { engine.import_cji(calling(record("phone1=1"))); });
    while (!inside) std::this_thread::yield();
    const int status = status_of_child([&] {
        alarm(20);
        const bool refuses = has(refused([&] { engine.campaign_get("1"); }), "process");
        engine.close();  // The thread that is inside a call is not here to end it.
        cji::engine own(":memory:");
        own.team_add("a", "b");
        _exit(refuses ? 0 : 1);
    });
    leave = true;
    other.join();
    CHECK(status == 0);
    CHECK(has(engine.campaign_get("1"), R"("customers":1)"));
}

// ---- callbacks

TEST(a_callback_gets_the_reply) {
    cji::engine engine = store();
    std::vector<cji::reply> heard;
    engine.callback_set("done", [&](const cji::reply& reply) { heard.push_back(reply); });
    engine.import_cji(calling(record("phone1=1")));
    refused([&] { engine.import_cji(calling(record("colour=red"))); });
    CHECK(heard.size() == 2);
    CHECK(heard[0].code == 1 && heard[0].message == "customer 1 added");
    CHECK(heard[1].code == 2 && has(heard[1].message, "colour"));
}

TEST(what_a_callback_throws_comes_out_of_the_call_that_was_done) {
    cji::engine engine = store();
    engine.callback_set("done", [](const cji::reply&) { throw std::range_error("mine"); });
    try {
        engine.import_cji(calling(record("phone1=1")));
        CHECK(!"thrown");
    } catch (const std::range_error& error) {
        CHECK(error.what() == std::string("mine"));
    }
    CHECK(has(engine.campaign_get("1"), R"("customers":1)"));
    engine.callback_set("done", [](const cji::reply&) { throw 7; });
    try {
        engine.import_event("EVENT=Import&orgidentity=myteam&usertype=agent&user=1001&pwdtype=plaintext&password=secret"
                            "&modeltype=Campaign&model_id=1&source=data&context=phone1%3D2&callbackFuc=done");
        CHECK(!"thrown");
    } catch (int thrown) {
        CHECK(thrown == 7);
    }
}

TEST(progress_that_throws_cancels_the_job) {
    cji::engine engine = store();
    std::string last;
    engine.progress_set([&](std::string_view job) -> bool {
        last = job;
        throw std::range_error("mine");
    });
    try {
        engine.import_cji(file());
        CHECK(!"thrown");
    } catch (const std::range_error&) {
    }
    CHECK(has(last, R"("state":"cancelled")"));
    CHECK(has(engine.job_get("1"), R"("state":"cancelled")"));
}

TEST(what_callbacks_throw_inside_each_other_comes_out_of_their_own_calls) {
    cji::engine engine = store();
    std::string inner;
    engine.callback_set("inner", [](const cji::reply&) { throw std::range_error("inner"); });
    engine.callback_set("outer", [&](const cji::reply&) {
        try {
            engine.import_cji(calling(record("phone1=2"), "inner"));
        } catch (const std::range_error& error) {
            inner = error.what();
        }
        throw 7;
    });
    try {
        engine.import_cji(calling(record("phone1=1"), "outer"));
        CHECK(!"thrown");
    } catch (int) {
    }
    CHECK(inner == "inner");
}

TEST(what_a_callback_throws_on_the_workers_thread_ends_the_program_as_in_any_thread) {
    const int status = status_of_child([] {
        std::set_terminate([] {
            try {
                std::rethrow_exception(std::current_exception());
            } catch (const std::range_error&) {
                _exit(42);
            } catch (...) {
                _exit(43);
            }
        });
        cji::engine engine = store(R"({"background":true,"retries":0})");
        engine.callback_set("done", [](const cji::reply&) { throw std::range_error("mine"); });
        engine.worker_start();
        engine.import_cji(calling(file()));
        std::this_thread::sleep_for(std::chrono::seconds(20));
    });
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

TEST(a_callback_may_call_the_engine_but_not_close_it) {
    cji::engine engine = store();
    std::vector<std::string> heard;
    engine.callback_set("done", [&](const cji::reply&) {
        heard.push_back(engine.import_cji(record("phone1=2")).message);
        heard.push_back(refused([&] { engine.close(); }));
        heard.push_back(refused([&] { engine.worker_stop(); }));
        heard.push_back(refused([&] { engine.jobs_run_due(); }));
    });
    engine.import_cji(calling(record("phone1=1")));
    CHECK(heard.size() == 4 && heard[0] == "customer 2 added");
    for (std::size_t n = 1; n < 4; ++n) CHECK(has(heard[n], "callback"));
    engine.import_cji(record("phone1=3"));
}

TEST(an_engine_that_is_destroyed_inside_a_callback_stays_open) {
    std::optional<cji::engine> engine(store());
    int heard = 0;
    engine->callback_set("done", [&](const cji::reply&) {
        engine.reset();
        ++heard;
    });
    CHECK(engine->import_cji(calling(record("phone1=1"))).code == 1);
    CHECK(heard == 1);
}

TEST(a_callback_may_replace_or_remove_itself) {
    cji::engine engine = store();
    std::string heard;
    auto owned = std::make_shared<int>(0);
    const std::weak_ptr<int> alive = owned;
    engine.callback_set("done", [&engine, &heard, owned = std::move(owned)](const cji::reply&) {
        engine.callback_set("done", [&](const cji::reply&) {
            heard += "second ";
            engine.callback_set("done", nullptr);
        });
        heard += *owned == 0 ? "first " : "gone ";
    });
    for (int n = 0; n < 3; ++n) engine.import_cji(calling(record("phone1=" + std::to_string(n))));
    CHECK(heard == "first second ");
}

TEST(an_import_that_ends_while_its_callback_is_being_set_is_told_to_it) {
    cji::engine engine = store();
    std::string heard;
    int record_number = 0;
    when_told = [&] {
        engine.import_cji(calling(record("phone1=" + std::to_string(++record_number))));
        return true;
    };
    engine.callback_set("done", [&](const cji::reply&) { heard += "first "; });
    engine.callback_set("done", [&](const cji::reply&) { heard += "second "; });
    engine.callback_set("done", nullptr);
    when_told = nullptr;
    CHECK(record_number == 3);
    CHECK(heard == "first second ");
}

TEST(a_callback_that_the_library_refuses_leaves_the_one_before) {
    cji::engine engine = store();
    std::string heard;
    engine.callback_set("done", [&](const cji::reply&) { heard += "first "; });
    when_told = [] { return false; };
    refused([&] { engine.callback_set("done", [&](const cji::reply&) { heard += "second "; }); });
    when_told = nullptr;
    engine.import_cji(calling(record("phone1=1")));
    CHECK(heard == "first ");
}

TEST(a_replaced_callback_lives_until_no_thread_runs_it) {
    cji::engine engine = store();
    std::atomic<int> heard{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, thread] {
            for (int n = 0; !stop; ++n) {
                engine.import_cji(calling(record("phone1=" + std::to_string(thread) + std::to_string(n))));
            }
        });
    }
    std::weak_ptr<std::string> before;
    for (int n = 0; n < 200 || heard < 20; ++n) {
        auto word = std::make_shared<std::string>("kept alive by the function that has it");
        std::weak_ptr<std::string> now = word;
        engine.callback_set("done", [&heard, word = std::move(word)](const cji::reply&) {
            if (word->back() == 't') ++heard;
        });
        if (n % 3 == 0) engine.callback_set("done", nullptr);
        before = now;
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    engine.callback_set("done", nullptr);
    CHECK(before.expired());
}

TEST(threads_share_an_engine) {
    cji::engine engine = store();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&, thread] { engine.import_cji(record("phone1=" + std::to_string(thread))); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(has(engine.campaign_get("1"), R"("customers":8)"));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    server = argv[1];
    int passed = 0, failed = 0;
    for (const Test& test : tests()) {
        if (std::any_of(argv + 2, argv + argc, [&](const char* word) { return has(test.name, word); })) continue;
        try {
            test.run();
            ++passed;
        } catch (const std::exception& error) {
            std::cout << "FAILED: " << test.name << ": " << error.what() << std::endl;
            ++failed;
        }
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
