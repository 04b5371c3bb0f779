package importcji;

import com.google.gson.JsonObject;

/** What became of an import. */
public final class Reply extends Data {
    Reply(JsonObject json) {
        super(json);
    }

    /**
     * {@return 1 when it is done, also where rows of a file were rejected; 2 when it failed}
     *
     * <p>Methods throw an {@link ImportCjiException} instead of returning 2; callbacks get either.
     */
    public int code() {
        return (int) number("code");
    }

    /** {@return of a file that was imported or queued its job's id and nothing else; else what was done, or why not} */
    public String message() {
        return text("message");
    }
}
