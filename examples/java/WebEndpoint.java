import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import importcji.Engine;
import importcji.ImportCjiException;
import importcji.ImportRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/**
 * A web endpoint for single records: what a form posts becomes a customer on the dial list.
 *
 * <pre>
 * java -cp import-cji.jar:jna.jar:gson.jar WebEndpoint.java calls.db 8080
 * curl --data-urlencode 'name=Joe Müller' --data-urlencode 'phone1=138 0013 8001' http://127.0.0.1:8080/customers
 * </pre>
 *
 * All its threads share one engine. It listens on this machine only, and trusts who asks: a real one stands behind TLS
 * and a login.
 */
public class WebEndpoint {
    /** A stranger may set these fields and no others. */
    private static final List<String> FIELDS = List.of("name", "phone1", "email", "memo");
    private static final int MAX_BODY_BYTES = 64 * 1024;

    private final Engine engine;
    /** What all imports of this endpoint share. */
    private final Consumer<ImportRequest> login;

    private WebEndpoint(Engine engine, String campaign) {
        this.engine = engine;
        this.login = i -> i
                .orgidentity("acme").usertype("account").user("website").pwdtype("plaintext").password("secret")
                .modeltype("Campaign").model_id(campaign)
                .source("data").phone_field("phone1").dupdiallist("ignoreSuccess");
    }

    public static void main(String[] arguments) throws IOException {
        Engine engine = new Engine(arguments[0]);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        int port = Integer.parseInt(arguments[1]); // 0: a free one
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(threads);
        server.createContext("/customers", new WebEndpoint(engine, campaign(engine))::answer);
        server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stop(1); // gives the requests that are running a second
            threads.shutdown();
            engine.close();
        }));
        System.out.println("http://127.0.0.1:" + server.getAddress().getPort() + "/customers");
    }

    /** The campaign of the form; a new store gets its team, its user and the campaign. */
    private static String campaign(Engine engine) {
        try {
            return engine.campaignGet("1").id();
        } catch (ImportCjiException unknown) {
            engine.teamAdd("acme", "Acme Telesales");
            engine.userSet("acme", "account", "website", "plaintext", "secret");
            return engine.campaignAdd("acme", Map.of("name", "Website", "id", "1"));
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        try {
            if (!exchange.getRequestMethod().equals("POST")) {
                send(exchange, 405, "post a form");
                return;
            }
            byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
            if (body.length > MAX_BODY_BYTES) {
                send(exchange, 413, "the form is too large");
                return;
            }
            String record = record(new String(body, StandardCharsets.UTF_8));
            send(exchange, 200, engine.importCji(login.andThen(i -> i.context(record))).message());
        } catch (ImportCjiException | IllegalArgumentException refused) {
            send(exchange, 400, refused.getMessage());
        } finally {
            exchange.close();
        }
    }

    /** A form as a record. A value with {@code ||} in it would bring fields of its own: it is refused. */
    private static String record(String form) {
        List<String> pieces = new ArrayList<>();
        for (String pair : form.split("&")) {
            String[] parts = pair.split("=", 2);
            String field = URLDecoder.decode(parts[0], StandardCharsets.UTF_8);
            String value = parts.length < 2 ? "" : URLDecoder.decode(parts[1], StandardCharsets.UTF_8);
            if (!FIELDS.contains(field) || value.contains("||")) {
                throw new IllegalArgumentException("only " + String.join(", ", FIELDS) + ", and no || in them");
            }
            pieces.add(field + "=" + value);
        }
        return String.join("||", pieces);
    }

    private static void send(HttpExchange exchange, int status, String message) throws IOException {
        byte[] body = (message + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }
}
