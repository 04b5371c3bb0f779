/*
 * A clock for benches/guard, preloaded: each look at it is a microsecond later. An import sizes its chunks by the time that
 * the last one took, and under valgrind everything takes fifty times as long: without this the chunks would be tiny, and
 * of other sizes in each run. It begins an hour ahead, so that no wait of the program is over at once.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long looks;
static atomic_long begun;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME)) {
        long none = 0;
        atomic_compare_exchange_strong(&begun, &none, now->tv_sec + 3600);
        long look = atomic_fetch_add(&looks, 1);
        now->tv_sec = atomic_load(&begun) + look / 1000000;
        now->tv_nsec = look % 1000000 * 1000;
    }
    return (int)result;
}
