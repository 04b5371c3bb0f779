<?php

declare(strict_types=1);

namespace ImportCji\Tests\Support;

use PHPUnit\Framework\Assert;

/** A program that ran to its end. */
final class Program
{
    public readonly string $out;
    public readonly string $err;

    /** The exit status, or 128 and the signal. */
    public readonly int $status;

    /**
     * @param list<string>          $command
     * @param array<string, string> $environment in addition to the tests' own
     */
    public function __construct(array $command, array $environment = [], ?string $folder = null)
    {
        [$out, $err] = [tmpfile(), tmpfile()];
        $streams = [['file', '/dev/null', 'r'], $out, $err];
        $process = proc_open($command, $streams, $pipes, $folder, $environment + getenv());
        do {
            usleep(1_000);
            $state = proc_get_status($process);
        } while ($state['running']);
        $this->status = $state['signaled'] ? 128 + $state['termsig'] : $state['exitcode'];
        $this->out = self::content($out);
        $this->err = self::content($err);
    }

    /**
     * PHP code, in a process of its own that has the package.
     *
     * @param list<string>          $options of php
     * @param array<string, string> $environment
     */
    public static function php(string $code, array $options = [], array $environment = []): self
    {
        $file = Paths::folder() . '/script.php';
        $autoload = var_export(Paths::made('app/vendor/autoload.php'), true);
        file_put_contents($file, "<?php\ndeclare(strict_types=1);\nuse ImportCji\\Engine;\nrequire $autoload;\n$code");
        $quiet = ['-d', 'display_errors=stderr', '-d', 'error_reporting=-1'];
        return new self([PHP_BINARY, ...$quiet, ...$options, $file], $environment, dirname($file));
    }

    /** Its output, where it must have ended well. */
    public function succeeded(): string
    {
        Assert::assertSame([0, ''], [$this->status, $this->err], $this->out);
        return $this->out;
    }

    /** @param resource $file */
    private static function content($file): string
    {
        rewind($file);
        return stream_get_contents($file);
    }
}
