// Built by pkg-config and by CMake against an installed library: does it compile, link and run?
#include <iostream>

#include "import_cji.hpp"

int main() {
    cji::engine engine(":memory:");
    engine.team_add("myteam", "My team");
    std::cout << cji::version() << '\n';
}
