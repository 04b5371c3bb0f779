package importcji;

import com.google.gson.Gson;
import com.sun.jna.Native;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** A Java program in a process of its own, with the jar in its class path. */
final class Program implements AutoCloseable {
    static final Path JAR = Path.of(System.getProperty("jar")).toAbsolutePath().normalize();

    private final Process process;
    private final BufferedReader output;

    /** Starts {@code java} with JNA, Gson and these in its class path. */
    Program(List<Path> classPath, List<String> arguments) throws IOException {
        this(classPath, arguments, "");
    }

    Program(List<Path> classPath, List<String> arguments, String systemLibraries) throws IOException {
        List<Path> all = new ArrayList<>(classPath);
        all.addAll(List.of(home(Native.class), home(Gson.class)));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m",
                "-XX:TieredStopAtLevel=1", "-cp",
                all.stream().map(Path::toString).collect(Collectors.joining(":"))));
        if (Runtime.version().feature() >= 24) { // which warn otherwise
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        if (!systemLibraries.isEmpty()) {
            builder.environment().put("LD_LIBRARY_PATH", systemLibraries);
        }
        process = builder.start();
        // Also where the test waits for a line that never comes.
        CompletableFuture.delayedExecutor(100, TimeUnit.SECONDS).execute(process::destroyForcibly);
        output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Where a class was loaded from. */
    static Path home(Class<?> type) {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath());
    }

    /** Its next line; null at the end. */
    String line() throws IOException {
        return output.readLine();
    }

    /** Its lines up to one that has this text. */
    List<String> linesTo(String text) throws IOException {
        List<String> lines = new ArrayList<>();
        for (String line = line(); line != null; line = line()) {
            lines.add(line);
            if (line.contains(text)) {
                return lines;
            }
        }
        throw new AssertionError("it ended without '" + text + "': " + lines);
    }

    /** All its lines, when it has ended by itself. */
    List<String> lines() throws IOException {
        return output.lines().collect(Collectors.toList());
    }

    int status() throws InterruptedException {
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            throw new AssertionError("it does not end");
        }
        return process.exitValue();
    }

    /** Asks it to end, as a service manager does. */
    int terminated() throws InterruptedException {
        process.destroy();
        return status();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
