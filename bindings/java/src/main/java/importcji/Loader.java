package importcji;

import com.sun.jna.Library;
import com.sun.jna.Native;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Finds the native library, and keeps what it has loaded. */
final class Loader {
    private static final String NAME = "import_cji";
    /** The library's name for the system's loader. */
    private static final String SONAME = "libimport_cji.so.0";
    private static final Map<String, Cji> LOADED = new ConcurrentHashMap<>();

    private Loader() {
    }

    /** The library at this path. */
    static Cji load(Path path) {
        return LOADED.computeIfAbsent(path.toAbsolutePath().toString(), Loader::open);
    }

    /** The library in this binding's jar, or else the system's. */
    static Cji load() {
        return LOADED.computeIfAbsent("", none -> {
            File packaged;
            try {
                packaged = Native.extractFromResourcePath(NAME, Loader.class.getClassLoader());
            } catch (IOException notPackaged) {
                return open(SONAME);
            }
            try {
                return open(packaged.getPath());
            } finally {
                if (!packaged.getName().equals(System.mapLibraryName(NAME))) {
                    packaged.delete(); // it was unpacked, and is mapped by now: no killed JVM leaves it behind
                }
            }
        });
    }

    private static Cji open(String name) {
        Cji cji = Native.load(name, Cji.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));
        int version = cji.cji_abi_version();
        if (version != Cji.ABI_VERSION) {
            throw new UnsatisfiedLinkError(name + " has version " + version
                    + " of the ABI of import-cji; this binding needs version " + Cji.ABI_VERSION);
        }
        return cji;
    }
}
