<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Engine;
use ImportCji\ImportCjiException;
use ImportCji\ImportResult;
use ImportCji\Tests\Support\FileServer;
use ImportCji\Tests\Support\Paths;
use PHPUnit\Framework\TestCase;

/** The table of cases that every language runs, through the public methods. tests/calls.rs tells how it is read. */
final class CasesTest extends TestCase
{
    private static FileServer $server;

    /** @var list<array> what the callbacks of the case were told */
    private array $called = [];

    private array $lastJob = [];

    public static function setUpBeforeClass(): void
    {
        self::$server = FileServer::ofTheTable();
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
    }

    private static function table(): \stdClass
    {
        return json_decode(file_get_contents(Paths::project('tests/data/calls.json')), flags: JSON_THROW_ON_ERROR);
    }

    public function cases(): iterable
    {
        $table = self::table();
        foreach ($table->cases as $case) {
            yield $case->name => [$case, $table];
        }
    }

    /** @dataProvider cases */
    public function test_a_case_of_the_table(\stdClass $case, \stdClass $table): void
    {
        $folder = Paths::folder();
        $case = self::withTexts($case, ['<server>' => self::$server->url, '<tmp>' => $folder]);
        try {
            $engine = new Engine($case->location ?? ':memory:', $case->options ?? $table->options);
        } catch (ImportCjiException $failure) {
            self::assertTrue(isset($case->open), $failure->getMessage());
            self::assertAsExpected($case->open, self::replied($failure));
            return;
        }
        self::assertFalse(isset($case->open), 'it must not open');
        foreach ([...$table->host, ...$case->steps] as $step) {
            $this->step($engine, $step, $case, $table);
        }
        unset($engine);
        self::assertAsExpected($case->called ?? [], $this->called);
        foreach ($case->progress->last ?? [] as $key => $value) {
            self::assertAsExpected($value, $this->lastJob[$key]);
        }
    }

    private function step(Engine $engine, \stdClass $step, \stdClass $case, \stdClass $table): void
    {
        if (isset($step->read)) {
            self::assertStringEqualsFile($step->read, $step->text);
            return;
        }
        $given = (array) ($step->with ?? []);
        if (in_array($step->call, ['import_cji', 'import_ws'], true)) {
            $given += (array) $table->import;
        }
        if ($step->call === 'cji_callback_set') {
            $given += ['callback' => fn (ImportResult $result) => $this->called[] = (array) $result];
        }
        if ($step->call === 'cji_progress_set') {
            $given += ['progress' => function (array $job) use ($case): bool {
                $this->lastJob = $job;
                return $case->progress->cancel ?? false;
            }];
        }
        $method = self::method($step->call);
        foreach ($method->getParameters() as $parameter) {
            $given += $parameter->isOptional() ? [] : [$parameter->name => ''];
        }
        if ($step->call === 'cji_worker_start') {
            // Other languages start it.
            $this->assertRefused(\LogicException::class, fn () => $engine->workerStart());
            return;
        }
        try {
            $answer = $method->invoke($engine, ...$given);
        } catch (ImportCjiException $failure) {
            $answer = self::replied($failure);
        }
        $this->assertAnswer($step, $answer);
    }

    private function assertAnswer(\stdClass $step, string|array|ImportResult $answer): void
    {
        $expected = $step->reply ?? (object) ['code' => 1, 'message' => '<any>'];
        if (isset($step->text)) {
            self::assertAsExpected($step->text, $answer);
        } elseif ($answer instanceof ImportResult) {
            self::assertAsExpected($expected, (array) $answer);
        } elseif (is_string($answer)) {
            self::assertAsExpected($expected, ['code' => 1, 'message' => $answer]);
        } elseif (isset($answer['code'])) {
            self::assertAsExpected($expected, $answer);
        } else {
            self::assertSame(1, $expected->code, json_encode($answer));
            self::assertAsExpected($expected->data ?? '<any>', $answer);
        }
    }

    private function assertRefused(string $class, callable $call): void
    {
        try {
            $call();
        } catch (\Throwable $thrown) {
        }
        self::assertInstanceOf($class, $thrown ?? null);
    }

    private static function replied(ImportCjiException $failure): array
    {
        return ['code' => $failure->getCode(), 'message' => $failure->getMessage()];
    }

    private static function method(string $function): \ReflectionMethod
    {
        $words = explode('_', preg_replace('/^cji_/', '', $function));
        return new \ReflectionMethod(Engine::class, lcfirst(implode(array_map('ucfirst', $words))));
    }

    private static function withTexts(mixed $value, array $texts): mixed
    {
        if (is_string($value)) {
            return strtr($value, $texts);
        }
        if (is_array($value)) {
            return array_map(static fn ($one) => self::withTexts($one, $texts), $value);
        }
        return $value instanceof \stdClass ? (object) self::withTexts((array) $value, $texts) : $value;
    }

    private static function assertAsExpected(mixed $expected, mixed $found): void
    {
        $flags = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;
        $both = sprintf("must be %s\nbut is  %s", json_encode($expected, $flags), json_encode($found, $flags));
        self::assertTrue(self::isAsExpected($expected, $found), $both);
    }

    /** "<any>" is any value, and inside a text any part of it. */
    private static function isAsExpected(mixed $expected, mixed $found): bool
    {
        if ($expected === '<any>') {
            return true;
        }
        if (is_string($expected) && is_string($found)) {
            return preg_match('/^' . str_replace('\<any\>', '.*', preg_quote($expected, '/')) . '$/sD', $found) === 1;
        }
        if (!is_array($found)) {
            return $expected === $found;
        }
        $isSameKind = is_array($expected) ? array_is_list($found) : !array_is_list($found) || $found === [];
        $expected = (array) $expected;
        if (!$isSameKind || array_diff_key($expected, $found) || array_diff_key($found, $expected)) {
            return false;
        }
        foreach ($expected as $key => $value) {
            if (!self::isAsExpected($value, $found[$key])) {
                return false;
            }
        }
        return true;
    }
}
