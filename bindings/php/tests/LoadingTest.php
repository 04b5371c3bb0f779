<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Engine;
use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use PHPUnit\Framework\TestCase;

/** Where the library comes from, and what is said where it can't be had. */
final class LoadingTest extends TestCase
{
    private const MAPPED = <<<'PHP'
        preg_match_all('~\S+libimport_cji\S+~', file_get_contents('/proc/self/maps'), $found);
        echo implode(' ', array_map('realpath', array_unique($found[0])));
        PHP;

    /** The library under the name that the system's loader looks for, in a folder of its own. */
    private static function system(): string
    {
        $folder = Paths::folder();
        copy(Paths::package('lib/libimport_cji.so'), "$folder/libimport_cji.so.0");
        return $folder;
    }

    /** Code that loads a copy of the package that carries no library. */
    private static function bare(string $code): string
    {
        $folder = Paths::folder();
        mkdir("$folder/lib");
        mkdir("$folder/src");
        foreach (glob(Paths::package('src/*.php')) as $file) {
            copy($file, "$folder/src/" . basename($file));
        }
        copy(Paths::package('lib/import_cji.h'), "$folder/lib/import_cji.h");
        $classes = var_export("$folder/src/", true);
        $autoload = "fn (\$name) => require $classes . substr(\$name, 10) . '.php'";
        return "spl_autoload_register($autoload, prepend: true);\n$code";
    }

    public function test_the_packages_library_comes_before_the_systems(): void
    {
        $environment = ['LD_LIBRARY_PATH' => self::system()];
        $program = Program::php('Engine::version();' . self::MAPPED, environment: $environment);
        self::assertSame(realpath(Paths::package('lib/libimport_cji.so')), $program->succeeded());
    }

    public function test_a_package_without_a_library_takes_the_systems(): void
    {
        $system = self::system();
        $code = self::bare('Engine::version();' . self::MAPPED);
        $program = Program::php($code, environment: ['LD_LIBRARY_PATH' => $system]);
        self::assertSame("$system/libimport_cji.so.0", $program->succeeded());
    }

    public function test_an_explicit_path_comes_first(): void
    {
        $path = self::system() . '/libimport_cji.so.0';
        $code = sprintf('(new Engine(":memory:", library: %s))->teamAdd("t", "T");', var_export($path, true));
        self::assertSame($path, Program::php($code . self::MAPPED)->succeeded());
    }

    public function test_a_library_that_is_not_there_is_named(): void
    {
        $this->expectException(\RuntimeException::class);
        $this->expectExceptionMessage("/nonexistent/libimport_cji.so can't be used: ");
        Engine::version('/nonexistent/libimport_cji.so');
    }

    public function test_what_is_no_library_of_this_kind_is_refused(): void
    {
        foreach ([__FILE__, 'libc.so.6'] as $path) {
            try {
                new Engine(':memory:', library: $path);
                self::fail($path);
            } catch (\RuntimeException $refused) {
                self::assertStringStartsWith("$path can't be used: ", $refused->getMessage());
            }
        }
    }

    public function test_another_version_of_the_abi_is_refused_by_both_numbers(): void
    {
        // It has no other function: the version is asked first.
        $folder = Paths::folder();
        file_put_contents("$folder/other.c", 'unsigned cji_abi_version(void) { return 7; }');
        (new Program(['cc', '-shared', '-fPIC', '-o', "$folder/other.so", "$folder/other.c"]))->succeeded();
        $this->expectException(\RuntimeException::class);
        $this->expectExceptionMessage("$folder/other.so has version 7 of the ABI, this package needs version 1");
        new Engine(':memory:', library: "$folder/other.so");
    }

    public function test_a_php_that_has_ffi_switched_off_is_told_of(): void
    {
        $code = 'try { new Engine(":memory:"); } catch (RuntimeException $refused) { echo $refused->getMessage(); }';
        self::assertStringContainsString('ffi.enable', Program::php($code, ['-d', 'ffi.enable=0'])->succeeded());
    }

    public function test_loading_opens_nothing(): void
    {
        $code = 'Engine::version(); echo count(scandir("/proc/self/fd")), " ", count(scandir("/proc/self/task"));';
        $without = 'echo count(scandir("/proc/self/fd")), " ", count(scandir("/proc/self/task"));';
        self::assertSame(Program::php($without)->succeeded(), Program::php($code)->succeeded());
    }
}
