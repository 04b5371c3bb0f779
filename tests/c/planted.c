/* The mistakes that the sanitizers must report, so that their silence elsewhere means something (tests/sanitizers):
 *
 *     planted none | use-after-free | double-free | leak | lost-engine
 */
#include "check.h"

int main(int argc, char **argv)
{
    const char *mistake = argc > 1 ? argv[1] : "none";
    cji_engine *engine = host();
    int lost;
    /* A pointer to one may be left on the stack: not to all. */
    for (lost = 0; lost < 100; lost++) {
        char *reply = cji_campaign_get(engine, "12");
        if (strcmp(mistake, "leak") != 0) {
            cji_text_free(reply);
        }
        if (lost == 50 && strcmp(mistake, "double-free") == 0) {
            cji_text_free(reply);
        }
        if (lost == 50 && strcmp(mistake, "use-after-free") == 0) {
            /* It is the library that reads it. */
            cji_text_free(cji_campaign_get(engine, reply));
        }
    }
    if (strcmp(mistake, "lost-engine") == 0) {
        engine = NULL;
    }
    cji_engine_close(engine);
    return verdict("planted");
}
