package importcji;

import com.google.gson.JsonObject;
import java.time.LocalDateTime;
import java.util.Map;

/** A customer, as it was when it was asked for. Times are in the engine's zone. */
public final class Customer extends Data {
    Customer(JsonObject json) {
        super(json);
    }

    /** {@return its id} */
    public String id() {
        return text("id");
    }

    /** {@return the id of its package; null: a customer of the main table that is in none} */
    public String packageId() {
        return text("package");
    }

    /** {@return {@code "open"}, {@code "pending"}, {@code "error"} or {@code "success"}} */
    public String status() {
        return text("status");
    }

    /** {@return its agent; null: none} */
    public String agent() {
        return text("agent");
    }

    /** {@return the values by field name: texts, and for integers a {@link Long} or null} */
    public Map<String, Object> fields() {
        return Json.map(json.get("fields"));
    }

    /** {@return when it was imported first} */
    public LocalDateTime createdAt() {
        return time("created_at");
    }

    /** {@return when it was changed last} */
    public LocalDateTime updatedAt() {
        return time("updated_at");
    }
}
