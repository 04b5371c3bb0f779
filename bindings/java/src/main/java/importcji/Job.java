package importcji;

import com.google.gson.JsonObject;
import java.time.LocalDateTime;
import java.util.List;

/**
 * One import of a file, as it was when it was asked for. Each data row is counted once: {@code read() == inserted() +
 * updated() + skipped() + rejected()}. Times are in the engine's zone.
 */
public final class Job extends Data {
    Job(JsonObject json) {
        super(json);
    }

    /** {@return its id} */
    public String id() {
        return text("id");
    }

    /** {@return the id of the campaign that it imports into} */
    public String campaign() {
        return text("campaign");
    }

    /** {@return {@code "http"} or {@code "ftp"}} */
    public String source() {
        return text("source");
    }

    /** {@return where the file is, without the login} */
    public String url() {
        return text("url");
    }

    /**
     * {@return {@code "scheduled"}, {@code "running"}, {@code "succeeded"}, {@code "failed"} or {@code "cancelled"}}
     */
    public String state() {
        return text("state");
    }

    /** {@return when it is due} */
    public LocalDateTime runAt() {
        return time("run_at");
    }

    /** {@return when it began; null: not yet} */
    public LocalDateTime startedAt() {
        return time("started_at");
    }

    /** {@return when it ended; null: not yet} */
    public LocalDateTime finishedAt() {
        return time("finished_at");
    }

    /** {@return how many bytes the server has for it; null: unknown} */
    public Long bytesTotal() {
        return optionalNumber("bytes_total");
    }

    /** {@return how many bytes have come from the server} */
    public long bytesRead() {
        return number("bytes_read");
    }

    /** {@return how many data rows were read} */
    public long read() {
        return number("read");
    }

    /** {@return how many rows became new customers} */
    public long inserted() {
        return number("inserted");
    }

    /** {@return how many rows changed a customer, or put one on the dial list again} */
    public long updated() {
        return number("updated");
    }

    /** {@return how many rows were duplicates that changed nothing} */
    public long skipped() {
        return number("skipped");
    }

    /** {@return how many rows could not be used; {@link Engine#jobRejects} writes them} */
    public long rejected() {
        return number("rejected");
    }

    /** {@return how many entries the dial list got} */
    public long dialListed() {
        return number("dial_listed");
    }

    /** {@return how it ended, or why it rests} */
    public String message() {
        return text("message");
    }

    /** {@return what may surprise, such as columns that fit no field} */
    public List<String> warnings() {
        return Json.list(json.get("warnings"));
    }
}
