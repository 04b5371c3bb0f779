package importcji;

import com.google.gson.JsonObject;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;

/**
 * A part of a list.
 *
 * @param <T> what is listed
 */
public final class Page<T> extends Data implements Iterable<T> {
    private final List<T> items;

    Page(JsonObject json, String key, Function<JsonObject, T> type) {
        super(json);
        items = list(json, key, type);
    }

    /** {@return what this page lists, by id; it can't be changed} */
    public List<T> items() {
        return items;
    }

    /** {@return the {@code "after"} of the filter for the next page; null: this is the last} */
    public Long next() {
        return optionalNumber("next");
    }

    /** {@return an iterator over the items of this page} */
    @Override
    public Iterator<T> iterator() {
        return items.iterator();
    }
}
