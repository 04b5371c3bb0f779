<?php

declare(strict_types=1);

namespace ImportCji;

use FFI;
use FFI\CData;

/**
 * The loaded library: finds it, and carries PHP's values into it and its texts out.
 *
 * @internal
 */
final class Library
{
    /** The version of the ABI that this package was written for. */
    public const ABI_VERSION = 1;

    /** What the package carries. */
    private const PACKAGED = __DIR__ . '/../lib/libimport_cji.so';
    private const HEADER = __DIR__ . '/../lib/import_cji.h';

    /** What the system's loader knows the library by. */
    private const SONAME = 'libimport_cji.so.0';

    /** The header's only parameters of type `int32_t`. All other numbers are ids, which C takes as decimal texts. */
    private const INTEGERS = ['limit', 'lease_seconds'];

    /** The parameters that are pointers, which only this package makes. */
    private const POINTERS = ['callback', 'progress', 'user_data'];

    /** @var array<string, self> by path */
    private static array $loaded = [];

    /** The functions of the header. */
    public readonly FFI $c;

    /** Two C functions that lead to PHP. There are no more of them, since PHP frees none before it shuts down. */
    private readonly CData $trampolines;

    /** A word of memory, to make a pointer of a number and back: casts of such pointers crash PHP 8.2. */
    private readonly CData $userData;

    /** The library at `$path`; without that the package's, else the system's. */
    public static function load(?string $path): self
    {
        $path ??= is_file(self::PACKAGED) ? self::PACKAGED : self::SONAME;
        return self::$loaded[$path] ??= new self($path);
    }

    private function __construct(string $path)
    {
        try {
            // This function alone at first: a library of another version may lack others.
            $abi = FFI::cdef('uint32_t cji_abi_version(void);', $path)->cji_abi_version();
            if ($abi !== self::ABI_VERSION) {
                $needed = self::ABI_VERSION;
                throw new \RuntimeException("$path has version $abi of the ABI, this package needs version $needed");
            }
            $this->c = FFI::cdef(file_get_contents(self::HEADER), $path);
        } catch (FFI\Exception $exception) {
            throw new \RuntimeException("$path can't be used: {$exception->getMessage()}", previous: $exception);
        }
        $this->trampolines = $this->c->new('struct { cji_callback callback; cji_progress progress; }');
        $this->trampolines->callback = $this->callBack(...);
        $this->trampolines->progress = $this->callBack(...);
        $this->userData = $this->c->new('union { uintptr_t number; void *pointer; }');
    }

    /** Opens a store. */
    public function open(string $location, array|object|string $options): CData
    {
        $error = $this->c->new('char *');
        $arguments = self::converted(['location' => $location, 'options' => $options]);
        $engine = $this->c->cji_engine_open(...[...$arguments, FFI::addr($error)]);
        if ($engine === null) {
            $reply = self::decoded($this->taken($error));
            throw new ImportCjiException($reply['message'], $reply['code']);
        }
        return $engine;
    }

    /**
     * Calls a function with these arguments after the engine, and gives the text that it returned.
     *
     * @param array<string, string|int|array|object|null> $arguments by the header's names, in its order
     */
    public function call(string $function, CData $engine, #[\SensitiveParameter] array $arguments): string
    {
        return $this->taken($this->c->$function($engine, ...self::converted($arguments)));
    }

    /** The C function, of the header's type `cji_callback` or `cji_progress`, that leads to {@see Callbacks::call}. */
    public function trampoline(string $kind): CData
    {
        return $this->trampolines->$kind;
    }

    /** A number as the `user_data` of a trampoline. */
    public function userData(int $number): CData
    {
        $this->userData->number = $number;
        return $this->userData->pointer;
    }

    /** Where the trampolines lead. No exception may leave it: it would end the process. */
    private function callBack(string $json, CData $user_data): int
    {
        $this->userData->pointer = $user_data;
        return Callbacks::call($this->userData->number, $json);
    }

    /** A text that the library gave away. */
    private function taken(CData $text): string
    {
        try {
            return FFI::string($text);
        } finally {
            $this->c->cji_text_free($text);
        }
    }

    /** What the library said in JSON, its objects as arrays. */
    public static function decoded(string $json): array
    {
        return json_decode($json, associative: true, flags: JSON_THROW_ON_ERROR);
    }

    /** What C is given for each value. What would reach it as something else is refused. */
    private static function converted(#[\SensitiveParameter] array $arguments): array
    {
        foreach ($arguments as $name => $value) {
            if (is_string($value) && str_contains($value, "\0")) {
                throw new \ValueError("$name must not contain any null bytes");
            }
            if (in_array($name, self::INTEGERS, true)) {
                if ($value < -0x8000_0000 || $value > 0x7fff_ffff) {
                    throw new \ValueError("$name must be an integer of 32 bits");
                }
            } elseif (is_int($value)) {
                $arguments[$name] = (string) $value;
            } elseif ($value instanceof CData) {
                // A pointer that a caller made would be read as it is.
                if (!in_array($name, self::POINTERS, true)) {
                    throw new \TypeError("$name must not be of type FFI\\CData");
                }
            } elseif (is_array($value) || is_object($value)) {
                $arguments[$name] = self::encoded($value);
            }
        }
        return array_values($arguments);
    }

    private static function encoded(array|object $value): string
    {
        // An empty array stands for an object with every key left out.
        $value = $value === [] ? new \stdClass() : $value;
        return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION);
    }
}
