<?php

declare(strict_types=1);

namespace ImportCji\Tests;

use ImportCji\Engine;
use ImportCji\Tests\Support\Paths;
use ImportCji\Tests\Support\Program;
use PHPUnit\Framework\TestCase;

/** The package as Composer sees it. All tests run with what bindings/php/build made and Composer installed. */
final class PackageTest extends TestCase
{
    public function test_composer_finds_nothing_to_complain_of(): void
    {
        $file = Paths::project('bindings/php/composer.json');
        $program = new Program(['composer', 'validate', '--strict', '--no-interaction', $file]);
        self::assertSame(0, $program->status, $program->out . $program->err);
    }

    public function test_composer_installed_it_with_the_librarys_version(): void
    {
        self::assertSame(Engine::version(), \Composer\InstalledVersions::getPrettyVersion('import-cji/import-cji'));
    }

    public function test_it_carries_all_that_it_needs_and_no_tests(): void
    {
        $found = array_map('basename', glob(Paths::package('*')));
        $notices = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'THIRD-PARTY-NOTICES'];
        self::assertSame([...$notices, 'composer.json', 'lib', 'preload.php', 'src'], $found);
        self::assertStringContainsString("\nlibsqlite3-sys ", file_get_contents(Paths::package('THIRD-PARTY-NOTICES')));
    }

    public function test_the_first_import_of_its_readme_works(): void
    {
        preg_match('/\n```php\n(<\?php\n.*?)\n```\n/s', file_get_contents(Paths::package('README.md')), $match);
        $script = Paths::folder() . '/first.php';
        file_put_contents($script, strtr($match[1], ["'vendor/" => "'" . Paths::made('app/vendor/')]));
        $program = new Program([PHP_BINARY, $script], folder: dirname($script));
        self::assertSame('customer 1 added; on the dial list', $program->succeeded());
    }

    public function test_its_library_is_stripped(): void
    {
        $sections = (new Program(['readelf', '-S', '-W', Paths::package('lib/libimport_cji.so')]))->succeeded();
        self::assertStringNotContainsString('.symtab', $sections);
        self::assertStringContainsString('.dynsym', $sections);
    }

    public function test_every_file_is_sound_and_strict(): void
    {
        foreach (['bindings/php', 'examples/php', 'examples/web'] as $folder) {
            $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator(Paths::project($folder)));
            foreach (new \RegexIterator($files, '~^(?!.*/vendor/).*\.php$~') as $file) {
                $file = (string) $file;
                (new Program([PHP_BINARY, '-l', $file]))->succeeded();
                self::assertStringContainsString("\ndeclare(strict_types=1);\n", file_get_contents($file), $file);
            }
        }
    }
}
