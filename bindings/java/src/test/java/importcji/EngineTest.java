package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An engine's life: what it answers, who shares it, how it ends. */
@Timeout(60)
class EngineTest {
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stop() {
        threads.shutdownNow();
    }

    @Test
    void values_are_those_of_java() {
        try (Engine engine = Host.engine()) {
            List<Object> values = Arrays.asList(Long.MAX_VALUE, Long.MIN_VALUE, 1.5, null, "x", true);
            assertEquals(Arrays.asList(Long.MAX_VALUE, Long.MIN_VALUE, 1.5, null, "x", 1L),
                    engine.query("SELECT ?, ?, ?, ?, ?, ?", values).rows().get(0));

            engine.importCji(Host.record("name=Joe||phone1=138"));
            DialEntry entry = engine.dialNext("1", 1, 60).get(0);
            LocalDateTime noon = LocalDateTime.of(2040, 1, 31, 12, 0);
            engine.dialDone("1", entry.id(), Map.of("outcome", "retry", "dial_time", noon));
            assertEquals(noon, engine.dialList("1").items().get(0).dialTime());

            Map<String, Object> nobody = new HashMap<>();
            engine.customerSet("1", entry.customer(), Map.of("agent", "1001"));
            assertEquals("1001", engine.customerList("1").items().get(0).agent());
            nobody.put("agent", null);
            engine.customerSet("1", entry.customer(), nobody);
            assertEquals(null, engine.customerList("1").items().get(0).agent());
        }
    }

    @Test
    void a_time_may_be_given_as_java_s() {
        try (Engine engine = Host.engine()) {
            LocalDateTime night = LocalDateTime.of(2040, 1, 31, 2, 0, 9);
            Reply reply = engine.importCji(Host.file("http://127.0.0.1:1/x.csv").andThen(i -> i.exetime(night)));
            assertEquals(night, engine.jobGet(reply.message()).runAt());
        }
    }

    @Test
    void a_job_s_counts_are_told_apart() throws Exception {
        try (WebServer web = new WebServer(); Engine engine = Host.engine()) {
            for (int phone = 1; phone <= 5; phone++) {
                engine.importCji(Host.record("name=Joe||phone1=" + phone));
            }
            String csv = "name,phone1,phone2\nAnn,1,\nAnn,2,\nAnn,3,\nJoe,4,\nJoe,5,\nnobody,,\n"
                    + "New,6,66\nNew,7,77\nNew,8,88\nNew,9,99\nNew,10,\n";
            Reply reply = engine.importCji(
                    Host.file(web.serve("/leads.csv", csv)).andThen(i -> i.phone_field("phone2").dupway("update")));
            Job job = engine.jobGet(reply.message());
            assertEquals("read 11, inserted 5, updated 3, skipped 2, rejected 1, listed 4", String.format(
                    "read %d, inserted %d, updated %d, skipped %d, rejected %d, listed %d",
                    job.read(), job.inserted(), job.updated(), job.skipped(), job.rejected(), job.dialListed()));
        }
    }

    @Test
    void equal_answers_are_equal_and_show_themselves_as_json() {
        try (Engine engine = Host.engine()) {
            assertEquals(engine.campaignGet("1"), engine.campaignGet("1"));
            assertEquals(engine.campaignGet("1").hashCode(), engine.campaignGet("1").hashCode());
            Campaign before = engine.campaignGet("1");
            engine.importCji(Host.record("phone1=138"));
            assertNotEquals(before, engine.campaignGet("1"));
            assertTrue(before.toString().startsWith("{\"id\":1,\"team\":\"myteam\","), before::toString);
        }
    }

    @Test
    void a_list_is_read_page_by_page() {
        try (Engine engine = Host.engine()) {
            for (int n = 1; n <= 5; n++) {
                engine.importCji(Host.record("phone1=13" + n));
            }
            List<String> ids = new ArrayList<>();
            Map<String, Object> filter = new HashMap<>(Map.of("limit", 2));
            Page<Customer> page;
            do {
                page = engine.customerList("1", filter);
                page.forEach(customer -> ids.add(customer.id()));
                filter.put("after", page.next());
            } while (page.next() != null);
            assertEquals(List.of("1", "2", "3", "4", "5"), ids);
            List<Customer> last = page.items();
            assertThrows(UnsupportedOperationException.class, last::clear);
        }
    }

    @Test
    void what_many_imports_share_is_joined_with_what_one_adds() {
        try (Engine engine = Host.engine()) {
            engine.importCji(Host.record("name=Joe||phone1=138"));
            Reply again = engine.importCji(Host.record("name=Ann||phone1=138").andThen(i -> i.dupway("update")));
            assertEquals("customer 1 is a duplicate; updated", again.message());
        }
    }

    @Test
    void import_ws_refuses_the_parameter_that_it_lacks() {
        try (Engine engine = Host.engine()) {
            assertThrows(IllegalArgumentException.class,
                    () -> engine.importWs(Host.record("phone1=138").andThen(i -> i.callbackFuc("done"))));
            assertEquals(0, engine.campaignGet("1").customers());
        }
    }

