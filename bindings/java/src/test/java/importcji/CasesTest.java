package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The table of cases that all languages run, tests/data/calls.json, through the public methods. */
class CasesTest {
    private static final Gson GSON = new Gson();
    private static final Set<String> TEXT_REPLIES = Set.of("import_ws", "import_event", "import_jsonp");
    private static final Set<String> IDS = Set.of("id", "campaign", "customer", "package");
    private static final Map<String, String> LISTED = Map.of("cji_job_list", "jobs", "cji_customer_list", "customers",
            "cji_dial_list", "entries", "cji_dial_next", "entries");

    private static JsonObject table;
    private static Map<String, List<String>> parameters;
    private static Process server;
    private static String url;

    @BeforeAll
    static void start() throws IOException {
        table = Host.data("calls.json");
        parameters = stream(Host.data("abi.json").get("functions")).map(JsonElement::getAsJsonObject)
                .collect(Collectors.toMap(f -> f.get("name").getAsString(), Host::parameters));
        server = new ProcessBuilder("python3", Host.PROJECT.resolve("tests/cases/serve.py").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        url = new BufferedReader(new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8)).readLine();
    }

    @AfterAll
    static void stop() throws Exception {
        server.getOutputStream().close(); // the end of its input ends it
        server.waitFor();
    }

    @TestFactory
    Stream<DynamicTest> cases() {
        return stream(table.get("cases")).map(JsonElement::getAsJsonObject)
                .map(one -> DynamicTest.dynamicTest(one.get("name").getAsString(), () -> run(one)));
    }

    private static void run(JsonObject unplaced) throws Exception {
        Path folder = Files.createTempDirectory("import-cji");
        try {
            String placed = unplaced.toString().replace("<server>", url).replace("<tmp>", folder.toString());
            new Case(JsonParser.parseString(placed).getAsJsonObject(), folder).run();
        } finally {
            Host.delete(folder);
        }
    }

    private static final class Case {
        private final JsonObject given;
        private final Path folder;
        private final JsonArray called = new JsonArray();
        private final boolean cancel;
        private final JsonObject last;
        private Job watched;
        private Engine engine;

        Case(JsonObject given, Path folder) {
            this.given = given;
            this.folder = folder;
            JsonObject progress = given.has("progress") ? given.getAsJsonObject("progress") : new JsonObject();
            cancel = progress.has("cancel") && progress.get("cancel").getAsBoolean();
            last = progress.has("last") ? progress.getAsJsonObject("last") : new JsonObject();
        }

        void run() throws Exception {
            String location = given.has("location") ? given.get("location").getAsString() : ":memory:";
            try {
                engine = opened(location, given.has("options") ? given.get("options") : table.get("options"));
            } catch (ImportCjiException refused) {
                same("open", given.get("open"), reply(refused));
                return;
            }
            try (Engine open = engine) {
                assertFalse(given.has("open"), () -> open + " must not open");
                for (JsonElement step : table.getAsJsonArray("host")) {
                    step(step.getAsJsonObject());
                }
                for (JsonElement step : given.getAsJsonArray("steps")) {
                    step(step.getAsJsonObject());
                }
            }
            same("called", given.has("called") ? given.get("called") : new JsonArray(), called);
            for (String key : last.keySet()) {
                same("the last progress: " + key, last.get(key), json(watched).getAsJsonObject().get(key));
            }
        }

        private static Engine opened(String location, JsonElement options) {
            return options.isJsonObject() ? new Engine(location, Json.map(options), Host.LIBRARY)
                    : new Engine(location, options.getAsString(), Host.LIBRARY);
        }

        private void step(JsonObject step) throws Exception {
            if (step.has("read")) {
                same("the file", step.get("text"), new JsonPrimitive(Files.readString(onlyFile())));
                return;
            }
            String function = step.get("call").getAsString();
            JsonObject with = step.has("with") ? step.getAsJsonObject("with") : new JsonObject();
            JsonElement answer;
            try {
                answer = answer(function, call(function, with));
            } catch (ImportCjiException failure) {
                answer = reply(failure);
            }
            if (step.has("text")) {
                same(step.toString(), step.get("text"), answer);
                return;
            }
            JsonObject expected = JsonParser.parseString("{\"code\": 1, \"message\": \"<any>\"}").getAsJsonObject();
            if (step.has("reply")) {
                expected = step.getAsJsonObject("reply");
            } else {
                answer.getAsJsonObject().remove("data");
            }
            if (answer.getAsJsonObject().get("message") == null) { // a method that gives data drops it
                expected.remove("message");
            }
            same(step.toString(), expected, answer);
        }

        /** The file that the case wrote; in the locale C, Java finds a name that is not ASCII only by looking. */
        private Path onlyFile() throws IOException {
            try (Stream<Path> files = Files.list(folder)) {
                return files.filter(file -> file.toString().endsWith(".csv")).findAny().orElseThrow();
            }
        }

