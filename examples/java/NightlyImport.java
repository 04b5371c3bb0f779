import importcji.Engine;
import importcji.ImportCjiException;
import importcji.Job;
import importcji.Page;
import importcji.Reply;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * A scheduled import: each night a file is fetched and imported, and the next night's is scheduled.
 *
 * <pre>
 * java -cp import-cji.jar:jna.jar:gson.jar NightlyImport.java calls.db http://192.168.1.88/leads.csv 02:00:00
 * </pre>
 *
 * The schedule is in the database: a night that this program slept through is made up for when it starts again.
 */
public class NightlyImport {
    private final Engine engine;
    private final String url;
    private final LocalTime time;

    private NightlyImport(Engine engine, String url, LocalTime time) {
        this.engine = engine;
        this.url = url;
        this.time = time;
    }

    public static void main(String[] arguments) throws InterruptedException {
        Engine engine = new Engine(arguments[0]);
        Runtime.getRuntime().addShutdownHook(new Thread(engine::close)); // a running job goes on at the next start
        new NightlyImport(engine, arguments[1], LocalTime.parse(arguments[2])).run();
        new CountDownLatch(1).await(); // the worker alone keeps no JVM alive
    }

    private void run() {
        try {
            engine.campaignGet("1");
        } catch (ImportCjiException unknown) { // a new store
            engine.teamAdd("acme", "Acme Telesales");
            engine.userSet("acme", "account", "nightly", "plaintext", "secret");
            engine.campaignAdd("acme", Map.of("name", "Nightly leads", "id", "1"));
        }
        engine.progressSet(NightlyImport::show);
        engine.callbackSet("nightly", this::ended);
        schedule();
        engine.workerStart();
    }

    private void schedule() {
        Page<Job> scheduled = engine.jobList(Map.of("campaign", "1", "state", "scheduled"));
        if (!scheduled.items().isEmpty()) { // by an earlier run of this program
            System.out.println("next: " + scheduled.items().get(0).runAt());
            return;
        }
        LocalDateTime next = LocalDateTime.now().with(time);
        LocalDateTime at = next.isAfter(LocalDateTime.now()) ? next : next.plusDays(1);
        engine.importCji(i -> i
                .orgidentity("acme").usertype("account").user("nightly").pwdtype("plaintext").password("secret")
                .modeltype("Campaign").model_id("1")
                .source("http").context(url).exetime(at)
                .delrow("1").phone_field("phone1").dupway("update").callbackFuc("nightly"));
        System.out.println("next: " + at);
    }

    /** Watches the job, on the worker's thread; never cancels it. */
    private static boolean show(Job job) {
        System.out.printf("job %s %s: %d rows, %d new, %d rejected%n",
                job.id(), job.state(), job.read(), job.inserted(), job.rejected());
        return false;
    }

    /** Gets the reply of each night, on the worker's thread too. */
    private void ended(Reply reply) {
        if (reply.code() == 1) {
            Job job = engine.jobGet(reply.message());
            System.out.printf("done in %d s; warnings: %s%n",
                    Duration.between(job.startedAt(), job.finishedAt()).toSeconds(), job.warnings());
        } else {
            System.out.println("failed: " + reply.message());
        }
        schedule();
    }
}
