<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Engine;
use ImportCji\ImportCjiException;
use ImportCji\ImportResult;
use ImportCji\Tests\Support\FileServer;
use ImportCji\Tests\Support\Host;
use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use PHPUnit\Framework\TestCase;

/** Functions of PHP that the library calls: what they get, what they may do, and what comes of what they throw. */
final class CallbacksTest extends TestCase
{
    private static FileServer $server;

    private static string $url;

    public static function setUpBeforeClass(): void
    {
        $folder = Paths::folder();
        file_put_contents("$folder/leads.csv", "name,phone1\nJoe,1\nAnn,2\n");
        self::$server = FileServer::ofFolder($folder);
        self::$url = self::$server->url . '/leads.csv';
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
    }

    private static function record(Engine $engine, string $context): ImportResult
    {
        return $engine->importCji(...Host::RECORD, context: $context, callbackFuc: 'done');
    }

    private static function file(Engine $engine, string $exetime = ''): ImportResult
    {
        return $engine->importCji(...Host::FILE, context: self::$url, exetime: $exetime, callbackFuc: 'done');
    }

    private static function customers(Engine $engine): int
    {
        return $engine->campaignGet(1)['customers'];
    }

    public function test_a_callback_gets_the_result_before_the_import_returns(): void
    {
        $engine = Host::engine();
        $told = [];
        $engine->callbackSet('done', function (ImportResult $result) use (&$told): void {
            $told[] = $result;
        });
        $result = self::record($engine, 'phone1=1');
        self::assertEquals([$result], $told);
    }

    public function test_a_callback_gets_a_failure_that_the_import_throws(): void
    {
        $engine = Host::engine();
        $told = [];
        $engine->callbackSet('done', function (ImportResult $result) use (&$told): void {
            $told[] = $result;
        });
        $thrown = self::thrown(fn () => self::record($engine, 'colour=red'));
        self::assertInstanceOf(ImportCjiException::class, $thrown);
        self::assertEquals([new ImportResult(2, $thrown->getMessage())], $told);
    }

    public function test_anything_callable_will_do(): void
    {
        $engine = Host::engine();
        $told = new \ArrayObject();
        $engine->callbackSet('done', [$told, 'append']);
        self::record($engine, 'phone1=1');
        $engine->callbackSet('done', $told->append(...));
        self::record($engine, 'phone1=2');
        self::assertCount(2, $told);
    }

    public function test_what_a_callback_throws_is_thrown_by_the_call_and_the_import_stays(): void
    {
        $engine = Host::engine();
        $mine = new \DomainException('mine');
        $engine->callbackSet('done', fn () => throw $mine);
        self::assertSame($mine, self::thrown(fn () => self::record($engine, 'phone1=1')));
        self::assertSame(1, self::customers($engine));
    }

    public function test_progress_tells_the_job_to_its_end(): void
    {
        $engine = Host::engine();
        $jobs = [];
        $engine->progressSet(function (array $job) use (&$jobs): void {
            $jobs[] = $job;
        });
        $result = self::file($engine);
        self::assertSame($engine->jobGet($result->message), end($jobs));
    }

    public function test_what_php_takes_for_true_cancels_a_job(): void
    {
        $engine = Host::engine();
        foreach ([false, null, 0] as $answer) {
            $engine->progressSet(fn () => $answer);
            self::assertSame(1, self::file($engine)->code);
        }
        foreach ([true, 1, 'yes'] as $n => $answer) {
            $engine->progressSet(fn () => $answer);
            $thrown = self::thrown(fn () => self::file($engine));
            self::assertSame(sprintf('job %d: cancelled', 4 + $n), $thrown?->getMessage());
        }
    }

    public function test_what_a_progress_function_throws_cancels_the_job_and_is_thrown_by_the_call(): void
    {
        $engine = Host::engine();
        $mine = new \DomainException('mine');
        $engine->progressSet(fn () => throw $mine);
        self::assertSame($mine, self::thrown(fn () => self::file($engine)));
        self::assertSame('cancelled', $engine->jobGet(1)['state']);
    }

    public function test_errors_of_php_in_a_callback_are_thrown_by_the_call(): void
    {
        $engine = Host::engine();
        $engine->callbackSet('done', fn (int $noResult) => null);
        self::assertInstanceOf(\TypeError::class, self::thrown(fn () => self::record($engine, 'phone1=1')));
        $engine->progressSet(fn () => intdiv(1, 0));
        $engine->callbackSet('done', null);
        self::assertInstanceOf(\DivisionByZeroError::class, self::thrown(fn () => self::file($engine)));
    }

    public function test_callbacks_of_jobs_come_inside_jobs_run_due(): void
    {
        $engine = Host::engine(options: ['background' => true]);
        $told = [];
        $engine->callbackSet('done', function (ImportResult $result) use (&$told): void {
            $told[] = $result->message;
        });
        $job = self::file($engine)->message;
        self::assertSame([], $told);
        self::assertSame('1', $engine->jobsRunDue());
        self::assertSame([$job], $told);
    }

    public function test_after_one_job_was_cancelled_by_an_exception_the_others_run(): void
    {
        $engine = Host::engine(options: ['background' => true]);
        self::file($engine);
        self::file($engine);
        $engine->progressSet(fn (array $job) => $job['id'] === 1 ? throw new \DomainException('mine') : null);
        self::assertInstanceOf(\DomainException::class, self::thrown(fn () => $engine->jobsRunDue()));
        self::assertSame(['cancelled', 'succeeded'], array_column($engine->jobList()['jobs'], 'state'));
    }

    public function test_a_callback_may_import(): void
    {
        $engine = Host::engine();
        $engine->callbackSet('done', function () use ($engine): void {
            $engine->callbackSet('done', null);
            self::record($engine, 'phone1=2');
        });
        self::record($engine, 'phone1=1');
        self::assertSame(2, self::customers($engine));
    }

