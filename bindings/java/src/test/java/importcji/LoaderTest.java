package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library by an explicit path; {@link JarTest} has the other places. */
class LoaderTest {
    @TempDir
    Path folder;

    private static UnsatisfiedLinkError refused(Path library) {
        return assertThrows(UnsatisfiedLinkError.class, () -> new Engine(":memory:", Map.of(), library));
    }

    @Test
    void a_path_may_be_relative() {
        Path relative = Path.of("").toAbsolutePath().relativize(Host.LIBRARY);
        try (Engine engine = new Engine(":memory:", "", relative)) {
            assertEquals(Cji.ABI_VERSION, engine.abiVersion());
        }
    }

    @Test
    void a_library_of_another_abi_is_refused_by_both_numbers() throws Exception {
        String why = refused(Host.libraryOfAbi(7, folder)).getMessage();
        assertTrue(why.contains("version 7") && why.contains("version " + Cji.ABI_VERSION), why);
    }

    @Test
    void a_file_that_is_not_there_is_refused_by_its_path() {
        Path none = folder.resolve("none.so");
        assertTrue(refused(none).getMessage().contains(none.toString()));
    }

    @Test
    void what_is_no_library_or_another_one_is_refused() throws Exception {
        refused(Files.writeString(folder.resolve("text.so"), "no library"));
        refused(Path.of("libm.so.6"));
        String why = refused(Path.of("/proc/self/exe")).getMessage();
        assertTrue(why.contains("/proc/self/exe"), why);
    }
}
