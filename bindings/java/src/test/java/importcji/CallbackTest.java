package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.Thread.UncaughtExceptionHandler;
import java.lang.reflect.UndeclaredThrowableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The host's functions: on which thread they come, what they may do, what becomes of what they throw. */
@Timeout(60)
class CallbackTest {
    private static final Map<String, ?> IN_BACKGROUND = Map.of("timezone", "UTC", "retries", 0, "background", true);

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private WebServer web;
    private String leads;

    @BeforeEach
    void serve() throws Exception {
        web = new WebServer();
        leads = web.serve("/leads.csv", Host.leads(100));
    }

    @AfterEach
    void stop() {
        threads.shutdownNow();
        web.close();
    }

    private Consumer<ImportRequest> file() {
        return Host.file(leads).andThen(i -> i.callbackFuc("done"));
    }

    private static Consumer<ImportRequest> record() {
        return Host.record("phone1=138").andThen(i -> i.callbackFuc("done"));
    }

    @Test
    void what_runs_inside_the_call_is_told_on_its_thread() {
        try (Engine engine = Host.engine()) {
            ConcurrentLinkedQueue<Thread> told = new ConcurrentLinkedQueue<>();
            engine.callbackSet("done", reply -> told.add(Thread.currentThread()));
            engine.progressSet(job -> !told.add(Thread.currentThread()));
            engine.importCji(file());
            assertTrue(told.size() >= 2);
            told.forEach(thread -> assertSame(Thread.currentThread(), thread));
        }
    }

    @Test
    void the_worker_tells_on_one_daemon_thread_with_a_name() throws Exception {
        try (Engine engine = Host.engine(":memory:", IN_BACKGROUND)) {
            ConcurrentLinkedQueue<Thread> told = new ConcurrentLinkedQueue<>();
            CountDownLatch done = new CountDownLatch(3);
            engine.progressSet(job -> !told.add(Thread.currentThread()));
            engine.callbackSet("done", reply -> {
                told.add(Thread.currentThread());
                done.countDown();
            });
            engine.workerStart();
            for (int n = 0; n < 3; n++) {
                engine.importCji(file());
            }
            done.await();
            Thread worker = told.peek();
            assertNotSame(Thread.currentThread(), worker);
            told.forEach(thread -> assertSame(worker, thread));
            assertEquals("import-cji worker", worker.getName());
            assertTrue(worker.isDaemon());
            engine.workerStop();
            Host.await("its Java thread ends with it", () -> !worker.isAlive());
        }
    }

    @Test
    void an_exception_of_the_progress_function_cancels_the_job_and_comes_out_of_the_call() {
        try (Engine engine = Host.engine()) {
            for (Throwable mine : List.of(new ArithmeticException("mine"), new AssertionError("mine"))) {
                engine.progressSet(job -> {
                    throw CallbackTest.<RuntimeException>unchecked(mine);
                });
                assertSame(mine, assertThrows(mine.getClass(), () -> engine.importCji(Host.file(leads))));
            }
            engine.jobList().forEach(job -> assertEquals("cancelled", job.state()));
            assertEquals(2, engine.jobList().items().size());
        }
    }

    @Test
    void an_exception_of_a_callback_comes_out_of_each_form_of_the_call_and_the_import_is_done() {
        try (Engine engine = Host.engine()) {
            ArithmeticException mine = new ArithmeticException("mine");
            engine.callbackSet("done", reply -> {
                throw mine;
            });
            assertSame(mine, assertThrows(ArithmeticException.class, () -> engine.importCji(record())));
            String query = "EVENT=Import&callback=f&orgidentity=myteam&usertype=agent&user=1001&pwdtype=plaintext"
                    + "&password=secret&modeltype=Campaign&model_id=1&source=data&context=phone1%3D139&callbackFuc=done";
            for (Consumer<String> form : List.<Consumer<String>>of(engine::importEvent, engine::importJsonp)) {
                assertSame(mine, assertThrows(ArithmeticException.class, () -> form.accept(query)));
            }
            assertEquals(2, engine.campaignGet("1").customers());
        }
    }

