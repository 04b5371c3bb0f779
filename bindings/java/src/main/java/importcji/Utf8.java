package importcji;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/** Java's texts as C's. */
final class Utf8 {
    private Utf8() {
    }

    /** The parameter {@code name} as UTF-8 that ends with NUL, or an exception where C can't carry it. */
    static byte[] encode(String name, String text) {
        Objects.requireNonNull(text, name);
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(name + " holds a NUL character");
        }
        try {
            ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text + '\0'));
            return Arrays.copyOf(bytes.array(), bytes.limit());
        } catch (CharacterCodingException unpaired) {
            throw new IllegalArgumentException(name + " holds an unpaired surrogate, which UTF-8 has no form for",
                    unpaired);
        }
    }
}
