package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Engines that nobody closes. One that is closed leaves no write-ahead log beside its file. */
@Timeout(60)
class ForgottenTest {
    private static final Map<String, ?> IN_BACKGROUND = Map.of("timezone", "UTC", "retries", 0, "background", true);

    private Path folder;
    private Path log;

    @BeforeEach
    void makeFolder() throws IOException {
        folder = Files.createTempDirectory("import-cji");
        log = folder.resolve("calls.db-wal");
    }

    @AfterEach
    void remove() throws IOException {
        Host.delete(folder);
    }

    private Engine open() {
        Engine engine = Host.engine(folder.resolve("calls.db").toString(), IN_BACKGROUND);
        assertTrue(Files.exists(log));
        return engine;
    }

    private void awaitClosed() throws InterruptedException {
        Host.await("the engine is closed", () -> {
            System.gc();
            return !Files.exists(log);
        });
    }

    @Test
    void a_forgotten_engine_is_closed() throws Exception {
        open();
        awaitClosed();
    }

    @Test
    void a_forgotten_engine_is_closed_although_its_worker_runs() throws Exception {
        open().workerStart();
        awaitClosed();
    }

    @Test
    void a_forgotten_engine_is_closed_although_its_callbacks_know_it() throws Exception {
        try (WebServer web = new WebServer()) {
            String url = web.serve("/leads.csv", Host.leads(100));
            CountDownLatch done = new CountDownLatch(1);
            useAndForget(url, done);
            awaitClosed();
            assertEquals(0, done.getCount());
        }
    }

    private void useAndForget(String url, CountDownLatch done) throws Exception {
        Engine engine = open();
        engine.progressSet(job -> engine.jobGet(job.id()).state().equals("never"));
        engine.callbackSet("done", reply -> {
            engine.jobGet(reply.message());
            done.countDown();
        });
        engine.workerStart();
        engine.importCji(Host.file(url).andThen(i -> i.callbackFuc("done")));
        done.await();
    }

    @Test
    void an_engine_that_is_forgotten_while_its_worker_is_in_a_callback_is_closed_after_it() throws Exception {
        try (WebServer web = new WebServer()) {
            String url = web.serve("/leads.csv", Host.leads(100));
            CountDownLatch inside = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            forgetInside(url, inside, go);
            inside.await();
            for (int n = 0; n < 10; n++) {
                System.gc();
                Thread.sleep(20);
            }
            assertTrue(Files.exists(log));
            go.countDown();
            awaitClosed();
        }
    }

    private void forgetInside(String url, CountDownLatch inside, CountDownLatch go) {
        Engine engine = open();
        engine.progressSet(job -> {
            inside.countDown();
            try {
                go.await();
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
            return false;
        });
        engine.workerStart();
        engine.importCji(Host.file(url));
    }

    @Test
    void an_engine_is_not_forgotten_while_a_call_on_it_runs() throws Exception {
        try (WebServer web = new WebServer()) {
            String url = web.serve("/leads.csv", Host.leads(100));
            AtomicReference<Boolean> open = new AtomicReference<>();
            assertEquals(1, withJob(url, open).jobsRunDue());
            assertTrue(open.get());
            awaitClosed();
        }
    }

    private Engine withJob(String url, AtomicReference<Boolean> open) {
        Engine engine = open();
        engine.importCji(Host.file(url));
        Path kept = log;
        engine.progressSet(job -> {
            for (int n = 0; n < 10; n++) {
                System.gc();
            }
            open.set(Files.exists(kept));
            return false;
        });
        return engine;
    }
}
