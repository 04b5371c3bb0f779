/* Built by pkg-config and by CMake against an installed library: does it compile, link and run? */
#include <stdio.h>
#include <string.h>

#include "import_cji.h"

int main(void)
{
    char *error = NULL, *reply;
    int good;
    cji_engine *engine = cji_engine_open(":memory:", "", &error);
    if (engine == NULL || cji_abi_version() != CJI_ABI_VERSION) return 1;
    reply = cji_team_add(engine, "myteam", "My team");
    good = strncmp(reply, "{\"code\":1,", 10) == 0;
    cji_text_free(reply);
    cji_engine_close(engine);
    puts(cji_version());
    return good ? 0 : 1;
}
