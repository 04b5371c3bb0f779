package importcji;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The packaged jar, in programs of their own: where they find the library, and how they end. */
@Timeout(60)
class JarTest {
    @TempDir
    Path folder;

    /** The programs. */
    static final class Main {
        public static void main(String[] arguments) throws Exception {
            switch (arguments[0]) {
                case "open":
                    try (Engine engine = new Engine(":memory:")) {
                        System.out.println("version " + engine.version());
                    } catch (UnsatisfiedLinkError refused) {
                        System.out.println(refused.getMessage().replace('\n', ' '));
                    }
                    System.out.println(Files.readAllLines(Path.of("/proc/self/maps")).stream()
                            .filter(line -> line.contains("r-xp")).collect(Collectors.joining(" ")));
                    break;
                case "leave":
                    run(arguments, () -> { });
                    break;
                default:
                    run(arguments, () -> System.exit(7));
                    Thread.sleep(60_000);
            }
        }

        /** Returns while the worker is inside the callback. */
        private static void run(String[] arguments, Runnable then) throws InterruptedException {
            Engine engine = new Engine(":memory:", Map.of("background", true, "spool_dir", arguments[2]));
            engine.teamAdd("myteam", "My team");
            engine.userSet("myteam", "agent", "1001", "plaintext", "secret");
            engine.campaignAdd("myteam", Map.of("name", "Spring renewals"));
            CountDownLatch inside = new CountDownLatch(1);
            engine.progressSet(job -> {
                inside.countDown();
                then.run();
                return engine.jobGet(job.id()).state().equals("never");
            });
            engine.workerStart();
            engine.importCji(Host.file(arguments[1]));
            inside.await();
            System.out.println("inside");
        }
    }

    private static Program program(Path jar, List<String> arguments, String systemLibraries) throws IOException {
        List<Path> classPath = List.of(jar, Program.home(JarTest.class));
        List<String> all = new ArrayList<>(List.of("-Dproject=.", "-Dlibrary=."));
        all.add(Main.class.getName());
        all.addAll(arguments);
        return new Program(classPath, all, systemLibraries);
    }

    private String open(Path jar, Path systemLibraries) throws Exception {
        try (Program program = program(jar, List.of("open"), systemLibraries.toString())) {
            String output = String.join("\n", program.lines());
            assertEquals(0, program.status(), output);
            return output;
        }
    }

    /** The jar as it is where nobody has put a native library into it. */
    private Path without() throws IOException {
        Path copy = folder.resolve("without.jar");
        try (JarFile jar = new JarFile(Program.JAR.toFile()); OutputStream file = Files.newOutputStream(copy);
                JarOutputStream to = new JarOutputStream(file)) {
            for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements();) {
                JarEntry entry = entries.nextElement();
                if (!entry.getName().endsWith(".so")) {
                    to.putNextEntry(new JarEntry(entry.getName()));
                    try (InputStream content = jar.getInputStream(entry)) {
                        content.transferTo(to);
                    }
                }
            }
        }
        return copy;
    }

    @Test
    void the_library_in_the_jar_is_found_and_goes_before_the_system_s() throws Exception {
        Host.libraryOfAbi(7, folder);
        String output = open(Program.JAR, folder);
        assertTrue(output.startsWith("version 0.1.0\n"), output);
        assertTrue(output.contains("/jna") && output.contains(" (deleted)"), "what was unpacked is left: " + output);
    }

    @Test
    void without_one_in_the_jar_the_system_s_is_taken() throws Exception {
        Files.createSymbolicLink(folder.resolve("libimport_cji.so.0"), Host.LIBRARY);
        String output = open(without(), folder);
        assertTrue(output.startsWith("version 0.1.0\n"), output);
        assertTrue(output.contains(Host.LIBRARY.toString()), output);
    }

    @Test
    void the_system_s_is_refused_if_it_has_another_abi() throws Exception {
        Host.libraryOfAbi(7, folder);
        String output = open(without(), folder);
        assertTrue(output.startsWith("libimport_cji.so.0 has version 7"), output);
    }

    @Test
    void without_any_the_failure_names_the_library() throws Exception {
        String output = open(without(), folder);
        assertTrue(output.startsWith("Unable to load library 'libimport_cji.so.0'"), output);
    }

    @Test
    void the_jar_has_the_licences_and_a_module_name() throws IOException {
        try (JarFile jar = new JarFile(Program.JAR.toFile())) {
            for (String file : List.of("LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY-NOTICES")) {
                assertTrue(jar.getEntry("META-INF/" + file) != null, file);
            }
            assertEquals("importcji", jar.getManifest().getMainAttributes().getValue("Automatic-Module-Name"));
        }
    }

    @Test
    void a_program_may_end_while_its_worker_is_in_a_callback() throws Exception {
        for (String how : List.of("leave", "exit")) {
            try (WebServer web = new WebServer();
                    Program program = program(Program.JAR,
                            List.of(how, web.serve("/leads.csv", Host.leads(200_000)), folder.toString()), "")) {
                String output = String.join("\n", program.lines());
                assertEquals(how.equals("exit") ? 7 : 0, program.status(), output);
                assertTrue(output.isEmpty() || output.equals("inside"), output);
            }
        }
    }
}
