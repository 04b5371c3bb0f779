package importcji;

import com.sun.jna.Pointer;
import java.time.LocalDateTime;

/**
 * The 22 parameters of an import, by the vendor's names. Those that are left out are {@code ""}.
 *
 * <p>An engine makes a new one for each import and lets the host's function fill it: {@code i ->
 * i.orgidentity("myteam") .usertype("agent")…}. What many imports share is a function of its own, joined by {@link
 * java.util.function.Consumer#andThen}.
 *
 * <p>Every setter refuses with {@link IllegalArgumentException} what UTF-8 or C can't carry: an unpaired surrogate, a
 * NUL. Everything else is judged by the library.
 */
public final class ImportRequest {
    private static final byte[] LEFT_OUT = {0};

    private byte[] orgidentity = LEFT_OUT;
    private byte[] usertype = LEFT_OUT;
    private byte[] user = LEFT_OUT;
    private byte[] pwdtype = LEFT_OUT;
    private byte[] password = LEFT_OUT;
    private byte[] modeltype = LEFT_OUT;
    private byte[] model_id = LEFT_OUT;
    private byte[] source = LEFT_OUT;
    private byte[] context = LEFT_OUT;
    private byte[] source_user = LEFT_OUT;
    private byte[] source_pwd = LEFT_OUT;
    private byte[] exetime = LEFT_OUT;
    private byte[] delrow = LEFT_OUT;
    private byte[] phone_field = LEFT_OUT;
    private byte[] priority_field = LEFT_OUT;
    private byte[] dialtime_field = LEFT_OUT;
    private byte[] emptyagent = LEFT_OUT;
    private byte[] resetstatus = LEFT_OUT;
    private byte[] dupway = LEFT_OUT;
    private byte[] dupdiallist = LEFT_OUT;
    private byte[] changepackage = LEFT_OUT;
    private byte[] callbackFuc = LEFT_OUT;

    ImportRequest() {
    }

    Pointer cji(Cji cji, Pointer engine) {
        return cji.import_cji(engine,
                orgidentity, usertype, user, pwdtype, password, modeltype, model_id, source, context, source_user,
                source_pwd, exetime, delrow, phone_field, priority_field, dialtime_field, emptyagent, resetstatus,
                dupway, dupdiallist, changepackage, callbackFuc);
    }

    Pointer ws(Cji cji, Pointer engine) {
        return cji.import_ws(engine,
                orgidentity, usertype, user, pwdtype, password, modeltype, model_id, source, context, source_user,
                source_pwd, exetime, delrow, phone_field, priority_field, dialtime_field, emptyagent, resetstatus,
                dupway, dupdiallist, changepackage);
    }

    boolean hasCallback() {
        return callbackFuc.length > 1;
    }

    /**
     * The team. Required.
     *
     * @param orgidentity how the team is named
     * @return this request
     */
    public ImportRequest orgidentity(String orgidentity) {
        this.orgidentity = Utf8.encode("orgidentity", orgidentity);
        return this;
    }

    /**
     * What kind of user imports: {@code "agent"} or {@code "account"}. Required.
     *
     * @param usertype one of the two
     * @return this request
     */
    public ImportRequest usertype(String usertype) {
        this.usertype = Utf8.encode("usertype", usertype);
        return this;
    }

    /**
     * Who imports. Required.
     *
     * @param user the agent's number or the account's name
     * @return this request
     */
    public ImportRequest user(String user) {
        this.user = Utf8.encode("user", user);
        return this;
    }

    /**
     * How the password is given: {@code "plaintext"} or {@code "md5"}. Required.
     *
     * @param pwdtype one of the two
     * @return this request
     */
    public ImportRequest pwdtype(String pwdtype) {
        this.pwdtype = Utf8.encode("pwdtype", pwdtype);
        return this;
    }

    /**
     * The user's password. Required.
     *
     * @param password the password, or 32 hex digits of its MD5
     * @return this request
     */
    public ImportRequest password(String password) {
        this.password = Utf8.encode("password", password);
        return this;
    }

    /**
     * What is imported into. Required.
     *
     * @param modeltype {@code "Campaign"}
     * @return this request
     */
    public ImportRequest modeltype(String modeltype) {
        this.modeltype = Utf8.encode("modeltype", modeltype);
        return this;
    }

    /**
     * Which campaign of the team. Required.
     *
     * @param model_id its id
     * @return this request
     */
    public ImportRequest model_id(String model_id) {
        this.model_id = Utf8.encode("model_id", model_id);
        return this;
    }

    /**
     * What is imported: {@code "data"} for one record, {@code "http"} or {@code "ftp"} for a CSV file. Required.
     *
     * @param source one of the three
     * @return this request
     */
    public ImportRequest source(String source) {
        this.source = Utf8.encode("source", source);
        return this;
    }