    @Test
    void an_exception_of_a_callback_comes_out_of_running_and_cancelling_jobs() {
        try (Engine engine = Host.engine(":memory:", IN_BACKGROUND)) {
            ArithmeticException mine = new ArithmeticException("mine");
            engine.callbackSet("done", reply -> {
                throw mine;
            });
            String first = engine.importCji(file()).message();
            assertSame(mine, assertThrows(ArithmeticException.class, () -> engine.jobCancel(first)));
            engine.importCji(file());
            engine.importCji(file());
            assertSame(mine, assertThrows(ArithmeticException.class, engine::jobsRunDue));
            assertEquals(2, engine.jobList(Map.of("state", "succeeded")).items().size());
        }
    }

    @Test
    void of_two_exceptions_the_first_comes_out_and_has_the_other() {
        try (Engine engine = Host.engine()) {
            ArithmeticException first = new ArithmeticException("first");
            engine.progressSet(job -> {
                throw first;
            });
            engine.callbackSet("done", reply -> {
                throw new IllegalStateException(reply.message());
            });
            assertSame(first, assertThrows(ArithmeticException.class, () -> engine.importCji(file())));
            assertEquals("job 1: cancelled", first.getSuppressed()[first.getSuppressed().length - 1].getMessage());
        }
    }

    @Test
    void a_checked_exception_of_another_language_comes_out_too() {
        try (Engine engine = Host.engine()) {
            Exception mine = new Exception("checked");
            engine.callbackSet("done", reply -> {
                throw CallbackTest.<RuntimeException>unchecked(mine);
            });
            assertSame(mine, assertThrows(UndeclaredThrowableException.class, () -> engine.importCji(record()))
                    .getUndeclaredThrowable());
        }
    }

    @Test
    void an_exception_inside_a_callback_s_own_call_is_the_callback_s() {
        try (Engine engine = Host.engine()) {
            engine.callbackSet("inner", reply -> {
                throw new ArithmeticException("inner");
            });
            AtomicReference<Throwable> caught = new AtomicReference<>();
            engine.callbackSet("done", reply -> {
                Consumer<ImportRequest> inner = Host.record("phone1=139").andThen(i -> i.callbackFuc("inner"));
                caught.set(assertThrows(ArithmeticException.class, () -> engine.importCji(inner)));
            });
            assertEquals("customer 1 added; on the dial list", engine.importCji(record()).message());
            assertEquals("inner", caught.get().getMessage());
        }
    }

    @Test
    void on_the_worker_an_exception_counts_as_uncaught_cancels_the_job_and_the_next_one_runs() throws Exception {
        UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        try (Engine engine = Host.engine(":memory:", IN_BACKGROUND)) {
            ArithmeticException mine = new ArithmeticException("mine");
            ConcurrentLinkedQueue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
            Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
                uncaught.add(thrown);
                throw new IllegalStateException("a handler that throws");
            });
            engine.progressSet(job -> {
                if (job.id().equals("1")) {
                    throw mine;
                }
                return false;
            });
            engine.callbackSet("done", reply -> {
                throw mine;
            });
            engine.importCji(file());
            engine.importCji(file());
            engine.workerStart();
            Host.await("both jobs end", () -> !engine.jobGet("2").state().matches("scheduled|running"));
            Host.await("all is told", () -> uncaught.size() >= 3);
            assertEquals("cancelled", engine.jobGet("1").state());
            assertEquals("succeeded", engine.jobGet("2").state());
            uncaught.forEach(thrown -> assertSame(mine, thrown));
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    @Test
    void a_callback_can_t_close_its_engine_nor_another() {
        try (Engine engine = Host.engine(); Engine other = Host.engine()) {
            ConcurrentLinkedQueue<String> refused = new ConcurrentLinkedQueue<>();
            engine.callbackSet("done", reply -> {
                refused.add(assertThrows(IllegalStateException.class, engine::close).getMessage());
                refused.add(assertThrows(IllegalStateException.class, other::close).getMessage());
                refused.add(assertThrows(ImportCjiException.class, engine::workerStop).getMessage());
                refused.add(assertThrows(ImportCjiException.class, engine::jobsRunDue).getMessage());
            });
            engine.importCji(record());
            assertEquals(4, refused.size());
            assertEquals(1, engine.campaignGet("1").customers());
            assertEquals(0, other.campaignGet("1").customers());
        }
    }

