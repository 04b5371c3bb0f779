package importcji;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Resident memory after many calls. {@code -Dleak=20} does twenty times as many. */
class LeakTest {
    private static final int TIMES = Integer.getInteger("leak", 1);

    @Test
    void calls_leave_nothing_behind() throws Exception {
        try (Engine engine = Host.engine()) {
            AtomicInteger told = new AtomicInteger();
            String text = "x".repeat(20_000);
            // The same record: the store does not grow. What goes in and comes out is large enough to be missed.
            staysFlat("rounds of calls", 5_000 * TIMES, n -> {
                engine.callbackSet("done", reply -> told.incrementAndGet());
                engine.importCji(Host.record("name=" + text + "||phone1=138").andThen(i -> i.callbackFuc("done")));
                engine.customerList("1");
                engine.importWs(Host.record(text));
                try {
                    engine.campaignGet(text);
                } catch (ImportCjiException expected) {
                    told.incrementAndGet();
                }
            });
        }
    }

    @Test
    void engines_leave_nothing_behind() throws Exception {
        staysFlat("opened and closed", 600 * TIMES, n -> {
            try (Engine engine = new Engine(":memory:", Map.of(), Host.LIBRARY)) {
                engine.callbackSet("done", reply -> { });
                engine.progressSet(job -> false);
                engine.workerStart();
            }
        });
    }

    private interface Step {
        void run(int n);
    }

    /** The second half may not take more than a few megabytes above what the first half took. */
    private static void staysFlat(String what, int count, Step step) throws Exception {
        long[] kilobytes = new long[3];
        for (int half = 0; half < 2; half++) {
            for (int n = 0; n < count / 2; n++) {
                step.run(n);
            }
            System.gc();
            Thread.sleep(200);
            kilobytes[half + 1] = residentKilobytes();
        }
        String figures = String.format("%d %s: %d kB resident after the half, %d kB at the end", count, what,
                kilobytes[1], kilobytes[2]);
        System.out.println(figures);
        assertTrue(kilobytes[2] - kilobytes[1] < 8_000, figures);
    }

    private static long residentKilobytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new IOException("no VmRSS");
    }
}
