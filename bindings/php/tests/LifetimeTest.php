<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Tests\Support\Host;
use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use PHPUnit\Framework\TestCase;

/**
 * Engines end once, however the script ends. That one was closed is seen by its store: the last to close takes the WAL
 * away.
 */
final class LifetimeTest extends TestCase
{
    public function test_an_engine_is_closed_when_the_last_reference_is_gone(): void
    {
        $path = Paths::folder() . '/calls.db';
        $engine = Host::engine($path);
        $again = $engine;
        unset($engine);
        self::assertFileExists("$path-wal");
        unset($again);
        self::assertFileDoesNotExist("$path-wal");
    }

    public function endings(): iterable
    {
        yield 'in a global variable' => ['$engine = new Engine($path);'];
        yield 'in a static variable' => ['function f($path) { static $e; $e = new Engine($path); } f($path);'];
        yield 'in a static property' => ['class C { static $engine; } C::$engine = new Engine($path);'];
        yield 'in a cycle' => ['$a = new stdClass(); $a->engine = new Engine($path); $a->a = $a; unset($a);'];
        yield 'in its own callback' => ['$e = new Engine($path); $e->callbackSet("done", fn () => $e); unset($e);'];
        yield 'in a generator' => ['function g($e) { yield; } $g = g(new Engine($path)); $g->current();'];
        yield 'in a fiber' => ['$f = new Fiber(fn ($e) => Fiber::suspend($e)); $f->start(new Engine($path));'];
        yield 'several' => ['$a = new Engine($path); $b = new Engine($path); $b->teamAdd("t", "T");'];
        yield 'exit' => ['$engine = new Engine($path); exit(0);'];
        yield 'exit in a function' => ['function f($path) { $engine = new Engine($path); exit(0); } f($path);'];
    }

    /** @dataProvider endings */
    public function test_an_engine_is_closed_at_the_end_of_the_script(string $code): void
    {
        $path = Paths::folder() . '/calls.db';
        Program::php('$path = ' . var_export($path, true) . ";\n$code")->succeeded();
        self::assertFileExists($path);
        self::assertFileDoesNotExist("$path-wal");
    }

    public function failures(): iterable
    {
        yield 'an exception that nobody catches' => ['throw new Exception("mine");', 'mine'];
        yield 'no memory' => ['ini_set("memory_limit", "8M"); str_repeat("x", 100_000_000);', 'memory'];
        yield 'no time' => ['set_time_limit(1); while (true);', 'execution time'];
        yield 'an error of the user' => ['trigger_error("mine", E_USER_ERROR);', 'mine'];
    }

    /** @dataProvider failures */
    public function test_an_engine_is_closed_after_a_fatal_error(string $code, string $message): void
    {
        $path = Paths::folder() . '/calls.db';
        $open = sprintf('$a = new Engine(%1$s); $b = new Engine(%1$s);', var_export($path, true));
        $program = Program::php("$open\n$code");
        self::assertSame(255, $program->status);
        self::assertStringContainsString($message, $program->err);
        self::assertFileExists($path);
        self::assertFileDoesNotExist("$path-wal");
    }

    public function test_an_engine_may_be_used_while_the_script_ends(): void
    {
        $out = Program::php(<<<'PHP'
            final class User
            {
                public $engine;
                public function __construct(private string $name) { $this->engine = new Engine(':memory:'); }
                public function __destruct() { echo $this->name, ' ', count($this->engine->jobList()), "\n"; }
            }
            $a = new User('a');
            $b = new User('b');
            [$a->other, $b->other] = [$b, $a];
            final class Last { public static $user; }
            Last::$user = new User('c');
            $show = fn () => print('shutdown ' . count($a->engine->jobList()) . "\n");
            register_shutdown_function(fn () => register_shutdown_function($show));
            PHP, ['-d', 'error_reporting=' . (E_ALL & ~E_DEPRECATED)])->succeeded();
        self::assertEqualsCanonicalizing(['shutdown 2', 'a 2', 'b 2', 'c 2'], explode("\n", trim($out)));
    }

    public function test_shutdown_functions_may_use_an_engine_after_a_fatal_error(): void
    {
        $program = Program::php(<<<'PHP'
            $engine = new Engine(':memory:');
            register_shutdown_function(fn () => print($engine->query('SELECT 1')['rows'][0][0]));
            trigger_error('mine', E_USER_ERROR);
            PHP);
        self::assertSame([255, '1'], [$program->status, $program->out]);
    }