    public function test_an_exception_comes_from_the_call_that_it_was_thrown_in(): void
    {
        $engine = Host::engine();
        $caught = [];
        $engine->callbackSet('done', function (ImportResult $result) use ($engine, &$caught): void {
            if ($result->message === 'customer 1 added') {
                $caught[] = self::thrown(fn () => self::record($engine, 'phone1=2'))?->getMessage();
                throw new \DomainException('outer');
            }
            throw new \DomainException('inner');
        });
        $caught[] = self::thrown(fn () => self::record($engine, 'phone1=1'))?->getMessage();
        self::assertSame(['inner', 'outer'], $caught);
        self::assertSame(2, self::customers($engine), 'and no later call throws it');
    }

    public function test_a_callback_may_replace_and_remove_itself(): void
    {
        $engine = Host::engine();
        $told = [];
        $engine->callbackSet('done', function () use ($engine, &$told): void {
            $told[] = 'first';
            $engine->callbackSet('done', function () use ($engine, &$told): void {
                $told[] = 'second';
                $engine->callbackSet('done', null);
            });
            gc_collect_cycles();
        });
        foreach ([1, 2, 3] as $phone) {
            self::record($engine, "phone1=$phone");
        }
        self::assertSame(['first', 'second'], $told);
    }

    public function test_a_name_that_was_refused_leaves_no_callback(): void
    {
        $engine = Host::engine();
        $this->expectException(ImportCjiException::class);
        $engine->callbackSet('', fn () => self::fail('called'));
    }

    public function test_an_engine_can_not_be_closed_inside_a_callback(): void
    {
        [$engine, $other] = [Host::engine(), Host::engine()];
        foreach ([$engine, $other] as $closed) {
            $engine->callbackSet('done', fn () => $closed->close());
            self::assertInstanceOf(\LogicException::class, self::thrown(fn () => self::record($engine, 'phone1=1')));
            self::assertSame('campaign', $closed->query("SELECT 'campaign'")['rows'][0][0]);
        }
        $engine->close();
    }

    public function test_an_engine_that_is_dropped_inside_a_callback_is_closed_after_it(): void
    {
        $path = Paths::folder() . '/calls.db';
        $other = Host::engine($path);
        $engine = Host::engine();
        $engine->callbackSet('done', function () use (&$other, $path): void {
            $other = null;
            self::assertFileExists("$path-wal", 'the library closes nothing inside a callback');
        });
        self::record($engine, 'phone1=1');
        self::assertFileDoesNotExist("$path-wal");
    }

    public function test_jobs_can_not_be_run_inside_a_callback(): void
    {
        $engine = Host::engine();
        $engine->callbackSet('done', fn () => $engine->jobsRunDue());
        $this->expectException(ImportCjiException::class);
        $this->expectExceptionMessage('inside a callback');
        self::record($engine, 'phone1=1');
    }

    public function test_a_worker_is_refused_since_php_takes_no_calls_from_other_threads(): void
    {
        $engine = Host::engine();
        $this->expectException(\LogicException::class);
        $this->expectExceptionMessage('jobsRunDue()');
        $engine->workerStart();
    }

    public function test_callbacks_of_two_engines_are_told_apart(): void
    {
        [$one, $two] = [Host::engine(), Host::engine()];
        $told = [];
        $one->callbackSet('done', function () use (&$told): void {
            $told[] = 'one';
        });
        $two->callbackSet('done', function () use (&$told): void {
            $told[] = 'two';
        });
        self::record($two, 'phone1=1');
        unset($two);
        self::record($one, 'phone1=1');
        self::assertSame(['two', 'one'], $told);
    }

    public function test_an_engine_that_its_callbacks_refer_to_is_closed_as_garbage(): void
    {
        $path = Paths::folder() . '/calls.db';
        $engine = Host::engine($path);
        $engine->callbackSet('done', fn () => $engine);
        $engine->progressSet(fn () => $engine && false);
        unset($engine);
        gc_collect_cycles();
        self::assertFileDoesNotExist("$path-wal");
    }

    public function test_callbacks_that_are_set_again_and_again_take_no_memory(): void
    {
        $engine = Host::engine();
        $set = static function () use ($engine): void {
            for ($i = 0; $i < 10_000; $i++) {
                $engine->callbackSet('done', fn () => null);
                $engine->progressSet(fn () => null);
            }
        };
        $set();
        $before = self::residentKiB();
        $set();
        self::assertLessThan($before + 1024, self::residentKiB());
    }

    public function test_exit_in_a_callback_ends_a_script_and_nothing_crashes(): void
    {
        $program = Program::php(<<<'PHP'
            $engine = new Engine('calls.db');
            $engine->teamAdd('t', 'T');
            $engine->userSet('t', 'agent', '1', 'plaintext', 'x');
            $engine->campaignAdd('t', ['name' => 'C']);
            $engine->callbackSet('done', fn () => exit(0));
            $login = ['t', 'agent', '1', 'plaintext', 'x', 'Campaign', 1];
            $engine->importCji(...$login, source: 'data', context: 'phone1=1', callbackFuc: 'done');
            PHP);
        self::assertSame(255, $program->status, $program->err);
        self::assertStringContainsString('Throwing from FFI callbacks is not allowed', $program->err);
    }

    private static function residentKiB(): int
    {
        preg_match('/VmRSS:\s+(\d+)/', file_get_contents('/proc/self/status'), $match);
        return (int) $match[1];
    }

    private static function thrown(callable $call): ?\Throwable
    {
        try {
            $call();
        } catch (\Throwable $thrown) {
            return $thrown;
        }
        return null;
    }
}
