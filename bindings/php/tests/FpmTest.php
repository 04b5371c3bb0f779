<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use ImportCji\Tests\Support\WebServer;
use PHPUnit\Framework\TestCase;

/** PHP-FPM behind nginx, with `ffi.enable` at its default, "preload", and the package's preload file. */
final class FpmTest extends TestCase
{
    /** Of the load test; 10000 with REQUESTS=10000. */
    private const REQUESTS = 1000;

    private ?WebServer $server = null;

    protected function tearDown(): void
    {
        $this->server?->stop();
    }

    private function start(int $workers, bool $preloads = true): void
    {
        $this->server = new WebServer(
            script: __DIR__ . '/site/index.php',
            preload: $preloads ? Paths::package('preload.php') : '',
            workers: $workers,
            params: ['AUTOLOAD' => Paths::made('app/vendor/autoload.php'), 'DATABASE' => Paths::folder() . '/calls.db'],
        );
    }

    private function set_up(int $workers): void
    {
        $this->start($workers);
        self::assertSame('1', $this->server->get('/setup')[1], $this->server->log());
    }

    public function test_requests_reach_c_by_the_package_alone(): void
    {
        $this->start(1);
        [, $version] = $this->server->get('/');
        self::assertMatchesRegularExpression('/^\d+\.\d+\.\d+$/', $version);
        self::assertStringContainsString('restricted by "ffi.enable"', $this->server->get('/ffi')[1]);
    }

    public function test_without_preloading_it_is_said_what_hinders(): void
    {
        $this->start(1, preloads: false);
        self::assertStringContainsString('"ffi.enable"', $this->server->get('/')[1]);
    }

    public function test_a_worker_checks_a_login_slowly_once(): void
    {
        $this->set_up(1);
        $times = [];
        for ($i = 0; $i < 20; $i++) {
            $answer = json_decode($this->server->get('/login')[1]);
            self::assertStringContainsString('99', $answer->reply, 'the login is good, the campaign is not');
            $times[] = $answer->ms;
        }
        $first = array_shift($times);
        sort($times);
        fprintf(STDERR, "a login took %.1f ms at first, then %.1f ms (median)\n", $first, $times[9]);
        self::assertLessThan($first / 3, $times[9]);
    }

    public function test_under_load_no_request_fails_and_no_worker_grows(): void
    {
        $requests = (int) (getenv('REQUESTS') ?: self::REQUESTS);
        $this->set_up(4);
        $this->load(500);
        $before = $this->residentKiB();
        $this->load($requests);
        $after = $this->residentKiB();
        $growth = array_map(static fn ($before, $after) => $after - $before, $before, $after);
        $figures = [implode(' ', $before), $requests, implode(' ', $growth)];
        fprintf(STDERR, "memory of the workers: %s KiB; more after %d requests: %s KiB\n", ...$figures);
        self::assertSame(array_keys($before), array_keys($after), 'no worker died');
        self::assertLessThan(1024, max($growth));
        self::assertSame((string) (500 + $requests), $this->server->get('/customers')[1]);
    }

    /** So many imports, of which none may fail. */
    private function load(int $requests): void
    {
        $ab = ['ab', '-q', '-l', '-k', '-c', '4', '-n', (string) $requests, "{$this->server->url}/import"];
        $out = (new Program($ab))->succeeded();
        self::assertMatchesRegularExpression("/Complete requests: +$requests\n/", $out);
        self::assertMatchesRegularExpression('/Failed requests: +0\n/', $out);
        self::assertStringNotContainsString('Non-2xx', $out);
        preg_match('/Requests per second: +(\S+)/', $out, $match);
        fprintf(STDERR, "%d requests, %s a second\n", $requests, $match[1]);
    }

    /** @return array<int, int> by process */
    private function residentKiB(): array
    {
        $resident = [];
        foreach ($this->server->workers() as $process) {
            preg_match('/VmRSS:\s+(\d+)/', file_get_contents("/proc/$process/status"), $match);
            $resident[$process] = (int) $match[1];
        }
        return $resident;
    }

    public function test_a_request_that_dies_leaves_nothing_open(): void
    {
        $this->set_up(1);
        [$worker] = $this->server->workers();
        $open = [];
        for ($i = 0; $i < 20; $i++) {
            self::assertSame(500, $this->server->get('/fatal')[0]);
            $open[] = count(scandir("/proc/$worker/fd"));
        }
        self::assertLessThan($open[0] + 5, $open[19]);
        self::assertSame([$worker], $this->server->workers());
    }

    public function test_a_callback_that_exits_answers_and_ends_its_worker(): void
    {
        $this->set_up(1);
        $before = $this->server->workers();
        self::assertSame([202, 'left'], array_slice($this->server->get('/exit'), 0, 2));
        self::assertSame('customer 2 added; on the dial list', $this->server->get('/import')[1]);
        self::assertNotSame($before, $this->server->workers());
    }
}
