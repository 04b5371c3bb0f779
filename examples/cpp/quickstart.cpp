// A CSV file on a web server becomes customers and a dial list.
//
//     c++ -std=c++17 -pthread examples/cpp/quickstart.cpp $(pkg-config --cflags --libs import_cji) -o quickstart
//     ./quickstart http://192.168.1.88/leads.csv

#include <import_cji.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::cerr << "quickstart URL\n";
        return 2;
    }
    cji::engine engine(":memory:");
    engine.team_add("myteam", "My team");
    engine.user_set("myteam", "agent", "1001", "plaintext", "secret");
    const std::string campaign = engine.campaign_add("myteam", R"({"name": "Spring renewals"})");

    cji::parameters leads;
    leads.orgidentity = "myteam";
    leads.usertype = "agent";
    leads.user = "1001";
    leads.pwdtype = "plaintext";
    leads.password = "secret";
    leads.modeltype = "Campaign";
    leads.model_id = campaign;
    leads.source = "http";
    leads.context = argv[1];
    leads.delrow = "1";            // the first line is the title row
    leads.phone_field = "phone1";  // put them on the dial list under this number
    leads.dupway = "update";       // a duplicate's fields become the newer row's
    const std::string job = engine.import_cji(leads).message;

    const auto counts = nlohmann::json::parse(engine.job_get(job));
    for (const char* count : {"read", "inserted", "updated", "skipped", "rejected", "dial_listed"}) {
        std::cout << counts[count] << ' ' << count << '\n';
    }
    const auto list = nlohmann::json::parse(engine.customer_list(campaign, R"({"limit": 5})"));
    for (const auto& customer : list["customers"]) {
        const auto& fields = customer["fields"];
        std::cout << customer["id"] << ' ' << fields["name"] << ' ' << fields["phone1"] << '\n';
    }
} catch (const cji::error& error) {
    std::cerr << "quickstart: " << error.what() << '\n';
    return 1;
}
