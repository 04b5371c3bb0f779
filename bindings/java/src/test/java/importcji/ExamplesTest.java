package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The programs of examples/java and of the README, with the packaged jar. */
@Timeout(120)
class ExamplesTest {
    @TempDir
    Path folder;

    private static Program example(String name, String... arguments) throws IOException {
        return program(Host.PROJECT.resolve("examples/java").resolve(name), arguments);
    }

    private static Program program(Path source, String... arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of(source.toString()));
        all.addAll(List.of(arguments));
        return new Program(List.of(Program.JAR), all);
    }

    private static String leads(WebServer web) throws IOException {
        return web.serve("/leads.csv", Files.readAllBytes(Host.PROJECT.resolve("examples/data/leads.csv")), () -> { });
    }

    @Test
    void the_readme_s_program_runs() throws Exception {
        String readme = Files.readString(Host.PROJECT.resolve("bindings/java/README.md"));
        String code = readme.split("```java\n", 2)[1].split("```", 2)[0];
        try (WebServer web = new WebServer()) {
            Path source = folder.resolve("FirstImport.java");
            Files.writeString(source, code.replace("http://192.168.1.88/leads.csv", leads(web))
                    .replace("\"calls.db\"", "\":memory:\""));
            try (Program program = program(source)) {
                assertEquals(List.of("2737 new customers"), program.lines());
                assertEquals(0, program.status());
            }
        }
    }

    @Test
    void the_quickstart_imports_a_file() throws Exception {
        try (WebServer web = new WebServer(); Program program = example("Quickstart.java", leads(web))) {
            List<String> lines = program.lines();
            assertEquals(0, program.status(), lines::toString);
            assertEquals("3000 rows read: 2737 inserted, 0 updated, 254 skipped, 9 rejected", lines.get(0));
            assertEquals("2737 numbers are on the dial list", lines.get(lines.size() - 1));
        }
    }

    @Test
    void the_dialer_calls_each_number_once() throws Exception {
        try (Program program = example("Dialer.java")) {
            List<String> lines = program.lines();
            assertEquals(0, program.status(), lines::toString);
            assertEquals(List.of("called 13800138001: success", "called 13800138002: error",
                    "called 13800138003: pending", "called 13800138004: success", "called 13800138005: error",
                    "called 13800138006: error", "1 numbers are left on the list"), lines);
        }
    }

    @Test
    void the_nightly_import_makes_up_for_a_missed_night_and_schedules_each_once() throws Exception {
        String store = folder.resolve("calls.db").toString();
        LocalDateTime next = LocalDateTime.now().plusHours(1).truncatedTo(ChronoUnit.SECONDS);
        try (WebServer web = new WebServer()) {
            String url = leads(web);
            assertEquals(List.of("next: " + next), nightly(store, url, next));
            LocalDateTime missed = LocalDateTime.now().plusSeconds(5).truncatedTo(ChronoUnit.SECONDS);
            try (Engine engine = new Engine(store, "", Host.LIBRARY)) {
                engine.jobCancel("1");
                engine.importCji(i -> i
                        .orgidentity("acme").usertype("account").user("nightly").pwdtype("plaintext").password("secret")
                        .modeltype("Campaign").model_id("1").source("http").context(url).exetime(missed)
                        .callbackFuc("nightly"));
            }
            try (Program program = example("NightlyImport.java", store, url, next.toLocalTime().toString())) {
                assertEquals("next: " + missed, program.line());
                List<String> night = program.linesTo("next: ");
                assertTrue(night.contains("job 2 succeeded: 3000 rows, 2737 new, 9 rejected"), night::toString);
                assertEquals("next: " + next, night.get(night.size() - 1));
                assertEquals(143, program.terminated()); // SIGTERM
            }
            assertEquals(List.of("next: " + next), nightly(store, url, next));
        }
        try (Engine engine = new Engine(store, "", Host.LIBRARY)) {
            assertEquals(1, engine.jobList(Map.of("state", "scheduled")).items().size());
        }
    }

    /** What it says until it waits for the night. */
    private static List<String> nightly(String store, String url, LocalDateTime next) throws Exception {
        try (Program program = example("NightlyImport.java", store, url, next.toLocalTime().toString())) {
            List<String> lines = program.linesTo("next: ");
            program.terminated();
            return lines;
        }
    }

    @Test
    void the_web_endpoint_makes_customers_of_forms() throws Exception {
        String store = folder.resolve("calls.db").toString();
        try (Program program = example("WebEndpoint.java", store, "0")) {
            URI uri = URI.create(program.line());
            assertEquals("200 customer 1 added; on the dial list", post(uri, "name", "Jöe 张", "phone1", "138 0013"));
            assertTrue(post(uri, "name", "Joe||memo=x", "phone1", "139").startsWith("400 "));
            assertTrue(post(uri, "name", "Joe", "status", "success").startsWith("400 "));
            assertTrue(post(uri, "name", "nobody").startsWith("400 "));
            assertTrue(post(uri, "memo", "x".repeat(70_000)).startsWith("413 "));
            assertEquals(143, program.terminated());
        }
        try (Engine engine = new Engine(store, "", Host.LIBRARY)) {
            List<Customer> customers = engine.customerList("1").items();
            assertEquals(1, customers.size());
            assertEquals("Jöe 张", customers.get(0).fields().get("name"));
        }
    }

    private static String post(URI uri, String... form) throws Exception {
        List<String> pairs = new ArrayList<>();
        for (int n = 0; n < form.length; n += 2) {
            pairs.add(form[n] + "=" + URLEncoder.encode(form[n + 1], StandardCharsets.UTF_8));
        }
        HttpRequest request = HttpRequest.newBuilder(uri).POST(BodyPublishers.ofString(String.join("&", pairs)))
                .header("Content-Type", "application/x-www-form-urlencoded").build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request,
                BodyHandlers.ofString(StandardCharsets.UTF_8));
        return answer.statusCode() + " " + answer.body().strip();
    }
}
