<?php

declare(strict_types=1);

namespace ImportCji;

/**
 * The functions of PHP that one engine calls.
 *
 * @internal
 */
final class Callbacks
{
    /** @var array<int, array{\WeakReference<self>, string}> by the number that is the library's `user_data` */
    private static array $targets = [];

    private static int $lastNumber = 0;

    /** How many functions are running, one inside the other; too many once one ended by exit() or a fatal error. */
    private static int $running = 0;

    /** @var array<string, int> the number of each name */
    private array $numbers = [];

    /** @var array<string, callable> by name */
    private array $functions = [];

    /** What a function threw while the library was running it. */
    private ?\Throwable $thrown = null;

    public static function areRunning(): bool
    {
        return self::$running > 0;
    }

    /** The number under which the library is to know a name; it stays the same. */
    public function number(string $name): int
    {
        if (!isset($this->numbers[$name])) {
            $this->numbers[$name] = ++self::$lastNumber;
            self::$targets[self::$lastNumber] = [\WeakReference::create($this), $name];
        }
        return $this->numbers[$name];
    }

    /** @param ?callable(array): int $function takes what the library says; null: there is none any more */
    public function set(string $name, ?callable $function): void
    {
        if ($function === null) {
            unset($this->functions[$name]);
        } else {
            $this->functions[$name] = $function;
        }
    }

    /** Makes a call of the library, and throws what a function threw meanwhile. */
    public function during(#[\SensitiveParameter] callable $call): string
    {
        $outer = $this->thrown;
        $this->thrown = null;
        try {
            $text = $call();
            return $this->thrown === null ? $text : throw $this->thrown;
        } finally {
            $this->thrown = $outer;
        }
    }

    /** Calls the function with this number. No exception leaves it: PHP's FFI would end the process. */
    public static function call(int $number, string $json): int
    {
        [$reference, $name] = self::$targets[$number];
        $callbacks = $reference->get();
        self::$running++;
        try {
            $answer = $callbacks->functions[$name](Library::decoded($json));
        } catch (\Throwable $thrown) {
            $callbacks->thrown ??= $thrown;
            $answer = 1; // cancels a job
        }
        // Not in a `finally`, see $running.
        self::$running--;
        return $answer;
    }

    public function __destruct()
    {
        foreach ($this->numbers as $number) {
            unset(self::$targets[$number]);
        }
    }
}