        private Object call(String function, JsonObject with) throws Exception {
            if (function.equals("import_cji") || function.equals("import_ws")) {
                Map<String, JsonElement> texts = new HashMap<>(table.getAsJsonObject("import").asMap());
                texts.putAll(with.asMap());
                Consumer<ImportRequest> request = i -> texts.forEach((name, text) -> set(i, name, text.getAsString()));
                return function.equals("import_cji") ? engine.importCji(request) : engine.importWs(request);
            }
            List<String> names = parameters.get(function);
            for (Method method : Engine.class.getMethods()) {
                Object[] arguments = new Object[names.size()];
                if (method.getName().equals(Host.methodName(function)) && fill(arguments, method, with)) {
                    try {
                        return method.invoke(engine, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw (Exception) thrown.getCause();
                    }
                }
            }
            throw new AssertionError("no method takes " + function + " " + with);
        }

        /** False where the method takes values of other types. */
        private boolean fill(Object[] arguments, Method method, JsonObject with) {
            Parameter[] expected = method.getParameters();
            if (expected.length != arguments.length) {
                return false;
            }
            for (int n = 0; n < arguments.length; n++) {
                arguments[n] = argument(expected[n].getName(), with.get(expected[n].getName()), method);
                Class<?> type = expected[n].getType();
                if (arguments[n] != null && type != int.class && !type.isInstance(arguments[n])) {
                    return false;
                }
            }
            return true;
        }

        private Object argument(String name, JsonElement value, Method method) {
            if (name.equals("callback")) {
                Consumer<Reply> callback = reply -> called.add(json(reply));
                return value == null ? callback : null;
            }
            if (name.equals("progress")) {
                Predicate<Job> progress = job -> {
                    watched = job;
                    return cancel;
                };
                return value == null ? progress : null;
            }
            if (value == null) {
                return "";
            }
            if (value.isJsonPrimitive()) {
                return value.getAsJsonPrimitive().isNumber() ? (Object) value.getAsInt() : value.getAsString();
            }
            if (value.isJsonArray()) {
                return Json.list(value);
            }
            // query takes a list: what is none can only be given as text
            return method.getName().equals("query") ? value.toString() : Json.map(value);
        }

        private static void set(ImportRequest request, String name, String text) {
            try {
                ImportRequest.class.getMethod(name, String.class).invoke(request, text);
            } catch (ReflectiveOperationException missing) {
                throw new AssertionError(missing);
            }
        }
    }

    /** What a method gave, in the form of the table. */
    private static JsonElement answer(String function, Object given) {
        if (TEXT_REPLIES.contains(function)) {
            return new JsonPrimitive((String) given);
        }
        JsonObject reply = new JsonObject();
        reply.addProperty("code", 1);
        if (given instanceof Reply) {
            return json(given);
        }
        if (given instanceof String || given instanceof Integer) {
            reply.addProperty("message", given.toString());
            return reply;
        }
        JsonObject data = new JsonObject();
        if (given instanceof Page) {
            data.add(LISTED.get(function), json(((Page<?>) given).items()));
            data.add("next", json(((Page<?>) given).next()));
        } else if (given instanceof List) {
            data.add(LISTED.get(function), json(given));
        } else {
            data = json(given).getAsJsonObject();
        }
        reply.add("data", data);
        return reply;
    }

    private static JsonObject reply(ImportCjiException failure) {
        JsonObject reply = new JsonObject();
        reply.addProperty("code", failure.code());
        reply.addProperty("message", failure.getMessage());
        return reply;
    }

    /** A value of the binding as JSON again, read by its accessors: so that none is missing or wrong. */
    private static JsonElement json(Object value) {
        if (value == null) {
            return JsonNull.INSTANCE;
        }
        if (value instanceof LocalDateTime) {
            return new JsonPrimitive(Json.text((LocalDateTime) value));
        }
        if (value instanceof List) {
            JsonArray list = new JsonArray();
            ((List<?>) value).forEach(one -> list.add(json(one)));
            return list;
        }
        if (!(value instanceof Data)) {
            return GSON.toJsonTree(value);
        }
        JsonObject object = new JsonObject();
        for (Method accessor : value.getClass().getDeclaredMethods()) {
            if (Modifier.isPublic(accessor.getModifiers()) && accessor.getParameterCount() == 0) {
                String key = accessor.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT)
                        .replace("package_id", "package");
                JsonElement found = json(invoke(accessor, value));
                boolean isId = IDS.contains(key) && !found.isJsonNull();
                object.add(key, isId ? new JsonPrimitive(Long.valueOf(found.getAsString())) : found);
            }
        }
        return object;
    }

    private static Object invoke(Method accessor, Object value) {
        try {
            return accessor.invoke(value);
        } catch (ReflectiveOperationException broken) {
            throw new AssertionError(broken);
        }
    }

    private static void same(String what, JsonElement expected, JsonElement found) {
        assertTrue(matches(expected, found), () -> what + "\n  must be " + expected + "\n  but is  " + found);
    }

    /** {@code <any>} is any value, and inside a text any part of it. */
    private static boolean matches(JsonElement expected, JsonElement found) {
        if (expected == null || found == null) {
            return expected == found;
        }
        if (expected.isJsonPrimitive() && expected.getAsJsonPrimitive().isString()) {
            String text = expected.getAsString();
            String pattern = Stream.of(text.split("<any>", -1)).map(Pattern::quote).collect(Collectors.joining(".*"));
            return text.equals("<any>") || found.isJsonPrimitive() && found.getAsJsonPrimitive().isString()
                    && Pattern.compile(pattern, Pattern.DOTALL).matcher(found.getAsString()).matches();
        }
        if (expected.isJsonArray() && found.isJsonArray()) {
            JsonArray one = expected.getAsJsonArray();
            JsonArray other = found.getAsJsonArray();
            for (int n = 0; n < one.size() && n < other.size(); n++) {
                if (!matches(one.get(n), other.get(n))) {
                    return false;
                }
            }
            return one.size() == other.size();
        }
        if (expected.isJsonObject() && found.isJsonObject()) {
            Map<String, JsonElement> one = expected.getAsJsonObject().asMap();
            Map<String, JsonElement> other = found.getAsJsonObject().asMap();
            return one.keySet().equals(other.keySet())
                    && one.keySet().stream().allMatch(key -> matches(one.get(key), other.get(key)));
        }
        return expected.equals(found);
    }

    private static Stream<JsonElement> stream(JsonElement array) {
        return StreamSupport.stream(array.getAsJsonArray().spliterator(), false);
    }
}
