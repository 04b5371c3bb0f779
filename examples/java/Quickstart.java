import importcji.Customer;
import importcji.Engine;
import importcji.Job;
import importcji.Reply;
import java.util.Map;

/**
 * A CSV file on a web server becomes customers and a dial list.
 *
 * <pre>java -cp import-cji.jar:jna.jar:gson.jar Quickstart.java http://192.168.1.88/leads.csv</pre>
 */
public class Quickstart {
    public static void main(String[] arguments) {
        try (Engine engine = new Engine(":memory:")) { // a path keeps the database
            engine.teamAdd("myteam", "My team");
            engine.userSet("myteam", "agent", "1001", "plaintext", "secret");
            String campaign = engine.campaignAdd("myteam", Map.of("name", "Spring renewals"));

            Reply reply = engine.importCji(i -> i
                    .orgidentity("myteam").usertype("agent").user("1001").pwdtype("plaintext").password("secret")
                    .modeltype("Campaign").model_id(campaign)
                    .source("http").context(arguments[0]).delrow("1").phone_field("phone1"));

            Job job = engine.jobGet(reply.message());
            System.out.printf("%d rows read: %d inserted, %d updated, %d skipped, %d rejected%n",
                    job.read(), job.inserted(), job.updated(), job.skipped(), job.rejected());
            for (Customer customer : engine.customerList(campaign, Map.of("limit", 5))) {
                System.out.println(customer.id() + " " + customer.fields());
            }
            System.out.println(engine.campaignGet(campaign).dialList() + " numbers are on the dial list");
        }
    }
}
