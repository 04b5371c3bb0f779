package importcji;

import com.google.gson.JsonObject;
import java.util.List;

/** A campaign and what its package holds. */
public final class Campaign extends Data {
    Campaign(JsonObject json) {
        super(json);
    }

    /** {@return its id, the {@code model_id} of imports} */
    public String id() {
        return text("id");
    }

    /** {@return the {@code orgidentity} of its team} */
    public String team() {
        return text("team");
    }

    /** {@return its name, for people} */
    public String name() {
        return text("name");
    }

    /** {@return whether its package is a part of the team's main table} */
    public boolean mainTable() {
        return flag("main_table");
    }

    /** {@return the id of its customer package} */
    public String packageId() {
        return text("package");
    }

    /** {@return the fields of its customers} */
    public List<Field> fields() {
        return list(json, "fields", Field::new);
    }

    /** {@return the names of the fields whose values tell one customer from another} */
    public List<String> uniqueKey() {
        return Json.list(json.get("unique_key"));
    }

    /** {@return how many customers its package has} */
    public long customers() {
        return number("customers");
    }

    /** {@return how many entries its dial list has} */
    public long dialList() {
        return number("dial_list");
    }

    /** A field of a campaign's customers. */
    public static final class Field extends Data {
        Field(JsonObject json) {
            super(json);
        }

        /** {@return its name} */
        public String name() {
            return text("name");
        }

        /** {@return its name for people, which a file's title row may use too} */
        public String display() {
            return text("display");
        }

        /** {@return {@code "text"}, {@code "phone"}, {@code "integer"} or {@code "datetime"}} */
        public String type() {
            return text("type");
        }

        /** {@return whether every record needs a value in it} */
        public boolean required() {
            return flag("required");
        }
    }
}
