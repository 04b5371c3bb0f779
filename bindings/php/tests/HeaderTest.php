<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use FFI;
use FFI\CType;
use ImportCji\Engine;
use ImportCji\Library;
use ImportCji\Tests\Support\Paths;
use PHPUnit\Framework\TestCase;

/** The package declares every function of the header, with its types: the header itself is the declaration. */
final class HeaderTest extends TestCase
{
    /** Methods whose parameters are not those of a C function. */
    private const OWN = ['__construct', 'close', 'version', 'abiVersion'];

    private static function abi(): \stdClass
    {
        return json_decode(file_get_contents(Paths::project('tests/data/abi.json')), flags: JSON_THROW_ON_ERROR);
    }

    public function functions(): iterable
    {
        foreach (self::abi()->functions as $function) {
            yield $function->name => [$function];
        }
    }

    public function test_the_packages_header_is_the_projects(): void
    {
        self::assertFileEquals(Paths::project('include/import_cji.h'), Paths::package('lib/import_cji.h'));
    }

    public function test_the_package_needs_the_version_of_its_header(): void
    {
        self::assertSame(self::abi()->abi_version, Library::ABI_VERSION);
        self::assertStringContainsString(
            sprintf("#define CJI_ABI_VERSION %d\n", Library::ABI_VERSION),
            file_get_contents(Paths::package('lib/import_cji.h')),
        );
        self::assertSame(Library::ABI_VERSION, Engine::abiVersion());
    }

    /** @dataProvider functions */
    public function test_php_reads_the_types_of_each_function(\stdClass $function): void
    {
        $types = [$function->returns, ...array_map(static fn ($parameter) => $parameter->type, $function->parameters)];
        $found = FFI::typeof(Library::load(null)->c->{$function->name});
        self::assertSame(array_map(self::asPhpSpells(...), $types), self::signature($found->getPointerType()));
    }

    /** @dataProvider functions */
    public function test_each_function_is_a_method_with_the_same_parameters(\stdClass $function): void
    {
        $method = match ($function->name) {
            'cji_text_free' => null, // The package frees all texts itself.
            'cji_engine_open' => '__construct',
            'cji_engine_close' => 'close',
            default => lcfirst(strtr(ucwords(preg_replace('/^cji_/', '', $function->name), '_'), ['_' => ''])),
        };
        if ($method === null) {
            self::assertFalse(method_exists(Engine::class, 'textFree'));
            return;
        }
        self::assertTrue(method_exists(Engine::class, $method), $method);
        if (in_array($method, self::OWN, true)) {
            return;
        }
        $expected = array_map(static fn ($parameter) => $parameter->name, $function->parameters);
        $found = (new \ReflectionMethod(Engine::class, $method))->getParameters();
        $found = array_map(static fn ($parameter) => $parameter->name, $found);
        self::assertSame(array_values(array_diff($expected, ['engine', 'user_data'])), $found);
    }

    public function test_the_integers_of_the_header_are_those_that_are_passed_as_such(): void
    {
        $integers = [];
        foreach (self::abi()->functions as $function) {
            foreach ($function->parameters as $parameter) {
                if ($parameter->type === 'int32_t') {
                    $integers[] = $parameter->name;
                }
            }
        }
        $passed = (new \ReflectionClassConstant(Library::class, 'INTEGERS'))->getValue();
        self::assertSame($passed, array_values(array_unique($integers)));
    }

    public function test_the_callbacks_have_their_types(): void
    {
        $type = FFI::typeof(Library::load(null)->trampoline('callback'))->getPointerType();
        self::assertSame(['void', 'const char*', 'void*'], self::signature($type));
        $type = FFI::typeof(Library::load(null)->trampoline('progress'))->getPointerType();
        self::assertSame(['int32_t', 'const char*', 'void*'], self::signature($type));
    }

    /** @return list<string> what it returns, and its parameters */
    private static function signature(CType $type): array
    {
        $types = [self::spelled($type->getFuncReturnType())];
        for ($at = 0; $at < $type->getFuncParameterCount(); $at++) {
            $types[] = self::spelled($type->getFuncParameterType($at));
        }
        return $types;
    }

    private static function spelled(CType $type): string
    {
        return (self::isConst($type) ? 'const ' : '') . $type->getName();
    }

    /** PHP tells it of the pointer to what is const. */
    private static function isConst(CType $type): bool
    {
        return $type->getKind() === CType::TYPE_POINTER && ($type->getAttributes() & CType::ATTR_CONST) !== 0;
    }

    private static function asPhpSpells(string $type): string
    {
        return match ($type) {
            'cji_callback' => 'void(*)()',
            'cji_progress' => 'int32_t(*)()',
            default => strtr(preg_replace('/^cji_engine/', 'struct cji_engine', $type), [' *' => '*']),
        };
    }
}
