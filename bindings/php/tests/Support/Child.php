<?php

declare(strict_types=1);

namespace ImportCji\Tests\Support;

/** A program that the tests started. It ends at the latest when they do, however they end. */
final class Child
{
    /** @var resource */
    private $process;

    /** @var array<int, resource> */
    public array $pipes = [];

    /** @param list<string> $command */
    public function __construct(array $command, array $streams = [])
    {
        $streams += [0 => ['file', '/dev/null', 'r'], 1 => ['file', '/dev/null', 'w'], 2 => ['file', '/dev/null', 'w']];
        $this->process = proc_open(['setpriv', '--pdeathsig', 'TERM', ...$command], $streams, $this->pipes);
    }

    public function pid(): int
    {
        return proc_get_status($this->process)['pid'];
    }

    public function stop(): void
    {
        proc_terminate($this->process);
        proc_close($this->process);
    }
}
