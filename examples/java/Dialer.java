import importcji.DialEntry;
import importcji.Engine;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;

/**
 * A small dialer: it takes the next numbers of a campaign, calls them, and reports what came of each.
 *
 * <pre>
 * java -cp import-cji.jar:jna.jar:gson.jar Dialer.java               a store in memory, with a few customers
 * java -cp import-cji.jar:jna.jar:gson.jar Dialer.java calls.db 1    campaign 1 of this store
 * </pre>
 */
public class Dialer {
    /** Longer than the longest call: when it runs out, the number is handed to the next who asks. */
    private static final int LEASE_SECONDS = 600;

    public static void main(String[] arguments) {
        try (Engine engine = new Engine(arguments.length > 0 ? arguments[0] : ":memory:")) {
            String campaign = arguments.length > 1 ? arguments[1] : fill(engine);
            List<DialEntry> entries;
            while (!(entries = engine.dialNext(campaign, 5, LEASE_SECONDS)).isEmpty()) {
                for (DialEntry entry : entries) {
                    String status = call(entry.phone());
                    engine.customerSet(campaign, entry.customer(), Map.of("status", status));
                    engine.dialDone(campaign, entry.id(), status.equals("pending")
                            ? Map.of("outcome", "retry", "dial_time", LocalDateTime.now().plusDays(1), "priority", 1)
                            : Map.of("outcome", "done"));
                    System.out.println("called " + entry.phone() + ": " + status);
                }
            }
            System.out.println(engine.campaignGet(campaign).dialList() + " numbers are left on the list");
        }
    }

    /** Pretends to call; gives the customer's new status. */
    private static String call(String phone) {
        switch (phone.charAt(phone.length() - 1)) {
            case '1':
            case '4':
                return "success";
            case '3':
                return "pending"; // nobody answers: again tomorrow
            default:
                return "error";
        }
    }

    /** A team, an agent, a campaign, and six customers on its dial list. */
    private static String fill(Engine engine) {
        engine.teamAdd("acme", "Acme Telesales");
        engine.userSet("acme", "agent", "1001", "plaintext", "secret");
        String campaign = engine.campaignAdd("acme", Map.of("name", "Spring renewals"));
        for (int n = 1; n <= 6; n++) {
            String record = "name=Customer " + n + "||phone1=1380013800" + n;
            engine.importCji(i -> i
                    .orgidentity("acme").usertype("agent").user("1001").pwdtype("plaintext").password("secret")
                    .modeltype("Campaign").model_id(campaign)
                    .source("data").context(record).phone_field("phone1"));
        }
        return campaign;
    }
}
