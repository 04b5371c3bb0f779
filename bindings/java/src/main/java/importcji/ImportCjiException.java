package importcji;

/** The library's answer to a call that failed: it has changed nothing, but for an import of a file. */
public final class ImportCjiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The reply's code. */
    private final int code;

    ImportCjiException(Reply reply) {
        super(reply.message());
        code = reply.code();
    }

    /**
     * {@return the code of the reply, 2; its message is that of the exception}
     */
    public int code() {
        return code;
    }
}
