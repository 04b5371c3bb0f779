// A small dialer: it takes the next numbers of a campaign, calls them, and reports what came of each.
//
//     c++ -std=c++17 -pthread examples/cpp/dialer.cpp $(pkg-config --cflags --libs import_cji) -o dialer
//     ./dialer              a store in memory, with a few customers
//     ./dialer calls.db 1   campaign 1 of this store

#include <ctime>
#include <iomanip>
#include <import_cji.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace {

// Longer than the longest call: when it runs out, the number is handed to the next who asks.
constexpr int lease_seconds = 600;

// A team, an agent, a campaign, and six customers on its dial list.
std::string fill(cji::engine& engine) {
    engine.team_add("acme", "Acme Telesales");
    engine.user_set("acme", "agent", "1001", "plaintext", "secret");
    cji::parameters customer;
    customer.orgidentity = "acme";
    customer.usertype = "agent";
    customer.user = "1001";
    customer.pwdtype = "plaintext";
    customer.password = "secret";
    customer.modeltype = "Campaign";
    customer.model_id = engine.campaign_add("acme", R"({"name": "Spring renewals"})");
    customer.source = "data";
    customer.phone_field = "phone1";
    for (const std::string n : {"1", "2", "3", "4", "5", "6"}) {
        customer.context = "name=Customer " + n + "||phone1=1380013800" + n;
        engine.import_cji(customer);
    }
    return customer.model_id;
}

std::string tomorrow() {
    const std::time_t at = std::time(nullptr) + 24 * 60 * 60;
    std::ostringstream text;
    text << std::put_time(std::localtime(&at), "%Y-%m-%d %H:%M:%S");
    return text.str();
}

struct outcome {
    std::string status;  // of the customer
    json entry;          // what becomes of the entry
};

// Pretends to call.
outcome call(const std::string& phone) {
    switch (phone.back()) {
    case '1': case '4': return {"success", {{"outcome", "done"}}};
    case '3': return {"pending", {{"outcome", "retry"}, {"dial_time", tomorrow()}, {"priority", 1}}};
    default: return {"error", {{"outcome", "done"}}};
    }
}

}  // namespace

int main(int argc, char** argv) try {
    cji::engine engine(argc > 1 ? argv[1] : ":memory:");
    const std::string campaign = argc > 2 ? argv[2] : fill(engine);

    const json next = json::parse(engine.dial_next(campaign, 5, lease_seconds));
    for (const json& entry : next["entries"]) {
        const std::string phone = entry["phone"];
        const outcome came = call(phone);
        engine.customer_set(campaign, entry["customer"].dump(), json{{"status", came.status}}.dump());
        engine.dial_done(campaign, entry["id"].dump(), came.entry.dump());
        std::cout << "called " << std::left << std::setw(12) << phone << ' ' << came.status
                  << (came.entry["outcome"] == "retry" ? ", again tomorrow" : "") << '\n';
    }
    std::cout << json::parse(engine.campaign_get(campaign))["dial_list"] << " numbers are left on the list\n";
} catch (const cji::error& error) {
    std::cerr << "dialer: " << error.what() << '\n';
    return 1;
}
