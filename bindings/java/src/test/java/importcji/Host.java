package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A program that uses the library, as the tests need it. */
final class Host {
    static final Path PROJECT = Path.of(System.getProperty("project")).toAbsolutePath().normalize();
    static final Path LIBRARY = Path.of(System.getProperty("library")).toAbsolutePath().normalize();
    static final Map<String, ?> OPTIONS = Map.of("timezone", "UTC", "retries", 0);

    private Host() {
    }

    /** An engine in memory, with a team, an agent and the campaign 1. */
    static Engine engine() {
        return engine(":memory:", OPTIONS);
    }

    static Engine engine(String location, Map<String, ?> options) {
        Engine engine = new Engine(location, options, LIBRARY);
        engine.teamAdd("myteam", "My team");
        engine.userSet("myteam", "agent", "1001", "plaintext", "secret");
        engine.campaignAdd("myteam", Map.of("name", "Spring renewals"));
        return engine;
    }

    static ImportRequest login(ImportRequest i) {
        return i.orgidentity("myteam").usertype("agent").user("1001").pwdtype("plaintext").password("secret")
                .modeltype("Campaign").model_id("1");
    }

    /** An import of one record. */
    static Consumer<ImportRequest> record(String context) {
        return i -> login(i).source("data").context(context).phone_field("phone1");
    }

    /** An import of a file. */
    static Consumer<ImportRequest> file(String url) {
        return i -> login(i).source("http").context(url).phone_field("phone1");
    }

    /** A shared library with the version functions of the header, but of another ABI. */
    static Path libraryOfAbi(int version, Path folder) throws Exception {
        Path source = Files.writeString(folder.resolve("stub.c"), "#include <stdint.h>\n"
                + "const char *cji_version(void) { return \"9.9.9\"; }\n"
                + "uint32_t cji_abi_version(void) { return " + version + "; }\n");
        Path library = folder.resolve("libimport_cji.so.0");
        int status = new ProcessBuilder("cc", "-shared", "-fPIC", "-o", library.toString(), source.toString())
                .inheritIO().start().waitFor();
        assertEquals(0, status, "cc");
        return library;
    }

    /** A file of so many customers. */
    static String leads(int count) {
        StringBuilder csv = new StringBuilder("name,phone1\n");
        for (int n = 0; n < count; n++) {
            csv.append("Joe ").append(n).append(",138").append(n).append('\n');
        }
        return csv.toString();
    }

    /** A file of the project's tests/data. */
    static JsonObject data(String name) {
        try {
            return JsonParser.parseString(Files.readString(PROJECT.resolve("tests/data").resolve(name)))
                    .getAsJsonObject();
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }

    /** Deletes a folder with all that is in it. */
    static void delete(Path folder) throws IOException {
        try (Stream<Path> found = Files.walk(folder)) {
            for (Path file : found.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) {
                Files.delete(file);
            }
        }
    }

    static void await(String what, BooleanSupplier happened) throws InterruptedException {
        for (long since = System.nanoTime(); !happened.getAsBoolean();) {
            assertTrue(System.nanoTime() - since < TimeUnit.SECONDS.toNanos(20), "waited in vain: " + what);
            Thread.sleep(10);
        }
    }

    /** The parameters of a function of the header that a caller of the binding gives. */
    static List<String> parameters(JsonObject function) {
        List<String> names = new ArrayList<>();
        function.getAsJsonArray("parameters").forEach(p -> names.add(p.getAsJsonObject().get("name").getAsString()));
        names.removeAll(List.of("engine", "user_data"));
        return names;
    }

    /** {@code cji_team_add} as {@code teamAdd}. */
    static String methodName(String function) {
        StringBuilder name = new StringBuilder();
        for (String word : function.replaceFirst("^cji_", "").split("_")) {
            name.append(name.length() == 0 ? word.charAt(0) : Character.toUpperCase(word.charAt(0)));
            name.append(word.substring(1));
        }
        return name.toString();
    }
}