    @Test
    void what_a_request_throws_comes_out_and_nothing_is_imported() {
        try (Engine engine = Host.engine()) {
            ArithmeticException mine = new ArithmeticException();
            assertEquals(mine, assertThrows(ArithmeticException.class, () -> engine.importCji(i -> {
                Host.record("phone1=138").accept(i);
                throw mine;
            })));
            assertEquals(0, engine.campaignGet("1").customers());
        }
    }

    @Test
    void a_failure_has_its_code_and_message() {
        ImportCjiException failure = assertThrows(ImportCjiException.class,
                () -> new Engine("/none/calls.db", Map.of(), Host.LIBRARY));
        assertEquals(2, failure.code());
        assertTrue(failure.getMessage().contains("/none/calls.db"), failure.getMessage());
    }

    @Test
    void a_closed_engine_may_be_closed_again() {
        Engine engine = Host.engine();
        engine.close();
        engine.close();
    }

    @Test
    void a_closed_engine_refuses_every_call() throws Exception {
        Engine engine = Host.engine();
        engine.close();
        int count = 0;
        for (Method method : Engine.class.getDeclaredMethods()) {
            if (!Modifier.isPublic(method.getModifiers())
                    || Set.of("close", "version", "abiVersion").contains(method.getName())) {
                continue;
            }
            Object[] arguments = Arrays.stream(method.getParameterTypes()).map(TextTest::harmless).toArray();
            Throwable thrown = assertThrows(InvocationTargetException.class, () -> method.invoke(engine, arguments))
                    .getCause();
            assertEquals(IllegalStateException.class, thrown.getClass(), method::toString);
            assertEquals("the engine is closed", thrown.getMessage());
            count++;
        }
        assertTrue(count > 30, "it looks at too few");
        assertEquals("0.1.0", engine.version());
    }

    @Test
    void closing_waits_for_the_calls_of_other_threads_and_refuses_new_ones() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        try (WebServer web = new WebServer()) {
            String url = web.serve("/leads.csv", Host.leads(10), () -> {
                asked.countDown();
                answer.await();
            });
            Engine engine = Host.engine();
            Future<Reply> running = threads.submit(() -> engine.importCji(Host.file(url)));
            asked.await();
            Future<?> closing = threads.submit(engine::close);
            Future<?> closingToo = threads.submit(engine::close);
            Host.await("new calls are refused", () -> isClosed(engine));
            Thread.sleep(100);
            assertFalse(running.isDone() || closing.isDone() || closingToo.isDone());
            answer.countDown();
            assertEquals("1", running.get().message());
            closing.get();
            closingToo.get();
        }
    }

    @Test
    void a_thread_that_is_interrupted_closes_nevertheless_and_stays_interrupted() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        try (WebServer web = new WebServer()) {
            String url = web.serve("/leads.csv", Host.leads(10), () -> {
                asked.countDown();
                answer.await();
            });
            Engine engine = Host.engine();
            Future<Reply> running = threads.submit(() -> engine.importCji(Host.file(url)));
            asked.await();
            AtomicBoolean interrupted = new AtomicBoolean();
            Thread closing = new Thread(() -> {
                engine.close();
                interrupted.set(Thread.interrupted());
            });
            closing.start();
            closing.interrupt();
            Host.await("new calls are refused", () -> isClosed(engine));
            answer.countDown();
            assertEquals("1", running.get().message());
            closing.join();
            assertTrue(interrupted.get());
        }
    }

    @Test
    void an_engine_may_be_closed_under_threads_that_use_it() throws Exception {
        for (int round = 0; round < 10; round++) {
            Engine engine = Host.engine();
            CountDownLatch begun = new CountDownLatch(4);
            List<Future<?>> users = new ArrayList<>();
            for (int user = 0; user < 4; user++) {
                users.add(threads.submit(() -> {
                    engine.importCji(Host.record("phone1=138"));
                    begun.countDown();
                    while (true) {
                        engine.campaignGet("1");
                    }
                }));
            }
            begun.await();
            engine.close();
            for (Future<?> user : users) {
                Throwable end = assertThrows(ExecutionException.class, user::get).getCause();
                assertEquals(IllegalStateException.class, end.getClass());
            }
        }
    }

    @Test
    void threads_share_an_engine_and_no_two_get_the_same_number() throws Exception {
        try (Engine engine = Host.engine()) {
            ConcurrentLinkedQueue<String> taken = new ConcurrentLinkedQueue<>();
            List<Future<?>> users = new ArrayList<>();
            for (int user = 0; user < 8; user++) {
                int first = user * 100;
                users.add(threads.submit(() -> {
                    for (int n = 0; n < 50; n++) {
                        engine.importCji(Host.record("name=Joe||phone1=" + (first + n)));
                        engine.dialNext("1", 1, 600).forEach(entry -> taken.add(entry.id()));
                    }
                }));
            }
            for (Future<?> user : users) {
                user.get();
            }
            assertEquals(400, engine.campaignGet("1").customers());
            assertEquals(400, taken.size());
            assertEquals(400, new HashSet<>(taken).size());
        }
    }

    static boolean isClosed(Engine engine) {
        try {
            engine.campaignGet("1");
            return false;
        } catch (IllegalStateException closed) {
            return true;
        }
    }
}
