package importcji;

import com.sun.jna.CallbackThreadInitializer;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.function.BiFunction;

/**
 * An open {@code cji_engine}, and how many calls are using it. It has no way to its {@link Engine}, nor to the host's
 * functions, which often know the engine: so the Cleaner may hold it, and closes it by {@link #run}.
 */
final class Handle implements Runnable {
    private final Cji cji;
    private final Pointer engine;
    /** C calls these two on any thread until the engine is closed: they live as long as this. */
    private final Cji.OnReply onReply;
    private final Cji.OnProgress onProgress;

    private int calls;
    private boolean closing;
    private boolean closed;

    Handle(Cji cji, byte[] location, byte[] options, Callbacks callbacks) {
        PointerByReference error = new PointerByReference();
        this.cji = cji;
        this.engine = cji.cji_engine_open(location, options, error);
        if (engine == null) {
            throw new ImportCjiException(new Reply(Json.parse(take(error.getValue()))));
        }
        WeakReference<Callbacks> known = new WeakReference<>(callbacks);
        onReply = (reply, number) -> Frame.callback(() -> {
            Callbacks functions = known.get();
            if (functions != null) {
                functions.reply(Pointer.nativeValue(number), text(reply));
            }
            return false;
        });
        onProgress = (job, unused) -> Frame.callback(() -> {
            Callbacks functions = known.get();
            return functions != null && functions.progress(text(job));
        }) ? 1 : 0;
        // The worker becomes a Java thread once, not anew for each call, and keeps no JVM alive.
        CallbackThreadInitializer worker = new CallbackThreadInitializer(true, false, "import-cji worker");
        Native.setCallbackThreadInitializer(onReply, worker);
        Native.setCallbackThreadInitializer(onProgress, worker);
    }

    /** Calls the library, and gives the text that it answers. */
    String call(BiFunction<Cji, Pointer, Pointer> function) {
        enter();
        try (Frame frame = Frame.call()) {
            String reply = take(function.apply(cji, engine));
            frame.rethrow();
            return reply;
        } finally {
            leave();
        }
    }

    /** The call that makes C call this name's function by its number; with 0 it takes the name away. */
    BiFunction<Cji, Pointer, Pointer> callbackSetter(byte[] name, long number) {
        return (c, e) -> c.cji_callback_set(e, name, number == 0 ? null : onReply, new Pointer(number));
    }

    BiFunction<Cji, Pointer, Pointer> progressSetter(boolean watched) {
        return (c, e) -> c.cji_progress_set(e, watched ? onProgress : null, null);
    }

    /**
     * Waits for the calls that are running, and closes the engine. Until its worker has stopped, the host's functions
     * on that thread may go on calling the library; else the worker and this would wait for each other.
     */
    @Override
    public void run() {
        synchronized (this) {
            closing = true;
        }
        awaitCalls();
        take(cji.cji_worker_stop(engine));
        synchronized (this) {
            awaitCalls();
            closed = true;
        }
        cji.cji_engine_close(engine);
        Reference.reachabilityFence(this); // with the two that C may call
    }

    private synchronized void enter() {
        if (closed || closing && !Frame.inCallback()) {
            throw new IllegalStateException("the engine is closed");
        }
        calls++;
    }

    private synchronized void leave() {
        calls--;
        notifyAll();
    }

    private synchronized void awaitCalls() {
        boolean interrupted = false;
        while (calls > 0) {
            try {
                wait();
            } catch (InterruptedException later) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private String take(Pointer owned) {
        try {
            return text(owned);
        } finally {
            cji.cji_text_free(owned);
        }
    }

    private static String text(Pointer text) {
        return text.getString(0, "UTF-8");
    }
}
