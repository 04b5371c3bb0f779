package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The binding's declarations against the header. */
class AbiTest {
    private static final Map<String, Class<?>> PARAMETERS = Map.of(
            "cji_engine *", Pointer.class, "const char *", byte[].class, "char *", Pointer.class,
            "char **", PointerByReference.class, "int32_t", int.class, "void *", Pointer.class,
            "cji_callback", Cji.OnReply.class, "cji_progress", Cji.OnProgress.class);
    private static final Map<String, Class<?>> RETURNS = Map.of(
            "cji_engine *", Pointer.class, "char *", Pointer.class, "const char *", String.class,
            "uint32_t", int.class, "void", void.class);
    /** They are constructors and close() of an Engine, or no concern of its user. */
    private static final Set<String> OTHERWISE = Set.of("cji_text_free", "cji_engine_open", "cji_engine_close");

    private final JsonObject abi = Host.data("abi.json");

    @Test
    void every_function_of_the_header_is_declared_with_its_names_and_types() {
        Map<String, String> expected = new TreeMap<>();
        for (JsonElement element : abi.getAsJsonArray("functions")) {
            JsonObject function = element.getAsJsonObject();
            List<String> parameters = new ArrayList<>();
            for (JsonElement parameter : function.getAsJsonArray("parameters")) {
                JsonObject p = parameter.getAsJsonObject();
                parameters.add(PARAMETERS.get(p.get("type").getAsString()) + " " + p.get("name").getAsString());
            }
            expected.put(function.get("name").getAsString(),
                    RETURNS.get(function.get("returns").getAsString()) + " of " + parameters);
        }
        Map<String, String> declared = new TreeMap<>();
        for (Method method : Cji.class.getDeclaredMethods()) {
            List<String> parameters = Arrays.stream(method.getParameters())
                    .map(p -> p.getType() + " " + p.getName()).collect(Collectors.toList());
            declared.put(method.getName(), method.getReturnType() + " of " + parameters);
        }
        assertEquals(expected, declared);
    }

    @Test
    void the_version_is_that_of_the_header() {
        assertEquals(abi.get("abi_version").getAsInt(), Cji.ABI_VERSION);
    }

    @Test
    void every_function_of_the_header_is_a_method_with_its_parameters() {
        Set<String> expected = new TreeSet<>();
        for (JsonElement element : abi.getAsJsonArray("functions")) {
            JsonObject function = element.getAsJsonObject();
            String name = function.get("name").getAsString();
            if (!OTHERWISE.contains(name)) {
                boolean many = name.equals("import_cji") || name.equals("import_ws");
                expected.add(Host.methodName(name) + (many ? "[request]" : Host.parameters(function)));
            }
        }
        Set<String> methods = new TreeSet<>();
        for (Method method : Engine.class.getDeclaredMethods()) {
            if (Modifier.isPublic(method.getModifiers())) {
                methods.add(method.getName() + names(method));
            }
        }
        methods.remove("close[]");
        // The same with the last parameter left out.
        methods.removeAll(List.of("customerList[campaign_id]", "dialList[campaign_id]", "jobList[]", "query[sql]"));
        assertEquals(expected, methods);
    }

    @Test
    void a_request_has_a_setter_for_each_of_the_22_parameters() {
        Set<String> expected = new TreeSet<>();
        for (JsonElement element : abi.getAsJsonArray("functions")) {
            JsonObject function = element.getAsJsonObject();
            if (function.get("name").getAsString().equals("import_cji")) {
                Host.parameters(function).forEach(name -> expected.add(name + "[" + name + "]"));
            }
        }
        Set<String> setters = new TreeSet<>();
        for (Method method : ImportRequest.class.getDeclaredMethods()) {
            if (Modifier.isPublic(method.getModifiers())) {
                setters.add(method.getName() + names(method));
            }
        }
        assertEquals(22, setters.size());
        assertEquals(expected, setters);
    }

    private static List<String> names(Method method) {
        return Arrays.stream(method.getParameters()).map(Parameter::getName).collect(Collectors.toList());
    }
}
