package importcji;

import com.google.gson.JsonObject;
import java.time.LocalDateTime;

/** A number that a campaign's dialer will call. */
public final class DialEntry extends Data {
    DialEntry(JsonObject json) {
        super(json);
    }

    /** {@return its id, for {@link Engine#dialDone}} */
    public String id() {
        return text("id");
    }

    /** {@return the id of its customer} */
    public String customer() {
        return text("customer");
    }

    /** {@return the number to call} */
    public String phone() {
        return text("phone");
    }

    /** {@return its priority, larger first} */
    public int priority() {
        return (int) number("priority");
    }

    /** {@return the time, in the engine's zone, before which it is not called; null: none} */
    public LocalDateTime dialTime() {
        return time("dial_time");
    }

    /** {@return {@code "waiting"} or {@code "leased"}} */
    public String state() {
        return text("state");
    }
}
