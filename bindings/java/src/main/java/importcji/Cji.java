package importcji;

import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;

/**
 * The functions of include/import_cji.h, in its order. Texts go in as {@link Utf8#encode}, since JNA itself would cut a
 * String at a NUL and write an unpaired surrogate as "?". Owned texts come out as pointers, to be freed.
 */
interface Cji extends Library {
    /** {@code CJI_ABI_VERSION} of the header that this interface was written after. */
    int ABI_VERSION = 1;

    /** {@code cji_callback}. */
    interface OnReply extends Callback {
        void call(Pointer reply, Pointer user_data);
    }

    /** {@code cji_progress}. */
    interface OnProgress extends Callback {
        int call(Pointer job, Pointer user_data);
    }

    String cji_version();

    int cji_abi_version();

    void cji_text_free(Pointer text);

    Pointer cji_engine_open(byte[] location, byte[] options, PointerByReference error);

    void cji_engine_close(Pointer engine);

    Pointer import_cji(Pointer engine, byte[] orgidentity, byte[] usertype, byte[] user, byte[] pwdtype,
            byte[] password, byte[] modeltype, byte[] model_id, byte[] source, byte[] context, byte[] source_user,
            byte[] source_pwd, byte[] exetime, byte[] delrow, byte[] phone_field, byte[] priority_field,
            byte[] dialtime_field, byte[] emptyagent, byte[] resetstatus, byte[] dupway, byte[] dupdiallist,
            byte[] changepackage, byte[] callbackFuc);

    Pointer import_ws(Pointer engine, byte[] orgidentity, byte[] usertype, byte[] user, byte[] pwdtype,
            byte[] password, byte[] modeltype, byte[] model_id, byte[] source, byte[] context, byte[] source_user,
            byte[] source_pwd, byte[] exetime, byte[] delrow, byte[] phone_field, byte[] priority_field,
            byte[] dialtime_field, byte[] emptyagent, byte[] resetstatus, byte[] dupway, byte[] dupdiallist,
            byte[] changepackage);

    Pointer import_event(Pointer engine, byte[] query);

    Pointer import_jsonp(Pointer engine, byte[] query);

    Pointer cji_team_add(Pointer engine, byte[] orgidentity, byte[] name);

    Pointer cji_user_set(Pointer engine, byte[] orgidentity, byte[] usertype, byte[] user, byte[] pwdtype,
            byte[] password);

    Pointer cji_user_disable(Pointer engine, byte[] orgidentity, byte[] usertype, byte[] user);

    Pointer cji_main_table_define(Pointer engine, byte[] orgidentity, byte[] definition);

    Pointer cji_campaign_add(Pointer engine, byte[] orgidentity, byte[] definition);

    Pointer cji_campaign_get(Pointer engine, byte[] campaign_id);

    Pointer cji_job_get(Pointer engine, byte[] job_id);

    Pointer cji_job_list(Pointer engine, byte[] filter);

    Pointer cji_job_cancel(Pointer engine, byte[] job_id);

    Pointer cji_job_rejects(Pointer engine, byte[] job_id, byte[] path);

    Pointer cji_jobs_run_due(Pointer engine);

    Pointer cji_worker_start(Pointer engine);

    Pointer cji_worker_stop(Pointer engine);

    Pointer cji_callback_set(Pointer engine, byte[] name, OnReply callback, Pointer user_data);

    Pointer cji_progress_set(Pointer engine, OnProgress progress, Pointer user_data);

    Pointer cji_customer_list(Pointer engine, byte[] campaign_id, byte[] filter);

    Pointer cji_customer_set(Pointer engine, byte[] campaign_id, byte[] customer_id, byte[] changes);

    Pointer cji_dial_list(Pointer engine, byte[] campaign_id, byte[] filter);

    Pointer cji_dial_next(Pointer engine, byte[] campaign_id, int limit, int lease_seconds);

    Pointer cji_dial_done(Pointer engine, byte[] campaign_id, byte[] entry_id, byte[] outcome);

    Pointer cji_query(Pointer engine, byte[] sql, byte[] arguments);
}
