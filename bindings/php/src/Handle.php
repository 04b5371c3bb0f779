<?php

declare(strict_types=1);

namespace ImportCji;

use FFI;
use FFI\CData;

/**
 * One open store, from its opening to its closing, which comes once and at a time when the library can take it.
 *
 * @internal
 */
final class Handle
{
    /** @var ?\WeakMap<self, true> all of them; null before the first one */
    private static ?\WeakMap $all = null;

    /** @var list<self> those whose owner is gone, but that could not be closed yet */
    private static array $left = [];

    /** All shutdown functions have run. */
    private static bool $scriptIsOver = false;

    /** @var list<DeferredClose> */
    private static array $atLast = [];

    private ?CData $engine;

    public readonly Callbacks $callbacks;

    public function __construct(public readonly Library $library, string $location, array|object|string $options)
    {
        $this->engine = $library->open($location, $options);
        $this->callbacks = new Callbacks();
        if (self::$all === null) {
            self::$all = new \WeakMap();
            // Set from inside a shutdown function it comes after all those that the program has set.
            register_shutdown_function(static fn () => register_shutdown_function(self::shutDown(...)));
        }
        self::$all[$this] = true;
    }

    /** @param array<string, mixed> $arguments by the header's names, in its order */
    public function call(string $function, #[\SensitiveParameter] array $arguments): string
    {
        $engine = $this->engine ?? throw new \LogicException('the engine is closed');
        try {
            return $this->callbacks->during(fn () => $this->library->call($function, $engine, $arguments));
        } finally {
            self::closeLeft();
        }
    }

    public function close(): void
    {
        if ($this->engine === null) {
            return;
        }
        if (Callbacks::areRunning()) {
            throw new \LogicException("an engine can't be closed inside a callback");
        }
        [$engine, $this->engine] = [$this->engine, null];
        $this->library->c->cji_engine_close($engine);
    }

    /** Its owner's destructor was called: closes it as soon as that can be done. */
    public function leave(): void
    {
        if (self::$scriptIsOver && !Callbacks::areRunning()) {
            // PHP now calls the destructors of all objects, in the order of their making, and some may still use this
            // one. That of an object that is made meanwhile comes after them.
            self::$atLast[] = new DeferredClose($this);
            return;
        }
        self::$left[] = $this;
        self::closeLeft();
    }

    private static function closeLeft(): void
    {
        while (self::$left !== [] && !Callbacks::areRunning()) {
            array_pop(self::$left)->close();
        }
    }

    /** After a fatal error PHP calls no destructors, though the process may live on and answer further requests. */
    private static function shutDown(): void
    {
        self::$scriptIsOver = true;
        if (Callbacks::areRunning()) {
            self::endWorker();
            return;
        }
        $error = error_get_last();
        $fatal = E_ERROR | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
        // An uncaught exception is reported as one, but destructors are called.
        if (($error['type'] ?? 0) & $fatal && !str_starts_with($error['message'], 'Uncaught ')) {
            foreach (self::$all as $handle => $_) {
                $handle->close();
            }
        }
    }

    /**
     * A callback ended by exit() or a fatal error, in the middle of a call of the library, which takes itself to be
     * inside a callback from now on and closes nothing any more. On the command line the process ends anyway.
     */
    private static function endWorker(): void
    {
        if (PHP_SAPI === 'cli') {
            return;
        }
        while (ob_get_level() > 0) {
            ob_end_flush();
        }
        function_exists('fastcgi_finish_request') ? fastcgi_finish_request() : flush();
        FFI::cdef('void _exit(int status);')->_exit(255);
    }
}
