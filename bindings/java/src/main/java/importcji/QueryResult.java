package importcji;

import com.google.gson.JsonObject;
import java.util.List;

/** What a SELECT found. */
public final class QueryResult extends Data {
    QueryResult(JsonObject json) {
        super(json);
    }

    /** {@return the names of the columns} */
    public List<String> columns() {
        return Json.list(json.get("columns"));
    }

    /** {@return the rows; a value is a {@link String}, {@link Long}, {@link Double} or null} */
    public List<List<Object>> rows() {
        return Json.list(json.get("rows"));
    }
}
