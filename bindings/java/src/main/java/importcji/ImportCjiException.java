package importcji;

/**
 * The library's answer to a call that failed. It has changed nothing, but for these: an import of a file keeps its
 * finished chunks; {@link Engine#jobsRunDue} has run the other jobs; a wrong password is counted; and a file that
 * {@link Engine#jobRejects} could not bring to the disk may be there.
 */
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
