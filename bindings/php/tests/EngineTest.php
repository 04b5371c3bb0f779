<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Engine;
use ImportCji\ImportCjiException;
use ImportCji\ImportResult;
use ImportCji\Tests\Support\Host;
use PHPUnit\Framework\TestCase;

/** What goes in and out, and what is refused. The rules of an import are in the table of cases. */
final class EngineTest extends TestCase
{
    public function test_an_import_answers_with_code_and_message(): void
    {
        $record = ['context' => 'name=Joe||phone1=138xxxx88x8', 'phone_field' => 'phone1'] + Host::RECORD;
        $result = Host::engine()->importCji(...$record);
        self::assertEquals(new ImportResult(1, 'customer 1 added; on the dial list'), $result);
    }

    public function test_a_failure_has_the_replys_code_and_message(): void
    {
        $this->expectExceptionObject(new ImportCjiException("campaign_id '99' is no campaign", 2));
        Host::engine()->campaignGet(99);
    }

    public function test_a_store_that_can_not_be_opened_is_a_failure_with_code_and_message(): void
    {
        $this->expectException(ImportCjiException::class);
        $this->expectExceptionCode(2);
        $this->expectExceptionMessage('/nonexistent/calls.db');
        new Engine('/nonexistent/calls.db');
    }

    public function test_ids_are_integers_as_they_come_or_texts(): void
    {
        $engine = Host::engine();
        $engine->importCji(...Host::RECORD, context: 'phone1=1', phone_field: 'phone1');
        $customer = $engine->customerList(1)['customers'][0];
        $engine->customerSet('1', $customer['id'], ['status' => 'success']);
        $engine->customerSet(1, (string) $customer['id'], ['agent' => '1001']);
        self::assertSame(['success', '1001'], $engine->query('SELECT status, agent FROM customers_1')['rows'][0]);
    }

    public function test_an_empty_array_is_an_empty_object_or_list(): void
    {
        $engine = Host::engine(options: []);
        self::assertSame(['jobs' => [], 'next' => null], $engine->jobList([]));
        self::assertSame([[1]], $engine->query('SELECT 1', [])['rows']);
        $this->expectExceptionMessage('name');
        $engine->campaignAdd('myteam', []);
    }

    public function test_objects_are_as_good_as_arrays(): void
    {
        $engine = Host::engine();
        $engine->importCji(...Host::RECORD, context: 'phone1=1');
        $filter = (object) ['where' => new \stdClass(), 'limit' => 5];
        self::assertCount(1, $engine->customerList(1, $filter)['customers']);
    }

    public function test_numbers_of_a_query_keep_their_type(): void
    {
        $rows = Host::engine()->query('SELECT ?, ?, ?, typeof(?), ?', [1, 1.0, null, 1.0, PHP_INT_MAX])['rows'];
        self::assertSame([[1, 1.0, null, 'real', PHP_INT_MAX]], $rows);
    }

    public function test_no_pointer_of_a_callers_reaches_the_library(): void
    {
        $pointer = \FFI::cdef()->cast('char *', 1);
        $this->expectException(\TypeError::class);
        $this->expectExceptionMessage('filter must not be of type FFI\CData');
        Host::engine()->jobList($pointer);
    }

    public function test_values_of_a_wrong_type_are_type_errors(): void
    {
        $engine = Host::engine();
        $calls = [
            fn () => $engine->teamAdd(5, 'My team'),
            fn () => $engine->teamAdd(null, 'My team'),
            fn () => $engine->teamAdd(['myteam'], 'My team'),
            fn () => $engine->importCji(password: null),
            fn () => $engine->importCji(model_id: 1.5),
            fn () => $engine->dialNext(1, '5', 60),
            fn () => $engine->customerList(1, 5),
            fn () => $engine->callbackSet('done', 'no_such_function'),
            fn () => new Engine(':memory:', null),
            fn () => new Engine(null),
        ];
        foreach ($calls as $call) {
            self::assertInstanceOf(\TypeError::class, self::thrown($call));
        }
    }

    public function test_a_null_byte_is_refused_by_the_parameters_name(): void
    {
        $engine = Host::engine();
        $calls = [
            'name' => fn () => $engine->teamAdd('myteam', "My\0team"),
            'source_pwd' => fn () => $engine->importCji(...Host::RECORD, source_pwd: "\0"),
            'delrow' => fn () => $engine->importWs(...Host::RECORD, delrow: "1\0"),
            'query' => fn () => $engine->importEvent("EVENT=Import\0"),
            'filter' => fn () => $engine->jobList("{}\0"),
            'sql' => fn () => $engine->query("SELECT 1\0"),
            'location' => fn () => new Engine(":memory:\0.db"),
            'options' => fn () => new Engine(':memory:', "\0"),
        ];
        foreach ($calls as $name => $call) {
            $thrown = self::thrown($call);
            self::assertInstanceOf(\ValueError::class, $thrown);
            self::assertSame("$name must not contain any null bytes", $thrown->getMessage());
        }
    }