    public function test_a_forked_child_is_refused_and_may_open_its_own(): void
    {
        self::assertTrue(function_exists('pcntl_fork'));
        $out = Program::php(<<<'PHP'
            $engine = new Engine('calls.db');
            $engine->callbackSet('done', fn () => null);
            if (($child = pcntl_fork()) === 0) {
                try {
                    $engine->teamAdd('child', 'Child');
                } catch (ImportCji\ImportCjiException $refused) {
                    echo $refused->getMessage(), "\n";
                }
                $engine->close();
                (new Engine('calls.db'))->teamAdd('own', "The child's own");
                exit;
            }
            pcntl_waitpid($child, $status);
            echo "the child ended with $status\n";
            $engine->teamAdd('parent', 'Parent');
            echo json_encode($engine->query('SELECT orgidentity FROM team ORDER BY 1')['rows']), "\n";
            PHP)->succeeded();
        [$refused, $child, $teams] = explode("\n", $out);
        self::assertStringContainsString('fork', $refused);
        self::assertSame(['the child ended with 0', '[["own"],["parent"]]'], [$child, $teams]);
    }

    public function test_a_callback_may_leave_an_engine_to_the_end_of_the_script(): void
    {
        // Its fiber is never resumed, so the library's call never returns.
        $program = Program::php(<<<'PHP'
            $engine = new Engine('calls.db');
            $engine->teamAdd('t', 'T');
            $engine->userSet('t', 'agent', '1', 'plaintext', 'x');
            $engine->campaignAdd('t', ['name' => 'C']);
            $engine->callbackSet('done', fn () => Fiber::suspend());
            $login = ['t', 'agent', '1', 'plaintext', 'x', 'Campaign', 1];
            $record = ['source' => 'data', 'context' => 'phone1=1', 'callbackFuc' => 'done'];
            $fiber = new Fiber(fn () => $engine->importCji(...$login, ...$record));
            $fiber->start();
            try {
                $engine->close();
            } catch (LogicException $refused) {
                echo $refused->getMessage();
            }
            PHP);
        self::assertSame("an engine can't be closed inside a callback", $program->out);
        self::assertSame(255, $program->status, 'no crash');
        self::assertStringContainsString('Throwing from FFI callbacks is not allowed', $program->err);
        self::assertStringNotContainsString('LogicException', $program->err);
    }

    public function test_thousands_of_calls_and_engines_leak_nothing(): void
    {
        $out = Program::php(<<<'PHP'
            $engine = new Engine('calls.db', ['durability' => 'normal']);
            $engine->teamAdd('t', 'T');
            $engine->userSet('t', 'agent', '1', 'plaintext', 'x');
            $engine->campaignAdd('t', ['name' => 'C']);
            $engine->callbackSet('done', fn () => null);
            $login = ['t', 'agent', '1', 'plaintext', 'x', 'Campaign', 1];
            $context = 'phone1=1||name=' . str_repeat('x', 500);
            $record = ['source' => 'data', 'context' => $context, 'callbackFuc' => 'done'];
            $round = function (int $calls, int $engines) use ($engine, $login, $record): void {
                for ($i = 0; $i < $calls; $i++) {
                    $engine->importCji(...$login, ...$record);
                    $engine->importJsonp('callback=f&' . str_repeat('x', 500));
                    $engine->customerList(1);
                    $engine->query('SELECT ?', [str_repeat('x', 5000)]);
                    try { $engine->campaignGet(99); } catch (ImportCji\ImportCjiException) {}
                }
                for ($i = 0; $i < $engines; $i++) {
                    $one = new Engine('calls.db');
                    $one->progressSet(fn () => null);
                    $one->callbackSet('done', fn () => null);
                    $one->jobList();
                    $one->close();
                    try { new Engine('/nonexistent/calls.db'); } catch (ImportCji\ImportCjiException) {}
                }
            };
            $libc = FFI::cdef(<<<'C'
                struct mallinfo2 { size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, used, free, keepcost; };
                struct mallinfo2 mallinfo2(void);
                C);
            $look = function () use ($libc): array {
                gc_collect_cycles();
                $memory = $libc->mallinfo2();
                return [$memory->used + $memory->hblkhd + memory_get_usage(), count(scandir('/proc/self/fd'))];
            };
            $round(500, 200);
            $before = $look();
            $round(1000, 300);
            $after = $look();
            echo json_encode([$before, $after]);
            PHP)->succeeded();
        [[$bytes, $files], [$bytesAfter, $filesAfter]] = json_decode($out);
        self::assertLessThan($bytes + 100_000, $bytesAfter, $out);
        self::assertSame($files, $filesAfter, $out);
    }
}
