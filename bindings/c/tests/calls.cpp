// The table of cases (tests/data/calls.json) through the C++ wrapper:
//
//     calls TABLE SERVER [WORD]     only the cases whose name has the word
//
// SERVER is the base URL that tests/cases/serve.py printed.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "import_cji.hpp"

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// What the callbacks and the progress function of a case were told.
struct Heard {
    json replies = json::array();
    json job;
    bool cancel = false;
};

// A parameter's text: a missing one is "", a list or object its JSON.
std::string text(const json& with, const char* name) {
    const json value = with.value(name, json(""));
    return value.is_string() ? value.get<std::string>() : value.dump();
}

cji::parameters parameters(const json& with) {
    cji::parameters p;
    for (const auto& [name, member] : std::initializer_list<std::pair<const char*, std::string cji::parameters::*>>{
             {"orgidentity", &cji::parameters::orgidentity},
             {"usertype", &cji::parameters::usertype},
             {"user", &cji::parameters::user},
             {"pwdtype", &cji::parameters::pwdtype},
             {"password", &cji::parameters::password},
             {"modeltype", &cji::parameters::modeltype},
             {"model_id", &cji::parameters::model_id},
             {"source", &cji::parameters::source},
             {"context", &cji::parameters::context},
             {"source_user", &cji::parameters::source_user},
             {"source_pwd", &cji::parameters::source_pwd},
             {"exetime", &cji::parameters::exetime},
             {"delrow", &cji::parameters::delrow},
             {"phone_field", &cji::parameters::phone_field},
             {"priority_field", &cji::parameters::priority_field},
             {"dialtime_field", &cji::parameters::dialtime_field},
             {"emptyagent", &cji::parameters::emptyagent},
             {"resetstatus", &cji::parameters::resetstatus},
             {"dupway", &cji::parameters::dupway},
             {"dupdiallist", &cji::parameters::dupdiallist},
             {"changepackage", &cji::parameters::changepackage},
             {"callbackFuc", &cji::parameters::callbackFuc},
         }) {
        p.*member = text(with, name);
    }
    return p;
}

json done(const std::string& message) { return {{"code", 1}, {"message", message}}; }

json done(const cji::reply& reply) { return {{"code", reply.code}, {"message", reply.message}}; }

json read(const std::string& data) { return {{"code", 1}, {"message", ""}, {"data", json::parse(data)}}; }

json call(cji::engine& engine, const std::string& name, const json& with, const std::shared_ptr<Heard>& heard) {
    const auto t = [&](const char* parameter) { return text(with, parameter); };
    const auto n = [&](const char* parameter) { return with.at(parameter).get<std::int32_t>(); };
    const auto removes = [&](const char* parameter) { return with.contains(parameter); };
    if (name == "import_cji") return done(engine.import_cji(parameters(with)));
    if (name == "import_ws") return engine.import_ws(parameters(with));
    if (name == "import_event") return engine.import_event(t("query"));
    if (name == "import_jsonp") return engine.import_jsonp(t("query"));
    if (name == "cji_team_add") return done(engine.team_add(t("orgidentity"), t("name")));
    if (name == "cji_user_set") {
        return done(engine.user_set(t("orgidentity"), t("usertype"), t("user"), t("pwdtype"), t("password")));
    }
    if (name == "cji_user_disable") return done(engine.user_disable(t("orgidentity"), t("usertype"), t("user")));
    if (name == "cji_main_table_define") return done(engine.main_table_define(t("orgidentity"), t("definition")));
    if (name == "cji_campaign_add") return done(engine.campaign_add(t("orgidentity"), t("definition")));
    if (name == "cji_campaign_get") return read(engine.campaign_get(t("campaign_id")));
    if (name == "cji_job_get") return read(engine.job_get(t("job_id")));
    if (name == "cji_job_list") return read(engine.job_list(t("filter")));
    if (name == "cji_job_cancel") return done(engine.job_cancel(t("job_id")));
    if (name == "cji_job_rejects") return done(engine.job_rejects(t("job_id"), t("path")));
    if (name == "cji_jobs_run_due") return done(engine.jobs_run_due());
    if (name == "cji_worker_start") return done(engine.worker_start());
    if (name == "cji_worker_stop") return done(engine.worker_stop());
    if (name == "cji_customer_list") return read(engine.customer_list(t("campaign_id"), t("filter")));
    if (name == "cji_customer_set") {
        return done(engine.customer_set(t("campaign_id"), t("customer_id"), t("changes")));
    }
    if (name == "cji_dial_list") return read(engine.dial_list(t("campaign_id"), t("filter")));
    if (name == "cji_dial_next") return read(engine.dial_next(t("campaign_id"), n("limit"), n("lease_seconds")));
    if (name == "cji_dial_done") return done(engine.dial_done(t("campaign_id"), t("entry_id"), t("outcome")));
    if (name == "cji_query") return read(engine.query(t("sql"), t("arguments")));
    if (name == "cji_callback_set") {
        engine.callback_set(t("name"), removes("callback") ? cji::callback() : [heard](const cji::reply& reply) {
            heard->replies.push_back(done(reply));
        });
        return done("");
    }
    if (name == "cji_progress_set") {
        engine.progress_set(removes("progress") ? cji::progress() : [heard](std::string_view job) {
            heard->job = json::parse(job);
            return heard->cancel;
        });
        return done("");
    }
    throw std::logic_error("the wrapper has no method for " + name);
}

