package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Texts between Java and C, in a JVM whose own encodings are ISO-8859-1 and that of the locale C. */
class TextTest {
    private static Engine engine;

    @BeforeAll
    static void open() {
        engine = Host.engine();
    }

    @AfterAll
    static void close() {
        engine.close();
    }

    @Test
    void the_jvm_of_these_tests_has_other_encodings_than_utf_8() {
        assertEquals(StandardCharsets.ISO_8859_1, Charset.defaultCharset());
        assertEquals("ANSI_X3.4-1968", System.getProperty("sun.jnu.encoding"));
    }

    @Test
    void every_character_of_unicode_comes_back_as_it_went() {
        for (int start = 1; start <= Character.MAX_CODE_POINT; start += 0x1000) {
            StringBuilder text = new StringBuilder();
            for (int point = start; point < start + 0x1000 && point <= Character.MAX_CODE_POINT; point++) {
                if (point < Character.MIN_SURROGATE || point > Character.MAX_SURROGATE) {
                    text.appendCodePoint(point);
                }
            }
            assertEquals(text.toString(), engine.query("SELECT ?", List.of(text.toString())).rows().get(0).get(0));
        }
    }

    @Test
    void a_callback_gets_its_text_in_utf_8() {
        AtomicReference<Reply> got = new AtomicReference<>();
        engine.callbackSet("完成 😀", got::set);
        assertThrows(ImportCjiException.class,
                () -> engine.importCji(i -> Host.login(i).source("data").context("Größe 😀=1").callbackFuc("完成 😀")));
        assertTrue(got.get().message().contains("Größe 😀"), got.get().message());
    }

    @Test
    void an_unpaired_surrogate_is_refused_in_every_parameter_by_its_name() throws Exception {
        for (String bad : List.of("x\uD83D", "\uDE00x", "\uDE00\uD83D", "\uD83Dx\uDE00")) {
            each((name, call) -> assertNames(name, assertThrows(IllegalArgumentException.class, () -> call.with(bad))));
        }
    }

    @Test
    void a_nul_is_refused_in_every_parameter_by_its_name() throws Exception {
        for (String bad : List.of("\0", "1\0", "1\0001")) {
            each((name, call) -> assertNames(name, assertThrows(IllegalArgumentException.class, () -> call.with(bad))));
        }
    }

    @Test
    void null_is_refused_in_every_parameter_by_its_name() throws Exception {
        each((name, call) -> assertNames(name, assertThrows(NullPointerException.class, () -> call.with(null))));
    }

    @Test
    void an_unpaired_surrogate_inside_json_is_refused() {
        Exception refused = assertThrows(IllegalArgumentException.class,
                () -> engine.campaignAdd("myteam", Map.of("name", "x\uD83D")));
        assertNames("definition", refused);
    }

    @Test
    void what_is_no_json_is_refused() {
        for (Object bad : List.of(Double.NaN, Float.POSITIVE_INFINITY, 'x', new Thread(), new Object(), Path.of("x"),
                new int[1], List.of(new Object() { }, 1), Map.of("x", Thread.currentThread()))) {
            Exception refused = assertThrows(IllegalArgumentException.class,
                    () -> engine.customerSet("1", "1", Map.of("fields", bad)), bad::toString);
            assertNames("changes", refused);
        }
    }

    @Test
    void maps_and_lists_of_every_kind_are_json() {
        Map<String, Object> definition = new HashMap<>() {
            private static final long serialVersionUID = 1L;

            {
                put("name", "Every kind");
                put("unique_key", new String[] {"a"});
                put("fields", new LinkedHashSet<>(List.of(Map.of("name", "a", "required", true), Map.of("name", "b"))));
            }
        };
        Campaign campaign = engine.campaignGet(engine.campaignAdd("myteam", definition));
        assertEquals(List.of("a"), campaign.uniqueKey());
        assertEquals(2, campaign.fields().size());
    }

    @Test
    void a_location_may_have_any_name() throws Exception {
        Path folder = Files.createTempDirectory("import-cji");
        try (Engine file = Host.engine(folder + "/呼叫中心 ß 😀.db", Host.OPTIONS)) {
            assertEquals("Spring renewals", file.campaignGet("1").name());
        } finally {
            Host.delete(folder);
        }
    }

    private interface Call {
        void with(Object value) throws Throwable;
    }

    private interface Check {
        void of(String name, Call call);
    }

    /** Every parameter of every method that takes an object: the constructors', the methods', the 22 of an import. */
    private static void each(Check check) {
        int count = 0;
        for (Method method : Engine.class.getDeclaredMethods()) {
            Parameter[] parameters = method.getParameters();
            for (int n = 0; Modifier.isPublic(method.getModifiers()) && n < parameters.length; n++) {
                if (parameters[n].getType() == String.class) {
                    int at = n;
                    count++;
                    check.of(parameters[n].getName(), value -> invoke(method, engine, at, value));
                }
            }
        }
        for (Method setter : ImportRequest.class.getDeclaredMethods()) {
            if (Modifier.isPublic(setter.getModifiers()) && setter.getParameterTypes()[0] == String.class) {
                count++;
                check.of(setter.getName(), value -> engine.importCji(i -> {
                    try {
                        setter.invoke(i, value);
                    } catch (InvocationTargetException thrown) {
                        throw (RuntimeException) thrown.getCause();
                    } catch (IllegalAccessException broken) {
                        throw new AssertionError(broken);
                    }
                }));
            }
        }
        check.of("location", value -> new Engine((String) value, Map.of(), Host.LIBRARY).close());
        check.of("options", value -> new Engine(":memory:", (String) value, Host.LIBRARY).close());
        assertTrue(count > 22 + 40, "it looks at too few");
    }

    private static void invoke(Method method, Engine engine, int at, Object value) throws Throwable {
        Object[] arguments = Arrays.stream(method.getParameterTypes()).map(TextTest::harmless).toArray();
        arguments[at] = value;
        try {
            method.invoke(engine, arguments);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    static Object harmless(Class<?> type) {
        if (type == int.class) {
            return 1;
        }
        if (type == Map.class) {
            return Map.of();
        }
        if (type == List.class) {
            return new ArrayList<>();
        }
        if (type == Consumer.class) {
            return (Consumer<Object>) x -> { };
        }
        return type == Predicate.class ? (Predicate<Object>) x -> false : "1";
    }

    private static void assertNames(String parameter, Exception refused) {
        assertTrue(refused.getMessage().startsWith(parameter), () -> parameter + ": " + refused);
    }
}