    /**
     * The record, or where the file is. Required.
     *
     * @param context data: {@code "field1=value1||field2=value2"}; http: an {@code http://} or {@code https://} URL;
     *        ftp: an {@code ftp://} or {@code ftps://} URL
     * @return this request
     */
    public ImportRequest context(String context) {
        this.context = Utf8.encode("context", context);
        return this;
    }

    /**
     * The login at the file server; it wins over a login in the URL.
     *
     * @param source_user left out: none (ftp: anonymous)
     * @return this request
     */
    public ImportRequest source_user(String source_user) {
        this.source_user = Utf8.encode("source_user", source_user);
        return this;
    }

    /**
     * The password at the file server.
     *
     * @param source_pwd left out: none
     * @return this request
     */
    public ImportRequest source_pwd(String source_pwd) {
        this.source_pwd = Utf8.encode("source_pwd", source_pwd);
        return this;
    }

    /**
     * When to import the file. Ignored for data.
     *
     * @param exetime {@code "YYYY-MM-DD HH:MM:SS"} in the engine's zone; left out, or past: now
     * @return this request
     */
    public ImportRequest exetime(String exetime) {
        this.exetime = Utf8.encode("exetime", exetime);
        return this;
    }

    /**
     * When to import the file. Ignored for data.
     *
     * @param exetime the time in the engine's zone
     * @return this request
     */
    public ImportRequest exetime(LocalDateTime exetime) {
        return exetime(Json.text(exetime));
    }

    /**
     * How many lines to remove from the top of the file. Ignored for data.
     *
     * @param delrow a decimal number; left out: 0
     * @return this request
     */
    public ImportRequest delrow(String delrow) {
        this.delrow = Utf8.encode("delrow", delrow);
        return this;
    }

    /**
     * Puts the records on the dial list under this number.
     *
     * @param phone_field a field or its display name; left out: no dial list
     * @return this request
     */
    public ImportRequest phone_field(String phone_field) {
        this.phone_field = Utf8.encode("phone_field", phone_field);
        return this;
    }

    /**
     * The dial list's priority, larger first. Needs {@code phone_field}.
     *
     * @param priority_field a field or its display name, or the name of a column of the file or a piece of the record;
     *        left out: priority 0
     * @return this request
     */
    public ImportRequest priority_field(String priority_field) {
        this.priority_field = Utf8.encode("priority_field", priority_field);
        return this;
    }

    /**
     * The time before which the dialer does not call. Needs {@code phone_field}.
     *
     * @param dialtime_field named like {@code priority_field}; left out: at once
     * @return this request
     */
    public ImportRequest dialtime_field(String dialtime_field) {
        this.dialtime_field = Utf8.encode("dialtime_field", dialtime_field);
        return this;
    }

    /**
     * Whether a duplicate's agent is cleared.
     *
     * @param emptyagent {@code "yes"} or {@code "no"}; left out: no
     * @return this request
     */
    public ImportRequest emptyagent(String emptyagent) {
        this.emptyagent = Utf8.encode("emptyagent", emptyagent);
        return this;
    }

    /**
     * Whether a duplicate's status becomes {@code "open"}.
     *
     * @param resetstatus {@code "yes"} or {@code "no"}; left out: no
     * @return this request
     */
    public ImportRequest resetstatus(String resetstatus) {
        this.resetstatus = Utf8.encode("resetstatus", resetstatus);
        return this;
    }

    /**
     * Whether a duplicate's fields become the record's, where the record has a value.
     *
     * @param dupway {@code "update"} or {@code "skip"}; left out: skip
     * @return this request
     */
    public ImportRequest dupway(String dupway) {
        this.dupway = Utf8.encode("dupway", dupway);
        return this;
    }

    /**
     * Whether a duplicate is put on the dial list.
     *
     * @param dupdiallist {@code "ignoreDuplicate"}: no; {@code "all"}: yes; {@code "ignoreSuccess"}: yes, unless its
     *        status is {@code "success"}; left out: ignoreDuplicate
     * @return this request
     */
    public ImportRequest dupdiallist(String dupdiallist) {
        this.dupdiallist = Utf8.encode("dupdiallist", dupdiallist);
        return this;
    }

    /**
     * Whether a duplicate of the main table that is not in this package is moved here.
     *
     * @param changepackage {@code "skip"}: no, the record is skipped; {@code "unassignToCurrent"}: from none;
     *        {@code "reassignToCurrent"}: from any; left out: skip
     * @return this request
     */
    public ImportRequest changepackage(String changepackage) {
        this.changepackage = Utf8.encode("changepackage", changepackage);
        return this;
    }

    /**
     * Which callback gets the reply when the import has ended. {@link Engine#importWs} has no such parameter.
     *
     * @param callbackFuc a name set by {@link Engine#callbackSet}; left out: none
     * @return this request
     */
    public ImportRequest callbackFuc(String callbackFuc) {
        this.callbackFuc = Utf8.encode("callbackFuc", callbackFuc);
        return this;
    }
}
