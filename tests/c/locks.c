/* What helgrind and drd must be told of Rust's locks, which sleep in the kernel without libpthread and so are invisible to
 * them: who let go of a lock, a channel, an Arc or an atomic happened before who took it next. Each function here stands
 * around one of Rust's; outside valgrind nothing of it runs. It needs a library that was built without optimization, so
 * that those functions are there, and says which of them it met. */
#include <stdio.h>
#include <stdlib.h>

#include <valgrind/drd.h>
#undef ANNOTATE_HAPPENS_BEFORE
#undef ANNOTATE_HAPPENS_AFTER
#include <valgrind/helgrind.h>

typedef unsigned long word;

/* Each tool knows its own request, and ignores the other's. */
static void let_go(word of)
{
    DO_CREQ_v_W(_VG_USERREQ__HG_USERSO_SEND_PRE, void *, (void *)of);
    VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_ANNOTATE_HAPPENS_BEFORE, of, 0, 0, 0, 0);
}

static void took(word of)
{
    DO_CREQ_v_W(_VG_USERREQ__HG_USERSO_RECV_POST, void *, (void *)of);
    VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_ANNOTATE_HAPPENS_AFTER, of, 0, 0, 0, 0);
}

/* A function of Rust in whatever object; `name` with Z in the place of *, as valgrind writes it. */
#define AROUND(name, before, after) \
    word I_WRAP_SONAME_FNNAME_ZZ(Za, name)(word a, word b, word c, word d, word e, word f); \
    word I_WRAP_SONAME_FNNAME_ZZ(Za, name)(word a, word b, word c, word d, word e, word f) \
    { \
        OrigFn original; \
        word result; \
        VALGRIND_GET_ORIG_FN(original); \
        before; \
        CALL_FN_W_6W(result, original, a, b, c, d, e, f); \
        after; \
        return result; \
    }

/* Orderings as Rust passes them. */
enum { RELAXED, RELEASE, ACQUIRE, ACQREL, SEQCST };

static int releases(word order)
{
    order &= 0xff;
    return order == RELEASE || order == ACQREL || order == SEQCST;
}

static int acquires(word order)
{
    order &= 0xff;
    return order == ACQUIRE || order == ACQREL || order == SEQCST;
}

AROUND(ZuZZN4core4sync6atomic11atomicZuload17hZa, , if (acquires(b)) took(a))
AROUND(ZuZZN4core4sync6atomic12atomicZustore17hZa, if (releases(c)) let_go(a), )

/* Mutex<T>::lock(&self) and try_lock give the guard through a pointer, which comes first; a guard begins with its lock. */
AROUND(ZuZZN3std4sync6poison5mutex14MutexZDLTZDTZDGTZD4lock17hZa, , took(b))
AROUND(ZuZZN3std4sync6poison5mutex14MutexZDLTZDTZDGTZD8tryZulock17hZa, , took(b))
AROUND(ZuZZN87ZuZDLTZDstdZdZdsyncZdZdpoisonZdZdmutexZdZdMutexGuardZDLTZDTZDGTZDZDu20ZDasZDu20ZDZa4drop17hZa,
       let_go(*(word *)a), )
/* Condvar::wait(&self, guard) lets go of the guard's lock, and takes it again. */
AROUND(ZuZZN3std4sync6poison7condvar7Condvar4wait17hZa, let_go(c), took(c))
AROUND(ZuZZN3std4sync6poison7condvar7Condvar12waitZutimeout17hZa, let_go(c), took(c))

/* A guard of a RwLock<T> knows not its lock's beginning, but places inside it: so who takes one notes what it knows. */
#define MOST_HELD 32
static __thread struct { word place, lock; } held[MOST_HELD];

static void note(word place, word lock)
{
    int i;
    /* Only what lies in or near the lock can be a place in it. */
    if (place - lock > 4096) {
        return;
    }
    for (i = 0; i < MOST_HELD; i++) {
        if (held[i].place == 0) {
            held[i].place = place;
            held[i].lock = lock;
            return;
        }
    }
}

