package importcji;

import java.lang.reflect.UndeclaredThrowableException;
import java.util.function.BooleanSupplier;

/** What is under way on a thread: a call into the library, in it a call of one of the host's functions, and so on. */
final class Frame implements AutoCloseable {
    private static final ThreadLocal<Frame> TOP = new ThreadLocal<>();

    private final Frame below = TOP.get();
    private final boolean inCallback;
    private Throwable thrown;

    private Frame(boolean inCallback) {
        this.inCallback = inCallback;
        TOP.set(this);
    }

    /** A call into the library begins. */
    static Frame call() {
        return new Frame(inCallback());
    }

    /** Whether the library has called this thread. */
    static boolean inCallback() {
        Frame top = TOP.get();
        return top != null && top.inCallback;
    }

    /**
     * Calls a function of the host, and gives its answer. Nothing that it throws may reach C: the call into the library
     * that it was called from throws it again; on the worker's thread, which has no such call, it counts as uncaught.
     * The answer is true then, which cancels a job.
     */
    static boolean callback(BooleanSupplier function) {
        Frame frame = new Frame(true);
        try {
            return function.getAsBoolean();
        } catch (Throwable thrown) {
            Frame call = frame.below;
            if (call == null) {
                uncaught(thrown);
            } else if (call.thrown == null) {
                call.thrown = thrown;
            } else if (call.thrown != thrown) {
                call.thrown.addSuppressed(thrown);
            }
            return true;
        } finally {
            frame.close();
        }
    }

    private static void uncaught(Throwable thrown) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
        } catch (Throwable ignored) {
            // As the JVM does.
        }
    }

    /** Throws what a function of the host threw during this call. */
    void rethrow() {
        if (thrown instanceof Error) {
            throw (Error) thrown;
        }
        if (thrown instanceof RuntimeException) {
            throw (RuntimeException) thrown;
        }
        if (thrown != null) { // other languages of the JVM throw checked exceptions anywhere
            throw new UndeclaredThrowableException(thrown);
        }
    }

    @Override
    public void close() {
        if (below == null) {
            TOP.remove();
        } else {
            TOP.set(below);
        }
    }
}
