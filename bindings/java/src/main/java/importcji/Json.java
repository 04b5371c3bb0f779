package importcji;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.ToNumberPolicy;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** JSON as maps, lists, texts, numbers, booleans, times and null. */
final class Json {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss");
    private static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping()
            .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE).create();

    private Json() {
    }

    /** The parameter {@code name} for C. */
    static byte[] encode(String name, Object value) {
        return Utf8.encode(name, GSON.toJson(tree(name, Objects.requireNonNull(value, name))));
    }

    /**
     * What Gson reads as JSON. Its own way from objects would show private fields, and turn an anonymous map or list
     * ({@code new HashMap<>() {{ … }}}) into null.
     */
    private static JsonElement tree(String name, Object value) {
        if (value == null) {
            return JsonNull.INSTANCE;
        }
        if (value instanceof String) {
            return new JsonPrimitive((String) value);
        }
        if (value instanceof Boolean) {
            return new JsonPrimitive((Boolean) value);
        }
        if (value instanceof Number && Double.isFinite(((Number) value).doubleValue())) {
            return new JsonPrimitive((Number) value);
        }
        if (value instanceof LocalDateTime) {
            return new JsonPrimitive(text((LocalDateTime) value));
        }
        if (value instanceof Map) {
            JsonObject object = new JsonObject();
            ((Map<?, ?>) value).forEach((key, of) -> object.add(String.valueOf(key), tree(name, of)));
            return object;
        }
        if (value instanceof Collection) {
            JsonArray array = new JsonArray();
            ((Collection<?>) value).forEach(one -> array.add(tree(name, one)));
            return array;
        }
        if (value instanceof Object[]) {
            return tree(name, Arrays.asList((Object[]) value));
        }
        throw new IllegalArgumentException(name + " holds what JSON has no form for: "
                + (value instanceof Number ? value : value.getClass().getName()));
    }

    static JsonObject parse(String json) {
        return JsonParser.parseString(json).getAsJsonObject();
    }

    @SuppressWarnings("unchecked") // an object's keys are texts
    static Map<String, Object> map(JsonElement object) {
        return GSON.fromJson(object, Map.class);
    }

    @SuppressWarnings("unchecked")
    static <T> List<T> list(JsonElement array) {
        return GSON.fromJson(array, List.class);
    }

    static String text(LocalDateTime time) {
        return TIME.format(time);
    }

    static LocalDateTime time(String text) {
        return LocalDateTime.parse(text, TIME);
    }
}