    @Test
    void a_callback_of_the_worker_can_t_close_its_engine() throws Exception {
        try (Engine engine = Host.engine(":memory:", IN_BACKGROUND)) {
            AtomicReference<Throwable> refused = new AtomicReference<>();
            CountDownLatch done = new CountDownLatch(1);
            engine.callbackSet("done", reply -> {
                refused.set(assertThrows(IllegalStateException.class, engine::close));
                done.countDown();
            });
            engine.workerStart();
            engine.importCji(file());
            done.await();
            assertEquals("an engine can't be closed inside a callback", refused.get().getMessage());
            assertEquals(100, engine.campaignGet("1").customers());
        }
    }

    @Test
    void while_an_engine_closes_its_worker_s_callbacks_go_on_using_it() throws Exception {
        Engine engine = Host.engine(":memory:", IN_BACKGROUND);
        CountDownLatch inside = new CountDownLatch(1);
        AtomicReference<String> seen = new AtomicReference<>();
        engine.progressSet(job -> {
            inside.countDown();
            try {
                Future<Boolean> refused = threads.submit(() -> {
                    Host.await("another thread is refused", () -> EngineTest.isClosed(engine));
                    return true;
                });
                seen.compareAndSet(null, refused.get() + " " + engine.jobGet(job.id()).state());
            } catch (Exception broken) {
                seen.compareAndSet(null, broken.toString());
            }
            return false;
        });
        engine.workerStart();
        engine.importCji(file());
        inside.await();
        engine.close();
        assertTrue(seen.get().startsWith("true "), seen.get());
    }

    @Test
    void a_callback_that_is_replaced_while_in_use_loses_no_reply() throws Exception {
        try (Engine engine = Host.engine()) {
            AtomicInteger told = new AtomicInteger();
            engine.callbackSet("done", reply -> told.incrementAndGet());
            List<Future<?>> users = new ArrayList<>();
            for (int user = 0; user < 4; user++) {
                users.add(threads.submit(() -> {
                    for (int n = 0; n < 250; n++) {
                        engine.importCji(record());
                    }
                }));
            }
            int replaced = 0;
            while (!users.stream().allMatch(Future::isDone)) {
                engine.callbackSet("done", reply -> told.incrementAndGet());
                if (++replaced % 100 == 0) {
                    System.gc();
                }
            }
            for (Future<?> user : users) {
                user.get();
            }
            assertEquals(1000, told.get());
        }
    }

    @Test
    void a_callback_may_be_removed_while_in_use() throws Exception {
        try (Engine engine = Host.engine()) {
            AtomicInteger told = new AtomicInteger();
            Future<?> user = threads.submit(() -> {
                for (int n = 0; n < 1000; n++) {
                    engine.importCji(record());
                }
            });
            while (!user.isDone()) {
                engine.callbackSet("done", reply -> told.incrementAndGet());
                engine.callbackSet("done", null);
            }
            user.get();
            int before = told.get();
            engine.importCji(record());
            assertEquals(before, told.get());
        }
    }

    @Test
    void a_callback_may_replace_itself_and_watch_no_more() {
        try (Engine engine = Host.engine()) {
            AtomicInteger told = new AtomicInteger();
            engine.callbackSet("done", reply -> {
                engine.callbackSet("done", null);
                System.gc();
                told.incrementAndGet();
            });
            engine.progressSet(job -> {
                engine.progressSet(null);
                System.gc();
                return false;
            });
            engine.importCji(file());
            engine.importCji(file());
            assertEquals(1, told.get());
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T unchecked(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
