// Imports a file each night, and shows how it goes.
//
//     c++ -std=c++17 -pthread examples/cpp/nightly.cpp $(pkg-config --cflags --libs import_cji) -o nightly
//     ./nightly calls.db http://192.168.1.88/leads.csv              at 02:00:00, until it is stopped
//     ./nightly calls.db http://192.168.1.88/leads.csv 23:30:00 1   tonight at half past eleven, once
//
// The library keeps the schedule: stopped and started again, the program goes on with what is in the database.

#include <ctime>
#include <future>
#include <import_cji.hpp>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace {

// The team, the agent and campaign 1 that the file is for, where they are not there yet.
void prepare(cji::engine& engine) {
    engine.team_add("myteam", "My team");
    engine.user_set("myteam", "agent", "1001", "plaintext", "secret");
    try {
        engine.campaign_get("1");
    } catch (const cji::error&) {
        engine.campaign_add("myteam", R"({"name": "Spring renewals", "id": "1"})");
    }
}

// The next time that the clock shows `clock`, "02:00:00", as `exetime` has it.
std::string next(const std::string& clock) {
    const auto day = [](std::time_t at, const char* format) {
        std::ostringstream text;
        text << std::put_time(std::localtime(&at), format);
        return text.str();
    };
    const std::time_t now = std::time(nullptr);
    std::tm noon = *std::localtime(&now);
    noon.tm_hour = 12;  // a day later it is the next day, whatever the clock changes do
    const bool today = day(now, "%H:%M:%S") < clock;
    return day(std::mktime(&noon) + (today ? 0 : 24 * 60 * 60), "%Y-%m-%d ") + clock;
}

// Schedules the import, unless one of an earlier run of this program waits or goes on.
void schedule(cji::engine& engine, const std::string& url, const std::string& clock) {
    for (const char* state : {"scheduled", "running"}) {
        const json jobs = json::parse(engine.job_list(json{{"campaign", 1}, {"state", state}}.dump()))["jobs"];
        if (!jobs.empty()) {
            std::cout << "job " << jobs[0]["id"] << " is " << state << " for " << jobs[0]["run_at"] << std::endl;
            return;
        }
    }
    cji::parameters leads;
    leads.orgidentity = "myteam";
    leads.usertype = "agent";
    leads.user = "1001";
    leads.pwdtype = "plaintext";
    leads.password = "secret";
    leads.modeltype = "Campaign";
    leads.model_id = "1";
    leads.source = "http";
    leads.context = url;
    leads.exetime = next(clock);
    leads.delrow = "1";
    leads.phone_field = "phone1";
    leads.dupway = "update";
    leads.callbackFuc = "ended";
    std::cout << "job " << engine.import_cji(leads).message << " runs at " << leads.exetime << std::endl;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 3) {
        std::cerr << "nightly DATABASE URL [HH:MM:SS [NIGHTS]]\n";
        return 2;
    }
    const std::string url = argv[2], clock = argc > 3 ? argv[3] : "02:00:00";
    int nights = argc > 4 ? std::stoi(argv[4]) : 0;
    std::promise<void> finished;

    cji::engine engine(argv[1]);
    prepare(engine);

    // Both are called on the worker's thread. What they throw ends the program, as in any thread: start it again.
    engine.progress_set([](std::string_view text) {
        const json job = json::parse(text);
        std::cout << job["bytes_read"] << " bytes, " << job["read"] << " rows: " << job["inserted"] << " new, "
                  << job["updated"] << " updated, " << job["rejected"] << " rejected" << std::endl;
        return false;
    });
    engine.callback_set("ended", [&](const cji::reply& reply) {
        std::cout << (reply.code == 1 ? "job " + reply.message + ": done" : reply.message) << std::endl;
        if (--nights == 0) {
            finished.set_value();
        } else {
            schedule(engine, url, clock);
        }
    });

    schedule(engine, url, clock);
    engine.worker_start();
    finished.get_future().wait();
} catch (const cji::error& error) {
    std::cerr << "nightly: " << error.what() << '\n';
    return 1;
}
