package importcji;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/** A JSON object that the library answered; its subclasses name what is in it. */
abstract class Data {
    final JsonObject json;

    Data(JsonObject json) {
        this.json = json;
    }

    /** A text, or an id, which calls take as text; null where it is null. */
    final String text(String key) {
        JsonElement value = json.get(key);
        return value.isJsonNull() ? null : value.getAsString();
    }

    final long number(String key) {
        return json.get(key).getAsLong();
    }

    /** Null where it is null. */
    final Long optionalNumber(String key) {
        return json.get(key).isJsonNull() ? null : Long.valueOf(number(key));
    }

    final boolean flag(String key) {
        return json.get(key).getAsBoolean();
    }

    /** Null where it is null. */
    final LocalDateTime time(String key) {
        String text = text(key);
        return text == null ? null : Json.time(text);
    }

    /** The objects of an array, each as its type; it can't be changed. */
    static <T> List<T> list(JsonObject json, String key, Function<JsonObject, T> type) {
        JsonArray array = json.getAsJsonArray(key);
        List<T> list = new ArrayList<>(array.size());
        array.forEach(element -> list.add(type.apply(element.getAsJsonObject())));
        return Collections.unmodifiableList(list);
    }

    /** {@return whether the other is of the same kind and holds the same} */
    @Override
    public final boolean equals(Object other) {
        return other instanceof Data && other.getClass() == getClass() && ((Data) other).json.equals(json);
    }

    /** {@return a hash of what it holds} */
    @Override
    public final int hashCode() {
        return json.hashCode();
    }

    /** {@return the JSON that the library answered} */
    @Override
    public final String toString() {
        return json.toString();
    }
}