// "<any>" stands for any value, and within a text for any part of it.
bool matches(const std::string& expected, const std::string& found) {
    const std::string any = "<any>";
    const auto at = expected.find(any);
    if (at == expected.npos) return expected == found;
    if (found.compare(0, at, expected, 0, at) != 0) return false;
    const std::string rest = expected.substr(at + any.size());
    for (std::size_t from = at; from <= found.size(); ++from) {
        if (matches(rest, found.substr(from))) return true;
    }
    return false;
}

bool matches(const json& expected, const json& found) {
    if (expected == "<any>") return true;
    if (expected.type() != found.type() && !(expected.is_number() && found.is_number())) return false;
    if (expected.is_string()) return matches(expected.get<std::string>(), found.get<std::string>());
    if (!expected.is_structured()) return expected == found;
    if (expected.size() != found.size()) return false;
    for (const auto& [key, value] : expected.items()) {
        const json* other = found.is_array() ? &found[std::stoul(key)] : found.contains(key) ? &found[key] : nullptr;
        if (other == nullptr || !matches(value, *other)) return false;
    }
    return true;
}

void must(const std::string& what, const json& expected, const json& found) {
    if (matches(expected, found)) return;
    throw std::runtime_error(what + "\n  must be " + expected.dump() + "\n  but is  " + found.dump());
}

std::string replaced(std::string text, const std::string& word, const std::string& by) {
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + by.size())) {
        text.replace(at, word.size(), by);
    }
    return text;
}

void run(const json& table, const json& given, const std::string& server, const fs::path& folder) {
    const json one = json::parse(replaced(replaced(given.dump(), "<server>", server), "<tmp>", folder.string()));
    const std::string location = one.value("location", ":memory:");
    const std::string options = text(one.contains("options") ? one : table, "options");
    if (one.contains("open")) {
        try {
            cji::engine(location, options);
        } catch (const cji::error& error) {
            return must("cji_engine_open", one["open"], {{"code", error.code()}, {"message", error.what()}});
        }
        throw std::runtime_error("cji_engine_open must fail");
    }
    const auto heard = std::make_shared<Heard>();
    const json progress = one.value("progress", json::object());
    heard->cancel = progress.value("cancel", false);
    {
        cji::engine engine(location, options);
        json steps = table["host"];
        steps.insert(steps.end(), one["steps"].begin(), one["steps"].end());
        for (const json& step : steps) {
            if (step.contains("read")) {
                std::ifstream file(step["read"].get<std::string>());
                must(step["read"], step["text"], (std::stringstream() << file.rdbuf()).str());
                continue;
            }
            const std::string name = step["call"];
            json with = name == "import_cji" || name == "import_ws" ? table["import"] : json::object();
            with.update(step.value("with", json::object()));
            json answer;
            try {
                answer = call(engine, name, with, heard);
            } catch (const cji::error& error) {
                answer = {{"code", error.code()}, {"message", error.what()}};
            }
            const bool shown = step.contains("reply") || step.contains("text");
            if (!shown) answer.erase("data");
            const json expected = shown ? step.value("reply", step.value("text", json())) : done("<any>");
            must(step.dump(), expected, answer);
        }
    }
    must("called", one.value("called", json::array()), heard->replies);
    const json last = progress.value("last", json::object());
    for (const auto& [key, value] : last.items()) must("the last progress: " + key, value, heard->job[key]);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const json table = json::parse(std::ifstream(argv[1]));
    const std::string word = argc > 3 ? argv[3] : "";
    int passed = 0, failed = 0;
    for (const json& one : table["cases"]) {
        const std::string name = one["name"];
        if (name.find(word) == name.npos) continue;
        const fs::path folder = fs::temp_directory_path() / ("cji-" + std::to_string(getpid()));
        if (!fs::create_directory(folder)) return 2;
        try {
            run(table, one, argv[2], folder);
            ++passed;
        } catch (const std::exception& error) {
            std::cout << "FAILED: " << name << ": " << error.what() << '\n';
            ++failed;
        }
        fs::remove_all(folder);
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