static void took_shared(const word *out, word lock)
{
    int i;
    for (i = 0; i < 3; i++) {
        note(out[i], lock);
    }
    took(lock);
}

static void let_go_shared(word place)
{
    word lock = 0;
    int i;
    for (i = 0; i < MOST_HELD; i++) {
        if (held[i].place == place) {
            lock = held[i].lock;
        }
    }
    for (i = 0; i < MOST_HELD; i++) {
        if (held[i].lock == lock) {
            held[i].place = held[i].lock = 0;
        }
    }
    if (lock != 0) {
        let_go(lock);
    }
}

AROUND(ZuZZN3std4sync6poison6rwlock15RwLockZDLTZDTZDGTZD4read17hZa, , took_shared((word *)a, b))
AROUND(ZuZZN3std4sync6poison6rwlock15RwLockZDLTZDTZDGTZD5write17hZa, , took_shared((word *)a, b))
AROUND(ZuZZN3std4sync6poison6rwlock15RwLockZDLTZDTZDGTZD8tryZuread17hZa, , took_shared((word *)a, b))
AROUND(ZuZZN3std4sync6poison6rwlock15RwLockZDLTZDTZDGTZD9tryZuwrite17hZa, , took_shared((word *)a, b))
AROUND(ZuZZN93ZuZDLTZDstdZdZdsyncZdZdpoisonZdZdrwlockZdZdRwLockReadGuardZDLTZDTZDGTZDZa4drop17hZa,
       let_go_shared(*(word *)a), )
AROUND(ZuZZN94ZuZDLTZDstdZdZdsyncZdZdpoisonZdZdrwlockZdZdRwLockWriteGuardZDLTZDTZDGTZDZa4drop17hZa,
       let_go_shared(*(word *)a), )

/* Whoever drops the last Arc or the channel itself has seen all that the others did with it. */
AROUND(ZuZZN71ZuZDLTZDallocZdZdsyncZdZdArcZDLTZDTZDCZDAZDGTZDZDu20ZDasZDu20ZDZa4drop17hZa, let_go(*(word *)a), )
AROUND(ZuZZN5alloc4sync16ArcZDLTZDTZDCZDAZDGTZD9dropZuslow17hZa, took(*(word *)a), )
AROUND(ZuZZN3std4sync4mpmc5array16ChannelZDLTZDTZDGTZD18disconnectZusenders17hZa, , let_go(a))
AROUND(ZuZZN3std4sync4mpmc5array16ChannelZDLTZDTZDGTZD20disconnectZureceivers17hZa, , let_go(a))
AROUND(ZuZZN4core3ptrZadropZuinZuplaceZDLTZDstdZdZdsyncZdZdmpmcZdZdarrayZdZdChannelZDLTZDZa, took(a), )

AROUND(ZuZZN3std4sync4mpmc4zero16ChannelZDLTZDTZDGTZD10disconnect17hZa, , let_go(a))
AROUND(ZuZZN4core3ptrZadropZuinZuplaceZDLTZDstdZdZdsyncZdZdmpmcZdZdzeroZdZdChannelZDLTZDZa, took(a), )

/* A scoped thread that ends; who waits reads the count inside with an atomic. */
AROUND(ZuRNvMNtNtCsZa3std6thread6scopedNtZaScopeData29decrementZunumZurunningZuthreads,
       (let_go(a), let_go(a + 8), let_go(a + 16)), )

/* Once::call(&self, ...) runs a closure that initializes, and knows not of which Once. */
static __thread word once;

AROUND(ZuRNvMs0ZuNtNtNtNtCsZa3std3sys4sync4once5futexNtZaOnce4call, word outer = once; once = a,
       took(a); let_go(a); once = outer)
AROUND(ZuZZN3std4sync4once4OnceZaclosureZa, , if (once != 0) let_go(once))
