package importcji;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The host's functions of one engine. C knows a number for each name, not the function: a call that is under way while
 * a function is replaced or removed finds the new one, or none.
 */
final class Callbacks {
    private final Map<String, Long> numbers = new HashMap<>();
    private final Map<Long, Consumer<? super Reply>> functions = new ConcurrentHashMap<>();
    private long last;
    /** Watches the running jobs; null: nobody does. */
    volatile Predicate<? super Job> progress;

    synchronized long put(String name, Consumer<? super Reply> function) {
        long number = numbers.computeIfAbsent(name, unknown -> ++last);
        functions.put(number, function);
        return number;
    }

    synchronized void remove(String name) {
        Long number = numbers.remove(name);
        if (number != null) {
            functions.remove(number);
        }
    }

    void reply(long number, String reply) {
        Consumer<? super Reply> function = functions.get(number);
        if (function != null) {
            function.accept(new Reply(Json.parse(reply)));
        }
    }

    boolean progress(String job) {
        Predicate<? super Job> function = progress;
        return function != null && function.test(new Job(Json.parse(job)));
    }
}