    public function test_text_that_is_not_utf_8_is_refused_by_the_parameters_name(): void
    {
        $engine = Host::engine();
        $thrown = self::thrown(fn () => $engine->teamAdd('myteam', "My \xff team"));
        self::assertInstanceOf(ImportCjiException::class, $thrown);
        self::assertStringContainsString('name: not valid UTF-8', $thrown->getMessage());
        $thrown = self::thrown(fn () => $engine->customerSet(1, 1, ['agent' => "\xff"]));
        self::assertInstanceOf(\JsonException::class, $thrown);
    }

    public function test_an_integer_that_c_would_cut_is_refused(): void
    {
        $engine = Host::engine();
        $cases = [[2 ** 32 + 1, 60, 'limit'], [1, 2 ** 31, 'lease_seconds'], [1, -2 ** 31 - 1, 'lease_seconds']];
        foreach ($cases as [$limit, $lease_seconds, $name]) {
            $thrown = self::thrown(fn () => $engine->dialNext(1, $limit, $lease_seconds));
            self::assertInstanceOf(\ValueError::class, $thrown);
            self::assertSame("$name must be an integer of 32 bits", $thrown->getMessage());
        }
    }

    public function test_every_method_of_a_closed_engine_refuses(): void
    {
        $engine = Host::engine();
        $engine->close();
        foreach ((new \ReflectionClass(Engine::class))->getMethods(\ReflectionMethod::IS_PUBLIC) as $method) {
            if ($method->isStatic() || str_starts_with($method->name, '__') || $method->name === 'close') {
                continue;
            }
            $arguments = [];
            foreach ($method->getParameters() as $parameter) {
                $type = (string) $parameter->getType();
                $arguments[] = str_contains($type, 'callable') ? null : ($type === 'int' ? 1 : '1');
            }
            $thrown = self::thrown(fn () => $method->invoke($engine, ...$arguments));
            self::assertInstanceOf(\LogicException::class, $thrown, $method->name);
        }
    }

    public function test_closing_twice_does_nothing(): void
    {
        $this->expectNotToPerformAssertions();
        $engine = Host::engine();
        $engine->close();
        $engine->close();
    }

    public function test_an_engine_has_no_copies(): void
    {
        $engine = Host::engine();
        self::assertInstanceOf(\Error::class, self::thrown(fn () => clone $engine));
        self::assertInstanceOf(\LogicException::class, self::thrown(fn () => serialize($engine)));
        $text = sprintf('O:%d:"%s":0:{}', strlen(Engine::class), Engine::class);
        self::assertInstanceOf(\LogicException::class, self::thrown(fn () => unserialize($text)));
        self::assertInstanceOf(\Error::class, self::thrown(fn () => $engine->__construct(':memory:')));
        self::assertSame('2', $engine->campaignAdd('myteam', ['name' => 'Still open']));
    }

    public function test_a_stack_trace_holds_no_password(): void
    {
        if (PHP_VERSION_ID < 80200) {
            self::markTestSkipped('PHP 8.1 has no SensitiveParameter');
        }
        $engine = Host::engine();
        $calls = [
            fn () => $engine->importCji(...['password' => 'hidden', 'context' => 'ftp://j:hidden@host/'] + Host::FILE),
            fn () => $engine->importCji(...['password' => "hidden\0"] + Host::RECORD),
            fn () => $engine->userSet('nobody', 'agent', '1', 'plaintext', 'hidden'),
            fn () => $engine->importJsonp("password=hidden\0"),
        ];
        foreach ($calls as $call) {
            $thrown = self::thrown($call);
            self::assertNotNull($thrown);
            foreach ($thrown->getTrace() as $frame) {
                if (preg_match('/^ImportCji\\\\(?!Tests)/', $frame['class'] ?? '')) {
                    $arguments = print_r($frame['args'] ?? [], true);
                    self::assertStringNotContainsString('hidden', $arguments, $frame['function']);
                }
            }
        }
    }

    public function test_an_engine_may_be_looked_at(): void
    {
        self::assertStringContainsString('cji_engine', print_r(Host::engine(), true));
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
